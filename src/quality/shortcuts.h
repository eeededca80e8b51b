// Scores of rules that use one trait of a post, as a reference for a model's score. Each rule is chosen on train alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/post.h"
#include "metrics/classification.h"
#include "quality/picture_scan.h"

namespace infig {

struct ShortcutScore {
  int64_t posts = 0;
  double accuracy = 0, accuracy_low = 0, accuracy_high = 0;  // with 95 % Wilson interval
  double f1_macro = 0, f1_weighted = 0;
  bool operator==(const ShortcutScore&) const = default;
};

struct Shortcut {
  std::string name;                       // "majority", "has #", ...
  std::string detail;                     // what was chosen on train: "with: sarcastic, without: not sarcastic"
  std::map<Split, ShortcutScore> splits;  // those of dev and test that have posts
  bool operator==(const Shortcut&) const = default;
};

struct ShortcutOptions {
  int64_t max_words = 50'000;  // the most frequent words of train that "best word" and the bag of words consider; >= 1
  int64_t threads = 1;         // changes no result
};

// For every value of the trait a rule answers the most frequent label that train's posts of this value have (the first in label order where
// several have as many), and train's most frequent label for values that train lacks. The rules, in order:
//   majority           no trait
//   has #, has URL, starts with RT, has @, has !, has ?     of the text
//   best word          whether the post has one word: the one whose rule is right most often on train
//                      (of several, the alphabetically first)
//   words              how many words the text has
//   picture missing    no usable picture; only if `pictures` has been scanned (not empty)
//   picture size       width x height; likewise
//   bag of words       TF-IDF of single words and logistic regression (c = 1)
// Empty where train or both of dev and test have no posts.
std::vector<Shortcut> find_shortcuts(const DataSet& data, const std::vector<PictureFacts>& pictures, const ShortcutOptions& options);

}  // namespace infig

// A source whose posts get a new split: random, by groups of equal texts, in folds, or from a manifest.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "prepare/source.h"

namespace infig {

struct ResplitOptions {
  bool draw = false;                    // random: 80/10/10 by label
  bool group_by_text = false;           // drawn, and posts of one text (normal_form() of text/normal_form.h) in one split
  int64_t folds = 0;                    // >= 3: drawn as so many equal folds, stratified by label; 0: none
  int64_t fold = 0;                     // 1..folds: test is this fold, dev the next one (after the last, the first), train all others
  std::filesystem::path manifest = {};  // a table with columns id and split (split.csv, posts.jsonl of another data set); empty: none
  uint64_t seed = 1;
  int64_t threads = 1;                     // that read the posts; changes no result
  const std::atomic<int>* stop = nullptr;  // a signal's number ends the work with Interrupted

  bool any() const { return draw || group_by_text || folds > 0 || !manifest.empty(); }
  // Throws ConfigError: fewer than 3 folds, a fold outside 1..folds or without folds, a manifest together with drawing.
  void validate() const;
};

// Reads every post of `source` once for its id, label and, for groups, its text (20 to 40 bytes a post are kept), and gives each its split.
// The split is written into the data set as split.csv (id, split, and fold where there are folds), which is a manifest for another run.
// With a manifest, posts that it does not name are left out. Throws DataError for a manifest with a broken row, without one of the two
// columns, with an id twice, or that names none of the posts.
std::unique_ptr<PostSource> resplit(std::unique_ptr<PostSource> source, const ResplitOptions& options);

}  // namespace infig

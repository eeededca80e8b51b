// Scores over subsets of the posts: by text length, by the sides present (picture, text), by the script of the text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/post.h"
#include "evaluation/predictions.h"

namespace infig {

// Properties of a post that decide its slices.
struct PostFacts {
  int64_t characters = 0;   // of the text, code points
  std::string script = {};  // dominant_script() of the text
  bool picture = true;      // it has a picture that can be decoded
  bool text = true;
};

PostFacts facts_of(const Post& post, bool picture_readable);

struct SliceScores {
  std::string group;                                         // "text_length", "parts", "script"
  std::string name;                                          // "41-80", "text alone", "Latin"
  int64_t count = 0;                                         // posts with a label
  double accuracy = 0, accuracy_low = 0, accuracy_high = 0;  // with its 95 % Wilson interval
  double f1_macro = 0, f1_weighted = 0;                      // over the classes that occur in the slice
};

// Returns the slices that contain a post with a label: lengths in characters 1-40, 41-80, 81-120, 121-160, 161 and more (posts without a
// text are in none); parts in the order picture and text, text alone, picture alone, neither; scripts by decreasing number of posts.
// facts[i] belongs to predictions[i]; throws ShapeError if their numbers differ.
std::vector<SliceScores> score_slices(const std::vector<Prediction>& predictions, const std::vector<PostFacts>& facts, size_t classes);

}  // namespace infig

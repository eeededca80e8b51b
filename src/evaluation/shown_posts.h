// The posts that a report shows for one evaluation, stored in eval/SPLIT-posts.json. With them the page can be rebuilt from the run folder
// alone, whichever data set was evaluated last.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "evaluation/reports.h"

namespace infig {

struct ShownPost {
  Prediction prediction;
  std::string text;
  std::string picture = {};                 // thumbnail as a data URI; empty if there is none
  int64_t width = 0, height = 0;            // of the thumbnail, pixels
  std::string other_name = {}, other = {};  // another model and what it answers, shown beside the prediction; not stored
  std::string note = {};  // state of the picture: "no picture", "picture unreadable (REASON)", "truncated file"; empty: whole
};

struct ShownPosts {
  int64_t all_wrong = 0, all_right = 0;           // misclassified and correctly classified posts of the split
  std::vector<ShownPost> wrong = {}, right = {};  // those that are shown, in order
};

// One post with its thumbnail.
ShownPost show_post(const Post& post, const Prediction& prediction, const ReportOptions& options);

// Selects posts as described in gallery.h and decodes their pictures. Throws DataError if the post of a prediction is not in `data` or has
// another label there.
ShownPosts choose_posts(const EvaluationResult& result, const DataSet& data, const ReportOptions& options);

void write_shown_posts(const ShownPosts& posts, const StoredEvaluation& stored, const std::filesystem::path& run_folder);  // atomic

// Returns nothing if there is no such file (evaluations without a report, or of older versions). Throws DataError if it is broken or does
// not fit `classes` classes.
std::optional<ShownPosts> read_shown_posts(const std::filesystem::path& run_folder, const StoredEvaluation& stored, int64_t classes);

}  // namespace infig

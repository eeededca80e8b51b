// The posts that a report presents for one evaluation, as they stand beside it: eval/SPLIT-posts.json. With them the page can be made anew
// from the run folder alone, whichever data set was evaluated last.
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
  std::string picture = {};       // thumbnail as a data URI; empty where none can be shown
  int64_t width = 0, height = 0;  // of the thumbnail, pixels
  std::string note = {};          // about the picture: "no picture", "picture unreadable (REASON)", "truncated file"; empty: it is whole
};

struct ShownPosts {
  int64_t all_wrong = 0, all_right = 0;           // of the split
  std::vector<ShownPost> wrong = {}, right = {};  // the chosen ones, in order
};

// Chooses as gallery.h says and decodes their pictures. Throws DataError for a prediction whose post is not in `data`, or has another label
// there.
ShownPosts choose_posts(const EvaluationResult& result, const DataSet& data, const ReportOptions& options);

void write_shown_posts(const ShownPosts& posts, const StoredEvaluation& stored, const std::filesystem::path& run_folder);  // atomically

// Nothing where there is no such file (evaluations without a report, and those of older versions). Throws DataError for a broken one, and
// for labels that are not `classes`.
std::optional<ShownPosts> read_shown_posts(const std::filesystem::path& run_folder, const StoredEvaluation& stored, int64_t classes);

}  // namespace infig

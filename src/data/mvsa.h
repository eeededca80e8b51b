// MVSA-Single as its authors publish it, and the public split of it in JSON (datasets.md 2).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/post.h"

namespace infig {

// The labels of MVSA in id order: positive, neutral, negative.
const std::vector<std::string>& mvsa_labels();

// The two labels that the annotator gave to one pair.
struct MvsaLabelRow {
  std::string id;
  std::string text_label;
  std::string image_label;
  int64_t line = 0;  // 1-based line of labelResultAll.txt
};

// Parses labelResultAll.txt of MVSA-Single: rows "ID<TAB>text label,image label". CRLF, blank lines and spaces round tab and comma are
// taken; a header is known by its name ("ID"), not by its place. `where` names the file in messages. Throws DataError with the
// row for anything else: another number of cells, an unknown label word, an id that is no file name or occurs twice; and for no row at all.
std::vector<MvsaLabelRow> parse_mvsa_single_labels(std::string_view bytes, const std::string& where);

// The label of a pair (datasets.md 2.2): equal labels -> that label; one neutral -> the other; positive against negative -> none, the pair
// is dropped. Throws DataError for another word.
std::optional<std::string> joint_label(const std::string& text_label, const std::string& image_label);

// One element of a public split file: {"id": "5", "text": "...", "emotion_label": 0}.
struct PublicRow {
  std::string id;
  std::string text;
  int64_t label_id = 0;
};

struct PublicSplit {
  Split split = Split::kTrain;
  std::filesystem::path file;
  std::vector<PublicRow> rows;
};

// Reads whichever of train.json, dev.json (or valid.json, val.json) and test.json `folder` holds, in that order. `label_count` bounds
// emotion_label. Throws DataError naming file, element and field for broken JSON, a wrong type, a label out of range, an id
// that is no file name, an id that occurs twice within or across the files, two files of one split, or no file at all.
std::vector<PublicSplit> read_public_splits(const std::filesystem::path& folder, int64_t label_count);

}  // namespace infig

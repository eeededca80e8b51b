// The public split files in JSON: {train,dev,test}.json as published with CLMLF (docs/published-data.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/post.h"

namespace infig {

// One element of a public split file: {"id": "5", "text": "...", "emotion_label": 0}.
struct PublicRow {
  std::string id;
  std::string text;
  int64_t label_id = 0;
};

// Calls `row` for every element of one public split file, in order; memory stays at the file's bytes and one row. Throws as
// read_public_splits.
void for_each_public_row(const std::filesystem::path& file, int64_t label_count, const std::function<void(PublicRow&&)>& row);

struct PublicSplit {
  Split split = Split::kTrain;
  std::filesystem::path file;
  std::vector<PublicRow> rows;
};

// Reads whichever of train.json, dev.json (or valid.json, val.json) and test.json `folder` holds, in that order. `label_count` bounds
// emotion_label. Throws DataError naming file, element and field for broken JSON, a wrong type, a label out of range, an id
// that is no file name, an id that occurs twice within or across the files, two files of one split, or no file at all. A train-copy.json is
// never read (that of MVSA-Multiple holds posts of dev and test), and refused if it is the only file.
std::vector<PublicSplit> read_public_splits(const std::filesystem::path& folder, int64_t label_count);

}  // namespace infig

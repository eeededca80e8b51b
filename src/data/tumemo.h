// TumEmo (Yang et al. 2020): its label file, what its ids say of the classes, and the public parts of its split (docs/published-data.md).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/post.h"

namespace infig {

// The labels in id order: angry, bored, calm, fear, happy, love, sad.
const std::vector<std::string>& tumemo_labels();

// The id of a label word in any case; published copies also write "fearful" and "loving". None for another word.
std::optional<int64_t> tumemo_label(std::string_view word);

inline constexpr int64_t kTumemoPosts = 195265;
inline constexpr std::array<int64_t, 3> kTumemoTotals{156204, 19525, 19536};  // train, dev, test

// The class of an id: TumEmo's ids are sorted by class (angry 0..14553, bored 14554..46836, ...). -1 for an id beyond 195264 or below 0.
int64_t tumemo_class_of(int64_t id);

// "14554..46836": the ids of a class.
std::string tumemo_range(int64_t label_id);

struct TumemoRow {
  uint32_t id = 0;
  int32_t label_id = 0;
};

// Parses all_data_id_and_label.txt: rows "id label" between white space, with or without a header in the first row; CRLF, blank lines and a
// byte order mark are taken. Throws DataError naming file and row for another number of cells, an id that is no whole number from 0 to
// 4294967295, an unknown label word, an id that occurs twice, or no row at all.
std::vector<TumemoRow> parse_tumemo_labels(std::string_view bytes, const std::string& where);
std::vector<TumemoRow> read_tumemo_labels(const std::filesystem::path& file);  // the same, a line at a time

// Where rows and class ranges disagree, one sentence a class that has any: how many, and the first. Ids beyond the ranges count as well.
std::vector<std::string> tumemo_range_faults(const std::vector<TumemoRow>& rows);

// The ids that a file assigns to one split.
struct TumemoList {
  Split split = Split::kTrain;
  std::filesystem::path file;
  std::vector<TumemoRow> rows;  // label_id is -1 where the file says none
};

// Reads the lists of a folder: for each of train, dev (or valid, val) and test NAME.txt (one id per line; the rest of the line is ignored),
// NAME.json, NAME.jsonl or NAME_all_anno.json (one JSON object a line with `id` and, if it has one, `label`, as MGNNS publishes). Throws
// DataError naming file and row for a broken row, an id that occurs twice within or across the files, two files of one split, no such
// folder, or no list in it.
std::vector<TumemoList> read_tumemo_lists(const std::filesystem::path& folder);

}  // namespace infig

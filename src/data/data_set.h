// The data set folder: posts.jsonl, images/, dataset.json (interface.md "Data set folder").
#pragma once

#include <filesystem>
#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "data/post.h"

namespace infig {

// Reads a data set: a folder with posts.jsonl and dataset.json, or a CSV/TSV/JSONL table with the same columns (labels are then
// numbered in alphabetical order). Throws DataError naming file, row and field for: a missing folder or file, a broken
// line, a text that is not UTF-8, a label outside dataset.json's, a duplicate id, an id that is no plain file name, an unknown split.
DataSet read_data_set(const std::filesystem::path& path);

// Reads posts to predict (JSONL, CSV or TSV by extension): `id` (row number where absent), `text`, `image` (absolute or relative to
// the file's folder), optional `label`. One post a row, in order.
std::vector<Post> read_posts(const std::filesystem::path& path);

// Writes posts.jsonl and dataset.json into `folder` (made if absent). `rules` is stored as it is under "rules".
// Image paths that lie under `folder` are stored relative to it.
void write_data_set(const DataSet& data, const nlohmann::json& rules, const std::filesystem::path& folder);

}  // namespace infig

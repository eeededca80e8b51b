// Posts in Parquet, as the hub and `datasets` write them.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "data/row_reading.h"

namespace infig {

// Fields by the names of columns (table_columns.h). `image` is a path, the bytes of a picture's file, or a struct of `bytes` and `path`:
// where it has bytes, PostRow::picture are they and `image` the path, as a name alone. `label` is text, a whole number or a boolean; the
// number of a ClassLabel (`huggingface` in the file's metadata) is its name, -1 none. The split is the word in the file's name
// (split_in_name), unless a column gives it. Rows whose picture has a path and no bytes are counted for reading.notes.
// Rows come in the file's order, numbered from 1. Memory: ParquetFile::next. Throws DataError for a file that cannot be read and for a
// column of a type that its field cannot have, ConfigError where this build has no Arrow.
void read_parquet(const std::filesystem::path& path, const TableReading& reading, const RowTake& take);

std::set<std::string> parquet_columns(const std::filesystem::path& path, const TableReading& reading);    // as table_columns
std::vector<std::string> parquet_labels(const std::filesystem::path& path, const TableReading& reading);  // as stated_labels

}  // namespace infig

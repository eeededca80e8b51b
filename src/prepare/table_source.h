// Tables of posts as a source: CSV, TSV, JSONL, Parquet, folders of pictures, and tar shards in WebDataset form (data/rows.h).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "prepare/prepare.h"
#include "prepare/source.h"

namespace infig {

// The posts of `tables`, one table after the other. Rows are read once and kept in a file in `scratch`; memory holds 16 bytes a post.
// Relative pictures lie in options.images, or beside their table; those inside Parquet are laid into a file in `scratch`. `shards`: the
// tables are tars; their labels may be numbers, which options.labels then gives names to, and a '/' in their ids becomes '_'. Labels that
// all are whole numbers stand in order of their value. Throws DataError as prepare_table says.
std::unique_ptr<PostSource> open_tables(const std::vector<std::filesystem::path>& tables, const std::filesystem::path& scratch,
                                        const TableOptions& options, bool shards);

}  // namespace infig

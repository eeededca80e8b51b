// The data set folder: posts.jsonl, images/, dataset.json (docs/data.md). Writing and counting are in data_set_writing.cpp.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/post.h"
#include "data/table_reading.h"

namespace infig {

// Reads a data set: a folder with posts.jsonl and dataset.json; or what tables_of takes: a CSV/TSV/JSONL table with the same columns (by
// these names or others, data/rows.h), tars in WebDataset form, Parquet, a folder of pictures. Labels are then numbered as a Parquet schema
// states them, else in alphabetical order, whole numbers by size, and the log names what looks like an accident in them (label_words.h) and
// what else is worth saying (TableNotes); a row of a table without id gets its number among the rows. A row of a table with neither text
// nor picture is no post, as in what prepare makes of it: it is counted (DataSet::empty_rows) and said. Pictures inside Parquet are laid
// into a nameless file that lasts as long as the process (picture_spool.h). A post of the split test may have no label: its label_id is -1.
// Beside tars, a dataset.json names them, and a label may also be its number there. A '/' in a tar's key becomes '_'. A posts.jsonl that
// was changed after dataset.json was written is read, with a warning in the log. Throws DataError naming file, row and field for: a missing
// folder or file, a folder of data sets, a broken line, a text that is not UTF-8, a label outside dataset.json's, none outside the split
// test, a duplicate id, an id that is no plain file name, an unknown split.
DataSet read_data_set(const std::filesystem::path& path, const TableReading& reading = {});

// As above, but a faulty row is passed to `fault` (one message per row, with file, row and field) and left out, rows with neither text nor
// picture are posts, for who wants to see them; nothing is logged, and
// `stated_sha256` receives dataset.json's hash (empty for a table).
DataSet read_data_set(const std::filesystem::path& path, const std::function<void(const std::string&)>& fault, std::string& stated_sha256,
                      const TableReading& reading = {});

// Reads posts to predict (a data set folder, or what tables_of takes): `id` (any text; the
// 1-based number of the row among the rows where absent), `text`, `image` (absolute or relative to the file's folder), optional `label`.
// One post a row, in order; label_id stays -1 for a table. Throws DataError naming file, row and field for a row that cannot be read.
std::vector<Post> read_posts(const std::filesystem::path& path, const TableReading& reading = {});

// Writes posts.jsonl and dataset.json into `folder` (made if absent). `rules` is stored as it is under "rules".
// Image paths that lie under `folder` are stored relative to it, others absolute. Equal posts give equal bytes. Throws DataError for a post
// that read_data_set would refuse and ResourceError for what cannot be written.
void write_data_set(const DataSet& data, const nlohmann::json& rules, const std::filesystem::path& folder);

// Posts of each split and label: {"train": {"posts": 3, "with_text": 3, "with_image": 2, "labels": {"positive": 1, ...}}, ...}, as
// dataset.json holds it under "counts". Splits without posts are left out; every label is named; "unlabelled" where there are such posts.
nlohmann::json count_posts(const DataSet& data);

// Posts of every label of the data set, in all splits together.
std::map<std::string, int64_t> label_totals(const DataSet& data);
// The label names of a folder's dataset.json, in id order; none where there is no such file. Throws DataError where it is broken.
std::vector<std::string> label_names_in(const std::filesystem::path& folder);

// What the dataset.json of a prepared folder (or of the folder of the posts.jsonl that is named) states of pictures that prepare lost.
// Throws DataError where it is broken.
LostPictures lost_pictures_of(const std::filesystem::path& name);

// Why an id cannot be the name of a file ("is empty", "holds '/'", ...); empty where it can.
std::string id_fault(const std::string& id);

}  // namespace infig

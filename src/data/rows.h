// Rows of a table on disk, one at a time: JSONL, a JSON array, CSV, TSV, Parquet, a tar in WebDataset form, or a folder of pictures, by the
// file's extension. Memory stays at one row. Tars are in tar_rows.cpp, JSON arrays in
// json_array_rows.cpp, patterns of file names in patterns.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/file_span.h"
#include "data/table_reading.h"

namespace infig {

// Where a row stands in its table.
struct RowAt {
  int64_t line = 0;    // 1-based line of the file at which the row begins; 0 in tars, Parquet, JSON arrays and folders, which have no lines
  int64_t number = 0;  // of the row among the table's, from 1: the post's number; 0 where lines are no posts

  // "line 12 (post 10)"; "line 3" where both are the same or there is no number; "row 3" without lines.
  std::string words() const;
};

// What a table may say of a post. A field is absent where the file has no such column or key, or holds null there.
struct PostRow {
  RowAt at;
  std::optional<std::string> id;
  std::optional<std::string> text;
  std::optional<std::string> image;
  std::optional<std::string> label;
  std::optional<std::string> split;
  std::vector<std::string> attributes = {};  // of JSON alone: the list of words under the key "attributes"
  std::optional<std::string> picture = {};   // the bytes of its file, where the table holds them itself (Parquet); `image` is then its name
};

// "/a/posts.csv, line 17 (post 16)": how messages name a row.
std::string row_place(const std::filesystem::path& path, RowAt at);
// "/a/names.txt, line 17": of a file whose lines are no posts.
std::string line_place(const std::filesystem::path& path, int64_t line);

// A line of JSONL, and a whole row of CSV or TSV, has at most this many bytes: a file without line ends, or with a quote that is never
// closed, is not read into memory.
inline constexpr size_t kMaxRowBytes = size_t{16} << 20;

// The name by which every reader of rows takes standard input.
inline constexpr const char* kStandardInput = "-";

using RowSink = std::function<void(PostRow&&)>;
using RowFaultSink = std::function<void(const std::string& message)>;

// Calls `row` for every row in file order. Which columns or keys are which fields: table_columns.h; in any case and under a few other
// names, or as reading.columns says. JSONL: one object a line; `id` and `label` are text or whole numbers, the others text. A .json file is
// one array of such objects, or JSONL. CSV, TSV and .txt: a header row names the columns in any order; the separator is a comma, semicolon,
// tab or bar: the one with which most of the five fields stand in the header, by a tie the extension's own (tab of .tsv, .tab and .txt,
// else comma). Line ends are LF or CRLF, in CSV and TSV CR as well; a byte order mark is skipped, blank lines count for nothing.
//   Quotes. A cell that begins with one ends at the quote before a separator or a line's end; it may hold separators, doubled quotes and
//   line ends. A row that breaks this is a fault, and the next row begins in the line behind its first: no line of another row is lost in
//   it. The A table of tabs is read without quoting where only then every row has as many cells as the header, and where quotes would join
//   lines each of which is such a row. Where quotes do not fit all rows, a row that would join such lines is a fault. reading.quoting
//   chooses instead; standard input, which is read once, is read as CSV.
// A tar (not compressed) holds members KEY.EXTENSION, those of one post beside each other, KEY ending at the first dot of the last name: a
// picture (jpg, jpeg, png, webp, gif, bmp, ...), KEY.txt, KEY.cls (label: its name or number), KEY.json (an object of the fields above; the
// other members go before it), or those of reading.members. Where a post has none of these, members whose last extension is such a one
// stand in for them (KEY.input.jpg); two that could be the same are a fault, and others of this kind are counted for reading.notes. The id
// is the KEY unless the JSON gives one, the split is the word train, val, valid, validation, dev or test in the tar's name unless the JSON
// gives one. Pictures are not read: `image` is "NAME.tar#OFFSET+LENGTH" (core/file_span.h). Parquet: parquet/parquet_rows.h. A folder:
// image_folder.h. Throws DataError for a file that cannot be read, an extension that is none of .jsonl .ndjson .json .csv .tsv .tab .txt
// .tar .parquet, a header without any of the five fields or with one twice, a column that reading.columns asks for and that is not there, a
// row of CSV or TSV of more than kMaxRowBytes or with a quote that is never closed. A broken row (no JSON, a field of another type, text
// that is not UTF-8, another number of cells than the header, a line of JSONL of more than kMaxRowBytes) goes to `fault` where one is given
// and is left out, else it is thrown as DataError. "-" is standard input, and needs
// reading.format; its separator is found in its first line. JSONL whose first line is the header of a table instead is a DataError.
void for_each_row(const std::filesystem::path& path, const RowSink& row, const RowFaultSink& fault = nullptr,
                  const TableReading& reading = {});

// Which of the five fields a CSV, TSV or Parquet has; of the others all five, since each row says for itself.
std::set<std::string> table_columns(const std::filesystem::path& path, const TableReading& reading = {});

// Names of the labels in id order, where a table's schema states them (ClassLabel in Parquet); else empty.
std::vector<std::string> stated_labels(const std::filesystem::path& path, const TableReading& reading = {});

// The folder that relative pictures of a table start from.
std::filesystem::path table_base(const std::filesystem::path& table);

// The picture that a row of `table` names, seen from the working folder (where those of standard input are looked for); empty where it
// names none.
FileSpan picture_of(const PostRow& row, const std::filesystem::path& table);

// The files that the name of a table stands for: itself; of a folder its posts.jsonl, or else its tars, its Parquet files (those of all its
// folders), or itself where it is a folder of pictures; what a pattern matches: {a,b}, {000..009}, *, ?, [abc], every brace in its order,
// the names of a wildcard in alphabetical order. Throws DataError for a name, or one of a pattern's names, that matches nothing.
std::vector<std::filesystem::path> tables_of(const std::filesystem::path& name);
bool is_pattern(const std::filesystem::path& name);                               // holds one of {*?[
bool is_tar(const std::filesystem::path& path);                                   // by its extension
bool is_parquet(const std::filesystem::path& path);                               // likewise
std::vector<std::filesystem::path> tars_in(const std::filesystem::path& folder);  // in alphabetical order

std::vector<std::filesystem::path> parquet_files_in(const std::filesystem::path& folder);  // and in its folders; in alphabetical order

// "train", "dev" or "test" where the word is a name of that split (parse_split); empty for any other word.
std::string split_called(const std::string& word);

// The split that a name holds as a word of its own (letters between other characters): "data/validation-00000-of-00001.parquet" -> "dev".
// Empty where it holds none; several different ones are an error of the caller's: "train or test" comes back then.
std::string split_in_name(const std::filesystem::path& file);

// One cell of a CSV file: quoted where it holds a comma, a quote or a line end.
std::string csv_cell(const std::string& value);

}  // namespace infig

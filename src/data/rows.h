// Rows of a table on disk, one at a time: JSONL, a JSON array, CSV, TSV or a tar in WebDataset form, by the file's extension. Memory stays
// at one row. Patterns of file names are in patterns.cpp, tars in tar_rows.cpp, arrays in json_array_rows.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/file_span.h"

namespace infig {

// What a table may say of a post. A field is absent where the file has no such column or key, or holds null there.
struct PostRow {
  int64_t line = 0;  // 1-based line of the file at which the row begins; in a tar and a JSON array, the number of the post
  std::optional<std::string> id;
  std::optional<std::string> text;
  std::optional<std::string> image;
  std::optional<std::string> label;
  std::optional<std::string> split;
};

// "/a/posts.jsonl, row 17": how messages of this folder name a row.
std::string row_place(const std::filesystem::path& path, int64_t line);

// A line of JSONL, and a whole row of CSV or TSV, has at most this many bytes: a file without line ends, or with a quote that is never
// closed, is not read into memory.
inline constexpr size_t kMaxRowBytes = size_t{16} << 20;

// The name by which every reader of rows takes standard input.
inline constexpr const char* kStandardInput = "-";

using RowSink = std::function<void(PostRow&&)>;
using RowFaultSink = std::function<void(const std::string& message)>;

// Calls `row` for every row in file order. JSONL: one object a line, keys `id` (text or whole number), `text`, `image`, `label` (text or
// whole number) and `split`; other keys are ignored. A .json file is one array of such objects, or JSONL. CSV, TSV and .txt: a header row
// names the columns in any order, others are ignored; the separator is a comma, semicolon, tab or bar: the one with which most of the five
// names stand in the header, by a tie the extension's own (tab of .tsv, .tab and .txt, else comma). Cells may be quoted and then hold
// separators, doubled quotes and line ends. Line ends are LF or CRLF, in CSV and TSV CR as well; a byte order mark is skipped, blank lines
// count for nothing.
// A tar (not compressed) holds members KEY.EXTENSION, those of one post beside each other: a picture (jpg, jpeg, png, webp, gif, bmp),
// KEY.txt, KEY.cls (label: its name or number), KEY.json (an object with any of id, text, label, split; the other members go before it).
// The id is the KEY unless the JSON gives one, the split is the word that the tar's name begins with ("train-0001.tar") unless the JSON
// gives one. Pictures are not read: `image` is "NAME.tar#OFFSET+LENGTH" (core/file_span.h). Members of other kinds are ignored.
// Throws DataError for a file that cannot be read, an extension that is none of .jsonl .ndjson .json .csv .tsv .tab .txt .tar, a header
// without any of the five names or with one twice, a row of CSV or TSV of more than kMaxRowBytes. A broken row (no JSON, a field of another
// type, text that is not UTF-8, another number of cells than the header, a line of JSONL of more than kMaxRowBytes) goes to `fault` where
// one is given and is left out, else it is thrown as DataError.
// `format`: "jsonl", "csv", "tsv" or "tar", whatever the extension says; empty: by the extension. "-" is standard input, and needs it.
void for_each_row(const std::filesystem::path& path, const RowSink& row, const RowFaultSink& fault = nullptr,
                  const std::string& format = "");

// Which of the five columns a CSV or TSV has; for JSONL and tar all five, since each row says for itself.
std::set<std::string> table_columns(const std::filesystem::path& path, const std::string& format = "");

// The picture that a row of `table` names, seen from the working folder (where those of standard input are looked for); empty where it
// names none.
FileSpan picture_of(const PostRow& row, const std::filesystem::path& table);

// The files that the name of a table stands for: itself; of a folder its posts.jsonl or else its tars; what a pattern matches: {a,b},
// {000..009}, *, ?, [abc], every brace in its order, the names of a wildcard in alphabetical order. Throws DataError for a name, or one of
// a pattern's names, that matches nothing.
std::vector<std::filesystem::path> tables_of(const std::filesystem::path& name);
bool is_pattern(const std::filesystem::path& name);                               // holds one of {*?[
bool is_tar(const std::filesystem::path& path);                                   // by its extension
std::vector<std::filesystem::path> tars_in(const std::filesystem::path& folder);  // in alphabetical order

// One cell of a CSV file: quoted where it holds a comma, a quote or a line end.
std::string csv_cell(const std::string& value);

}  // namespace infig

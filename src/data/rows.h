// Rows of a table on disk, one at a time: JSONL, CSV or TSV by the file's extension. Memory stays at one row.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace infig {

// What a table may say of a post. A field is absent where the file has no such column or key, or holds null there.
struct PostRow {
  int64_t line = 0;  // 1-based line of the file at which the row begins
  std::optional<std::string> id;
  std::optional<std::string> text;
  std::optional<std::string> image;
  std::optional<std::string> label;
  std::optional<std::string> split;
};

// "/a/posts.jsonl, row 17": how messages of this folder name a place.
std::string row_place(const std::filesystem::path& path, int64_t line);

using RowSink = std::function<void(PostRow&&)>;
using RowFaultSink = std::function<void(const std::string& message)>;

// Calls `row` for every row in file order. JSONL: one object a line, keys `id` (text or whole number), `text`, `image`, `label` (text or
// whole number) and `split`; other keys are ignored. CSV and TSV: a header row names the columns in any order, others are
// ignored; cells may be quoted and then hold separators, doubled quotes and line ends. Line ends are LF or CRLF, in CSV and TSV CR as well;
// a byte order mark is skipped, blank lines count for nothing. Throws DataError for a file that cannot be read, an extension that is none
// of .jsonl .ndjson .csv .tsv, a header without any of the five names or with one twice. A broken row (no JSON, a field of another type,
// text that is not UTF-8, another number of cells than the header) goes to `fault` where one is given and is left out, else it is thrown as
// DataError.
void for_each_row(const std::filesystem::path& path, const RowSink& row, const RowFaultSink& fault = nullptr);

// Which of the five columns a CSV or TSV has; for JSONL all five, since each row says for itself.
std::set<std::string> table_columns(const std::filesystem::path& path);

// One cell of a CSV file: quoted where it holds a comma, a quote or a line end.
std::string csv_cell(const std::string& value);

}  // namespace infig

#include "data/rows.h"

#include <csv.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "data/row_reading.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

using Field = std::optional<std::string> PostRow::*;
const std::map<std::string, Field>& fields() {
  static const std::map<std::string, Field> all{
      {"id", &PostRow::id}, {"text", &PostRow::text}, {"image", &PostRow::image}, {"label", &PostRow::label}, {"split", &PostRow::split}};
  return all;
}

class LineReader {
 public:
  explicit LineReader(const fs::path& path) : path_(path) {
    std::error_code code;
    const fs::path file = path == kStandardInput ? fs::path("/dev/stdin") : path;
    if (fs::is_directory(file, code)) throw DataError(fmt::format("{}: is a folder, expected a file", path.string()));
    errno = 0;
    in_.open(file, std::ios::binary);
    if (!in_) throw DataError(fmt::format("{}: cannot be opened: {}", file.string(), std::strerror(errno)));
  }

  // The next line with its LF, if it has one. Of one that is too long the beginning; the rest is passed over.
  bool next(std::string& line) {
    errno = 0;
    line.clear();
    too_long_ = false;
    for (bool ended = false; !ended;) {
      in_.getline(piece_.data(), static_cast<std::streamsize>(piece_.size()));
      if (in_.bad()) throw DataError(fmt::format("{}: reading stopped after line {}: {}", path_.string(), number_, std::strerror(errno)));
      auto got = static_cast<size_t>(in_.gcount());
      if (in_.eof()) {
        if (line.empty() && got == 0) return false;
        ended = true;
      } else if (in_.fail()) {
        in_.clear();  // the piece is full, the line goes on
      } else {
        piece_[got - 1] = '\n';  // where getline() has put its end of the piece
        ended = true;
      }
      too_long_ = too_long_ || line.size() + got > kMaxRowBytes;
      if (!too_long_) line.append(piece_.data(), got);
    }
    if (++number_ == 1) skip_mark(line);
    return true;
  }
  int64_t number() const { return number_; }
  bool too_long() const { return too_long_; }  // the last line

 private:
  void skip_mark(std::string& line) const {
    if (line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (line.starts_with("\xFF\xFE") || line.starts_with("\xFE\xFF")) {
      throw DataError(fmt::format("{}: is UTF-16, expected UTF-8; convert it, for example with iconv -f UTF-16 -t UTF-8", path_.string()));
    }
  }
  fs::path path_;
  std::ifstream in_;
  std::vector<char> piece_ = std::vector<char>(size_t{1} << 16);
  int64_t number_ = 0;
  bool too_long_ = false;
};

enum class TableKind { kJsonLines, kJsonArray, kDelimited, kTar };

// The extension, lower case. `format`: the one that the file would have; empty: the one it has.
std::string extension_of(const fs::path& path, const std::string& format = "") {
  std::string extension = format.empty() ? path.extension().string() : "." + format;
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension;
}

TableKind kind_of(const fs::path& path, const std::string& format) {
  const std::string extension = extension_of(path, format);
  if (extension == ".jsonl" || extension == ".ndjson") return TableKind::kJsonLines;
  if (extension == ".json") return begins_json_array(path) ? TableKind::kJsonArray : TableKind::kJsonLines;
  if (extension == ".csv" || extension == ".tsv" || extension == ".tab" || extension == ".txt") return TableKind::kDelimited;
  if (extension == ".tar") return TableKind::kTar;
  throw DataError(
      fmt::format("{}: unknown kind of table \"{}\"; expected .csv, .tsv, .txt, .jsonl, .json or .tar", path.string(), extension));
}

std::optional<std::string> json_field(const nlohmann::json& value, const std::string& key) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.get<std::string>();
  if ((key == "id" || key == "label") && value.is_number_integer()) return value.dump();
  // pandas makes 1.0 of 1 where another row has none; label_words.h warns of it.
  if (key == "label" && value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>()) return value.dump();
  throw RowFault{fmt::format("field \"{}\" is {} {}, expected text", key, value.type_name(), value.dump().substr(0, 40))};
}

// Cells of a CSV or TSV row by row. libcsv calls back for every cell and every row end; lines go in one by one, so that a
// row knows at which line it began.
class DelimitedReader {
 public:
  DelimitedReader(const fs::path& path, char delimiter) : path_(path), lines_(path) {
    if (csv_init(&parser_, 0) != 0) throw ResourceError("libcsv cannot be set up: too little memory");
    // A field's memory grows by this many bytes at a time; with libcsv's own 128 a field of 16 MiB is moved 131,072 times.
    constexpr size_t kFieldGrowth = 256 << 10;
    csv_set_blk_size(&parser_, kFieldGrowth);
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
    csv_set_space_func(&parser_, [](unsigned char) { return 0; });  // texts keep their spaces
  }
  ~DelimitedReader() { csv_free(&parser_); }
  DelimitedReader(const DelimitedReader&) = delete;
  DelimitedReader& operator=(const DelimitedReader&) = delete;

  // False at the end of the file. A blank line yields no row.
  bool next(std::vector<std::string>& cells, int64_t& first_line) {
    while (ready_.empty()) {
      if (at_end_) return false;
      if (fed_ < line_.size()) {
        feed(next_piece());
      } else if (lines_.next(line_)) {
        fed_ = 0;
        if (lines_.too_long()) refuse_length(row_line_ > 0 ? row_line_ : number_ + 1);
      } else {
        finish();
      }
    }
    cells = std::move(ready_.front().second);
    first_line = ready_.front().first;
    ready_.erase(ready_.begin());
    return true;
  }

 private:
  static void on_cell(void* cell, size_t length, void* self) {
    static_cast<DelimitedReader*>(self)->cells_.emplace_back(static_cast<const char*>(cell), length);
  }
  static void on_row(int, void* self_pointer) {
    auto* self = static_cast<DelimitedReader*>(self_pointer);
    self->ready_.emplace_back(self->row_line_, std::move(self->cells_));
    self->cells_.clear();
    self->row_line_ = 0;
  }
  // The rest of the line, up to the next lone CR: it ends rows as well (old Mac files have no other line end).
  std::string_view next_piece() {
    const size_t begin = fed_, found = line_.find('\r', begin);
    fed_ = found == std::string::npos || line_.compare(found, 2, "\r\n") == 0 ? line_.size() : found + 1;
    return std::string_view(line_).substr(begin, fed_ - begin);
  }
  void feed(std::string_view piece) {
    ++number_;
    if (row_line_ == 0) {
      if (piece.find_first_not_of("\r\n") == std::string_view::npos) return;  // a blank line between rows
      row_line_ = number_;
      row_bytes_ = 0;
    }
    row_bytes_ += piece.size();
    if (row_bytes_ > kMaxRowBytes) refuse_length(row_line_);
    if (csv_parse(&parser_, piece.data(), piece.size(), on_cell, on_row, this) != piece.size()) {
      throw DataError(fmt::format("{}: cannot be parsed: {}", row_place(path_, number_), csv_strerror(csv_error(&parser_))));
    }
  }
  [[noreturn]] void refuse_length(int64_t line) const {
    throw DataError(
        fmt::format("{}: has over {} MiB; a quote that is never closed, or line ends that are none (expected LF or CRLF)? Correct the file",
                    row_place(path_, line), kMaxRowBytes >> 20));
  }
  void finish() {
    at_end_ = true;
    csv_set_opts(&parser_, CSV_STRICT | CSV_STRICT_FINI);  // only now: a quote that was never closed
    if (csv_fini(&parser_, on_cell, on_row, this) != 0) {
      throw DataError(
          fmt::format("{}: a quoted cell that begins in this row is never closed; add the missing quote or double it inside the cell",
                      row_place(path_, row_line_)));
    }
  }

  fs::path path_;
  LineReader lines_;
  csv_parser parser_{};
  std::vector<std::string> cells_;
  std::vector<std::pair<int64_t, std::vector<std::string>>> ready_;
  std::string line_;
  size_t fed_ = 0;      // bytes of line_ that the parser has seen
  int64_t number_ = 0;  // of the present line, counted at LF and at CR without LF
  int64_t row_line_ = 0;
  size_t row_bytes_ = 0;
  bool at_end_ = false;
};

std::map<size_t, std::string> header_columns(const std::vector<std::string>& cells, const fs::path& path) {
  std::map<size_t, std::string> columns;
  std::set<std::string> seen;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string name(strip_ascii_space(cells[i]));
    if (!fields().contains(name)) continue;
    if (!seen.insert(name).second) throw DataError(fmt::format("{}, header: column \"{}\" occurs twice; keep one", path.string(), name));
    columns[i] = name;
  }
  if (columns.empty()) {
    throw DataError(
        fmt::format("{}, header: none of the columns id, text, image, label, split, with {}; found: {}", path.string(),
                    path == kStandardInput ? "commas (csv) or tabs (tsv) as --input-format says" : "none of the separators , ; tab and |",
                    fmt::join(cells, " | ")));
  }
  return columns;
}

PostRow parse_cells(std::vector<std::string>& cells, size_t expected, char delimiter, const std::map<size_t, std::string>& columns) {
  if (cells.size() != expected) {
    throw RowFault{fmt::format("{} cells, expected {} as in the header; quote a cell that holds the separator ({})", cells.size(), expected,
                               delimiter == '\t' ? "tab" : std::string(1, delimiter))};
  }
  PostRow row;
  for (const auto& [index, name] : columns) {
    require_utf8(cells[index], fmt::format("field \"{}\"", name));
    row.*fields().at(name) = std::move(cells[index]);
  }
  return row;
}

void read_json_lines(const fs::path& path, const RowTake& take) {
  LineReader lines(path);
  std::string line;
  while (lines.next(line)) {
    const std::string_view content = strip_ascii_space(line);
    if (content.empty() && !lines.too_long()) continue;
    if (lines.too_long()) {
      take(lines.number(), []() -> PostRow {
        throw RowFault{
            fmt::format("the line has over {} MiB; expected one object a line with id, text, image, label, split", kMaxRowBytes >> 20)};
      });
      continue;
    }
    take(lines.number(), [&] { return parse_json_row(content); });
  }
}

// How many of the five names stand in the header when it is cut at `delimiter`.
size_t names_in_header(const fs::path& path, char delimiter) {
  try {
    DelimitedReader reader(path, delimiter);
    std::vector<std::string> cells;
    int64_t line = 0;
    if (!reader.next(cells, line)) return 0;
    return static_cast<size_t>(std::count_if(
        cells.begin(), cells.end(), [](const std::string& cell) { return fields().contains(std::string(strip_ascii_space(cell))); }));
  } catch (const DataError&) {
    return 0;  // said by the reader that is chosen
  }
}

// Standard input cannot be looked at first: a pipe is read once. There the format says it.
char find_delimiter(const fs::path& path, const std::string& format) {
  if (path == kStandardInput) return format == "csv" ? ',' : '\t';
  char best = extension_of(path) == ".csv" ? ',' : '\t';
  size_t most = names_in_header(path, best);
  for (const char candidate : {',', ';', '\t', '|'}) {
    const size_t names = names_in_header(path, candidate);
    if (names > most) best = candidate;
    most = std::max(most, names);
  }
  return best;
}

void read_delimited(const fs::path& path, const std::string& format, const RowTake& take) {
  const char delimiter = find_delimiter(path, format);
  DelimitedReader reader(path, delimiter);
  std::vector<std::string> cells;
  int64_t line = 0;
  if (!reader.next(cells, line))
    throw DataError(fmt::format("{}: is empty; expected a header row with id, text, image, label, split", path.string()));
  const size_t width = cells.size();
  const auto columns = header_columns(cells, path);
  while (reader.next(cells, line)) take(line, [&] { return parse_cells(cells, width, delimiter, columns); });
}

}  // namespace

PostRow parse_json_row(std::string_view line) {
  require_utf8(line, "the line");
  const nlohmann::json object = parse_foreign_json(line);
  if (object.is_discarded()) {
    throw RowFault{
        fmt::format("no valid JSON ({}); expected one object a line with id, text, image, label, split", foreign_json_fault(line))};
  }
  if (!object.is_object()) throw RowFault{fmt::format("a JSON {}, expected an object", object.type_name())};
  PostRow row;
  for (const auto& [key, field] : fields()) {
    if (const auto found = object.find(key); found != object.end()) row.*field = json_field(*found, key);
  }
  return row;
}

void require_utf8(std::string_view bytes, const std::string& what) {
  const size_t offset = find_invalid_utf8(bytes);
  if (offset == std::string_view::npos) return;
  throw RowFault{fmt::format("{} is not UTF-8 (byte {}: 0x{:02X}); convert the file, for example with iconv -f ENCODING -t UTF-8", what,
                             offset, static_cast<unsigned char>(bytes[offset]))};
}

std::string row_place(const fs::path& path, int64_t line) {
  return fmt::format("{}, row {}", path == kStandardInput ? "standard input" : path.string(), line);
}

void for_each_row(const fs::path& path, const RowSink& row, const RowFaultSink& fault, const std::string& format) {
  const auto take = [&](int64_t line, const std::function<PostRow()>& parse) {
    PostRow parsed;
    try {
      parsed = parse();
    } catch (const RowFault& found) {
      const std::string message = fmt::format("{}: {}", row_place(path, line), found.message);
      if (!fault) throw DataError(message);
      fault(message);
      return;
    }
    parsed.line = line;
    row(std::move(parsed));
  };
  switch (kind_of(path, format)) {
    case TableKind::kJsonLines:
      return read_json_lines(path, take);
    case TableKind::kJsonArray:
      return read_json_array(path, take);
    case TableKind::kDelimited:
      return read_delimited(path, format, take);
    case TableKind::kTar:
      return read_tar(path, take);
  }
}

std::set<std::string> table_columns(const fs::path& path, const std::string& format) {
  const TableKind kind = kind_of(path, format);
  std::set<std::string> names;
  if (kind != TableKind::kDelimited) {
    for (const auto& [name, field] : fields()) names.insert(name);
    return names;
  }
  DelimitedReader reader(path, find_delimiter(path, format));
  std::vector<std::string> cells;
  int64_t line = 0;
  if (!reader.next(cells, line))
    throw DataError(fmt::format("{}: is empty; expected a header row with id, text, image, label, split", path.string()));
  for (const auto& [index, name] : header_columns(cells, path)) names.insert(name);
  return names;
}

FileSpan picture_of(const PostRow& row, const fs::path& table) {
  if (!row.image || row.image->empty()) return {};
  const fs::path path(*row.image);
  return parse_file_span(path.is_absolute() ? path : table.parent_path() / path);
}

std::string csv_cell(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string quoted(value.size() * 2 + 2, '\0');
  quoted.resize(csv_write(quoted.data(), quoted.size(), value.data(), value.size()));
  return quoted;
}

}  // namespace infig

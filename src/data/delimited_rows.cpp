#include "data/delimited_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "data/first_line.h"
#include "data/rows.h"
#include "data/table_columns.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;

CellSplitter::State CellSplitter::add(std::string_view line) {
  for (size_t at = 0;;) {
    if (!open_ && quotes_ && at < line.size() && line[at] == '"') {
      open_ = true;
      cell_.clear();
      ++at;
    }
    if (!open_) {
      const size_t end = line.find(delimiter_, at);
      cells_.emplace_back(line.substr(at, end == std::string_view::npos ? end : end - at));
      if (end == std::string_view::npos) return State::kDone;
      at = end + 1;
      continue;
    }
    const size_t quote = line.find('"', at);
    cell_ += line.substr(at, quote == std::string_view::npos ? quote : quote - at);
    if (quote == std::string_view::npos) return State::kOpen;
    if (quote + 1 < line.size() && line[quote + 1] == '"') {
      cell_ += '"';
      at = quote + 2;
      continue;
    }
    const bool last = quote + 1 == line.size();
    if (!last && line[quote + 1] != delimiter_) return State::kBroken;
    cells_.push_back(std::move(cell_));
    cell_.clear();
    open_ = false;
    if (last) return State::kDone;
    at = quote + 2;
  }
}

DelimitedReader::DelimitedReader(const fs::path& path, char delimiter, bool quotes, bool joins, const TableReading* reading)
    : path_(path), lines_(path), delimiter_(delimiter), quotes_(quotes), joins_(joins), reading_(reading) {}

// The rest of the line, up to the next lone CR: it ends rows as well (old Mac files have no other line end).
bool DelimitedReader::read(Piece& piece) {
  if (fed_ == line_.size()) {
    if (!lines_.next(line_)) return false;
    fed_ = 0;
    if (lines_.too_long()) refuse_length({.line = number_ + 1, .number = 0});
  }
  const size_t begin = fed_, end = line_.find_first_of("\r\n", begin);
  const size_t ends = end == std::string::npos ? 0 : line_.compare(end, 2, "\r\n") == 0 ? 2 : 1;
  piece.text = line_.substr(begin, end == std::string::npos ? end : end - begin);
  piece.end = ends == 0 ? "" : line_.substr(end, ends);
  piece.number = ++number_;
  fed_ = begin + piece.text.size() + ends;
  if (delimiter_ == 0 && !strip_ascii_space(piece.text).empty()) {
    const bool tabs = reading_ != nullptr && reading_->format == "tsv";
    delimiter_ =
        separator_of(piece.text, tabs ? '\t' : ',', reading_ != nullptr ? reading_->columns : std::map<std::string, std::string>());
    joins_ = joins_ && delimiter_ != '\t';
  }
  count(piece);
  return true;
}

void DelimitedReader::count(const Piece& piece) {
  if (width_ == 0 || piece.text.empty()) return;
  const auto cells = static_cast<size_t>(std::count(piece.text.begin(), piece.text.end(), delimiter_)) + 1;
  ++(cells == width_ ? fitting_ : misfitting_);
}

bool DelimitedReader::take(Piece& piece) {
  if (back_.empty()) return read(piece);
  piece = std::move(back_.front());
  back_.pop_front();
  return true;
}

// The row's first line is lost, the others are read again as rows of their own.
void DelimitedReader::go_back(std::vector<Piece>& used) {
  back_.insert(back_.begin(), std::make_move_iterator(used.begin() + 1), std::make_move_iterator(used.end()));
}

std::string DelimitedReader::broken(const std::string& cell) const {
  constexpr size_t kShown = 40;
  size_t shown = std::min(cell.size(), kShown);
  while (shown > 0 && shown < cell.size() && (static_cast<unsigned char>(cell[shown]) & 0xC0) == 0x80) --shown;
  return fmt::format(
      "a quote in the quoted cell that begins with \"{}\" is neither doubled nor before a separator or the line's end; double it, or say "
      "--quote none where quotes are part of the texts",
      cell.substr(0, shown));
}

bool DelimitedReader::next(DelimitedRow& row) {
  Piece piece;
  do {
    if (!take(piece)) return false;
  } while (piece.text.empty());
  row = {.cells = {}, .at = {.line = piece.number, .number = rows_++}};
  std::vector<Piece> used;
  CellSplitter splitter(delimiter_, quotes_);
  size_t bytes = 0;
  while (true) {
    bytes += piece.text.size() + piece.end.size();
    if (bytes > kMaxRowBytes) refuse_length(row.at);
    const auto state = splitter.add(piece.text);
    used.push_back(std::move(piece));
    if (state == CellSplitter::State::kDone) break;
    if (state == CellSplitter::State::kBroken) {
      row.fault = broken(splitter.open_cell());
      go_back(used);
      return true;
    }
    splitter.add_line_end(used.back().end);
    if (take(piece)) continue;
    throw DataError(
        fmt::format("{}: a quoted cell that begins in this row is never closed; add the missing quote or double it inside the cell, or say "
                    "--quote none "
                    "where quotes are part of the texts",
                    row_place(path_, row.at)));
  }
  row.cells = std::move(splitter.cells());
  row.lines = static_cast<int64_t>(used.size());
  if (width_ == 0) width_ = row.cells.size();
  row.each_fits = used.size() > 1 && std::all_of(used.begin(), used.end(), [&](const Piece& one) {
                    return static_cast<size_t>(std::count(one.text.begin(), one.text.end(), delimiter_)) + 1 == width_;
                  });
  if (used.size() > 1 && row.cells.size() != width_) {
    row.fault = fmt::format(
        "{} cells over {} lines, expected {} as in the header; double a quote that is part of a text, or say --quote none where all of "
        "them are",
        row.cells.size(), row.lines, width_);
    go_back(used);
  } else if (row.each_fits && !joins_) {
    row.fault = fmt::format(
        "a quoted cell that begins in this row goes over {} lines, each of which has the header's {} cells: it would join {} rows; double "
        "its "
        "quotes, or say --quote none (quotes are part of the texts) or --quote csv (the line ends are)",
        row.lines, width_, row.lines);
    go_back(used);
  }
  return true;
}

void DelimitedReader::refuse_length(RowAt at) const {
  throw DataError(
      fmt::format("{}: has over {} MiB; a quote that is never closed, or line ends that are none (expected LF or CRLF)? Correct the file",
                  row_place(path_, at), kMaxRowBytes >> 20));
}

namespace {

// How a table is cut into rows.
struct Cut {
  char delimiter = ',';
  bool quotes = true;
  bool joins = true;
  std::string said = {};  // of the choice, where there was one
};

size_t names_of(const std::vector<std::string>& cells, const TableReading& reading) {
  std::set<std::string> fields;
  for (const std::string& cell : cells) {
    if (const auto field = field_called(cell)) fields.insert(*field);
  }
  for (const auto& [field, name] : reading.columns) {
    if (std::any_of(cells.begin(), cells.end(), [&wanted = name](const std::string& cell) { return strip_ascii_space(cell) == wanted; }))
      fields.insert(field);
  }
  return fields.size();
}

// How many of the five fields stand in the header when it is cut at `delimiter`.
size_t names_in_header(const fs::path& path, char delimiter, bool quotes, const TableReading& reading) {
  try {
    DelimitedReader reader(path, delimiter, quotes);
    DelimitedRow row;
    return reader.next(row) && row.fault.empty() ? names_of(row.cells, reading) : 0;
  } catch (const DataError&) {
    return 0;  // said by the reader that is chosen
  }
}

// 0 for standard input: a pipe is read once, so the reader looks at its first line.
char find_delimiter(const fs::path& path, const TableReading& reading) {
  if (path == kStandardInput) return 0;
  const bool quotes = reading.quoting != Quoting::kNone;
  char best = lower_extension_of(path, reading.format) == ".csv" ? ',' : '\t';
  size_t most = names_in_header(path, best, quotes, reading);
  for (const char candidate : {',', ';', '\t', '|'}) {
    const size_t names = names_in_header(path, candidate, quotes, reading);
    if (names > most) best = candidate;
    most = std::max(most, names);
  }
  return best;
}

// What reading the whole table as CSV shows of it, beside what its lines show.
struct QuotingFacts {
  bool csv_fits = true;    // every row has as many cells as the header
  bool plain_fits = true;  // so has every line
  RowAt first_joined;
  int64_t joined = 0;  // rows over several lines each of which alone has as many cells as the header
};

bool plain_fits(const fs::path& path, char delimiter) {
  DelimitedReader reader(path, delimiter, /*quotes=*/false);
  DelimitedRow row;
  try {
    while (reader.next(row)) {
    }
  } catch (const DataError&) {
    return false;
  }
  return reader.lines_misfitting() == 0;
}

QuotingFacts look_at_quotes(const fs::path& path, char delimiter) {
  QuotingFacts facts;
  DelimitedReader reader(path, delimiter, /*quotes=*/true);
  DelimitedRow row;
  try {
    size_t width = 0;
    while (reader.next(row)) {
      if (width == 0) width = row.cells.size();
      facts.csv_fits = facts.csv_fits && row.fault.empty() && row.cells.size() == width;
      if (row.each_fits && facts.joined++ == 0) facts.first_joined = row.at;
    }
    facts.plain_fits = reader.lines_misfitting() == 0;
  } catch (const DataError&) {  // a quote that is never closed
    facts.csv_fits = false;
    facts.plain_fits = plain_fits(path, delimiter);
  }
  return facts;
}

std::string words_of_joined(const QuotingFacts& facts) {
  if (facts.joined == 0) return "";
  return fmt::format("{} in quotes, the first {}, and each of their lines would be a row by itself; --quote none reads them so",
                     facts.joined == 1 ? "1 row holds line ends" : fmt::format("{} rows hold line ends", facts.joined),
                     "is " + facts.first_joined.words());
}

Cut find_cut(const fs::path& path, const TableReading& reading) {
  Cut cut{.delimiter = find_delimiter(path, reading)};
  cut.quotes = reading.quoting != Quoting::kNone;
  if (!cut.quotes || path == kStandardInput) return cut;
  const QuotingFacts facts = look_at_quotes(path, cut.delimiter);
  if (reading.quoting == Quoting::kCsv) {
    cut.said = words_of_joined(facts);
    return cut;
  }
  const bool tab = cut.delimiter == '\t';
  const bool named = names_in_header(path, cut.delimiter, /*quotes=*/false, reading) > 0;
  if (tab && named && facts.plain_fits && (!facts.csv_fits || facts.joined > 0)) {
    cut.quotes = false;
    cut.said = "read without quoting: only so has every row as many cells as the header; --quote csv takes quotes as those of CSV";
  } else if (!facts.csv_fits) {
    cut.joins = false;  // nothing speaks for the quotes
  } else {
    cut.said = words_of_joined(facts);
  }
  return cut;
}

// The header's columns by field.
std::map<std::string, size_t> header_columns(const std::vector<std::string>& cells, const fs::path& path, const TableReading& reading) {
  ColumnChoice choice = choose_columns(cells, reading.columns, /*may_lack=*/false);
  if (!choice.fault.empty()) throw DataError(fmt::format("{}, header: {}", path.string(), choice.fault));
  if (choice.places.empty()) {
    throw DataError(fmt::format(
        "{}, header: none of the columns id, text, image, label, split, with {}; found: {} (--columns text=NAME,image=NAME,label=NAME says "
        "what other columns are)",
        path == kStandardInput ? "standard input" : path.string(), "none of the separators , ; tab and |", fmt::join(cells, " | ")));
  }
  return choice.places;
}

PostRow parse_cells(DelimitedRow& row, size_t expected, char delimiter, const std::map<std::string, size_t>& columns) {
  if (!row.fault.empty()) throw RowFault{row.fault};
  if (row.cells.size() != expected) {
    throw RowFault{fmt::format("{} cells, expected {} as in the header; quote a cell that holds the separator ({})", row.cells.size(),
                               expected, delimiter == '\t' ? "tab" : std::string(1, delimiter))};
  }
  PostRow post;
  for (const auto& [field, index] : columns) {
    require_utf8(row.cells[index], fmt::format("field \"{}\"", field));
    field_of(post, field) = std::move(row.cells[index]);
  }
  return post;
}

// The header of a table.
DelimitedRow read_header(DelimitedReader& reader, const fs::path& path) {
  DelimitedRow header;
  if (!reader.next(header))
    throw DataError(fmt::format("{}: is empty; expected a header row with id, text, image, label, split", path.string()));
  if (!header.fault.empty()) throw DataError(fmt::format("{}, header: {}", path.string(), header.fault));
  return header;
}

}  // namespace

void read_delimited(const fs::path& path, const TableReading& reading, const RowTake& take) {
  const Cut cut = find_cut(path, reading);
  DelimitedReader reader(path, cut.delimiter, cut.quotes, cut.joins, &reading);
  const DelimitedRow header = read_header(reader, path);
  const size_t width = header.cells.size();
  const auto columns = header_columns(header.cells, path, reading);
  std::vector<bool> used(width, false);
  std::map<std::string, std::string> names;
  for (const auto& [field, index] : columns) {
    used[index] = true;
    names[field] = std::string(strip_ascii_space(header.cells[index]));
  }
  ColumnLooks looks(table_base(path));
  DelimitedRow row;
  for (int64_t rows = 0; reader.next(row); ++rows) {
    if (reading.notes != nullptr && rows < ColumnLooks::kRows && row.fault.empty() && row.cells.size() == width) {
      for (size_t i = 0; i < width; ++i) {
        if (!used[i]) looks.see(header.cells[i], row.cells[i]);
      }
    }
    take(row.at.line, [&] { return parse_cells(row, width, reader.delimiter(), columns); });
  }
  if (reading.notes == nullptr) return;
  if (!cut.said.empty()) reading.notes->add(path, cut.said);
  note_columns(path, names, looks, *reading.notes);
}

std::set<std::string> delimited_columns(const fs::path& path, const TableReading& reading) {
  DelimitedReader reader(path, find_delimiter(path, reading), reading.quoting != Quoting::kNone, /*joins=*/true, &reading);
  std::set<std::string> fields;
  for (const auto& [field, index] : header_columns(read_header(reader, path).cells, path, reading)) fields.insert(field);
  return fields;
}

}  // namespace infig

// Rows of CSV and TSV: cells between separators, quoted or not.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/line_reader.h"
#include "data/row_reading.h"
#include "data/table_reading.h"

namespace infig {

// Cuts one row, line by line.
class CellSplitter {
 public:
  CellSplitter(char delimiter, bool quotes) : delimiter_(delimiter), quotes_(quotes) {}

  enum class State {
    kDone,    // the row ends with this line
    kOpen,    // a quoted cell goes on in the next line
    kBroken,  // a quote in a quoted cell is neither doubled nor before a separator or the line's end
  };
  State add(std::string_view line);                          // without its line end
  void add_line_end(std::string_view end) { cell_ += end; }  // of an open row
  std::vector<std::string>& cells() { return cells_; }
  const std::string& open_cell() const { return cell_; }

 private:
  char delimiter_;
  bool quotes_, open_ = false;
  std::string cell_;  // the quoted one
  std::vector<std::string> cells_;
};

struct DelimitedRow {
  std::vector<std::string> cells;
  RowAt at = {};           // the header's number is 0
  int64_t lines = 1;       // over how many it goes
  bool each_fits = false;  // it goes over several lines, and each of them alone has as many cells as the header
  std::string fault = {};  // why it is none; the next row then begins in the line behind this row's first
};

// `quotes`: a quoted cell is closed by a quote before a separator or a line's end alone. `joins`: whether rows may go over several lines
// each of which alone has the header's number of cells; else such a row is a fault. Throws DataError for what cannot be read, a row over
// kMaxRowBytes, and a quoted cell that is never closed.
class DelimitedReader {
 public:
  // delimiter 0, for what is read once: found in the first line that is not blank (first_line.h), `reading` naming the usual one by its
  // format and further columns; where it is a tab, `joins` is false.
  DelimitedReader(const std::filesystem::path& path, char delimiter, bool quotes, bool joins = true, const TableReading* reading = nullptr);
  char delimiter() const { return delimiter_; }

  // False at the end of the file. A blank line between rows yields no row; the first row is the header.
  bool next(DelimitedRow& row);

  // Lines so far, each alone cut at every separator, with as many cells as the header; and that have not.
  int64_t lines_fitting() const { return fitting_; }
  int64_t lines_misfitting() const { return misfitting_; }

 private:
  struct Piece {
    std::string text, end;
    int64_t number = 0;
  };
  bool take(Piece& piece);
  bool read(Piece& piece);
  void count(const Piece& piece);
  void go_back(std::vector<Piece>& used);
  [[noreturn]] void refuse_length(RowAt at) const;
  std::string broken(const std::string& cell) const;

  std::filesystem::path path_;
  LineReader lines_;
  char delimiter_;
  bool quotes_, joins_;
  const TableReading* reading_;
  std::string line_;        // as the file has it
  size_t fed_ = 0;          // bytes of line_ that are pieces
  int64_t number_ = 0;      // of the last piece, counted at LF and at CR without LF
  std::deque<Piece> back_;  // pieces of a row that was none, to be read again
  size_t width_ = 0;        // cells of the header; 0 before it
  int64_t rows_ = 0;        // given out, the header among them
  int64_t fitting_ = 0, misfitting_ = 0;
};

}  // namespace infig

// Lines of a text file, or of standard input, in a bounded piece of memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace infig {

class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& path);  // throws DataError where it cannot be opened

  // The next line with its LF, if it has one; false at the end. Of a line over kMaxRowBytes (rows.h) the beginning; the rest is passed
  // over. A byte order mark of UTF-8 is skipped. Throws DataError for UTF-16 and where reading fails.
  bool next(std::string& line);
  int64_t number() const { return number_; }   // of the last line, from 1
  bool too_long() const { return too_long_; }  // the last line

 private:
  void skip_mark(std::string& line) const;
  std::filesystem::path path_;
  std::ifstream in_;
  std::vector<char> piece_ = std::vector<char>(size_t{1} << 16);
  int64_t number_ = 0;
  bool too_long_ = false;
};

}  // namespace infig

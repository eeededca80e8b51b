#include "data/line_reader.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "data/rows.h"

namespace infig {
namespace fs = std::filesystem;

LineReader::LineReader(const fs::path& path) : path_(path) {
  std::error_code code;
  const fs::path file = path == kStandardInput ? fs::path("/dev/stdin") : path;
  if (fs::is_directory(file, code)) throw DataError(fmt::format("{}: is a folder, expected a file", path.string()));
  errno = 0;
  in_.open(file, std::ios::binary);
  if (!in_) throw DataError(fmt::format("{}: cannot be opened: {}", file.string(), std::strerror(errno)));
}

bool LineReader::next(std::string& line) {
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

void LineReader::skip_mark(std::string& line) const {
  if (line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  if (line.starts_with("\xFF\xFE") || line.starts_with("\xFE\xFF")) {
    throw DataError(fmt::format("{}: is UTF-16, expected UTF-8; convert it, for example with iconv -f UTF-16 -t UTF-8", path_.string()));
  }
}

}  // namespace infig

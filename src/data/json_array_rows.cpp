// Tables that are one JSON array of objects: cut into its elements, each of which is parsed alone.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/error.h"
#include "data/row_reading.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

bool is_json_space(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The file's bytes behind a byte order mark.
class ByteReader {
 public:
  explicit ByteReader(const fs::path& path) : path_(path) {
    std::error_code code;
    if (fs::is_directory(path, code)) throw DataError(fmt::format("{}: is a folder, expected a file", path.string()));
    errno = 0;
    in_.open(path, std::ios::binary);
    if (!in_) throw DataError(fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)));
    if (in_.peek() == 0xEF) in_.ignore(3);
  }
  // -1 at the end.
  int next() {
    errno = 0;
    const int c = in_.get();
    if (in_.bad()) throw DataError(fmt::format("{}: reading stopped: {}", path_.string(), std::strerror(errno)));
    return in_ ? c : -1;
  }
  int next_content() {
    int c = next();
    while (is_json_space(c)) c = next();
    return c;
  }

 private:
  fs::path path_;
  std::ifstream in_;
};

// One element at a time. Brackets are counted and strings passed over; whether an element is JSON is its parser's to say, so that a broken
// one costs only itself.
class ArrayCutter {
 public:
  explicit ArrayCutter(const fs::path& path) : path_(path), bytes_(path) {
    if (bytes_.next_content() != '[')
      throw DataError(fmt::format("{}: expected a JSON array of objects with id, text, image, label, split", path.string()));
  }

  // False behind the last element. Of one that is too long the beginning.
  bool next(std::string& element) {
    element.clear();
    too_long_ = false;
    if (ended_) return false;
    int c = bytes_.next_content();
    if (c == ']' && number_ == 0) return end();
    ++number_;
    for (int depth = 0; depth > 0 || (c != ',' && c != ']'); c = bytes_.next()) {
      if (c < 0)
        throw DataError(
            fmt::format("{}: ends inside of this row; it was cut off, copy it again", row_place(path_, {.line = 0, .number = number_})));
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && depth > 0) --depth;
      take(element, static_cast<char>(c));
      if (c == '"') take_string(element);
    }
    if (c == ']') end();
    return true;
  }
  int64_t number() const { return number_; }
  bool too_long() const { return too_long_; }

 private:
  void take(std::string& element, char c) {
    too_long_ = too_long_ || element.size() >= kMaxRowBytes;
    if (!too_long_) element += c;
  }
  void take_string(std::string& element) {
    for (bool escaped = false;;) {
      const int c = bytes_.next();
      if (c < 0)
        throw DataError(
            fmt::format("{}: a string in this row is never closed; add the quote", row_place(path_, {.line = 0, .number = number_})));
      take(element, static_cast<char>(c));
      if (c == '"' && !escaped) return;
      escaped = c == '\\' && !escaped;
    }
  }
  bool end() {
    ended_ = true;
    if (bytes_.next_content() >= 0) throw DataError(fmt::format("{}: goes on behind its JSON array; expected one array", path_.string()));
    return false;
  }

  fs::path path_;
  ByteReader bytes_;
  int64_t number_ = 0;
  bool ended_ = false, too_long_ = false;
};

}  // namespace

bool begins_json_array(const fs::path& path) { return ByteReader(path).next_content() == '['; }

void read_json_array(const fs::path& path, const TableReading& reading, const RowTake& take) {
  ArrayCutter cutter(path);
  JsonKeys keys(path, reading);
  std::string element;
  while (cutter.next(element)) {
    take(cutter.number(), [&] {
      if (cutter.too_long()) throw RowFault{fmt::format("the object has over {} MiB; is a bracket missing?", kMaxRowBytes >> 20)};
      return keys.row(strip_ascii_space(element));
    });
  }
  keys.finish();
}

}  // namespace infig

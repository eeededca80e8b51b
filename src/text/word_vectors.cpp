#include "text/word_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/error.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// Lines of a file, one at a time, of at most `longest` bytes.
class VectorLines {
 public:
  VectorLines(const fs::path& path, size_t longest) : path_(path), in_(path, std::ios::binary), longest_(longest) {
    if (fs::is_directory(path)) throw DataError(fmt::format("{}: is a folder; words.vectors names a file of vectors", path.string()));
    if (!in_)
      throw DataError(
          fmt::format("{}: cannot be read; words.vectors names a file of vectors (GloVe, word2vec as text, .vec)", path.string()));
    piece_.resize(size_t{1} << 17);
  }

  // The next line without its end and the spaces before it; false behind the last.
  bool next(std::string_view& line) {
    kept_.clear();
    while (true) {
      if (at_ == filled_ && !fill()) {
        if (kept_.empty()) return false;
        return finish(kept_, line);
      }
      const char* begin = piece_.data() + at_;
      const auto* end = static_cast<const char*>(std::memchr(begin, '\n', filled_ - at_));
      const size_t length = end == nullptr ? filled_ - at_ : static_cast<size_t>(end - begin);
      if (kept_.size() + length > longest_) refuse_long();
      at_ += length + (end == nullptr ? 0 : 1);
      if (end != nullptr && kept_.empty()) return finish({begin, length}, line);
      kept_.append(begin, length);
      if (end != nullptr) return finish(kept_, line);
    }
  }

  std::string place() const { return fmt::format("{}, line {}", path_.string(), number_); }

 private:
  bool fill() {
    in_.read(piece_.data(), static_cast<std::streamsize>(piece_.size()));
    filled_ = static_cast<size_t>(in_.gcount());
    at_ = 0;
    if (in_.bad()) throw DataError(fmt::format("{}: reading failed behind line {}", path_.string(), number_));
    return filled_ > 0;
  }
  bool finish(std::string_view found, std::string_view& line) {
    ++number_;
    while (!found.empty() && (found.back() == ' ' || found.back() == '\r' || found.back() == '\t')) found.remove_suffix(1);
    if (found.find('\0') != std::string_view::npos) {
      throw DataError(
          fmt::format("{}: holds a zero byte: not vectors as text; word2vec's .bin and compressed files are not read, export them "
                      "as text",
                      place()));
    }
    line = found;
    return true;
  }
  [[noreturn]] void refuse_long() const {
    throw DataError(fmt::format("{}, line {}: has over {} bytes, more than a word and its numbers; not a file of vectors as text",
                                path_.string(), number_ + 1, longest_));
  }

  fs::path path_;
  std::ifstream in_;
  size_t longest_;
  std::vector<char> piece_;
  size_t at_ = 0, filled_ = 0;
  std::string kept_;  // the beginning of a line that goes on in the next piece
  int64_t number_ = 0;
};

bool is_gap(char c) { return c == ' ' || c == '\t'; }

std::optional<float> float_of(std::string_view part) {
  if (part.starts_with('+')) part.remove_prefix(1);
  float value = 0;
  const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), value);
  // What is too small for a float is 0, as everywhere where vectors are read.
  if (error == std::errc::result_out_of_range && stop == part.data() + part.size()) {
    const double wide = std::strtod(std::string(part).c_str(), nullptr);
    if (std::abs(wide) < 1) return 0.0F;
  }
  if (error != std::errc() || stop != part.data() + part.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// Parts of a line between spaces, as their beginnings and ends.
std::vector<std::string_view> parts_of(std::string_view line) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at < line.size();) {
    const size_t begin = at;
    while (at < line.size() && !is_gap(line[at])) ++at;
    if (at > begin) parts.push_back(line.substr(begin, at - begin));
    while (at < line.size() && is_gap(line[at])) ++at;
  }
  return parts;
}

std::optional<int64_t> whole_of(std::string_view part) {
  int64_t value = 0;
  const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), value);
  if (error != std::errc() || stop != part.data() + part.size() || value < 0) return std::nullopt;
  return value;
}

class VectorReader {
 public:
  VectorReader(const fs::path& file, int64_t size, const std::function<int64_t(std::string_view)>& id_of,
               const std::function<void(int64_t, std::span<const float>)>& take)
      : file_(file), size_(size), id_of_(id_of), take_(take), lines_(file, 65'536 + 64 * static_cast<size_t>(size)) {}

  WordVectorCounts read() {
    std::string_view line;
    bool first = true;
    while (lines_.next(line)) {
      if (first) {
        first = false;
        if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
        if (is_header(line)) continue;
        check_width(line);
      } else if (counts_.rows == 0) {
        check_width(line);
      }
      if (!line.empty()) take_row(line);
    }
    if (counts_.rows == 0)
      throw DataError(fmt::format("{}: holds no vectors; expected lines of a word and {} numbers", file_.string(), size_));
    if (stated_ && *stated_ != counts_.rows) {
      throw DataError(fmt::format("{}: its first line states {} vectors, the file has {}; it is not whole, fetch it again", file_.string(),
                                  *stated_, counts_.rows));
    }
    return counts_;
  }

 private:
  bool is_header(std::string_view line) {
    const auto parts = parts_of(line);
    if (parts.size() != 2) return false;
    const auto rows = whole_of(parts[0]), width = whole_of(parts[1]);
    if (!rows || !width) return false;
    if (size_ == 1 && *width != 1) return false;  // a number and its vector of one number
    stated_ = rows;
    if (*width != size_) refuse_width(*width);
    return true;
  }

  // By the first vector: the numbers at its end, as many as there are.
  void check_width(std::string_view line) const {
    const auto parts = parts_of(line);
    size_t behind = 0;  // the word itself is none of them
    while (behind + 1 < parts.size() && float_of(parts[parts.size() - 1 - behind])) ++behind;
    const auto width = static_cast<int64_t>(behind);
    if (width != size_ && width > 0) refuse_width(width);
  }

  [[noreturn]] void refuse_width(int64_t width) const {
    throw DataError(fmt::format("{}: has vectors of {} numbers, words.size is {}; set words.size={}, or give a file of {} numbers a word",
                                lines_.place(), width, size_, width, size_));
  }

  void take_row(std::string_view line) {
    size_t at = line.size(), word_end = at;  // where the numbers begin, and the word ends
    for (int64_t number = 0; number < size_; ++number) {
      const size_t end = word_end;
      at = end;
      while (at > 0 && !is_gap(line[at - 1])) --at;
      word_end = at;
      while (word_end > 0 && is_gap(line[word_end - 1])) --word_end;
      if (at == end || at == 0)
        throw DataError(fmt::format("{}: has {} parts, expected a word and {} numbers", lines_.place(), parts_of(line).size(), size_));
    }
    ++counts_.rows;
    // A line may begin with a space: its word is a character that whoever wrote the file took for one.
    const int64_t id = word_end == 0 ? -1 : id_of_(line.substr(0, word_end));
    if (id < 0 || !seen_.insert(id).second) return;
    read_numbers(line.substr(at));
    ++counts_.found;
    take_(id, vector_);
  }

  void read_numbers(std::string_view line) {
    vector_.clear();
    for (const std::string_view part : parts_of(line)) {
      const auto value = float_of(part);
      if (!value) {
        throw DataError(
            fmt::format("{}: number {} is \"{}\", expected a finite number", lines_.place(), vector_.size() + 1, part.substr(0, 40)));
      }
      vector_.push_back(*value);
    }
  }

  fs::path file_;
  int64_t size_;
  const std::function<int64_t(std::string_view)>& id_of_;
  const std::function<void(int64_t, std::span<const float>)>& take_;
  VectorLines lines_;
  std::optional<int64_t> stated_;  // rows, by the first line
  WordVectorCounts counts_;
  std::unordered_set<int64_t> seen_;
  std::vector<float> vector_;
};

}  // namespace

WordVectorCounts read_word_vectors(const fs::path& file, int64_t size, const std::function<int64_t(std::string_view word)>& id_of,
                                   const std::function<void(int64_t id, std::span<const float> vector)>& take) {
  return VectorReader(file, size, id_of, take).read();
}

}  // namespace infig

#include "data/python_literal.h"

#include <fmt/format.h>

#include <charconv>

#include "core/error.h"
#include "data/utf8.h"

namespace infig {
namespace {

constexpr uint32_t kLastCodePoint = 0x10FFFF;

bool is_number_digit(char c) { return c >= '0' && c <= '9'; }
bool is_high_surrogate(uint32_t code) { return code >= 0xD800 && code <= 0xDBFF; }
bool is_low_surrogate(uint32_t code) { return code >= 0xDC00 && code <= 0xDFFF; }

class ListReader {
 public:
  ListReader(std::string_view line, const std::string& place) : line_(line), place_(place) {
    const size_t invalid = find_invalid_utf8(line);
    if (invalid != std::string_view::npos)
      fail(invalid, fmt::format("byte 0x{:02X} is not UTF-8", static_cast<unsigned char>(line[invalid])));
  }

  std::vector<PythonValue> read() {
    std::vector<PythonValue> values;
    skip_space();
    expect('[', "expected a list, which begins with [");
    for (skip_space(); !take(']'); skip_space()) {
      if (!values.empty()) {
        expect(',', "expected a comma or ] behind the value");
        skip_space();
        if (take(']')) break;
      }
      values.push_back(read_value());
    }
    skip_space();
    if (at_ < line_.size()) fail(at_, "text follows the list");
    return values;
  }

 private:
  [[noreturn]] void fail(size_t offset, const std::string& what) const {
    size_t column = 1;
    for (size_t i = 0; i < offset && i < line_.size(); ++i) column += (static_cast<unsigned char>(line_[i]) & 0xC0) == 0x80 ? 0 : 1;
    throw DataError(fmt::format("{}, column {}: {}", place_, column, what));
  }
  void skip_space() {
    while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r' || line_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    if (at_ >= line_.size() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c, const char* otherwise) {
    if (!take(c)) fail(at_, otherwise);
  }

  PythonValue read_value() {
    const char c = at_ < line_.size() ? line_[at_] : '\0';
    if (c == '\'' || c == '"') return read_string(c);
    if (is_number_digit(c) || c == '-') return read_number();
    fail(at_, "expected a quoted text or a whole number");
  }

  int64_t read_number() {
    const size_t begin = at_;
    if (line_[at_] == '-') ++at_;
    while (at_ < line_.size() && is_number_digit(line_[at_])) ++at_;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(line_.data() + begin, line_.data() + at_, value);
    if (error != std::errc() || end != line_.data() + at_)
      fail(begin, fmt::format("{} is not a whole number of 64 bits", line_.substr(begin, at_ - begin)));
    return value;
  }

  std::string read_string(char quote) {
    const size_t begin = at_++;
    std::string text;
    while (true) {
      if (at_ >= line_.size()) fail(begin, "the text that begins here has no closing quote");
      const char c = line_[at_];
      if (c == quote) break;
      if (c == '\\') {
        read_escape(text);
      } else {
        text += c;
        ++at_;
      }
    }
    ++at_;
    return text;
  }

  void read_escape(std::string& text) {
    const size_t begin = at_++;
    if (at_ >= line_.size()) fail(begin, "a backslash ends the row");
    const char c = line_[at_++];
    constexpr std::string_view kLetters = "\\'\"abfnrtv";
    constexpr std::string_view kMeant = "\\'\"\a\b\f\n\r\t\v";
    if (const size_t which = kLetters.find(c); which != std::string_view::npos) {
      text += kMeant[which];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      append_code_point(text, read_code_point(begin, c == 'x' ? 2 : c == 'u' ? 4 : 8), begin);
    } else if (c >= '0' && c <= '7') {
      uint32_t code = static_cast<uint32_t>(c - '0');
      for (int i = 0; i < 2 && at_ < line_.size() && line_[at_] >= '0' && line_[at_] <= '7'; ++i)
        code = code * 8 + static_cast<uint32_t>(line_[at_++] - '0');
      append_code_point(text, code, begin);
    } else {
      text += '\\';
      text += c;
    }
  }

  uint32_t read_code_point(size_t begin, size_t digits) {
    const uint32_t code = read_hex(begin, digits);
    if (!is_high_surrogate(code) || digits != 4 || line_.substr(at_, 2) != "\\u") return code;
    at_ += 2;
    const uint32_t low = read_hex(begin, digits);
    if (!is_low_surrogate(low)) fail(begin, fmt::format("\\u{:04x}\\u{:04x} is not a surrogate pair", code, low));
    return 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
  }

  uint32_t read_hex(size_t begin, size_t digits) {
    const std::string_view text = line_.substr(at_, digits);
    uint32_t code = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code, 16);
    if (text.size() < digits || error != std::errc() || end != text.data() + text.size())
      fail(begin, fmt::format("the escape wants {} hexadecimal digits", digits));
    at_ += digits;
    return code;
  }

  void append_code_point(std::string& text, uint32_t code, size_t begin) const {
    if (code > kLastCodePoint || is_high_surrogate(code) || is_low_surrogate(code)) {
      fail(begin, fmt::format("the escape names U+{:04X}, which is not a character", code));
    }
    append_utf8(text, code);
  }

  std::string_view line_;
  const std::string& place_;
  size_t at_ = 0;
};

}  // namespace

std::vector<PythonValue> parse_python_list(std::string_view line, const std::string& place) { return ListReader(line, place).read(); }

}  // namespace infig

#include "data/utf8.h"

#include <fmt/format.h>
#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "core/error.h"

namespace infig {
namespace {

constexpr std::array<std::pair<const char*, TextDecode>, 4> kDecodes{{
    {"utf8_ignore", TextDecode::kUtf8Ignore},
    {"utf8", TextDecode::kUtf8},
    {"gb18030", TextDecode::kGb18030},
    {"latin1", TextDecode::kLatin1},
}};

// What Python calls white space in a str.
bool is_space(uint32_t code) {
  return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

struct IconvClose {
  void operator()(void* handle) const { iconv_close(handle); }
};

// `encoding` is iconv's name of it; `name` is ours, for the message.
std::string convert(std::string_view bytes, const char* encoding, const char* name) {
  const iconv_t opened = iconv_open("UTF-8", encoding);
  if (opened == iconv_t(-1)) {  // NOLINT(performance-no-int-to-ptr): how POSIX says it failed
    throw DataError(fmt::format("this system's iconv does not know {}: {}; choose another text decoding", encoding, std::strerror(errno)));
  }
  const std::unique_ptr<void, IconvClose> handle(opened);
  std::string input(bytes);  // iconv wants a mutable pointer
  // No character of these encodings grows to more than 4 bytes of UTF-8 for each byte it has.
  std::string output(input.size() * 4 + 4, '\0');
  char* from = input.data();
  char* to = output.data();
  size_t left = input.size();
  size_t room = output.size();
  if (iconv(handle.get(), &from, &left, &to, &room) == static_cast<size_t>(-1)) {
    const size_t offset = input.size() - left;
    throw DataError(
        fmt::format("byte {} (0x{:02X}) does not belong to a character of {}", offset, static_cast<unsigned char>(bytes[offset]), name));
  }
  output.resize(output.size() - room);
  return output;
}

}  // namespace

size_t utf8_sequence_length(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t offset) -> unsigned {
    return at + offset < bytes.size() ? static_cast<unsigned char>(bytes[at + offset]) : 0U;
  };
  const unsigned lead = byte(0);
  if (at >= bytes.size()) return 0;
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;  // C0 and C1 are overlong, F5 and above lie over U+10FFFF
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // Only the second byte's range depends on the lead: it is what keeps out overlong forms, surrogates and the far end.
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

size_t find_invalid_utf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = utf8_sequence_length(bytes, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

uint32_t utf8_code_point(std::string_view bytes, size_t at, size_t length) {
  const auto byte = [&](size_t offset) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + offset])); };
  if (length == 1) return byte(0);
  uint32_t code = byte(0) & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = (code << 6U) | (byte(i) & 0x3FU);
  return code;
}

void append_utf8(std::string& text, uint32_t code) {
  const auto tail = [&](uint32_t bits) { text += static_cast<char>(0x80U | (bits & 0x3FU)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0U | (code >> 6U));
    tail(code);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0U | (code >> 12U));
    tail(code >> 6U);
    tail(code);
  } else {
    text += static_cast<char>(0xF0U | (code >> 18U));
    tail(code >> 12U);
    tail(code >> 6U);
    tail(code);
  }
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  const auto end_word = [&](size_t end) {
    if (end > begin) words.push_back(text.substr(begin, end - begin));
  };
  for (size_t at = 0; at < text.size();) {
    const size_t length = std::max<size_t>(utf8_sequence_length(text, at), 1);
    if (is_space(utf8_code_point(text, at, length))) {
      end_word(at);
      begin = at + length;
    }
    at += length;
  }
  end_word(text.size());
  return words;
}

std::string drop_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = utf8_sequence_length(bytes, at);
    text.append(bytes.substr(at, length));
    at += length == 0 ? 1 : length;
  }
  return text;
}

std::string_view strip_ascii_space(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

const char* text_decode_name(TextDecode decode) {
  for (const auto& [name, value] : kDecodes) {
    if (value == decode) return name;
  }
  return "";
}

TextDecode parse_text_decode(const std::string& word) {
  for (const auto& [name, value] : kDecodes) {
    if (word == name) return value;
  }
  throw ConfigError(fmt::format("text decoding: expected utf8_ignore, utf8, gb18030 or latin1, found \"{}\"", word));
}

std::string decode_text(std::string_view bytes, TextDecode decode) {
  std::string text;
  switch (decode) {
    case TextDecode::kUtf8Ignore:
      text = drop_invalid_utf8(bytes);
      break;
    case TextDecode::kUtf8: {
      const size_t offset = find_invalid_utf8(bytes);
      if (offset != std::string_view::npos) {
        throw DataError(fmt::format("byte {} (0x{:02X}) is not UTF-8", offset, static_cast<unsigned char>(bytes[offset])));
      }
      text = bytes;
      break;
    }
    case TextDecode::kGb18030:
      text = convert(bytes, "GB18030", "gb18030");
      break;
    case TextDecode::kLatin1:
      text = convert(bytes, "ISO-8859-1", "latin1");
      break;
  }
  return std::string(strip_ascii_space(text));
}

}  // namespace infig

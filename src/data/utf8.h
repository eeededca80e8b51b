// UTF-8: checking it, cleaning it, and turning the bytes of other encodings into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

// Length in bytes (1 to 4) of the well-formed UTF-8 sequence that begins at bytes[at] (Unicode 15, table 3-7); 0 where none does: a
// stray continuation byte, a sequence cut short, an overlong form, a surrogate (U+D800..U+DFFF) or a code point above U+10FFFF.
size_t utf8_sequence_length(std::string_view bytes, size_t at);

// Offset of the first byte that belongs to no well-formed sequence; npos where all of it is UTF-8.
size_t find_invalid_utf8(std::string_view bytes);

// The code point of the well-formed sequence of `length` bytes at bytes[at] (utf8_sequence_length says how many).
uint32_t utf8_code_point(std::string_view bytes, size_t at, size_t length);

// Appends the UTF-8 of a code point: 0..10FFFF without the surrogates, which the caller has made sure of.
void append_utf8(std::string& text, uint32_t code);

// The words between white space as Python's str.split() cuts them: ASCII white space, the separators 0x1C to 0x1F, and Unicode's spaces.
// `text` must be UTF-8; the words are views into it.
std::vector<std::string_view> split_words(std::string_view text);

// Keeps every well-formed sequence and drops every other byte, one byte at a time.
std::string drop_invalid_utf8(std::string_view bytes);

// Without the ASCII white space (space, \t \n \v \f \r) at both ends.
std::string_view strip_ascii_space(std::string_view text);

// How the bytes of a raw text file are read (docs/published-data.md).
enum class TextDecode {
  kUtf8Ignore,  // drop_invalid_utf8: the texts of the public split of MVSA
  kUtf8,        // must be UTF-8
  kGb18030,     // the actual encoding of MVSA's raw files
  kLatin1,      // every byte is the code point of its value
};

const char* text_decode_name(TextDecode decode);        // "utf8_ignore", "utf8", "gb18030", "latin1"
TextDecode parse_text_decode(const std::string& word);  // throws ConfigError naming the four words

// The text of raw bytes as UTF-8, stripped of ASCII white space at both ends. Throws DataError with the offset of the
// byte that the encoding does not allow.
std::string decode_text(std::string_view bytes, TextDecode decode);

}  // namespace infig

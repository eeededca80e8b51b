// Characters as the published tokenizers see them. Their libraries stopped at different versions of Unicode, and the ids depend on it:
//   categories of BERT's cleaning, accents and punctuation: Unicode 8     decompositions, compositions, combining classes: Unicode 9
//   letters and numbers of the byte-pair patterns: Unicode 16            lower case: Unicode 17
// ICU holds the data; a character newer than such a version counts as unassigned; characters newer than ICU 72 are in a table here.
// tests/conformance compares all 1,112,064 code points with the originals; docs/tokenizers.md lists what was found.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

enum CharFlag : uint16_t {
  kSpace = 1,          // white space
  kRemoved = 2,        // BERT's cleaning drops it: NUL, U+FFFD, control, format and private characters except \t \n \r
  kPunctuation = 4,    // ASCII punctuation and symbols, and Unicode's punctuation
  kIdeograph = 8,      // BERT sets it apart as a word of its own
  kAccent = 16,        // nonspacing mark
  kLetter = 32,        // \p{L}
  kNumber = 64,        // \p{N}
  kUpper = 128,        // has another lower case
  kDecomposes = 256,   // has a canonical decomposition
  kCombines = 512,     // combining class above 0
  kMayCompose = 1024,  // may compose with a character before it
};

// The flags of every character, in two levels: most pages of 256 are alike.
class CharTable {
 public:
  CharTable();
  uint16_t operator[](char32_t c) const { return c < 0x110000 ? flags_[(static_cast<size_t>(pages_[c >> 8]) << 8) + (c & 255)] : 0; }

 private:
  uint16_t place(const std::vector<uint16_t>& page);
  std::vector<uint16_t> pages_, flags_;
};
const CharTable& char_table();  // made at the first call (10 ms)
inline uint16_t char_flags(char32_t character) { return char_table()[character]; }

// Lower case, one or two characters (only U+0130 has two); the second is 0 where there is none.
std::array<char32_t, 2> lower_case(char32_t character);

uint8_t combining_class(char32_t character);
using CharacterParts = std::array<char32_t, 18>;
// Full canonical decomposition into at most 4 characters; returns how many (1 and itself where it has none).
size_t decompose(char32_t character, CharacterParts& parts);
// The same with compatibility decompositions, into at most 18.
size_t decompose_compatible(char32_t character, CharacterParts& parts);
char32_t compose(char32_t first, char32_t second);  // 0 where the pair composes to nothing

// Whether the character counts as part of a word (\w): letters, marks, decimal digits, connectors.
bool is_word_character(char32_t character);                // of Unicode 16
bool is_assigned_by(char32_t character, uint8_t version);  // in that version of Unicode
// Numbers of every kind as Rust's library has them, of Unicode 17.
bool is_numeric_character(char32_t character);
// Marks of every kind, as Unicode 9 has them.
bool is_combining_mark(char32_t character);

struct Utf8Character {
  char32_t code = 0xFFFD;
  uint32_t length = 1;  // bytes
};

// The character at `at` < text.size(). Where no well-formed sequence begins: U+FFFD, and as length the bytes that could have
// begun one (at least 1), as Python's and browsers' decoders replace them.
Utf8Character utf8_at(std::string_view text, size_t at);

void append_utf8(std::string& text, char32_t character);

// Whether the byte continues a character. In well-formed text, the others begin one.
inline bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }
// Where the character before the byte `end` > 0 begins.
inline size_t previous_character(std::string_view text, size_t end) {
  do --end;
  while (end > 0 && continues_character(text[end]));
  return end;
}
inline size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (const char byte : text) count += continues_character(byte) ? 0 : 1;
  return count;
}

// `text` itself where it is well-formed UTF-8, else a copy in `storage` with U+FFFD for what is not.
std::string_view repaired_utf8(std::string_view text, std::string& storage);

}  // namespace infig

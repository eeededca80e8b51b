// What BERT and CLIP do to a text before they cut it into words, with the way back to the original's characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

// UTF-8 and, for each byte, the index of the original character it was derived from.
struct NormalizedText {
  std::string bytes;
  std::vector<uint32_t> source;

  void clear() {
    bytes.clear();
    source.clear();
  }
  void append(char32_t character, uint32_t from);
};

struct BertNormalizerOptions {
  bool clean_text = true;              // drop control characters, make every white space a space
  bool tokenize_chinese_chars = true;  // spaces around ideographs
  bool strip_accents = true;           // decompose, drop nonspacing marks
  bool lower_case = true;
};

// Each of these appends to `out` the normalised form of well-formed UTF-8 whose first character has the number `first`, and returns
// the number behind its last. A character derived from another refers to that one; when a letter and a combining mark become one
// character, it refers to the letter, as in the fast tokenizers.
uint32_t normalize_bert(std::string_view text, uint32_t first, const BertNormalizerOptions& options, NormalizedText& out);
uint32_t normalize_clip(std::string_view text, uint32_t first, NormalizedText& out);  // NFC, white space to one space, lower case
uint32_t normalize_none(std::string_view text, uint32_t first, NormalizedText& out);

}  // namespace infig

// What BERT and CLIP do to a text before they cut it into words, with the way back to the original's characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

// UTF-8 and, for each of its bytes, the number of the original character it stands for.
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
  bool clean_text = true;             // drop control characters, make every white space a space
  bool tokenize_chinese_chars = true;  // spaces around ideographs
  bool strip_accents = true;          // decompose, drop nonspacing marks
  bool lower_case = true;
};

// Each of these appends to `out` the normalised form of well-formed UTF-8 whose first character has the number `first`, and returns
// the number behind its last. A character that came of another stands for that one; of letter and combining mark that become one
// character only the letter is stood for, as the fast tokenizers have it.
uint32_t normalize_bert(std::string_view text, uint32_t first, const BertNormalizerOptions& options, NormalizedText& out);
uint32_t normalize_clip(std::string_view text, uint32_t first, NormalizedText& out);  // NFC, white space to one space, lower case
uint32_t normalize_none(std::string_view text, uint32_t first, NormalizedText& out);

}  // namespace infig

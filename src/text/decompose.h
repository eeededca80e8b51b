// Unicode's normal forms, character by character, with what each character of the result was made of.
#pragma once

#include <cstdint>
#include <vector>

namespace infig {

// A character of a changed text. change: 1 it came in addition, 0 in place of the next of the text before, -n likewise and n more of
// them are gone.
struct ChangedCharacter {
  char32_t code = 0;
  int32_t change = 0;
  uint8_t combining = 0;
  uint32_t place = 0;  // in the text before marks were sorted
};

enum class UnicodeForm { kNfd, kNfc, kNfkd, kNfkc };

// As Unicode 9 has it (see unicode.h), in the order and with the changes of the Rust crate that the fast tokenizers use.
std::vector<ChangedCharacter> normal_form_of(const std::vector<char32_t>& text, UnicodeForm form);

}  // namespace infig

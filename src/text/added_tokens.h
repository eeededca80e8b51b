// Tokens that are found in the text before it is cut: "[SEP]", "<mask>", and what a user added.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

struct AddedToken {
  std::string text;
  int32_t id = -1;
  bool left_strip = false, right_strip = false;  // takes the white space before (behind) it along
  bool single_word = false;                       // not inside a word
  bool normalized = false;                        // looked for in the normalised text, in its own normalised form
  bool special = true;

  bool operator==(const AddedToken&) const = default;
};

class AddedTokens {
 public:
  struct Match {
    size_t begin = 0, end = 0;         // bytes, white space that goes along included
    const AddedToken* token = nullptr;  // null where nothing was found; then begin == end == the text's size
  };

  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);  // `text` of each is what is looked for; none is empty

  // The leftmost match at or behind the byte `start`; of several at one place the longest.
  Match find(std::string_view text, size_t start) const;
  bool empty() const { return tokens_.empty(); }

 private:
  const AddedToken* longest_at(std::string_view text, size_t at) const;
  std::vector<AddedToken> tokens_;               // longest first
  std::array<bool, 256> begins_{};                // whether a token begins with the byte
};

}  // namespace infig

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
  bool single_word = false;                      // not inside a word
  bool normalized = false;                       // looked for in the normalised text, in its own normalised form
  bool special = true;

  bool operator==(const AddedToken&) const = default;
};

class AddedTokens {
 public:
  struct Match {
    size_t begin = 0, end = 0;          // bytes, white space that goes along included
    size_t found_end = 0;               // without it
    const AddedToken* token = nullptr;  // null where nothing was found; then begin == end == the text's size
  };

  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);  // `text` of each is what is looked for; none is empty

  // The leftmost match at or behind the byte `start`; of several at one place the longest.
  Match find(std::string_view text, size_t start) const;
  struct Split {
    size_t begin = 0, end = 0;
    const AddedToken* token = nullptr;  // null for what lies between
  };
  // The whole text in order, as the Rust library parts it: behind white space that a token took along on its right, tokens are looked for
  // from the token's own end on. Nothing for an empty text.
  void split(std::string_view text, std::vector<Split>& splits) const;
  bool empty() const { return tokens_.empty(); }

 private:
  Match find_from(std::string_view text, size_t from, size_t taken) const;
  const AddedToken* longest_at(std::string_view text, size_t at) const;
  std::vector<AddedToken> tokens_;  // longest first
  std::array<bool, 256> begins_{};  // whether a token begins with the byte
};

// Ids of special tokens that must not come out of a text either where their text is a piece of the vocabulary; single characters stay
// pieces, and `unknown`, which stands for anything.
std::vector<int32_t> hidden_ids(const std::vector<AddedToken>& tokens, int32_t unknown);

}  // namespace infig

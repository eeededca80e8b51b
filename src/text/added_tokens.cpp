#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace infig {
namespace {

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  return (begin == 0 || !is_word_character(utf8_at(text, previous_character(text, begin)).code)) &&
         (end >= text.size() || !is_word_character(utf8_at(text, end).code));
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.text.size() != b.text.size() ? a.text.size() > b.text.size() : a.text < b.text;
  });
  for (const AddedToken& token : tokens_) begins_[static_cast<unsigned char>(token.text.front())] = true;
}

const AddedToken* AddedTokens::longest_at(std::string_view text, size_t at) const {
  for (const AddedToken& token : tokens_) {
    if (text.substr(at, token.text.size()) == token.text) return &token;
  }
  return nullptr;
}

AddedTokens::Match AddedTokens::find(std::string_view text, size_t start) const {
  for (size_t at = start; at < text.size(); ++at) {
    if (!begins_[static_cast<unsigned char>(text[at])]) continue;
    const AddedToken* token = longest_at(text, at);
    if (token == nullptr) continue;
    Match match{.begin = at, .end = at + token->text.size(), .token = token};
    if (token->single_word && !stands_alone(text, match.begin, match.end)) {
      at = match.end - 1;  // its bytes are passed over whole
      continue;
    }
    while (token->left_strip && match.begin > start) {
      const size_t before = previous_character(text, match.begin);
      if (before < start || (char_flags(utf8_at(text, before).code) & kSpace) == 0) break;
      match.begin = before;
    }
    while (token->right_strip && match.end < text.size()) {
      const Utf8Character next = utf8_at(text, match.end);
      if ((char_flags(next.code) & kSpace) == 0) break;
      match.end += next.length;
    }
    return match;
  }
  return {.begin = text.size(), .end = text.size(), .token = nullptr};
}

}  // namespace infig

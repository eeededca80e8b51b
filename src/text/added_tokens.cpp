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

AddedTokens::Match AddedTokens::find(std::string_view text, size_t start) const { return find_from(text, start, start); }

AddedTokens::Match AddedTokens::find_from(std::string_view text, size_t from, size_t taken) const {
  for (size_t at = from; at < text.size(); ++at) {
    if (!begins_[static_cast<unsigned char>(text[at])]) continue;
    const AddedToken* token = longest_at(text, at);
    if (token == nullptr) continue;
    Match match{.begin = at, .end = at + token->text.size(), .found_end = at + token->text.size(), .token = token};
    if (token->single_word && !stands_alone(text, match.begin, match.end)) {
      at = match.end - 1;  // its bytes are passed over whole
      continue;
    }
    while (token->left_strip && match.begin > taken) {
      const size_t before = previous_character(text, match.begin);
      if (before < taken || (char_flags(utf8_at(text, before).code) & kSpace) == 0) break;
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

void AddedTokens::split(std::string_view text, std::vector<Split>& splits) const {
  splits.clear();
  if (text.empty()) return;
  size_t from = 0, taken = 0;
  while (!tokens_.empty()) {
    const Match match = find_from(text, from, taken);
    if (match.token == nullptr) break;
    if (taken < match.begin) splits.push_back({.begin = taken, .end = match.begin});
    splits.push_back({.begin = match.begin, .end = match.end, .token = match.token});
    taken = match.end;
    from = match.found_end;
  }
  if (taken != text.size()) splits.push_back({.begin = taken, .end = text.size()});
}

std::vector<int32_t> hidden_ids(const std::vector<AddedToken>& tokens, int32_t unknown) {
  std::vector<int32_t> ids;
  for (const AddedToken& token : tokens) {
    if (token.special && token.id != unknown && count_characters(token.text) > 1) ids.push_back(token.id);
  }
  return ids;
}

}  // namespace infig

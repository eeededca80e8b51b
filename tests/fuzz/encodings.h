// What holds of every text's tokens, whatever text and tokenizer are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/fuzz.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace infig::fuzz {

inline void check_encoding(const Tokenizer& tokenizer, std::string_view text, int64_t max_length) {
  std::vector<TokenSpan> spans, again;
  tokenizer.encode_spans(text, max_length, spans);
  std::string storage;
  const auto characters = static_cast<int32_t>(count_characters(repaired_utf8(text, storage)));
  require(spans.size() >= 2, "special tokens frame a text");
  require(max_length == 0 || static_cast<int64_t>(spans.size()) <= max_length, "max_length is kept");
  // A tokenizer.json by its own rules may frame texts without saying which of its tokens are [CLS] and [SEP].
  const SpecialIds& special = tokenizer.special_ids();
  require((special.cls < 0 || spans.front().id == special.cls) && (special.sep < 0 || spans.back().id == special.sep),
          "[CLS] and [SEP] frame a text");
  int32_t before = 0;
  for (size_t i = 1; i + 1 < spans.size(); ++i) {
    const TokenSpan& span = spans[i];
    require(span.id >= 0 && span.id < tokenizer.vocab_size(), "an id lies in the vocabulary");
    require(0 <= span.begin && span.begin <= span.end && span.end <= characters, "offsets lie within the text");
    // The space that add_prefix_space puts before a stretch has an empty place behind the stretch's first character, as in the original.
    if (span.begin == span.end) continue;
    require(span.begin >= before, "offsets do not run backwards");
    before = span.begin;
  }
  // By now words may come out of the memory of words.
  tokenizer.encode_spans(text, max_length, again);
  bool same = again.size() == spans.size();
  for (size_t i = 0; same && i < spans.size(); ++i) {
    same = again[i].id == spans[i].id && again[i].begin == spans[i].begin && again[i].end == spans[i].end;
  }
  require(same, "a text's tokens are the same each time");
}

// Texts for tokenizers that come out of the fuzzer's files.
inline void check_samples(const Tokenizer& tokenizer) {
  constexpr const char* kTexts[] = {"", "a b ab abc Don't STOP! #sad @user 42", "[CLS] x[SEP] <s></s> <|endoftext|> [MASK]<mask>",
                                    "e\u0301\u0323 \u00c9 \u4f60\u597d \U0001f600\u200d \t\r\n \u00a0 \ufb01\u0130\uac00",
                                    "\xff\xc3(\xe2\x82 \xf0\x9f"};
  for (const char* text : kTexts) {
    check_encoding(tokenizer, text, 0);
    check_encoding(tokenizer, text, 5);
  }
  for (int64_t id = -1; id <= 8; ++id) (void)tokenizer.token(id);
  (void)tokenizer.token(tokenizer.vocab_size());
}

// The same for tokenizers whose files say which special tokens are around a text, if any.
inline void check_loose_encoding(const Tokenizer& tokenizer, std::string_view text, int64_t max_length) {
  std::vector<TokenSpan> spans, again;
  tokenizer.encode_spans(text, max_length, spans);
  std::string storage;
  const auto characters = static_cast<int32_t>(count_characters(repaired_utf8(text, storage)));
  require(max_length == 0 || static_cast<int64_t>(spans.size()) <= max_length, "max_length is kept");
  for (const TokenSpan& span : spans) {
    require(span.id >= 0 && span.id < tokenizer.vocab_size(), "an id lies in the vocabulary");
    require(0 <= span.begin && span.begin <= span.end && span.end <= characters, "offsets lie within the text");
  }
  tokenizer.encode_spans(text, max_length, again);
  bool same = again.size() == spans.size();
  for (size_t i = 0; same && i < spans.size(); ++i) {
    same = again[i].id == spans[i].id && again[i].begin == spans[i].begin && again[i].end == spans[i].end;
  }
  require(same, "a text's tokens are the same each time");
}

inline void check_loose_samples(const Tokenizer& tokenizer) {
  constexpr const char* kTexts[] = {"", "a b ab abc Don't STOP! #sad @user 42", "[CLS] x[SEP] <s></s> <|endoftext|> [MASK]<mask>",
                                    "e\u0301\u0323 \u00c9 \u4f60\u597d \U0001f600\u200d \t\r\n \u00a0 \ufb01\u0130\uac00",
                                    "\xff\xc3(\xe2\x82 \xf0\x9f"};
  std::vector<TokenSpan> none;
  tokenizer.encode_spans("", 0, none);
  for (const char* text : kTexts) {
    check_loose_encoding(tokenizer, text, 0);
    check_loose_encoding(tokenizer, text, std::max<int64_t>(5, static_cast<int64_t>(none.size())));
  }
  for (int64_t id = -1; id <= 8; ++id) (void)tokenizer.token(id);
  (void)tokenizer.token(tokenizer.vocab_size());
}

// Published classes frame a text, whichever files their vocabulary is read from; a tokenizer.json by its own rules need not.
inline void check_folder_samples(const std::filesystem::path& folder) {
  const auto tokenizer = load_tokenizer(folder);
  if (tokenizer->rule().ends_with("by its own rules")) {
    check_loose_samples(*tokenizer);
  } else {
    check_samples(*tokenizer);
  }
}

}  // namespace infig::fuzz

#include "text/tokenizer.h"

#include <fmt/format.h>

#include <limits>

#include "core/error.h"

namespace infig {

Encoding Tokenizer::encode(std::string_view text, int64_t max_length) const {
  std::vector<TokenSpan> spans;
  encode_spans(text, max_length, spans);
  Encoding encoding;
  encoding.ids.reserve(spans.size());
  encoding.tokens.reserve(spans.size());
  encoding.offsets.reserve(spans.size());
  for (const TokenSpan& span : spans) {
    encoding.ids.push_back(span.id);
    encoding.tokens.emplace_back(token(span.id));
    encoding.offsets.emplace_back(span.begin, span.end);
  }
  return encoding;
}

void Tokenizer::check_length(std::string_view text, int64_t max_length) {
  if (max_length < 0 || max_length == 1) {
    throw ConfigError(
        fmt::format("max_length is {}, expected 0 (never cut) or at least 2, the room for the special tokens at both ends", max_length));
  }
  if (text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    throw DataError(fmt::format("a text has {} bytes, expected fewer than 2 GB; cut it into several", text.size()));
  }
}

void Tokenizer::check_frame(int64_t max_length, size_t special) const {
  if (max_length == 0 || static_cast<size_t>(max_length) >= special) return;
  throw ConfigError(
      fmt::format("max_length is {}, but {} puts {} special tokens around a text; give it more room", max_length, rule(), special));
}

}  // namespace infig

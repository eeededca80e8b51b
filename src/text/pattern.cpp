#include "text/pattern.h"

#include <fmt/format.h>
#define ONIG_ESCAPE_UCHAR_COLLISION  // ICU has a UChar too
#include <oniguruma.h>

#include <mutex>

#include "core/error.h"
#include "text/late_characters.h"
#include "text/unicode.h"

namespace infig {
namespace {

// A pattern may try so many ways to match before it is given up; those of published tokenizers need a few per character.
constexpr unsigned long kMostRetries = 10'000'000;
constexpr size_t kLongestPattern = size_t{64} << 10;

const OnigUChar* onig_bytes(std::string_view text) { return reinterpret_cast<const OnigUChar*>(text.data()); }

std::string onig_message(int code, OnigErrorInfo* info) {
  OnigUChar message[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = onig_error_code_to_str(message, code, info);
  return {reinterpret_cast<const char*>(message), static_cast<size_t>(std::max(length, 0))};
}

void start_onig() {
  static std::once_flag once;
  std::call_once(once, [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
  });
}

struct OnigScratch {
  OnigRegion* region = onig_region_new();
  OnigMatchParam* limits = onig_new_match_param();
  OnigScratch() {
    onig_initialize_match_param(limits);
    onig_set_retry_limit_in_match_of_match_param(limits, kMostRetries);
    onig_set_retry_limit_in_search_of_match_param(limits, kMostRetries);
  }
  OnigScratch(const OnigScratch&) = delete;
  OnigScratch& operator=(const OnigScratch&) = delete;
  ~OnigScratch() {
    onig_region_free(region, 1);
    onig_free_match_param(limits);
  }
};

}  // namespace

struct Pattern::Compiled {
  regex_t* regex = nullptr;
  std::string text, where;

  Compiled(std::string from, std::string place) : text(std::move(from)), where(std::move(place)) {
    start_onig();
    if (text.size() > kLongestPattern) {
      throw CheckpointError(fmt::format("{}: the pattern has {} bytes, expected at most {}", where, text.size(), kLongestPattern));
    }
    OnigErrorInfo info{};
    const OnigUChar* begin = onig_bytes(text);
    const int code = onig_new(&regex, begin, begin + text.size(), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &info);
    if (code == ONIG_NORMAL) return;
    throw CheckpointError(fmt::format("{}: the pattern '{}' is none that Oniguruma reads ({})", where, text, onig_message(code, &info)));
  }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled() { onig_free(regex); }
};

Pattern::Pattern(const std::string& text, std::string where) : compiled_(std::make_shared<const Compiled>(text, std::move(where))) {}

Pattern Pattern::expression(const std::string& text, const std::string& where) { return {text, where}; }

Pattern Pattern::literal(std::string_view text, const std::string& where) {
  std::string escaped;
  for (const char byte : text) {
    if (std::string_view("\\.+*?()|[]{}^$#&-~").find(byte) != std::string_view::npos) escaped += '\\';
    escaped += byte;
  }
  return {escaped, where};
}

void Pattern::cut(std::string_view text, std::vector<PatternPart>& parts) const {
  parts.clear();
  if (text.empty()) {
    parts.push_back({});
    return;
  }
  thread_local OnigScratch scratch;
  thread_local std::string older;
  text = with_older_characters(text, older);
  const OnigUChar *begin = onig_bytes(text), *end = begin + text.size();
  size_t from = 0, done = 0;
  bool matched = false;  // a match ends at `done`
  while (from <= text.size()) {
    const int found =
        onig_search_with_param(compiled_->regex, begin, end, begin + from, end, scratch.region, ONIG_OPTION_NONE, scratch.limits);
    if (found == ONIG_MISMATCH) break;
    if (found < 0) {
      throw DataError(fmt::format("{}: the pattern '{}' cannot be looked for in a text of {} bytes ({}); the text is too long for it",
                                  compiled_->where, compiled_->text, text.size(), onig_message(found, nullptr)));
    }
    const auto first = static_cast<size_t>(scratch.region->beg[0]), last = static_cast<size_t>(scratch.region->end[0]);
    if (first == last && matched && last == done) {
      from += from < text.size() ? utf8_at(text, from).length : 1;
      continue;
    }
    if (done != first) parts.push_back({.begin = done, .end = first, .match = false});
    parts.push_back({.begin = first, .end = last, .match = true});
    from = done = last;
    matched = true;
  }
  if (done != text.size()) parts.push_back({.begin = done, .end = text.size(), .match = false});
}

Pattern pattern_of(const JsonPart& part) {
  part.allow({"String", "Regex"});
  if (part.has("Regex")) return Pattern::expression(part.text("Regex"), part.place());
  return Pattern::literal(part.text("String"), part.place());
}

}  // namespace infig

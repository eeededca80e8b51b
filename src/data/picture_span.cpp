#include "data/picture_span.h"

#include <fmt/format.h>

#include <charconv>

namespace infig {
namespace {

// Whole numbers without sign, leading zeros or anything behind them.
bool read_number(std::string_view digits, int64_t& number) {
  if (digits.empty() || digits[0] < '0' || digits[0] > '9' || (digits[0] == '0' && digits.size() > 1)) return false;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return fault == std::errc() && end == digits.data() + digits.size();
}

}  // namespace

std::optional<PictureSpan> parse_picture_span(std::string_view image) {
  const size_t mark = image.rfind('#');
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view file = image.substr(0, mark);
  const std::string_view place = image.substr(mark + 1);
  const size_t plus = place.find('+');
  if (plus == std::string_view::npos || !(file.ends_with(".pack") || file.ends_with(".tar"))) return std::nullopt;
  PictureSpan span{.file = file};
  if (!read_number(place.substr(0, plus), span.offset) || !read_number(place.substr(plus + 1), span.length)) return std::nullopt;
  if (span.length < 1) return std::nullopt;
  return span;
}

std::string picture_span_text(const PictureSpan& span) {
  return fmt::format("{}#{}+{}", span.file.generic_string(), span.offset, span.length);
}

}  // namespace infig

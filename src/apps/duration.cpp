#include "apps/duration.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <system_error>

#include "core/error.h"

namespace infig {
namespace {

// 0 for what is no unit.
double seconds_of_unit(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return 0;
  }
}

}  // namespace

double parse_duration(const std::string& flag, const std::string& text) {
  double total = 0, last_unit = INFINITY;
  const char *at = text.data(), *end = at + text.size();
  bool sound = at != end;
  while (sound && at != end) {
    double number = 0;
    const auto [stop, error] = std::from_chars(at, end, number, std::chars_format::fixed);
    const bool plain = stop == end && at == text.data();  // seconds
    const double unit = plain ? 1 : stop == end ? 0 : seconds_of_unit(*stop);
    sound = error == std::errc() && std::isfinite(number) && number >= 0 && unit > 0 && unit < last_unit;
    total += number * unit;
    last_unit = unit;
    at = plain || !sound ? end : stop + 1;
  }
  if (!sound || !(total > 0))
    throw ConfigError(fmt::format("{}: expected a time above 0, as 90s, 30m, 2h, 1h30m (a number alone: seconds), found {}", flag, text));
  return total;
}

}  // namespace infig

#include "core/disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>

namespace infig {
namespace fs = std::filesystem;

int64_t bytes_below(const fs::path& folder) {
  std::error_code code;
  int64_t bytes = 0;
  for (fs::recursive_directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    std::error_code unread;
    if (entry->is_regular_file(unread) && !entry->is_symlink(unread)) bytes += static_cast<int64_t>(entry->file_size(unread));
  }
  return bytes;
}

int64_t free_bytes(const fs::path& folder) {
  std::error_code code;
  fs::path there = fs::absolute(folder, code);
  while (!there.empty() && !fs::exists(there, code) && there != there.parent_path()) there = there.parent_path();
  const fs::space_info space = fs::space(there, code);
  return code ? -1 : static_cast<int64_t>(std::min<uintmax_t>(space.available, INT64_MAX));
}

std::string format_bytes(int64_t bytes) {
  constexpr double kStep = 1000;
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  static constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  while (value >= kStep && unit + 1 < kUnits.size()) {
    value /= kStep;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit > 0 && value < 10 ? 1 : 0, kUnits.at(unit));
}

}  // namespace infig

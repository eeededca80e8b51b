#include "evaluation/leak_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/files.h"
#include "evaluation/predictions.h"

namespace infig {
namespace {

constexpr std::array<const char*, 5> kColumns = {"kind", "split", "label", "other_split", "other_label"};

}  // namespace

std::vector<LeakLine> read_leak_counts(const std::filesystem::path& data_folder) {
  std::vector<LeakLine> lines;
  const auto path = data_folder / "leaks.csv";
  if (!std::filesystem::is_regular_file(path)) return lines;
  const auto rows = read_csv(path);
  if (rows.empty()) throw DataError(fmt::format("{}: empty, expected a header; run verify-data again", path.string()));
  std::array<size_t, kColumns.size()> place{};
  for (size_t i = 0; i < kColumns.size(); ++i) {
    place[i] = static_cast<size_t>(std::find(rows[0].begin(), rows[0].end(), kColumns[i]) - rows[0].begin());
    if (place[i] == rows[0].size())
      throw DataError(fmt::format("{}, header: no column {}; run verify-data again", path.string(), kColumns[i]));
  }
  for (size_t r = 1; r < rows.size(); ++r) {
    if (rows[r].size() != rows[0].size())
      throw DataError(
          fmt::format("{}, line {}: {} fields, expected {}; run verify-data again", path.string(), r + 1, rows[r].size(), rows[0].size()));
    const auto cell = [&](size_t column) -> const std::string& { return rows[r][place[column]]; };
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&](const LeakLine& one) { return one.kind == cell(0) && one.split == cell(1) && one.other == cell(3); });
    if (line == lines.end()) line = lines.insert(lines.end(), {.kind = cell(0), .split = cell(1), .other = cell(3)});
    ++line->posts;
    line->other_label += cell(2) != cell(4) ? 1 : 0;
  }
  return lines;
}

}  // namespace infig

#include "data/first_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "data/table_columns.h"
#include "data/utf8.h"

namespace infig {
namespace {

using ColumnNames = std::map<std::string, std::string>;

// The cells of the line that name a field, in its order.
std::vector<std::string_view> names_between(std::string_view line, char separator, const ColumnNames& columns) {
  std::vector<std::string_view> found;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find(separator, begin), line.size());
    std::string_view cell = strip_ascii_space(line.substr(begin, end - begin));
    if (cell.size() > 1 && cell.front() == '"' && cell.back() == '"') cell = strip_ascii_space(cell.substr(1, cell.size() - 2));
    const bool asked = std::any_of(columns.begin(), columns.end(), [&](const auto& one) { return one.second == cell; });
    if (asked || field_called(cell)) found.push_back(cell);
    begin = end + 1;
  }
  return found;
}

}  // namespace

char separator_of(std::string_view header, char usual, const ColumnNames& columns) {
  char best = usual;
  size_t most = names_between(header, usual, columns).size();
  for (const char candidate : {',', ';', '\t', '|'}) {
    const size_t names = names_between(header, candidate, columns).size();
    if (names > most) best = candidate;
    most = std::max(most, names);
  }
  return best;
}

std::string header_fault(std::string_view line) {
  if (line.find('{') != std::string_view::npos) return "";  // an object that is broken
  const char separator = separator_of(line, ',');
  const auto names = names_between(line, separator, {});
  if (names.empty()) return "";
  const char* format = separator == '\t' ? "tsv" : "csv";
  return fmt::format("looks like {} with {}: give --input-format {}", separator == '\t' ? "TSV" : "CSV", fmt::join(names, ", "), format);
}

}  // namespace infig

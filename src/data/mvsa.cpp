#include "data/mvsa.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "data/data_set.h"
#include "data/utf8.h"

namespace infig {
namespace {

bool is_header(std::string_view first_cell) {
  return first_cell.size() == 2 && (first_cell[0] == 'I' || first_cell[0] == 'i') && (first_cell[1] == 'D' || first_cell[1] == 'd');
}

bool is_label(const std::string& word) { return mvsa_label_id(word) < static_cast<int64_t>(mvsa_labels().size()); }

std::string checked_id(std::string_view cell, const std::string& place) {
  std::string id(strip_ascii_space(cell));
  if (const auto fault = id_fault(id); !fault.empty()) throw DataError(fmt::format("{}: the id {}", place, fault));
  return id;
}

std::string checked_label(std::string_view cell, const char* side, const std::string& place, const char* hint = "") {
  std::string label(strip_ascii_space(cell));
  if (!is_label(label)) {
    throw DataError(fmt::format("{}: the {} label is \"{}\", expected positive, neutral or negative{}", place, side, label, hint));
  }
  return label;
}

MvsaLabelRow parse_single_row(std::string_view line, int64_t number, const std::string& place) {
  const size_t tab = line.find('\t');
  const size_t comma = tab == std::string_view::npos ? tab : line.find(',', tab);
  if (comma == std::string_view::npos)
    throw DataError(fmt::format("{}: \"{}\" has no tab or no comma; expected ID<TAB>text label,image label", place, line));
  const bool more_cells = line.find_first_of(",\t", comma + 1) != std::string_view::npos;
  const char* hint = more_cells ? " (rows of three annotators are MVSA-Multiple's)" : "";
  return {.id = checked_id(line.substr(0, tab), place),
          .text_label = checked_label(line.substr(tab + 1, comma - tab - 1), "text", place),
          .image_label = checked_label(line.substr(comma + 1), "image", place, hint),
          .line = number};
}

MvsaMultipleRow parse_multiple_row(std::string_view line, int64_t number, const std::string& place) {
  std::vector<std::string_view> cells;
  for (std::string_view rest = line;;) {
    const size_t tab = rest.find('\t');
    cells.push_back(rest.substr(0, tab));
    if (tab == std::string_view::npos) break;
    rest.remove_prefix(tab + 1);
  }
  MvsaMultipleRow row;
  if (cells.size() != row.text_labels.size() + 1) {
    throw DataError(fmt::format("{}: holds {} cells, expected ID<TAB>text,image<TAB>text,image<TAB>text,image{}", place, cells.size(),
                                cells.size() == 2 ? " (rows of one annotator are MVSA-Single's)" : ""));
  }
  row.id = checked_id(cells[0], place);
  row.line = number;
  for (size_t i = 0; i < row.text_labels.size(); ++i) {
    const std::string_view cell = cells[i + 1];
    const size_t comma = cell.find(',');
    if (comma == std::string_view::npos)
      throw DataError(fmt::format("{}: annotator {}'s cell is \"{}\", expected text label,image label", place, i + 1, cell));
    row.text_labels[i] = checked_label(cell.substr(0, comma), "text", place);
    row.image_labels[i] = checked_label(cell.substr(comma + 1), "image", place);
  }
  return row;
}

// Every row of a label file but blank ones and the header, through `parse`; each id once.
template <typename Row, typename Parse>
std::vector<Row> parse_rows(std::string_view bytes, const std::string& where, const char* expected, Parse&& parse) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  std::vector<Row> rows;
  std::unordered_map<std::string, int64_t> lines;
  for (int64_t number = 1; !bytes.empty(); ++number) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = strip_ascii_space(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (line.empty() || is_header(strip_ascii_space(line.substr(0, line.find('\t'))))) continue;
    const std::string place = fmt::format("{}, line {}", where, number);
    Row row = parse(line, number, place);
    const auto [first, fresh] = lines.try_emplace(row.id, number);
    if (!fresh) throw DataError(fmt::format("{}: id {} is already in line {}; every id must occur once", place, row.id, first->second));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw DataError(fmt::format("{}: holds no row; expected {}", where, expected));
  return rows;
}

}  // namespace

const std::vector<std::string>& mvsa_labels() {
  static const std::vector<std::string> labels{"positive", "neutral", "negative"};
  return labels;
}

int64_t mvsa_label_id(const std::string& label) {
  const auto& labels = mvsa_labels();
  return std::find(labels.begin(), labels.end(), label) - labels.begin();
}

std::vector<MvsaLabelRow> parse_mvsa_single_labels(std::string_view bytes, const std::string& where) {
  return parse_rows<MvsaLabelRow>(bytes, where, "ID<TAB>text label,image label", parse_single_row);
}

std::vector<MvsaMultipleRow> parse_mvsa_multiple_labels(std::string_view bytes, const std::string& where) {
  return parse_rows<MvsaMultipleRow>(bytes, where, "ID<TAB>text,image<TAB>text,image<TAB>text,image", parse_multiple_row);
}

std::optional<std::string> majority_label(const std::array<std::string, 3>& labels) {
  if (labels[0] == labels[1] || labels[0] == labels[2]) return labels[0];
  if (labels[1] == labels[2]) return labels[1];
  return std::nullopt;
}

const std::set<std::string>& mvsa_multiple_excluded() {
  static const std::set<std::string> ids{"3151", "3910", "5995", "15324"};
  return ids;
}

std::optional<std::string> joint_label(const std::string& text_label, const std::string& image_label) {
  for (const std::string* label : {&text_label, &image_label}) {
    if (!is_label(*label)) throw DataError(fmt::format("label \"{}\": expected positive, neutral or negative", *label));
  }
  if (text_label == image_label || image_label == "neutral") return text_label;
  if (text_label == "neutral") return image_label;
  return std::nullopt;
}

}  // namespace infig

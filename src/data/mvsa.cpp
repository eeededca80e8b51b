#include "data/mvsa.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "data/data_set.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

bool is_header(std::string_view first_cell) {
  return first_cell.size() == 2 && (first_cell[0] == 'I' || first_cell[0] == 'i') && (first_cell[1] == 'D' || first_cell[1] == 'd');
}

bool is_label(const std::string& word) {
  const auto& labels = mvsa_labels();
  return std::find(labels.begin(), labels.end(), word) != labels.end();
}

MvsaLabelRow parse_label_row(std::string_view line, const std::string& place) {
  const auto expected = "expected ID<TAB>text label,image label";
  const size_t tab = line.find('\t');
  const size_t comma = tab == std::string_view::npos ? tab : line.find(',', tab);
  if (comma == std::string_view::npos) throw DataError(fmt::format("{}: \"{}\" has no tab or no comma; {}", place, line, expected));
  MvsaLabelRow row;
  row.id = strip_ascii_space(line.substr(0, tab));
  row.text_label = strip_ascii_space(line.substr(tab + 1, comma - tab - 1));
  row.image_label = strip_ascii_space(line.substr(comma + 1));
  if (const auto fault = id_fault(row.id); !fault.empty()) throw DataError(fmt::format("{}: the id {}", place, fault));
  for (const std::string* label : {&row.text_label, &row.image_label}) {
    if (is_label(*label)) continue;
    throw DataError(fmt::format("{}: the {} label is \"{}\", expected positive, neutral or negative{}", place,
                                label == &row.text_label ? "text" : "image", *label,
                                label->find(',') == std::string::npos && label->find('\t') == std::string::npos
                                    ? ""
                                    : " (rows of three annotators are MVSA-Multiple's)"));
  }
  return row;
}

PublicRow parse_public_row(const nlohmann::json& element, int64_t label_count, const std::string& place) {
  const auto field = [&](const char* name) -> const nlohmann::json& {
    if (!element.is_object() || !element.contains(name)) {
      throw DataError(fmt::format("{}: no field \"{}\"; expected an object with id, text and emotion_label", place, name));
    }
    return element[name];
  };
  const auto& id = field("id");
  const auto& text = field("text");
  const auto& label = field("emotion_label");
  if (!id.is_string() && !id.is_number_integer()) throw DataError(fmt::format("{}: field \"id\" is {}, expected text", place, id.dump()));
  if (!text.is_string()) throw DataError(fmt::format("{}: field \"text\" is {}, expected text", place, text.dump()));
  if (!label.is_number_integer() || label.get<int64_t>() < 0 || label.get<int64_t>() >= label_count) {
    throw DataError(
        fmt::format("{}: field \"emotion_label\" is {}, expected a whole number from 0 to {}", place, label.dump(), label_count - 1));
  }
  PublicRow row{
      .id = id.is_string() ? id.get<std::string>() : id.dump(), .text = text.get<std::string>(), .label_id = label.get<int64_t>()};
  if (const auto fault = id_fault(row.id); !fault.empty()) throw DataError(fmt::format("{}: field \"id\" {}", place, fault));
  return row;
}

}  // namespace

const std::vector<std::string>& mvsa_labels() {
  static const std::vector<std::string> labels{"positive", "neutral", "negative"};
  return labels;
}

std::vector<MvsaLabelRow> parse_mvsa_single_labels(std::string_view bytes, const std::string& where) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  std::vector<MvsaLabelRow> rows;
  std::unordered_map<std::string, int64_t> lines;
  int64_t number = 0;
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = strip_ascii_space(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    ++number;
    if (line.empty() || is_header(strip_ascii_space(line.substr(0, line.find('\t'))))) continue;
    const std::string place = fmt::format("{}, row {}", where, number);
    MvsaLabelRow row = parse_label_row(line, place);
    row.line = number;
    const auto [first, fresh] = lines.try_emplace(row.id, number);
    if (!fresh) throw DataError(fmt::format("{}: id {} stands already in row {}; every id must occur once", place, row.id, first->second));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw DataError(fmt::format("{}: holds no row; expected ID<TAB>text label,image label", where));
  return rows;
}

std::optional<std::string> joint_label(const std::string& text_label, const std::string& image_label) {
  for (const std::string* label : {&text_label, &image_label}) {
    if (!is_label(*label)) throw DataError(fmt::format("label \"{}\": expected positive, neutral or negative", *label));
  }
  if (text_label == image_label || image_label == "neutral") return text_label;
  if (text_label == "neutral") return image_label;
  return std::nullopt;
}

std::vector<PublicSplit> read_public_splits(const fs::path& folder, int64_t label_count) {
  static constexpr std::array<const char*, 5> kFiles{"train.json", "dev.json", "valid.json", "val.json", "test.json"};
  if (!fs::is_directory(folder))
    throw DataError(fmt::format("{}: no such folder; --splits names the folder of train.json, dev.json and test.json", folder.string()));
  std::vector<PublicSplit> splits;
  std::unordered_map<std::string, std::string> places;
  for (const char* name : kFiles) {
    const fs::path file = folder / name;
    if (!fs::exists(file)) continue;
    PublicSplit split{.split = parse_split(fs::path(name).stem().string()), .file = file, .rows = {}};
    if (!splits.empty() && splits.back().split == split.split) {
      throw DataError(
          fmt::format("{}: {} is the same split; keep one of the two files", file.string(), splits.back().file.filename().string()));
    }
    nlohmann::json array;
    try {
      array = nlohmann::json::parse(read_file(file));
    } catch (const nlohmann::json::exception& error) {
      throw DataError(fmt::format("{}: no valid JSON ({})", file.string(), error.what()));
    }
    if (!array.is_array() || array.empty()) throw DataError(fmt::format("{}: expected a JSON array of posts", file.string()));
    for (size_t i = 0; i < array.size(); ++i) {
      const std::string place = fmt::format("{}, element {}", file.string(), i + 1);
      PublicRow row = parse_public_row(array[i], label_count, place);
      const auto [first, fresh] = places.try_emplace(row.id, place);
      if (!fresh)
        throw DataError(fmt::format("{}: id {} stands already in {}; every id belongs to one split once", place, row.id, first->second));
      split.rows.push_back(std::move(row));
    }
    splits.push_back(std::move(split));
  }
  if (splits.empty()) throw DataError(fmt::format("{}: holds none of train.json, dev.json, valid.json, test.json", folder.string()));
  return splits;
}

}  // namespace infig

#include "data/tumemo.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <unordered_map>

#include "core/error.h"
#include "core/json.h"
#include "data/rows.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// First ids of the classes, and the first id beyond the last.
constexpr std::array<int64_t, 8> kFirstIds{0, 14554, 46837, 64946, 85210, 135477, 169988, kTumemoPosts};

std::optional<uint32_t> parse_id(std::string_view word) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return id;
}

// Calls `line(text, number)` for every line that is not blank, stripped. Holds one line.
template <typename Line>
void for_each_line(std::istream& stream, Line&& line) {
  std::string bytes;
  for (int64_t number = 1; std::getline(stream, bytes); ++number) {
    std::string_view text = bytes;
    if (number == 1 && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    text = strip_ascii_space(text);
    if (!text.empty()) line(text, number);
  }
}

std::ifstream open_lines(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream || fs::is_directory(file)) throw DataError(fmt::format("{}: cannot be opened; expected a file", file.string()));
  return stream;
}

std::string_view first_word(std::string_view line) { return line.substr(0, line.find_first_of(" \t\v\f\r")); }

uint32_t checked_id(std::string_view word, const std::string& place) {
  const auto id = parse_id(word);
  if (!id) throw DataError(fmt::format("{}: the id is \"{}\", expected a whole number from 0 to 4294967295", place, word));
  return *id;
}

TumemoRow parse_label_row(std::string_view line, const std::string& place) {
  const std::string_view word = first_word(line);
  const std::string_view label = strip_ascii_space(line.substr(word.size()));
  TumemoRow row{.id = checked_id(word, place), .label_id = 0};
  if (label.empty()) throw DataError(fmt::format("{}: \"{}\" holds no label; expected an id and a label", place, line));
  const auto label_id = tumemo_label(label);
  if (!label_id)
    throw DataError(fmt::format("{}: the label is \"{}\", expected angry, bored, calm, fear, happy, love or sad", place, label));
  row.label_id = static_cast<int32_t>(*label_id);
  return row;
}

TumemoRow parse_list_object(std::string_view line, const std::string& place) {
  const nlohmann::json object = parse_foreign_json(line);
  if (!object.is_object()) throw DataError(fmt::format("{}: no JSON object; expected one a line, with \"id\"", place));
  const auto id = object.find("id");
  if (id == object.end() || (!id->is_string() && !id->is_number_unsigned()))
    throw DataError(fmt::format("{}: field \"id\" is {}, expected a whole number or its text", place,
                                id == object.end() ? "missing" : id->type_name()));
  TumemoRow row{.id = checked_id(id->is_string() ? id->get<std::string>() : id->dump(), place), .label_id = -1};
  const auto label = object.find("label");
  if (label == object.end()) return row;
  const auto label_id = label->is_string() ? tumemo_label(label->get_ref<const std::string&>()) : std::nullopt;
  if (!label_id) throw DataError(fmt::format("{}: field \"label\" is {}, expected one of TumEmo's seven labels", place, label->dump()));
  row.label_id = static_cast<int32_t>(*label_id);
  return row;
}

std::vector<TumemoRow> read_list(const fs::path& file) {
  const bool objects = file.extension() != ".txt";
  std::vector<TumemoRow> rows;
  std::ifstream stream = open_lines(file);
  for_each_line(stream, [&](std::string_view line, int64_t number) {
    const std::string place = line_place(file, number);
    rows.push_back(objects ? parse_list_object(line, place) : TumemoRow{.id = checked_id(first_word(line), place), .label_id = -1});
  });
  if (rows.empty()) throw DataError(fmt::format("{}: holds no id", file.string()));
  return rows;
}

void check_distinct(const std::vector<TumemoRow>& rows, const std::vector<uint32_t>& lines, const std::string& where) {
  const auto falls = [](const TumemoRow& a, const TumemoRow& b) { return a.id >= b.id; };
  if (std::adjacent_find(rows.begin(), rows.end(), falls) == rows.end()) return;  // as the published file does
  std::vector<uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return rows[a].id < rows[b].id; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (rows[order[i]].id != rows[order[i - 1]].id) continue;
    throw DataError(fmt::format("{}, line {}: id {} is already in line {}; every id must occur once", where, lines[order[i]],
                                rows[order[i]].id, lines[order[i - 1]]));
  }
}

std::vector<TumemoRow> parse_lines(std::istream& stream, size_t bytes, const std::string& where) {
  // No row is shorter. Growing step by step would hold each vector twice; what is reserved and never touched costs no memory.
  constexpr size_t kShortestRow = sizeof("1 sad");
  std::vector<TumemoRow> rows;
  std::vector<uint32_t> lines;
  rows.reserve(bytes / kShortestRow + 1);
  lines.reserve(bytes / kShortestRow + 1);
  bool first = true;
  for_each_line(stream, [&](std::string_view line, int64_t number) {
    // Some copies of the file begin with a header whose text is not documented; its first cell is not a number.
    const bool header = first && !parse_id(first_word(line));
    first = false;
    if (header) return;
    rows.push_back(parse_label_row(line, fmt::format("{}, line {}", where, number)));
    lines.push_back(static_cast<uint32_t>(number));
  });
  if (rows.empty()) throw DataError(fmt::format("{}: holds no row; expected an id and a label a line", where));
  check_distinct(rows, lines, where);
  return rows;
}

}  // namespace

const std::vector<std::string>& tumemo_labels() {
  static const std::vector<std::string> labels{"angry", "bored", "calm", "fear", "happy", "love", "sad"};
  return labels;
}

std::optional<int64_t> tumemo_label(std::string_view word) {
  static const std::map<std::string, int64_t, std::less<>> ids{{"angry", 0}, {"bored", 1}, {"calm", 2},   {"fear", 3}, {"fearful", 3},
                                                               {"happy", 4}, {"love", 5},  {"loving", 5}, {"sad", 6}};
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const auto found = ids.find(lower);
  if (found == ids.end()) return std::nullopt;
  return found->second;
}

int64_t tumemo_class_of(int64_t id) {
  if (id < 0 || id >= kTumemoPosts) return -1;
  return std::upper_bound(kFirstIds.begin(), kFirstIds.end(), id) - kFirstIds.begin() - 1;
}

std::string tumemo_range(int64_t label_id) {
  const auto label = static_cast<size_t>(label_id);
  return fmt::format("{}..{}", kFirstIds.at(label), kFirstIds.at(label + 1) - 1);
}

std::vector<TumemoRow> parse_tumemo_labels(std::string_view bytes, const std::string& where) {
  std::istringstream stream{std::string(bytes)};
  return parse_lines(stream, bytes.size(), where);
}

std::vector<TumemoRow> read_tumemo_labels(const fs::path& file) {
  std::ifstream stream = open_lines(file);
  std::error_code no_size;  // a pipe has none
  const auto bytes = fs::file_size(file, no_size);
  return parse_lines(stream, no_size ? 0 : static_cast<size_t>(bytes), file.string());
}

std::vector<std::string> tumemo_range_faults(const std::vector<TumemoRow>& rows) {
  struct Fault {
    int64_t count = 0;
    uint32_t first = 0;
  };
  std::map<int32_t, Fault> faults;
  for (const auto& row : rows) {
    if (tumemo_class_of(row.id) == row.label_id) continue;
    Fault& fault = faults[row.label_id];
    if (fault.count++ == 0) fault.first = row.id;
  }
  std::vector<std::string> sentences;
  for (const auto& [label_id, fault] : faults) {
    const int64_t meant = tumemo_class_of(fault.first);
    sentences.push_back(fmt::format("{} rows labelled {} lie outside its ids {}, the first is {}, which is {}", fault.count,
                                    tumemo_labels()[static_cast<size_t>(label_id)], tumemo_range(label_id), fault.first,
                                    meant < 0
                                        ? fmt::format("beyond TumEmo's last id, {}", kTumemoPosts - 1)
                                        : fmt::format("among {}'s {}", tumemo_labels()[static_cast<size_t>(meant)], tumemo_range(meant))));
  }
  return sentences;
}

std::vector<TumemoList> read_tumemo_lists(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw DataError(fmt::format("{}: no such folder; --splits names the folder of the lists of ids (train.txt, val_all_anno.json, ...)",
                                folder.string()));
  std::vector<TumemoList> lists;
  std::unordered_map<uint32_t, std::string> places;
  for (const char* name : {"train", "dev", "valid", "val", "test"}) {
    for (const char* ending : {".txt", ".json", ".jsonl", "_all_anno.json"}) {
      const fs::path file = folder / (std::string(name) + ending);
      if (!fs::exists(file)) continue;
      TumemoList list{.split = parse_split(name), .file = file, .rows = read_list(file)};
      if (!lists.empty() && lists.back().split == list.split) {
        throw DataError(
            fmt::format("{}: {} is the same split; keep one of the two files", file.string(), lists.back().file.filename().string()));
      }
      const std::string file_name = file.filename().string();
      for (const auto& row : list.rows) {
        const auto [before, fresh] = places.try_emplace(row.id, file_name);
        if (!fresh)
          throw DataError(
              fmt::format("{}: id {} is already in {}; every id belongs to one split once", file.string(), row.id, before->second));
      }
      lists.push_back(std::move(list));
    }
  }
  if (lists.empty()) {
    throw DataError(fmt::format(
        "{}: holds no list of ids; expected train, dev (or valid, val) or test as .txt, .json, .jsonl or _all_anno.json", folder.string()));
  }
  return lists;
}

}  // namespace infig

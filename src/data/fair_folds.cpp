#include "data/fair_folds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "data/data_set.h"
#include "data/label_words.h"
#include "data/mvsa.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPairFile = "valid_pairlist.txt";

// Every line that is not blank, with its number from 1 and its place for messages.
void each_line(std::string_view bytes, const std::string& where, const std::function<void(std::string_view, const std::string&)>& take) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  for (int64_t number = 1; !bytes.empty(); ++number) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = strip_ascii_space(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (!line.empty()) take(line, fmt::format("{}, line {}", where, number));
  }
}

const std::string& coded_label(std::string_view cell, const std::string& place) {
  static const std::array<std::string, 3> kCodes{"neutral", "positive", "negative"};
  const std::string_view code = strip_ascii_space(cell);
  if (code.size() != 1 || code[0] < '0' || code[0] > '2')
    throw DataError(fmt::format("{}: the label is \"{}\", expected 0 (neutral), 1 (positive) or 2 (negative)", place, cell));
  return kCodes[static_cast<size_t>(code[0] - '0')];
}

FairPair parse_pair(std::string_view line, const std::string& place) {
  std::array<std::string_view, 4> cells;
  const auto commas = std::count(line.begin(), line.end(), ',');
  if (commas != 3) throw DataError(fmt::format("{}: holds {} cells, expected ID,label,text label,image label", place, commas + 1));
  for (auto& cell : cells) {
    const size_t comma = std::min(line.find(','), line.size());
    cell = line.substr(0, comma);
    line.remove_prefix(std::min(comma + 1, line.size()));
  }
  FairPair pair{.id = std::string(strip_ascii_space(cells[0])),
                .label = coded_label(cells[1], place),
                .text_label = coded_label(cells[2], place),
                .image_label = coded_label(cells[3], place)};
  if (const auto fault = id_fault(pair.id); !fault.empty()) throw DataError(fmt::format("{}: the id {}", place, fault));
  const auto by_rule = joint_label(pair.text_label, pair.image_label);
  if (by_rule != pair.label)
    throw DataError(fmt::format("{}: the label is {}, but the rule makes {} of text {} and image {}", place, pair.label,
                                by_rule.value_or("none"), pair.text_label, pair.image_label));
  return pair;
}

fs::path list_file(const fs::path& folder, const std::string& name) {
  for (const fs::path& file : {folder / "splits" / name, folder / name}) {
    if (fs::exists(file)) return file;
  }
  throw DataError(
      fmt::format("{}: is absent; --splits names the folder of {} with splits/{}", (folder / "splits" / name).string(), kPairFile, name));
}

}  // namespace

std::vector<FairPair> parse_fair_pairs(std::string_view bytes, const std::string& where) {
  std::vector<FairPair> pairs;
  std::unordered_map<std::string, std::string> places;
  each_line(bytes, where, [&](std::string_view line, const std::string& place) {
    FairPair pair = parse_pair(line, place);
    const auto first = places.find(pair.id);
    if (first != places.end())
      throw DataError(fmt::format("{}: id {} stands in {} already; every id must occur once", place, pair.id, first->second));
    places.emplace(pair.id, place);
    pairs.push_back(std::move(pair));
  });
  if (pairs.empty()) throw DataError(fmt::format("{}: holds no row; expected ID,label,text label,image label", where));
  return pairs;
}

std::vector<int64_t> parse_fair_rows(std::string_view bytes, int64_t pairs, const std::string& where) {
  std::vector<int64_t> rows;
  std::vector<bool> seen(static_cast<size_t>(pairs));
  each_line(bytes, where, [&](std::string_view line, const std::string& place) {
    const auto row = whole_number(line);
    if (!row || *row < 0 || *row >= pairs)
      throw DataError(fmt::format("{}: is \"{}\", expected a row of {}, 0 to {}", place, line, kPairFile, pairs - 1));
    if (seen[static_cast<size_t>(*row)]) throw DataError(fmt::format("{}: row {} of {} stands there twice", place, *row, kPairFile));
    seen[static_cast<size_t>(*row)] = true;
    rows.push_back(*row);
  });
  return rows;
}

bool holds_fair_pairs(const fs::path& folder) { return fs::exists(folder / kPairFile); }

std::vector<FairPair> read_fair_pairs(const fs::path& folder) {
  const fs::path file = folder / kPairFile;
  if (!fs::exists(file))
    throw DataError(fmt::format("{}: is absent; --splits names the folder that the ten folds are published in, with {} and splits/",
                                file.string(), kPairFile));
  return parse_fair_pairs(read_file(file), file.string());
}

FairFold read_fair_fold(const fs::path& folder, int64_t fold) {
  FairFold found{.pairs = read_fair_pairs(folder), .lists = {}, .rows = {}};
  const auto pairs = static_cast<int64_t>(found.pairs.size());
  std::vector<std::string> taken(found.pairs.size());
  for (const char* split : {"train", "val", "test"}) {
    const fs::path file = list_file(folder, fmt::format("{}_{}.txt", split, fold));
    found.lists.push_back(file.lexically_relative(folder).generic_string());
    found.rows.push_back(parse_fair_rows(read_file(file), pairs, file.string()));
    for (const int64_t row : found.rows.back()) {
      auto& other = taken[static_cast<size_t>(row)];
      if (!other.empty())
        throw DataError(fmt::format("{}: row {} ({}) is in {} as well; a post belongs to one split", file.string(), row,
                                    found.pairs[static_cast<size_t>(row)].id, other));
      other = found.lists.back();
    }
  }
  return found;
}

}  // namespace infig

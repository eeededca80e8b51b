#include "data/label_words.h"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <charconv>

#include "data/utf8.h"

namespace infig {
namespace {

// Length of the character at `at`; a byte that is no UTF-8 counts as one.
size_t step(std::string_view text, size_t at) { return std::max<size_t>(1, utf8_sequence_length(text, at)); }

bool is_blank(std::string_view text, size_t at) {
  const size_t length = utf8_sequence_length(text, at);
  return length > 0 && u_isUWhiteSpace(static_cast<UChar32>(utf8_code_point(text, at, length))) != 0;
}

bool all_numbers(const std::map<std::string, int64_t>& counts) {
  return !counts.empty() && std::all_of(counts.begin(), counts.end(), [](const auto& one) {
    return whole_number(strip_blanks(one.first), /*decimals=*/true).has_value();
  });
}

std::string quoted(const std::string& word, int64_t posts) { return fmt::format("\"{}\" ({} post{})", word, posts, posts == 1 ? "" : "s"); }

using SpellingGroup = std::vector<std::pair<std::string, int64_t>>;
std::map<std::string, SpellingGroup> by_key(const std::map<std::string, int64_t>& counts) {
  std::map<std::string, SpellingGroup> groups;
  for (const auto& [word, posts] : counts) groups[label_key(word)].emplace_back(word, posts);
  return groups;
}

std::string joined(const SpellingGroup& group) {
  std::string list;
  for (const auto& [word, posts] : group) list += (list.empty() ? "" : ", ") + quoted(word, posts);
  return list;
}

}  // namespace

std::optional<int64_t> whole_number(std::string_view word, bool decimals) {
  if (decimals) {
    const size_t point = word.find_first_of(".,");
    const size_t zeros = point == std::string_view::npos ? 0 : word.size() - point - 1;
    const bool thousands = zeros == 3 && word[point] == ',';  // "1,000" is more likely a thousand than 1
    if (zeros > 0 && !thousands && word.find_first_not_of('0', point + 1) == std::string_view::npos) word = word.substr(0, point);
  }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::string strip_blanks(std::string_view word) {
  size_t begin = word.size(), end = 0;
  for (size_t at = 0; at < word.size(); at += step(word, at)) {
    if (is_blank(word, at)) continue;
    begin = std::min(begin, at);
    end = at + step(word, at);
  }
  return begin < end ? std::string(word.substr(begin, end - begin)) : "";
}

std::string shown_label(const std::string& label) { return label.empty() || strip_blanks(label) != label ? "\"" + label + "\"" : label; }

std::string label_key(std::string_view word) {
  const std::string plain = strip_blanks(word);
  if (const auto number = whole_number(plain, /*decimals=*/true)) return std::to_string(*number);
  std::string key;
  for (size_t at = 0; at < plain.size();) {
    const size_t length = utf8_sequence_length(plain, at);
    if (length == 0) {
      key += plain[at++];
      continue;
    }
    append_utf8(key, static_cast<uint32_t>(u_foldCase(static_cast<UChar32>(utf8_code_point(plain, at, length)), U_FOLD_CASE_DEFAULT)));
    at += length;
  }
  return key;
}

std::vector<std::string> odd_labels(const std::map<std::string, int64_t>& counts, bool named) {
  std::vector<std::string> odd;
  SpellingGroup blank, decimal, single, absent;
  for (const auto& [key, group] : by_key(counts)) {
    if (group.size() > 1) {
      odd.push_back(fmt::format(
          "labels that differ by case, blanks or \".0\" alone: {}; prepare --strip-labels makes one label of them, prepare --labels "
          "NAME,NAME,.. refuses all but the names",
          joined(group)));
      continue;
    }
    const auto& [word, posts] = group.front();
    if (strip_blanks(word) != word) blank.emplace_back(word, posts);
    if (!whole_number(word) && whole_number(word, /*decimals=*/true)) decimal.emplace_back(word, posts);
    if (posts == 1) single.emplace_back(word, posts);
    if (posts == 0) absent.emplace_back(word, posts);
  }
  if (!blank.empty())
    odd.push_back(fmt::format("labels with blanks at their ends: {}; prepare --strip-labels takes them off", joined(blank)));
  if (!decimal.empty() && all_numbers(counts)) {
    odd.push_back(fmt::format(
        "labels that are whole numbers written as decimals, as pandas does where a cell is empty: {}; prepare --strip-labels takes the .0 "
        "off, prepare --labels NAME,NAME,.. names them in order from 0",
        joined(decimal)));
  }
  if (!single.empty()) {
    odd.push_back(fmt::format("labels of a single post, from which nothing can be learned: {}; {}", joined(single),
                              named ? "give them more posts, or leave them out of --labels and of the table"
                                    : "correct their spelling, give them more posts, or take their rows out of the table"));
  }
  if (!absent.empty()) odd.push_back(fmt::format("labels without any post: {}; compare --labels with the table", joined(absent)));
  return odd;
}

std::string only_label(const std::vector<std::string>& labels) {
  return labels.size() == 1 ? fmt::format("\"{}\" is the only label, and a classifier needs two at least", labels.front()) : "";
}

std::optional<size_t> named_label(std::string_view word, const std::vector<std::string>& names, bool strip) {
  const auto place = [&](const auto& is) -> std::optional<size_t> {
    const auto found = std::find_if(names.begin(), names.end(), is);
    return found == names.end() ? std::nullopt : std::optional(static_cast<size_t>(found - names.begin()));
  };
  if (const auto exact = place([&](const std::string& name) { return name == word; })) return exact;
  if (const auto number = whole_number(word, /*decimals=*/true)) {
    if (const auto same = place([&](const std::string& name) { return whole_number(name) == number; })) return same;
    const bool words = std::none_of(names.begin(), names.end(), [](const std::string& name) { return whole_number(name).has_value(); });
    if (words && *number >= 0 && *number < static_cast<int64_t>(names.size())) return static_cast<size_t>(*number);
  }
  if (!strip) return std::nullopt;
  const std::string key = label_key(word);
  const auto alike = [&](const std::string& name) { return label_key(name) == key; };
  if (std::count_if(names.begin(), names.end(), alike) != 1) return std::nullopt;
  return place(alike);
}

std::map<std::string, std::string> merge_labels(const std::map<std::string, int64_t>& counts) {
  const bool numbers = all_numbers(counts);
  std::map<std::string, std::string> names;
  for (const auto& [key, group] : by_key(counts)) {
    std::map<std::string, int64_t> spellings;
    for (const auto& [word, posts] : group) spellings[numbers ? key : strip_blanks(word)] += posts;
    const auto most =
        std::max_element(spellings.begin(), spellings.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    for (const auto& [word, posts] : group) names[word] = most->first;
  }
  return names;
}

}  // namespace infig

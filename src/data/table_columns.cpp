#include "data/table_columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <system_error>

#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

std::string lower_name(std::string_view name) {
  std::string lower(strip_ascii_space(name));
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

const std::map<std::string, std::string>& fields_by_name() {
  static const std::map<std::string, std::string> kFields = {
      {"id", "id"},        {"guid", "id"},         {"text", "text"},        {"caption", "text"},    {"tweet", "text"},
      {"image", "image"},  {"img", "image"},       {"image_path", "image"}, {"file_name", "image"}, {"label", "label"},
      {"labels", "label"}, {"sentiment", "label"}, {"class", "label"},      {"split", "split"}};
  return kFields;
}

// How well a name fits its field: 0 the field's own name, 1 that in another case, 2 one of its other names.
int rank_of(std::string_view name, const std::string& field) {
  if (strip_ascii_space(name) == field) return 0;
  return lower_name(name) == field ? 1 : 2;
}

// The one column that a user names; -1 and perhaps a fault where there is none.
int64_t asked_column(const std::vector<std::string>& names, const std::string& field, const std::string& asked, bool may_lack,
                     std::string& fault) {
  std::vector<size_t> alike;
  for (size_t i = 0; i < names.size(); ++i) {
    if (strip_ascii_space(names[i]) == asked) return static_cast<int64_t>(i);
    if (lower_name(names[i]) == lower_name(asked)) alike.push_back(i);
  }
  if (alike.size() == 1) return static_cast<int64_t>(alike[0]);
  if (alike.size() > 1) {
    fault = fmt::format("--columns {}={}: there are several such columns; write the name as the header does", field, asked);
  } else if (!may_lack) {
    fault = fmt::format("--columns {}={}: there is no column \"{}\"; found: {}", field, asked, asked, fmt::join(names, ", "));
  }
  return -1;
}

bool is_number(std::string_view value) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  return error == std::errc() && end == value.data() + value.size();
}

}  // namespace

const std::vector<std::string>& post_fields() {
  static const std::vector<std::string> kFields = {"id", "text", "image", "label", "split"};
  return kFields;
}

std::optional<std::string> field_called(std::string_view name) {
  const auto found = fields_by_name().find(lower_name(name));
  return found == fields_by_name().end() ? std::nullopt : std::optional(found->second);
}

ColumnChoice choose_columns(const std::vector<std::string>& names, const std::map<std::string, std::string>& asked, bool may_lack) {
  ColumnChoice choice;
  std::set<size_t> taken;
  for (const auto& [field, name] : asked) {
    const int64_t place = asked_column(names, field, name, may_lack, choice.fault);
    if (!choice.fault.empty()) return choice;
    if (place < 0) continue;
    choice.places[field] = static_cast<size_t>(place);
    taken.insert(static_cast<size_t>(place));
  }
  for (const std::string& field : post_fields()) {
    if (asked.contains(field)) continue;
    int best = 3;
    std::vector<size_t> fitting;
    for (size_t i = 0; i < names.size(); ++i) {
      if (taken.contains(i) || field_called(names[i]) != field) continue;
      const int rank = rank_of(names[i], field);
      if (rank < best) fitting.clear();
      best = std::min(best, rank);
      if (rank == best) fitting.push_back(i);
    }
    if (fitting.size() > 1) {
      const std::string first(strip_ascii_space(names[fitting[0]])), second(strip_ascii_space(names[fitting[1]]));
      choice.fault = first == second ? fmt::format("column \"{}\" occurs twice; keep one", first)
                                     : fmt::format(
                                           "the columns \"{0}\" and \"{1}\" could both be the field {2}; --columns {2}={0} takes "
                                           "the first of them",
                                           first, second, field);
      return choice;
    }
    if (!fitting.empty()) choice.places[field] = fitting[0];
  }
  return choice;
}

void ColumnLooks::see(const std::string& column, std::string_view value) {
  auto found = looks_.find(column);
  if (found == looks_.end()) {
    if (looks_.size() >= kMostColumns) return;
    found = looks_.emplace(column, Look()).first;
    order_.push_back(column);
  }
  Look& look = found->second;
  value = strip_ascii_space(value);
  if (value.empty()) return;
  ++look.values;
  if (look.distinct.size() <= kMostDistinct) look.distinct.insert(std::string(value.substr(0, 24)));
  look.addresses += value.starts_with("http://") || value.starts_with("https://") ? 1 : 0;
  look.numbers += is_number(value) ? 1 : 0;
  constexpr size_t kLongestPath = 255;
  if (value.size() > kLongestPath || value.find('\n') != std::string_view::npos || value.find('.') == std::string_view::npos) return;
  std::error_code code;
  look.files += fs::is_regular_file(folder_ / fs::path(std::string(value)), code) ? 1 : 0;
}

std::vector<std::string> ColumnLooks::words() const {
  std::vector<std::string> words;
  for (const std::string& column : order_) {
    const Look& look = looks_.at(column);
    std::string what;
    if (look.values == 0) {
      what = "empty";
    } else if (look.files > 0) {
      what = fmt::format("names {} files that exist", look.files);
    } else if (look.addresses == look.values) {
      what = "web addresses";
    } else if (look.distinct.size() <= kMostDistinct && look.values > static_cast<int64_t>(look.distinct.size())) {
      what = fmt::format("{} different values ({})", look.distinct.size(), fmt::join(look.distinct, ", "));
    } else {
      what = look.numbers == look.values ? "numbers" : "texts";
    }
    words.push_back(fmt::format("{}: {}", column, what));
  }
  return words;
}

void note_columns(const fs::path& table, const std::map<std::string, std::string>& used, const ColumnLooks& looks, TableNotes& notes) {
  std::vector<std::string> others;
  for (const auto& [field, name] : used) {
    if (name != field) others.push_back(fmt::format("{} is the column \"{}\"", field, name));
  }
  if (!others.empty()) notes.add(table, fmt::format("{}", fmt::join(others, ", ")));
  const std::vector<std::string> unused = looks.words();
  if (!unused.empty())
    notes.add(table, fmt::format("columns that are not used (--columns FIELD=NAME takes one): {}", fmt::join(unused, "; ")));
}

}  // namespace infig

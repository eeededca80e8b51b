#include "data/hfm.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "data/data_set.h"
#include "data/python_literal.h"
#include "data/utf8.h"

namespace infig {
namespace {

const char* type_name(const PythonValue& value) { return std::holds_alternative<std::string>(value) ? "a text" : "a number"; }

std::string& text_of(PythonValue& value, const char* what, const std::string& place) {
  auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) throw DataError(fmt::format("{}: the {} is {}, expected a quoted text", place, what, type_name(value)));
  return *text;
}

std::string id_of(PythonValue& value, const std::string& place) {
  std::string& id = text_of(value, "id", place);
  if (const auto fault = id_fault(id); !fault.empty()) throw DataError(fmt::format("{}: the id {}", place, fault));
  return std::move(id);
}

int64_t label_of(const PythonValue& value, const char* what, const std::string& place) {
  const auto* label = std::get_if<int64_t>(&value);
  if (label == nullptr) throw DataError(fmt::format("{}: the {} is {}, expected 0 or 1", place, what, type_name(value)));
  if (*label != 0 && *label != 1) throw DataError(fmt::format("{}: the {} is {}, expected 0 or 1", place, what, *label));
  return *label;
}

}  // namespace

const std::vector<std::string>& hfm_labels() {
  static const std::vector<std::string> labels{"not_sarcastic", "sarcastic"};
  return labels;
}

const std::vector<std::string>& hfm_filter_words() {
  static const std::vector<std::string> words{"sarcasm", "sarcastic", "reposting", "<url>",  "joke", "humour",
                                              "humor",   "jokes",     "irony",     "ironic", "exgag"};
  return words;
}

std::vector<std::string> hfm_filter_hits(std::string_view text) {
  const auto words = split_words(text);
  std::vector<std::string> hits;
  for (const auto& filtered : hfm_filter_words()) {
    if (std::find(words.begin(), words.end(), filtered) != words.end()) hits.push_back(filtered);
  }
  return hits;
}

HfmRow parse_hfm_row(std::string_view line, int64_t number, const std::string& place) {
  auto values = parse_python_list(line, place);
  if (values.size() != 3 && values.size() != 4) {
    throw DataError(fmt::format("{}: the list holds {} elements, expected ['id', text, label] or ['id', text, hashtag label, human label]",
                                place, values.size()));
  }
  HfmRow row;
  row.id = id_of(values[0], place);
  row.text = std::move(text_of(values[1], "text", place));
  row.hashtag_label = label_of(values[2], values.size() == 3 ? "label" : "hashtag label", place);
  row.label_id = values.size() == 3 ? row.hashtag_label : label_of(values[3], "human label", place);
  row.line = number;
  return row;
}

HfmAttributes parse_hfm_attributes(std::string_view line, const std::string& place) {
  auto values = parse_python_list(line, place);
  HfmAttributes row;
  if (values.size() != 1 + row.words.size()) {
    throw DataError(fmt::format("{}: the list holds {} elements, expected an id and {} words", place, values.size(), row.words.size()));
  }
  row.id = id_of(values[0], place);
  for (size_t i = 0; i < row.words.size(); ++i) row.words[i] = std::move(text_of(values[i + 1], "attribute", place));
  return row;
}

}  // namespace infig

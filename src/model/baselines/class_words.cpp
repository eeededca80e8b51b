#include "model/baselines/class_words.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_fields.h"
#include "data/line_reader.h"
#include "data/rows.h"
#include "data/utf8.h"
#include "text/unicode.h"
#include "text/word_cut.h"

namespace infig {

namespace {

// {"id2label": {"0": "tench, Tinca tinca", ...}}, as transformers writes config.json.
std::vector<std::string> names_in_config(const std::filesystem::path& file) {
  const JsonFields fields = JsonFields::of_file(file).object("id2label");
  std::vector<std::string> names;
  for (size_t i = 0; i < fields.json().size(); ++i) names.push_back(fields.text(std::to_string(i)));
  if (names.empty()) fields.refuse("0", "the name of class 0");
  return names;
}

}  // namespace

std::vector<std::string> read_names_of_classes(const std::filesystem::path& file) {
  if (file.extension() == ".json") return names_in_config(file);
  std::vector<std::string> names;
  LineReader lines(file);
  int64_t blank = 0;  // the line
  for (std::string line; lines.next(line);) {
    const std::string_view name = strip_ascii_space(line);
    if (name.empty()) {
      if (blank == 0) blank = lines.number();
      continue;
    }
    if (blank != 0) throw DataError(fmt::format("{}: is blank; expected the name of class {}", line_place(file, blank), names.size()));
    if (const size_t bad = find_invalid_utf8(name); bad != std::string_view::npos)
      throw DataError(
          fmt::format("{}: is not UTF-8 (byte {}); expected the name of class {}", line_place(file, lines.number()), bad, names.size()));
    names.emplace_back(name);
  }
  if (names.empty()) throw DataError(fmt::format("{}: holds no names; expected one a line, that of class 0 first", file.string()));
  return names;
}

std::vector<std::string> words_of_class(const std::string& name) {
  std::vector<std::string> words;
  cut_words(std::string_view(name).substr(0, name.find(',')), WordCut::kLower, [&words](const std::string& word, int32_t, int32_t) {
    if ((char_flags(utf8_at(word, 0).code) & kPunctuation) == 0) words.push_back(word);
    return true;
  });
  return words;
}

int64_t widest_class(const std::vector<std::string>& names) {
  size_t widest = 1;
  for (const std::string& name : names) widest = std::max(widest, words_of_class(name).size());
  return static_cast<int64_t>(widest);
}

at::Tensor class_word_table(const std::vector<std::string>& names, int64_t width, const WordVocabulary& vocabulary) {
  const at::Tensor table = at::zeros({static_cast<int64_t>(names.size()), width}, at::kLong);
  for (size_t i = 0; i < names.size(); ++i) {
    const auto words = words_of_class(names[i]);
    for (size_t k = 0; k < words.size() && static_cast<int64_t>(k) < width; ++k)
      table.data_ptr<int64_t>()[static_cast<int64_t>(i) * width + static_cast<int64_t>(k)] = vocabulary.id_of(words[k]);
  }
  return table;
}

namespace {

at::Tensor highest_classes(const at::Tensor& scores, int64_t top) {
  return std::get<1>(at::sort(scores, /*stable=*/true, /*dim=*/1, /*descending=*/true)).slice(1, 0, top);
}

at::Tensor resized(const at::Tensor& ids, int64_t length) {
  return ids.size(1) >= length ? ids.slice(1, 0, length) : at::constant_pad_nd(ids, {0, length - ids.size(1)}, 0);
}

}  // namespace

at::Tensor caption_of_classes(const at::Tensor& scores, const at::Tensor& table, int64_t top, int64_t length) {
  const at::Tensor best = highest_classes(scores, top);
  const at::Tensor ids = table.index_select(0, best.flatten()).view({best.size(0), -1});
  const at::Tensor order = std::get<1>(at::sort(ids.eq(0).to(at::kInt), /*stable=*/true, /*dim=*/1, /*descending=*/false));
  return resized(ids.gather(1, order), length);
}

at::Tensor attributes_of_classes(const at::Tensor& scores, const at::Tensor& table, int64_t count) {
  const at::Tensor best = highest_classes(scores, count);
  const at::Tensor last = table.ne(0).sum(1).sub(1).clamp_min(0);  // a name of punctuation alone has no word: its first is 0
  const at::Tensor words = table.gather(1, last.unsqueeze(1)).squeeze(1);
  return resized(words.index_select(0, best.flatten()).view(best.sizes()), count);
}

}  // namespace infig

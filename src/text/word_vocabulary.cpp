#include "text/word_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"

namespace infig {
namespace {

constexpr const char* kWordsFile = "words.json";

}  // namespace

WordVocabulary::WordVocabulary(std::vector<std::string> words, WordCut cut, const std::string& where)
    : words_(std::move(words)), cut_(cut) {
  if (words_.size() >= static_cast<size_t>(std::numeric_limits<int32_t>::max()) - kFirstWord)
    throw CheckpointError(fmt::format("{}: {} words; at most 2^31 - 3 can have ids", where, words_.size()));
  ids_.reserve(words_.size());
  for (size_t i = 0; i < words_.size(); ++i) {
    if (words_[i].empty()) throw CheckpointError(fmt::format("{}: word {} is empty", where, i));
    const auto [first, fresh] = ids_.try_emplace(words_[i], kFirstWord + static_cast<int64_t>(i));
    if (fresh) continue;
    throw CheckpointError(fmt::format("{}: word {} is word {} again; every word must occur once", where, i, first->second - kFirstWord));
  }
}

int64_t WordVocabulary::id_of(std::string_view word) const {
  const auto found = ids_.find(word);
  return found == ids_.end() ? kUnknownWord : found->second;
}

void WordVocabulary::encode_spans(std::string_view text, int64_t max_length, std::vector<TokenSpan>& spans) const {
  if (max_length < 0) throw ConfigError(fmt::format("max_length is {}, expected 0 (never cut) or more", max_length));
  if (text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    throw DataError(fmt::format("a text has {} bytes, expected fewer than 2 GB; cut it into several", text.size()));
  spans.clear();
  cut_words(text, cut_, [&](const std::string& word, int32_t begin, int32_t end) {
    spans.push_back({.id = static_cast<int32_t>(id_of(word)), .begin = begin, .end = end});
    return max_length == 0 || static_cast<int64_t>(spans.size()) < max_length;
  });
}

std::string_view WordVocabulary::token(int64_t id) const {
  if (id == kPaddingWord) return "<pad>";
  if (id == kUnknownWord) return "<unk>";
  return id < 0 || id >= vocab_size() ? std::string_view() : words_[static_cast<size_t>(id - kFirstWord)];
}

std::string WordVocabulary::rule() const { return fmt::format("{}: {} words, cut as {}", kWordsFile, words_.size(), word_cut_name(cut_)); }

void WordVocabulary::save(const std::filesystem::path& folder) const {
  const nlohmann::ordered_json content = {{"cut", word_cut_name(cut_)}, {"words", words_}};
  write_file_atomic(folder / kWordsFile, content.dump() + "\n");
}

std::unique_ptr<WordVocabulary> load_word_vocabulary(const std::filesystem::path& file) {
  const JsonFields fields = JsonFields::of_file(file);
  const std::string name = fields.text("cut");
  WordCut cut = WordCut::kNone;
  try {
    cut = parse_word_cut(name);
  } catch (const ConfigError&) {
    fields.refuse("cut", "none, lower, multisentinet or mgnns");
  }
  std::vector<std::string> words;
  for (const nlohmann::json& word : fields.list("words")) {
    if (!word.is_string()) fields.refuse("words", "a list of words");
    words.push_back(word.get<std::string>());
  }
  return std::make_unique<WordVocabulary>(std::move(words), cut, file.string());
}

void WordCounter::add(std::string_view text) {
  cut_words(text, options_.cut, [this](const std::string& word, int32_t, int32_t) {
    ++counts_[word];
    return true;
  });
}

void WordCounter::keep(std::string_view word) {
  if (!word.empty()) kept_.emplace_back(word);
}

std::unique_ptr<WordVocabulary> WordCounter::vocabulary() const {
  std::vector<std::pair<std::string, int64_t>> found;
  for (const auto& [word, count] : counts_) {
    if (count >= options_.min_count) found.emplace_back(word, count);
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.second != b.second ? a.second > b.second : a.first < b.first; });
  if (options_.max_size > 0 && found.size() > static_cast<size_t>(options_.max_size)) found.resize(static_cast<size_t>(options_.max_size));
  std::vector<std::string> words;
  std::unordered_map<std::string, bool> there;
  const auto take = [&](const std::string& word) {
    if (there.try_emplace(word, true).second) words.push_back(word);
  };
  for (const auto& [word, count] : found) take(word);
  for (const std::string& word : kept_) take(word);
  if (words.empty()) {
    throw DataError(fmt::format("the training texts have {} different words, and none occurs words.min_count={} times", counts_.size(),
                                options_.min_count));
  }
  return std::make_unique<WordVocabulary>(std::move(words), options_.cut);
}

}  // namespace infig

#include "text/bertweet.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "core/error.h"
#include "text/json_tokenizer.h"
#include "text/listed_model.h"
#include "text/python_text.h"
#include "text/tweet_text.h"
#include "text/unicode.h"

namespace infig {
namespace {

constexpr const char *kVocabularyFile = "vocab.txt", *kCodesFile = "bpe.codes";
constexpr std::string_view kWordEnd = "</w>", kGoesOn = "@@";

class BertweetModel final : public ListedModel {
 public:
  BertweetModel(std::vector<std::string> tokens, std::map<std::pair<std::string, std::string>, size_t> ranks, int32_t unknown)
      : ListedModel(std::move(tokens)), ranks_(std::move(ranks)), unknown_(unknown) {
    list_tokens();
  }

  void cut(std::string_view word, std::vector<WordPart>& parts) const override {
    std::vector<std::string> symbols;
    for (size_t at = 0; at < word.size();) {
      const uint32_t length = utf8_at(word, at).length;
      symbols.emplace_back(word.substr(at, length));
      at += length;
    }
    if (symbols.size() > 1) {
      symbols.back() += kWordEnd;
      merge(symbols);
      symbols.back().resize(symbols.back().size() - kWordEnd.size());
    }
    parts.clear();
    uint32_t begin = 0;
    for (size_t i = 0; i < symbols.size(); ++i) {
      const auto end = begin + static_cast<uint32_t>(symbols[i].size());
      const int32_t id = find(i + 1 < symbols.size() ? symbols[i] + std::string(kGoesOn) : symbols[i]);
      parts.push_back({.id = id >= 0 ? id : unknown_, .begin = begin, .end = end});
      begin = end;
    }
  }

 private:
  static constexpr size_t kNoRank = std::numeric_limits<size_t>::max();

  size_t rank(const std::string& left, const std::string& right) const {
    const auto found = ranks_.find({left, right});
    return found == ranks_.end() ? kNoRank : found->second;
  }

  // The earliest pair is joined wherever it stands, from the left; then the earliest of what there is now.
  void merge(std::vector<std::string>& symbols) const {
    while (symbols.size() > 1) {
      size_t best = kNoRank, place = 0;
      for (size_t i = 0; i + 1 < symbols.size(); ++i) {
        const size_t one = rank(symbols[i], symbols[i + 1]);
        if (one < best) {
          best = one;
          place = i;
        }
      }
      if (best == kNoRank) return;
      const std::string left = symbols[place], right = symbols[place + 1];
      std::vector<std::string> joined;
      for (size_t i = 0; i < symbols.size(); ++i) {
        const bool both = symbols[i] == left && i + 1 < symbols.size() && symbols[i + 1] == right;
        joined.push_back(both ? left + right : symbols[i]);
        i += both ? 1 : 0;
      }
      symbols = std::move(joined);
    }
  }

  std::map<std::pair<std::string, std::string>, size_t> ranks_;
  int32_t unknown_;
};

// \S+\n? of Python.
class BertweetWords final : public JsonPreTokenizer {
 public:
  void apply(AlignedPieces& text) const override {
    const std::vector<AlignedPiece> before = std::move(text.pieces);
    text.pieces.clear();
    for (const AlignedPiece& piece : before) {
      if (piece.token >= 0) {
        text.pieces.push_back(piece);
        continue;
      }
      const std::string bytes(text.text_of(piece));
      size_t begin = 0;
      for (size_t at = 0; at < bytes.size();) {
        const Utf8Character character = utf8_at(bytes, at);
        if (is_python_space(character.code)) {
          const size_t end = character.code == U'\n' && begin < at ? at + 1 : at;
          text.add_slice(piece.begin + begin, piece.begin + end);
          begin = at + character.length;
        }
        at += character.length;
      }
      text.add_slice(piece.begin + begin, piece.end);
    }
  }
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string checked_text(const TokenizerFolder& folder, const char* name) {
  std::string text = folder.read(name), storage;
  if (repaired_utf8(text, storage).data() != text.data())
    throw CheckpointError(fmt::format("{}: is not UTF-8; copy the file again", folder.file(name).string()));
  return text;
}

const std::vector<SpecialDefault>& bertweet_special() {
  static const std::vector<SpecialDefault> kSpecial = {{"bos_token", "<s>"},    {"eos_token", "</s>"},  {"unk_token", "<unk>"},
                                                       {"sep_token", "</s>"},   {"pad_token", "<pad>"}, {"cls_token", "<s>"},
                                                       {"mask_token", "<mask>"}};
  return kSpecial;
}

std::vector<std::string> bertweet_tokens(const TokenizerFolder& folder, std::string_view text) {
  std::vector<std::string> tokens;
  std::unordered_map<std::string, size_t> known;
  const auto add = [&](const std::string& token) {
    const auto [found, fresh] = known.emplace(token, tokens.size());
    if (fresh) {
      tokens.push_back(token);
      return;
    }
    throw CheckpointError(fmt::format("{}: '{}' stands there twice; copy the file again", folder.file(kVocabularyFile).string(), token));
  };
  for (const char* key : {"bos_token", "pad_token", "eos_token", "unk_token"}) {
    const auto one = std::find_if(bertweet_special().begin(), bertweet_special().end(),
                                  [key](const SpecialDefault& s) { return std::string_view(key) == s.key; });
    add(folder.special(*one));
  }
  size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    const size_t space = line.rfind(' ');
    if (space == std::string_view::npos || space == 0)
      throw CheckpointError(fmt::format("{}: line {} is '{}', expected a token and its count", folder.file(kVocabularyFile).string(),
                                        number, line.substr(0, 60)));
    add(std::string(line.substr(0, space)));
  }
  return tokens;
}

std::map<std::pair<std::string, std::string>, size_t> bertweet_ranks(const TokenizerFolder& folder, std::string_view text) {
  std::map<std::pair<std::string, std::string>, size_t> ranks;
  size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    const size_t first = line.find(' '), second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos || first == 0 || second == first + 1)
      throw CheckpointError(fmt::format("{}: line {} is '{}', expected two parts and their count", folder.file(kCodesFile).string(), number,
                                        line.substr(0, 60)));
    ranks[{std::string(line.substr(0, first)), std::string(line.substr(first + 1, second - first - 1))}] = number;
  }
  return ranks;
}

}  // namespace

std::unique_ptr<Tokenizer> load_bertweet(const TokenizerFolder& folder) {
  const std::string vocabulary = checked_text(folder, kVocabularyFile), codes = checked_text(folder, kCodesFile);
  JsonTokenizerParts parts;
  parts.where = folder.where();
  const bool normalizes = folder.flag("normalization", false);
  parts.rule = std::string("vocab.txt and bpe.codes, by the rules of BertweetTokenizer") + (normalizes ? " with its normalisation" : "");
  if (normalizes) parts.normalizer = make_tweet_normalizer();
  std::vector<std::string> tokens = bertweet_tokens(folder, vocabulary);
  parts.model.entries = static_cast<int64_t>(tokens.size());
  parts.model.unknown = 3;
  parts.model.model = std::make_unique<BertweetModel>(std::move(tokens), bertweet_ranks(folder, codes), parts.model.unknown);
  parts.pre_tokenizer = std::make_unique<BertweetWords>();
  parts.added = folder.library_added_tokens(bertweet_special(), *parts.model.model, parts.model.entries);
  for (AddedToken& token : parts.added) token.normalized = false;  // they are found before the text is rewritten
  parts.special = folder.stated_special_ids(bertweet_special(), parts.added, parts.model.unknown);
  parts.steps = {{.before = {parts.special.cls}, .after = {parts.special.sep}}};
  parts.files = folder.stated_files("BertweetTokenizer", parts.special.pad);
  parts.files.emplace_back(kVocabularyFile, vocabulary);
  parts.files.emplace_back(kCodesFile, codes);
  return make_json_tokenizer(std::move(parts));
}

}  // namespace infig

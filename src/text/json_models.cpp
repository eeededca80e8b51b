#include "text/json_models.h"

#include <fmt/format.h>

#include <limits>

#include "core/error.h"
#include "text/listed_model.h"
#include "text/vocabulary_files.h"
#include "text/wordpiece.h"

namespace infig {
namespace {

using Json = nlohmann::json;

class WordLevelModel final : public ListedModel {
 public:
  WordLevelModel(std::vector<std::string> tokens, const std::string& unknown) : ListedModel(std::move(tokens)) {
    list_tokens();
    unknown_ = find(unknown);
  }
  void cut(std::string_view word, std::vector<WordPart>& parts) const override {
    const int32_t id = find(word);
    parts.assign(1, {.id = id >= 0 ? id : unknown_, .begin = 0, .end = static_cast<uint32_t>(word.size())});
  }

 private:
  int32_t unknown_ = -1;
};

std::vector<std::string> tokens_of(const JsonPart& part) {
  const JsonPart vocabulary = part.at("vocab");
  return vocabulary_of_json(vocabulary.json(), vocabulary.place());
}

int64_t entries_of(const std::vector<std::string>& tokens) {
  int64_t count = 0;
  for (const std::string& token : tokens) count += token.empty() ? 0 : 1;
  return count;
}

void need_unknown(const JsonPart& part, const WordModel& model, const std::string& unknown) {
  if (model.find(unknown) >= 0) return;
  throw CheckpointError(fmt::format(
      "{}.unk_token: the unknown token '{}' is missing in the vocabulary, so that a word out of it cannot be written; add it to both",
      part.place(), unknown));
}

JsonModel word_piece(const JsonPart& part) {
  part.allow({"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  std::vector<std::string> tokens = tokens_of(part);
  WordPieceOptions options{.unknown = part.text("unk_token"),
                           .continuing = part.text("continuing_subword_prefix", "##"),
                           .max_word = part.has("max_input_chars_per_word")
                                           ? part.integer("max_input_chars_per_word", 0, std::numeric_limits<int64_t>::max())
                                           : 100};
  JsonModel made{.model = nullptr, .entries = entries_of(tokens)};
  made.model = make_wordpiece(std::move(tokens), options, part.place());
  made.unknown = made.model->find(options.unknown);
  return made;
}

JsonModel word_level(const JsonPart& part) {
  part.allow({"type", "unk_token", "vocab"});
  std::vector<std::string> tokens = tokens_of(part);
  const std::string unknown = part.text("unk_token");
  JsonModel made{.model = nullptr, .entries = entries_of(tokens)};
  made.model = std::make_unique<WordLevelModel>(std::move(tokens), unknown);
  need_unknown(part, *made.model, unknown);
  made.unknown = made.model->find(unknown);
  return made;
}

std::pair<std::string, std::string> pair_of(const JsonPart& merge) {
  const Json& json = merge.json();
  if (json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string())
    return {json[0].get<std::string>(), json[1].get<std::string>()};
  if (json.is_string()) {
    const auto text = json.get<std::string>();
    const size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos)
      return {text.substr(0, space), text.substr(space + 1)};
  }
  merge.refuse("is no pair of tokens: expected two texts, or one with a space between");
}

JsonModel byte_pair(const JsonPart& part) {
  part.allow({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
              "ignore_merges", "vocab", "merges"});
  if (part.has("dropout") && !(part.json()["dropout"].is_number() && part.json()["dropout"].get<double>() == 0))
    part.refuse_value("dropout", "null: with it a text would be cut by chance, each time in another way");
  CharacterPairs pairs{.tokens = tokens_of(part),
                       .merges = {},
                       .unknown = part.text("unk_token", ""),
                       .prefix = part.text("continuing_subword_prefix", ""),
                       .suffix = part.text("end_of_word_suffix", ""),
                       .fuse_unknown = part.flag("fuse_unk", false),
                       .byte_fallback = part.flag("byte_fallback", false),
                       .ignore_merges = part.flag("ignore_merges", false)};
  const Json* merges = part.has("merges") ? &part.json()["merges"] : nullptr;
  if (merges == nullptr || !merges->is_array()) part.refuse_value("merges", "a list of pairs of tokens");
  pairs.merges.reserve(merges->size());
  for (size_t i = 0; i < merges->size(); ++i) {
    const Json& one = (*merges)[i];
    if (one.is_string() && one.get_ref<const std::string&>().starts_with("#version")) continue;
    pairs.merges.push_back(pair_of(JsonPart(one, part.file(), fmt::format("model.merges[{}]", i))));
  }
  JsonModel made{.model = nullptr, .entries = entries_of(pairs.tokens)};
  const std::string unknown = pairs.unknown;
  made.model = make_character_pairs(std::move(pairs), part.place());
  if (!unknown.empty()) made.unknown = made.model->find(unknown);
  return made;
}

JsonModel unigram(const JsonPart& part) {
  part.allow({"type", "unk_id", "vocab", "byte_fallback"});
  UnigramVocabulary vocabulary;
  const Json* list = part.has("vocab") ? &part.json()["vocab"] : nullptr;
  if (list == nullptr || !list->is_array() || list->empty()) part.refuse_value("vocab", "a list of pieces and their scores");
  if (list->size() >= (size_t{1} << 24)) part.refuse(fmt::format(".vocab has {} pieces, expected fewer than {}", list->size(), 1 << 24));
  for (size_t i = 0; i < list->size(); ++i) {
    const Json& one = (*list)[i];
    if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_number())
      throw CheckpointError(fmt::format("{}.vocab[{}]: is no piece with its score: expected a text and a number", part.place(), i));
    vocabulary.pieces.push_back(one[0].get<std::string>());
    vocabulary.scores.push_back(one[1].get<double>());
  }
  if (!part.has("unk_id"))
    part.refuse_value("unk_id", "the id of the unknown piece, without which a text with a character out of the vocabulary cannot be cut");
  vocabulary.unknown = static_cast<int32_t>(part.integer("unk_id", 0, static_cast<int64_t>(vocabulary.pieces.size()) - 1));
  vocabulary.byte_fallback = part.flag("byte_fallback", false);
  JsonModel made{.model = nullptr, .entries = static_cast<int64_t>(vocabulary.pieces.size()), .unknown = vocabulary.unknown};
  made.model = make_unigram(std::move(vocabulary), part.place());
  return made;
}

}  // namespace

JsonModel make_json_model(const JsonPart& part) {
  std::string type = part.text("type", "");
  if (type.empty()) {
    type = part.has("merges") ? "BPE" : part.has("vocab") && part.json()["vocab"].is_array() ? "Unigram" : "WordPiece";
    if (type == "WordPiece" && !part.has("max_input_chars_per_word")) type = "WordLevel";
  }
  if (type == "WordPiece") return word_piece(part);
  if (type == "WordLevel") return word_level(part);
  if (type == "BPE") return byte_pair(part);
  if (type == "Unigram") return unigram(part);
  part.refuse_value("type", "one of WordPiece, BPE, Unigram, WordLevel");
}

}  // namespace infig

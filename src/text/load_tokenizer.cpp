#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "text/byte_pairs.h"
#include "text/pipeline.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_folder.h"
#include "text/vocabulary_files.h"
#include "text/wordpiece.h"

namespace infig {
namespace {

using Json = nlohmann::json;

constexpr const char* kClipFile = "bpe_simple_vocab_16e6.txt.gz";

// One of the published kinds, found by the class that is named, the model's type or what only its vocabulary has.
struct TokenizerKind {
  std::vector<std::string> classes, model_types;
  std::string mark;  // a token that only its vocabulary has
  WordRule rule;
  bool trim_offsets;
  std::vector<SpecialDefault> special;
};

const std::vector<TokenizerKind>& wordpiece_kinds() {
  static const std::vector<TokenizerKind> kKinds = {
      {{"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer"},
       {"bert", "distilbert", "electra", "mobilebert"},
       "[CLS]",
       WordRule::kBert,
       false,
       {{"unk_token", "[UNK]"}, {"sep_token", "[SEP]"}, {"pad_token", "[PAD]"}, {"cls_token", "[CLS]"}, {"mask_token", "[MASK]"}}},
      {{"MPNetTokenizer"},
       {"mpnet"},
       "<s>",
       WordRule::kBert,
       true,
       {{"bos_token", "<s>"},
        {"eos_token", "</s>"},
        {"unk_token", "[UNK]"},
        {"sep_token", "</s>"},
        {"pad_token", "<pad>"},
        {"cls_token", "<s>"},
        {"mask_token", "<mask>", true}}},
  };
  return kKinds;
}

const std::vector<TokenizerKind>& byte_pair_kinds() {
  static const std::vector<TokenizerKind> kKinds = {
      {{"CLIPTokenizer"},
       {"clip", "clip_text_model"},
       "<|startoftext|>",
       WordRule::kClip,
       false,
       {{"unk_token", "<|endoftext|>"}, {"bos_token", "<|startoftext|>"}, {"eos_token", "<|endoftext|>"}, {"pad_token", "<|endoftext|>"}}},
      {{"RobertaTokenizer"},
       {"roberta"},
       "<s>",
       WordRule::kByteLevel,
       true,
       {{"bos_token", "<s>"},
        {"eos_token", "</s>"},
        {"unk_token", "<unk>"},
        {"sep_token", "</s>"},
        {"pad_token", "<pad>"},
        {"cls_token", "<s>"},
        {"mask_token", "<mask>"}}},
  };
  return kKinds;
}

bool holds(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

const TokenizerKind& kind_of(const TokenizerFolder& folder, const std::vector<TokenizerKind>& kinds,
                             const std::vector<std::string>& tokens) {
  const std::string name = folder.tokenizer_class(), type = folder.model_type();
  std::string known;
  for (const TokenizerKind& kind : kinds) {
    if (!name.empty() ? holds(kind.classes, name) : type.empty() ? holds(tokens, kind.mark) : holds(kind.model_types, type)) return kind;
    for (const std::string& one : name.empty() ? kind.model_types : kind.classes) known += (known.empty() ? "" : ", ") + one;
  }
  if (!name.empty()) {
    throw CheckpointError(
        fmt::format("{}: tokenizer_class is '{}' in tokenizer_config.json, which cannot be read; with these vocabulary files: {}",
                    folder.where(), name, known));
  }
  if (!type.empty()) {
    throw CheckpointError(
        fmt::format("{}: model_type is '{}' in config.json, which cannot be read; with these vocabulary files: {}. If its "
                    "tokenizer is that of one of them, say so with tokenizer_class in tokenizer_config.json",
                    folder.where(), type, known));
  }
  throw CheckpointError(
      fmt::format("{}: neither files nor vocabulary say whose tokenizer this is; name one with tokenizer_class in tokenizer_config.json",
                  folder.where()));
}

// The part of tokenizer.json that is the vocabulary, checked for what is not supported.
const Json& json_model(const TokenizerFolder& folder, const char* type) {
  const Json& file = folder.tokenizer_json();
  const std::string where = folder.file("tokenizer.json").string();
  const auto found = file.find("model");
  if (found == file.end() || !found->is_object() || !found->contains("vocab")) {
    throw CheckpointError(fmt::format("{}: model.vocab is missing; copy the file again", where));
  }
  const Json& model = *found;
  const auto expect = [&](const char* key, const Json& expected) {
    const Json value = model.value(key, Json());
    if (value.is_null() || value == expected) return;
    throw CheckpointError(fmt::format("{}: model.{} is {}, expected {}", where, key, value.dump(), expected.dump()));
  };
  expect("type", type);
  expect("dropout", nullptr);
  expect("ignore_merges", false);
  expect("byte_fallback", false);
  expect("max_input_chars_per_word", 100);
  expect("continuing_subword_prefix", std::string(type) == "WordPiece" ? "##" : "");
  return model;
}

std::unique_ptr<Tokenizer> finish(const TokenizerFolder& folder, const TokenizerKind& kind, PipelineParts parts) {
  parts.options.rule = kind.rule;
  parts.options.trim_offsets = kind.trim_offsets && (kind.rule != WordRule::kByteLevel || folder.flag("trim_offsets", nullptr, true));
  if (kind.rule == WordRule::kByteLevel) parts.options.add_prefix_space = folder.flag("add_prefix_space", nullptr, false);
  parts.added = folder.added_tokens(kind.special, *parts.model);
  parts.special = folder.special_ids(kind.special, parts.added);
  const std::string name = folder.tokenizer_class().empty() ? kind.classes.front() : folder.tokenizer_class();
  parts.files.emplace_back("tokenizer_config.json", folder.resolved_config(name, kind.special, parts.added));
  return make_pipeline(std::move(parts));
}

std::unique_ptr<Tokenizer> load_wordpiece(const TokenizerFolder& folder) {
  const bool lines = folder.has("vocab.txt");
  const std::string where = folder.file(lines ? "vocab.txt" : "tokenizer.json").string();
  const std::vector<std::string> tokens = lines ? parse_vocabulary_lines(folder.read("vocab.txt"), where)
                                                : parse_vocabulary_json(json_model(folder, "WordPiece")["vocab"].dump(), where);
  const TokenizerKind& kind = kind_of(folder, wordpiece_kinds(), tokens);
  PipelineParts parts;
  BertNormalizerOptions& bert = parts.options.bert;
  bert.lower_case = folder.flag("do_lower_case", "lowercase", true);
  bert.strip_accents = folder.flag("strip_accents", "strip_accents", bert.lower_case);
  bert.tokenize_chinese_chars = folder.flag("tokenize_chinese_chars", "handle_chinese_chars", true);
  std::string text;
  if (lines) {
    text = folder.read("vocab.txt");
  } else {
    for (const std::string& token : tokens) text += token + "\n";
  }
  parts.files.emplace_back("vocab.txt", std::move(text));
  WordPieceOptions options;
  for (const SpecialDefault& one : kind.special) {
    if (std::string_view(one.key) == "unk_token") options.unknown = folder.special(one);
  }
  parts.model = make_wordpiece(tokens, options, where);
  return finish(folder, kind, std::move(parts));
}

BytePairVocabulary json_byte_pairs(const TokenizerFolder& folder) {
  const std::string where = folder.file("tokenizer.json").string();
  const Json& model = json_model(folder, "BPE");
  BytePairVocabulary vocabulary{.tokens = parse_vocabulary_json(model["vocab"].dump(), where), .merges = {}};
  const Json merges = model.value("merges", Json());
  if (!merges.is_array()) throw CheckpointError(fmt::format("{}: model.merges is missing; copy the file again", where));
  for (const Json& merge : merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      vocabulary.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
    } else if (merge.is_string()) {
      const auto parsed = parse_merges(merge.get<std::string>(), where);
      vocabulary.merges.insert(vocabulary.merges.end(), parsed.begin(), parsed.end());
    } else {
      throw CheckpointError(fmt::format("{}: model.merges holds {}, expected pairs of tokens", where, merge.dump()));
    }
  }
  return vocabulary;
}

std::unique_ptr<Tokenizer> load_byte_pairs(const TokenizerFolder& folder, const std::string& gzip) {
  BytePairVocabulary vocabulary;
  PipelineParts parts;
  std::string where = folder.where();
  if (folder.has("vocab.json")) {
    if (!folder.has("merges.txt")) {
      throw CheckpointError(fmt::format("{}: the file is missing, although vocab.json exists; copy it from the same source",
                                        folder.file("merges.txt").string()));
    }
    std::string tokens = folder.read("vocab.json"), merges = folder.read("merges.txt");
    vocabulary = {.tokens = parse_vocabulary_json(tokens, folder.file("vocab.json").string()),
                  .merges = parse_merges(merges, folder.file("merges.txt").string())};
    parts.files = {{"vocab.json", std::move(tokens)}, {"merges.txt", std::move(merges)}};
  } else {
    where = folder.file(gzip.empty() ? "tokenizer.json" : gzip).string();
    vocabulary = gzip.empty() ? json_byte_pairs(folder) : parse_clip_merges(folder.read(gzip), where);
    parts.files = {{"vocab.json", vocabulary_json(vocabulary.tokens)}, {"merges.txt", merges_text(vocabulary.merges)}};
  }
  const TokenizerKind& kind = kind_of(folder, byte_pair_kinds(), vocabulary.tokens);
  BytePairOptions options;
  if (kind.rule == WordRule::kClip) options = {.word_end = "</w>", .unknown = folder.special(kind.special.front())};
  parts.model = make_byte_pairs(std::move(vocabulary), options, where);
  return finish(folder, kind, std::move(parts));
}

std::unique_ptr<Tokenizer> load_json_alone(const TokenizerFolder& folder) {
  const Json model = folder.tokenizer_json().value("model", Json());
  const std::string type = model.is_object() && model.contains("type") && model["type"].is_string() ? model["type"].get<std::string>()
                           : model.is_object() && model.contains("merges")                          ? "BPE"
                                                                                                    : "WordPiece";
  if (type == "WordPiece") return load_wordpiece(folder);
  if (type == "BPE") return load_byte_pairs(folder, "");
  throw CheckpointError(
      fmt::format("{}: model.type is '{}', which is read from the vocabulary's own file alone; copy it here as well (spm.model "
                  "for Unigram)",
                  folder.file("tokenizer.json").string(), type));
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path) {
  const TokenizerFolder folder(path);
  if (folder.has("spm.model")) return load_sentencepiece(folder);
  if (folder.has("vocab.txt")) return load_wordpiece(folder);
  if (folder.has("vocab.json")) return load_byte_pairs(folder, "");
  if (std::filesystem::is_regular_file(path)) {
    if (path.extension() == ".gz") return load_byte_pairs(folder, path.filename().string());
    throw CheckpointError(fmt::format("{}: expected a folder with a tokenizer, or CLIP's {}", path.string(), kClipFile));
  }
  if (folder.has(kClipFile)) return load_byte_pairs(folder, kClipFile);
  if (folder.tokenizer_json().is_object()) return load_json_alone(folder);
  throw CheckpointError(
      fmt::format("{}: holds no tokenizer; expected spm.model (DeBERTa), vocab.txt (BERT, MPNet), vocab.json with merges.txt "
                  "(RoBERTa, CLIP), {} (CLIP) or tokenizer.json",
                  folder.where(), kClipFile));
}

}  // namespace infig

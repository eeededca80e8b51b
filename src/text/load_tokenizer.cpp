#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "text/bertweet.h"
#include "text/byte_pairs.h"
#include "text/json_tokenizer.h"
#include "text/open_clip_text.h"
#include "text/pipeline.h"
#include "text/sentencepiece.h"
#include "text/siglip_text.h"
#include "text/tokenizer_folder.h"
#include "text/tokenizer_rules.h"
#include "text/vocabulary_files.h"
#include "text/word_vocabulary.h"
#include "text/wordpiece.h"

namespace infig {
namespace {

using Json = nlohmann::json;

constexpr const char* kClipFile = "bpe_simple_vocab_16e6.txt.gz";
constexpr const char* kClipTextKey = "clip_text";  // our own in tokenizer_config.json: "open_clip"

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
      {{"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "SqueezeBertTokenizer", "LayoutLMTokenizer"},
       {"bert", "distilbert", "electra", "mobilebert", "squeezebert", "layoutlm"},
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
      {{"RobertaTokenizer", "BartTokenizer", "LongformerTokenizer"},
       {"roberta", "bart", "longformer"},
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

std::unique_ptr<Tokenizer> finish(const TokenizerFolder& folder, const TokenizerKind& kind, const char* file, PipelineParts parts) {
  parts.options.rule = kind.rule;
  parts.options.trim_offsets = kind.trim_offsets && (kind.rule != WordRule::kByteLevel || folder.flag("trim_offsets", true));
  if (kind.rule == WordRule::kByteLevel) parts.options.add_prefix_space = folder.flag("add_prefix_space", false);
  parts.added = folder.added_tokens(kind.special, *parts.model);
  parts.special = folder.special_ids(kind.special, parts.added);
  const std::string name = folder.tokenizer_class().empty() ? kind.classes.front() : folder.tokenizer_class();
  parts.before = {parts.special.cls};
  parts.after = {parts.special.sep};
  parts.rule = fmt::format("{}, by the rules of {}", file, kind.classes.front());
  parts.files.emplace_back("tokenizer_config.json", folder.resolved_config(name, kind.special, parts.added));
  return make_pipeline(std::move(parts));
}

std::unique_ptr<Tokenizer> load_wordpiece(const TokenizerFolder& folder) {
  const bool lines = !folder.tokenizer_json().is_object();
  const std::string where = folder.file(lines ? "vocab.txt" : "tokenizer.json").string();
  const std::vector<std::string> tokens =
      lines ? parse_vocabulary_lines(folder.read("vocab.txt"), where) : vocabulary_of_json(json_model(folder, "WordPiece")["vocab"], where);
  const TokenizerKind& kind = kind_of(folder, wordpiece_kinds(), tokens);
  PipelineParts parts;
  BertNormalizerOptions& bert = parts.options.bert;
  bert.lower_case = folder.flag("do_lower_case", true);
  bert.strip_accents = folder.flag("strip_accents", bert.lower_case);
  bert.tokenize_chinese_chars = folder.flag("tokenize_chinese_chars", true);
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
  return finish(folder, kind, lines ? "vocab.txt" : "tokenizer.json", std::move(parts));
}

BytePairVocabulary json_byte_pairs(const TokenizerFolder& folder) {
  const std::string where = folder.file("tokenizer.json").string();
  const Json& model = json_model(folder, "BPE");
  BytePairVocabulary vocabulary{.tokens = vocabulary_of_json(model["vocab"], where), .merges = {}};
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

bool is_open_clip(const TokenizerFolder& folder, const std::string& gzip, ClipText clip_text) {
  if (clip_text != ClipText::kByFolder) return clip_text == ClipText::kOpenClip;
  const std::string stated = folder.text(kClipTextKey);
  if (!stated.empty()) return stated == "open_clip";
  return !gzip.empty() || (folder.has("open_clip_config.json") && !folder.has("config.json"));
}

// CLIP's vocabulary under open_clip's rules.
std::unique_ptr<Tokenizer> finish_open_clip(const TokenizerFolder& folder, const TokenizerKind& kind, const char* file,
                                            BytePairVocabulary vocabulary, PipelineParts old, const std::string& where) {
  JsonTokenizerParts parts;
  parts.where = folder.where();
  parts.rule = fmt::format("{}, by the rules of open_clip", file);
  parts.normalizer = make_open_clip_normalizer();
  const Json cut = Json::parse(R"J({"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"}, "behavior": "Removed", "invert": true},
    {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}]})J");
  parts.pre_tokenizer = make_json_pre_tokenizer(JsonPart(cut, where, "open_clip"));
  parts.model.entries = static_cast<int64_t>(vocabulary.tokens.size());
  parts.model.model = make_character_pairs(
      {.tokens = std::move(vocabulary.tokens), .merges = std::move(vocabulary.merges), .unknown = "", .prefix = "", .suffix = "</w>"},
      where);
  const std::vector<AddedToken> named = folder.added_tokens(kind.special, *parts.model.model);
  parts.special = folder.special_ids(kind.special, named);
  parts.steps = {{.before = {parts.special.cls}, .after = {parts.special.sep}}};
  // What open_clip calls them in a text.
  parts.added = {{.text = "<start_of_text>", .id = parts.special.cls, .normalized = true},
                 {.text = "<end_of_text>", .id = parts.special.sep, .normalized = true}};
  parts.files = std::move(old.files);
  Json config = Json::parse(folder.resolved_config(kind.classes.front(), kind.special, named));
  config[kClipTextKey] = "open_clip";
  parts.files.emplace_back("tokenizer_config.json", config.dump(2) + "\n");
  return make_json_tokenizer(std::move(parts));
}

std::unique_ptr<Tokenizer> load_byte_pairs(const TokenizerFolder& folder, const std::string& gzip, ClipText clip_text) {
  BytePairVocabulary vocabulary;
  PipelineParts parts;
  std::string where = folder.where();
  const char* file = gzip.empty() ? "tokenizer.json" : kClipFile;
  if (gzip.empty() && !folder.tokenizer_json().is_object()) {
    file = "vocab.json and merges.txt";
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
  if (kind.rule == WordRule::kClip && is_open_clip(folder, gzip, clip_text))
    return finish_open_clip(folder, kind, file, std::move(vocabulary), std::move(parts), where);
  BytePairOptions options;
  if (kind.rule == WordRule::kClip) options = {.word_end = "</w>", .unknown = folder.special(kind.special.front())};
  parts.model = make_byte_pairs(std::move(vocabulary), options, where);
  return finish(folder, kind, file, std::move(parts));
}

std::unique_ptr<Tokenizer> load_json(const TokenizerFolder& folder, ClipText clip_text) {
  const std::string name = ruling_class(folder);
  if (name == "BertTokenizer" || name == "MPNetTokenizer") return load_wordpiece(folder);
  if (name == "RobertaTokenizer" || name == "CLIPTokenizer") return load_byte_pairs(folder, "", clip_text);
  return load_json_tokenizer(folder, name);
}

std::unique_ptr<Tokenizer> load_any(const std::filesystem::path& path, ClipText clip_text) {
  const TokenizerFolder folder(path);
  if (is_siglip_tokenizer(folder) && (folder.has("spiece.model") || folder.tokenizer_json().is_object())) return load_siglip_pieces(folder);
  if (folder.tokenizer_json().is_object()) return load_json(folder, clip_text);
  if (folder.has("spm.model")) return load_sentencepiece(folder);
  if (folder.has("sentencepiece.bpe.model")) return load_xlm_roberta_pieces(folder);
  if (folder.has("vocab.txt") && folder.has("bpe.codes")) return load_bertweet(folder);
  if (folder.has("vocab.txt")) return load_wordpiece(folder);
  if (folder.has("vocab.json")) return load_byte_pairs(folder, "", clip_text);
  if (folder.has("words.json")) return load_word_vocabulary(folder.file("words.json"));
  if (std::filesystem::is_regular_file(path)) {
    if (path.extension() == ".gz") return load_byte_pairs(folder, path.filename().string(), clip_text);
    throw CheckpointError(fmt::format("{}: expected a folder with a tokenizer, or CLIP's {}", path.string(), kClipFile));
  }
  if (folder.has(kClipFile)) return load_byte_pairs(folder, kClipFile, clip_text);
  if (folder.has("spiece.model")) {
    throw CheckpointError(
        fmt::format("{}: many tokenizers have a spiece.model; only SiglipTokenizer's can be read, and neither tokenizer_class in "
                    "tokenizer_config.json nor model_type in config.json says that it is one",
                    folder.where()));
  }
  throw CheckpointError(
      fmt::format("{}: holds no tokenizer; expected tokenizer.json, spm.model (DeBERTa), sentencepiece.bpe.model (XLM-R), spiece.model "
                  "(SigLIP), vocab.txt (BERT, "
                  "MPNet), vocab.json with merges.txt (RoBERTa, CLIP) or {} (CLIP)",
                  folder.where(), kClipFile));
}

}  // namespace

ClipText clip_text_of(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  if (fs::exists(folder / "config.json")) return ClipText::kTransformers;
  return !fs::is_directory(path) || fs::exists(folder / "open_clip_config.json") ? ClipText::kOpenClip : ClipText::kTransformers;
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path, SpecialInText special, ClipText clip_text) {
  std::unique_ptr<Tokenizer> tokenizer = load_any(path, clip_text);
  if (special == SpecialInText::kSplit) tokenizer->split_special_tokens();
  return tokenizer;
}

}  // namespace infig

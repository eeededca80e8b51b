#include "text/tokenizer_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/error.h"
#include "text/json_tokenizer.h"
#include "text/model_pieces.h"

namespace infig {
namespace {

using Json = nlohmann::json;

constexpr const char* kJsonFile = "tokenizer.json";

// Names that transformers has for one class, and the types of models that get it where no class is named.
const std::map<std::string, std::string>& class_aliases() {
  static const std::map<std::string, std::string> kAliases = {
      {"ElectraTokenizer", "BertTokenizer"},      {"MobileBertTokenizer", "BertTokenizer"}, {"SqueezeBertTokenizer", "BertTokenizer"},
      {"LayoutLMTokenizer", "BertTokenizer"},     {"DistilBertTokenizer", "BertTokenizer"}, {"BartTokenizer", "RobertaTokenizer"},
      {"LongformerTokenizer", "RobertaTokenizer"}};
  return kAliases;
}

const std::map<std::string, std::string>& classes_of_models() {
  static const std::map<std::string, std::string> kClasses = {{"bert", "BertTokenizer"},
                                                              {"distilbert", "BertTokenizer"},
                                                              {"electra", "BertTokenizer"},
                                                              {"mobilebert", "BertTokenizer"},
                                                              {"squeezebert", "BertTokenizer"},
                                                              {"layoutlm", "BertTokenizer"},
                                                              {"mpnet", "MPNetTokenizer"},
                                                              {"roberta", "RobertaTokenizer"},
                                                              {"bart", "RobertaTokenizer"},
                                                              {"longformer", "RobertaTokenizer"},
                                                              {"clip", "CLIPTokenizer"},
                                                              {"clip_text_model", "CLIPTokenizer"},
                                                              {"deberta-v2", "DebertaV2Tokenizer"},
                                                              {"xlm-roberta", "XLMRobertaTokenizer"},
                                                              {"siglip2", "Siglip2Tokenizer"}};
  return kClasses;
}

constexpr std::array<const char*, 8> kRuling = {"BertTokenizer",      "MPNetTokenizer",      "RobertaTokenizer", "CLIPTokenizer",
                                                "DebertaV2Tokenizer", "XLMRobertaTokenizer", "Siglip2Tokenizer", "GemmaTokenizer"};

// Classes of transformers 5.24 that make a tokenizer of the vocabulary by rules of their own, none of them known here.
constexpr std::array<const char*, 72> kUnread = {"AlbertTokenizer",
                                                 "BarthezTokenizer",
                                                 "BartphoTokenizer",
                                                 "BertGenerationTokenizer",
                                                 "BertJapaneseTokenizer",
                                                 "BigBirdTokenizer",
                                                 "BioGptTokenizer",
                                                 "BlenderbotSmallTokenizer",
                                                 "BlenderbotTokenizer",
                                                 "ByT5Tokenizer",
                                                 "CTRLTokenizer",
                                                 "CamembertTokenizer",
                                                 "CanineTokenizer",
                                                 "ClvpTokenizer",
                                                 "CodeGenTokenizer",
                                                 "CodeLlamaTokenizer",
                                                 "CohereTokenizer",
                                                 "CpmAntTokenizer",
                                                 "CpmTokenizer",
                                                 "DPRContextEncoderTokenizer",
                                                 "DPRQuestionEncoderTokenizer",
                                                 "DPRReaderTokenizer",
                                                 "DebertaTokenizer",
                                                 "DiaTokenizer",
                                                 "EsmTokenizer",
                                                 "EsmcTokenizer",
                                                 "FSMTTokenizer",
                                                 "FlaubertTokenizer",
                                                 "FunnelTokenizer",
                                                 "GPT2Tokenizer",
                                                 "GPTNeoXJapaneseTokenizer",
                                                 "GPTNeoXTokenizer",
                                                 "GPTSw3Tokenizer",
                                                 "HerbertTokenizer",
                                                 "LasrTokenizer",
                                                 "LayoutLMv2Tokenizer",
                                                 "LayoutLMv3Tokenizer",
                                                 "LayoutXLMTokenizer",
                                                 "LlamaTokenizer",
                                                 "LukeTokenizer",
                                                 "M2M100Tokenizer",
                                                 "MBart50Tokenizer",
                                                 "MBartTokenizer",
                                                 "MLukeTokenizer",
                                                 "MarianTokenizer",
                                                 "MarkupLMTokenizer",
                                                 "MgpstrTokenizer",
                                                 "MyT5Tokenizer",
                                                 "NllbTokenizer",
                                                 "NougatTokenizer",
                                                 "OpenAIGPTTokenizer",
                                                 "PLBartTokenizer",
                                                 "PegasusTokenizer",
                                                 "PerceiverTokenizer",
                                                 "PhobertTokenizer",
                                                 "ProphetNetTokenizer",
                                                 "Qwen2Tokenizer",
                                                 "Qwen3_5Tokenizer",
                                                 "ReformerTokenizer",
                                                 "RemBertTokenizer",
                                                 "RoCBertTokenizer",
                                                 "RoFormerTokenizer",
                                                 "SeamlessM4TTokenizer",
                                                 "SplinterTokenizer",
                                                 "T5Tokenizer",
                                                 "TapasTokenizer",
                                                 "Tipsv2Tokenizer",
                                                 "UdopTokenizer",
                                                 "WhisperTokenizer",
                                                 "XGLMTokenizer",
                                                 "XLMTokenizer",
                                                 "XLNetTokenizer"};

const std::vector<SpecialDefault>& named_of_class(const std::string& name) {
  static const std::map<std::string, std::vector<SpecialDefault>> kNamed = {
      {"", {}},
      {"DebertaV2Tokenizer",
       {{"bos_token", "[CLS]"},
        {"eos_token", "[SEP]"},
        {"unk_token", "[UNK]"},
        {"sep_token", "[SEP]"},
        {"pad_token", "[PAD]"},
        {"cls_token", "[CLS]"},
        {"mask_token", "[MASK]"}}},
      {"XLMRobertaTokenizer",
       {{"bos_token", "<s>"},
        {"eos_token", "</s>"},
        {"unk_token", "<unk>"},
        {"sep_token", "</s>"},
        {"pad_token", "<pad>"},
        {"cls_token", "<s>"},
        {"mask_token", "<mask>"}}},
      {"GemmaTokenizer",
       {{"bos_token", "<bos>"}, {"eos_token", "<eos>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}, {"mask_token", "<mask>"}}}};
  return kNamed.at(name == "Siglip2Tokenizer" ? "GemmaTokenizer" : name);
}

Json regex(const char* text) { return {{"Regex", text}}; }

Json deberta_normalizer(const TokenizerFolder& folder) {
  Json steps = Json::array();
  if (folder.flag("do_lower_case", false)) steps.push_back({{"type", "Lowercase"}});
  steps.push_back({{"type", "Replace"}, {"pattern", regex("\\s{2,}|[\\n\\r\\t]")}, {"content", " "}});
  steps.push_back({{"type", "NFC"}});
  steps.push_back({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}});
  return {{"type", "Sequence"}, {"normalizers", steps}};
}

Json metaspace(const char* scheme) {
  return {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", scheme}, {"split", true}};
}

Json deberta_pre_tokenizer(const TokenizerFolder& folder) {
  Json steps = Json::array();
  if (folder.flag("split_by_punct", false)) steps.push_back({{"type", "Punctuation"}, {"behavior", "Isolated"}});
  steps.push_back(metaspace(folder.flag("add_prefix_space", true) ? "always" : "first"));
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

Json xlm_pre_tokenizer(const TokenizerFolder& folder) {
  return {{"type", "Sequence"},
          {"pretokenizers", {{{"type", "WhitespaceSplit"}}, metaspace(folder.flag("add_prefix_space", true) ? "always" : "never")}}};
}

// The first Precompiled among a file's normalisers; null where there is none.
Json precompiled_of(const Json& file) {
  Json normalizer = file.value("normalizer", Json());
  if (!normalizer.is_object()) return nullptr;
  if (normalizer.value("type", Json()) == "Precompiled") return normalizer;
  for (const Json& one : normalizer.value("normalizers", Json::array())) {
    if (one.is_object() && one.value("type", Json()) == "Precompiled") return one;
  }
  return nullptr;
}

// The parts of a tokenizer.json as a class of transformers replaces them.
Json by_class(const TokenizerFolder& folder, const std::string& name) {
  const Json& file = folder.tokenizer_json();
  const auto model = file.find("model");
  if (model == file.end() || !model->is_object())
    throw CheckpointError(fmt::format("{}: model is missing; copy the file again", folder.file(kJsonFile).string()));
  Json parts = {{"post_processor", file.value("post_processor", Json())}};
  const bool unigram = name == "DebertaV2Tokenizer" || name == "XLMRobertaTokenizer";
  const std::string type =
      model->value("type", unigram ? Json("Unigram") : Json("BPE")).is_string() ? model->value("type", unigram ? "Unigram" : "BPE") : "";
  if (type != (unigram ? "Unigram" : "BPE")) {
    throw CheckpointError(
        fmt::format("{}: model.type is '{}', but {} has a {} model; name TokenizersBackend as tokenizer_class where the file's "
                    "own rules are meant",
                    folder.file(kJsonFile).string(), type, name, unigram ? "Unigram" : "BPE"));
  }
  parts["model"] = {{"type", type}, {"vocab", model->value("vocab", Json())}};
  if (name == "DebertaV2Tokenizer") {
    parts["normalizer"] = deberta_normalizer(folder);
    parts["pre_tokenizer"] = deberta_pre_tokenizer(folder);
    int64_t unknown = folder.integer("unk_id", 1);
    const std::string text = folder.special({"unk_token", "[UNK]"});
    const Json& vocabulary = parts["model"]["vocab"];
    for (size_t id = 0; vocabulary.is_array() && id < vocabulary.size(); ++id) {
      const Json& piece = vocabulary[id];
      if (!piece.is_array() || piece.size() != 2 || piece[0] != text || piece[1] != 0.0) continue;
      unknown = static_cast<int64_t>(id);
      break;
    }
    parts["model"]["unk_id"] = unknown;
  } else if (name == "XLMRobertaTokenizer") {
    parts["normalizer"] = precompiled_of(file);
    parts["pre_tokenizer"] = xlm_pre_tokenizer(folder);
    parts["model"]["unk_id"] = 3;
  } else {
    const Json spaces = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
    parts["normalizer"] =
        name == "GemmaTokenizer" ? spaces : Json({{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}, spaces}}});
    parts["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "MergedWithPrevious"}, {"invert", false}};
    parts["model"].update({{"merges", model->value("merges", Json())},
                           {"unk_token", folder.special({"unk_token", "<unk>"})},
                           {"fuse_unk", true},
                           {"byte_fallback", true}});
  }
  return parts;
}

void check_version(const JsonPart& root) {
  if (root.has("version") && root.text("version") != "1.0") root.refuse_value("version", "\"1.0\"");
}

// Parts that are read from `parts`; what `folder` says beside them.
std::unique_ptr<Tokenizer> assembled(const TokenizerFolder& folder, const Json& parts, const char* file, const std::string& name,
                                     const std::string& rule) {
  const JsonPart root(parts, folder.file(file).string(), "");
  JsonTokenizerParts made;
  made.where = folder.where();
  made.rule = rule;
  if (root.has("normalizer")) made.normalizer = make_json_normalizer(root.at("normalizer"));
  if (root.has("pre_tokenizer")) made.pre_tokenizer = make_json_pre_tokenizer(root.at("pre_tokenizer"));
  if (root.has("post_processor")) made.steps = make_process_steps(root.at("post_processor"));
  made.model = make_json_model(root.at("model"));
  made.added = folder.library_added_tokens(named_of_class(name), *made.model.model, made.model.entries);
  made.special = folder.stated_special_ids(named_of_class(name), made.added, made.model.unknown);
  if (name == "DebertaV2Tokenizer" || name == "XLMRobertaTokenizer")
    made.steps = {{.before = {made.special.cls}, .after = {made.special.sep}}};
  made.files = folder.stated_files(name, made.special.pad);
  return make_json_tokenizer(std::move(made));
}

}  // namespace

std::string ruling_class(const TokenizerFolder& folder) {
  if (folder.generic_class()) return "";
  std::string name = folder.tokenizer_class();
  if (name.empty()) {
    const auto found = classes_of_models().find(folder.model_type());
    return found == classes_of_models().end() ? "" : found->second;
  }
  if (const auto alias = class_aliases().find(name); alias != class_aliases().end()) name = alias->second;
  if (std::find(kRuling.begin(), kRuling.end(), name) != kRuling.end()) return name;
  if (std::find(kUnread.begin(), kUnread.end(), name) == kUnread.end()) return "";  // as AutoTokenizer takes names that it does not know
  throw CheckpointError(
      fmt::format("{}: tokenizer_class is '{}', which makes a tokenizer of {} by rules of its own that are not known here; save the "
                  "tokenizer with tokenizer_class TokenizersBackend where the file's own rules are the same",
                  folder.file("tokenizer_config.json").string(), name, kJsonFile));
}

std::unique_ptr<Tokenizer> load_json_tokenizer(const TokenizerFolder& folder, const std::string& name) {
  const Json& file = folder.tokenizer_json();
  const JsonPart root(file, folder.file(kJsonFile).string(), "");
  root.allow({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"});
  check_version(root);
  if (name.empty()) return assembled(folder, file, kJsonFile, name, "tokenizer.json, by its own rules");
  return assembled(folder, by_class(folder, name), kJsonFile, name, fmt::format("tokenizer.json, by the rules of {}", name));
}

std::unique_ptr<Tokenizer> load_xlm_roberta_pieces(const TokenizerFolder& folder) {
  constexpr const char* kFile = "sentencepiece.bpe.model";
  const std::string bytes = folder.read(kFile);
  const ModelPieces pieces = read_model_pieces(bytes, folder.file(kFile).string());
  Json vocabulary = Json::array({{"<s>", 0.0}, {"<pad>", 0.0}, {"</s>", 0.0}, {"<unk>", 0.0}});
  for (size_t i = 3; i < pieces.pieces.size(); ++i)
    vocabulary.push_back({pieces.pieces[i].first, static_cast<double>(pieces.pieces[i].second)});
  vocabulary.push_back({"<mask>", 0.0});
  Json parts = {{"model", {{"type", "Unigram"}, {"vocab", std::move(vocabulary)}, {"unk_id", 3}}},
                {"pre_tokenizer", xlm_pre_tokenizer(folder)},
                {"normalizer", nullptr}};
  if (!pieces.charsmap.empty()) parts["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", pieces.charsmap}};
  return assembled(folder, parts, kFile, "XLMRobertaTokenizer", "sentencepiece.bpe.model, by the rules of XLMRobertaTokenizer");
}

}  // namespace infig

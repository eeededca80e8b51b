#include "run/sentence_folder.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "image/pixel_config.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kModulesFile = "modules.json";
constexpr const char* kWithoutPooled = "without --pooled the encoder alone is read";

Json read_module_json(const fs::path& path) {
  if (!fs::exists(path)) throw CheckpointError(fmt::format("{}: is missing, and modules.json names its folder", path.string()));
  const std::string text = read_file(path);
  Json config = parse_foreign_json(text);
  if (config.is_discarded()) throw CheckpointError(fmt::format("{}: not JSON: {}", path.string(), foreign_json_fault(text)));
  return config;
}

struct NamedPooling {
  std::string_view mode, old_key;
  SentencePooling pooling;
};
constexpr std::array<NamedPooling, 6> kPoolings = {
    {{"cls", "pooling_mode_cls_token", SentencePooling::kCls},
     {"max", "pooling_mode_max_tokens", SentencePooling::kMax},
     {"mean", "pooling_mode_mean_tokens", SentencePooling::kMean},
     {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", SentencePooling::kMeanSqrtLength},
     {"weightedmean", "pooling_mode_weightedmean_tokens", SentencePooling::kWeightedMean},
     {"lasttoken", "pooling_mode_lasttoken", SentencePooling::kLastToken}}};

SentencePooling pooling_named(const Json& mode, const PixelConfig& config) {
  for (const NamedPooling& one : kPoolings) {
    if (mode == std::string(one.mode)) return one.pooling;
  }
  config.refuse("pooling_mode", "cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken or a list of them");
}

std::vector<SentencePooling> read_pooling(const fs::path& folder, bool& include_prompt) {
  constexpr std::array<std::string_view, 10> kKeys = {"embedding_dimension",
                                                      "word_embedding_dimension",
                                                      "pooling_mode",
                                                      "include_prompt",
                                                      "pooling_mode_cls_token",
                                                      "pooling_mode_max_tokens",
                                                      "pooling_mode_mean_tokens",
                                                      "pooling_mode_mean_sqrt_len_tokens",
                                                      "pooling_mode_weightedmean_tokens",
                                                      "pooling_mode_lasttoken"};
  const fs::path file = folder / "config.json";
  const Json config = read_module_json(file);
  const PixelConfig reader(config, file.string());
  reader.check_keys(kKeys, {});
  include_prompt = reader.flag("include_prompt", true);
  std::vector<SentencePooling> pooling;
  if (reader.has("pooling_mode")) {
    const Json& mode = config["pooling_mode"];
    for (const Json& one : mode.is_array() ? mode : Json::array({mode})) pooling.push_back(pooling_named(one, reader));
    if (pooling.empty()) reader.refuse("pooling_mode", "at least one");
    return pooling;
  }
  for (const NamedPooling& one : kPoolings) {
    if (reader.flag(std::string(one.old_key), false)) pooling.push_back(one.pooling);
  }
  if (pooling.empty()) pooling.push_back(SentencePooling::kMean);  // as there
  return pooling;
}

// The last part of an activation's path: "Tanh".
std::string dense_activation(const PixelConfig& reader) {
  constexpr std::array<std::string_view, 6> kNames = {"Tanh", "Identity", "ReLU", "GELU", "SiLU", "Sigmoid"};
  const std::string path = reader.text("activation_function", "torch.nn.modules.activation.Tanh");
  for (const std::string_view name : kNames) {
    if (path.starts_with("torch.nn.") && path.substr(path.rfind('.') + 1) == name) return std::string(name);
  }
  reader.refuse("activation_function", "torch.nn's Tanh, Identity, ReLU, GELU, SiLU or Sigmoid");
}

void expect_vectors(const PixelConfig& reader) {
  for (const char* key : {"module_input_name", "module_output_name"}) {
    if (reader.text(key, "sentence_embedding") != "sentence_embedding") reader.refuse(key, "sentence_embedding");
  }
}

SentenceDenseFile read_dense(const fs::path& folder) {
  constexpr std::array<std::string_view, 7> kKeys = {"in_features",       "out_features",       "bias",        "activation_function",
                                                     "module_input_name", "module_output_name", "use_residual"};
  const fs::path file = folder / "config.json";
  const Json config = read_module_json(file);
  const PixelConfig reader(config, file.string());
  reader.check_keys(kKeys, {});
  expect_vectors(reader);
  return {.folder = folder,
          .in_features = reader.square("in_features", 0),
          .out_features = reader.square("out_features", 0),
          .bias = reader.flag("bias", true),
          .activation = dense_activation(reader),
          .use_residual = reader.flag("use_residual", false)};
}

// What the first module says about texts: sentence_bert_config.json and its like, and what the tokenizer's file says of the longest one.
void read_transformer(SentenceFolder& modules, const fs::path& folder) {
  for (const char* name : {"bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"}) {
    const fs::path file = modules.encoder / fmt::format("sentence_{}_config.json", name);
    if (!fs::exists(file)) continue;
    const Json config = read_module_json(file);
    const PixelConfig reader(config, file.string());
    if (reader.flag("do_lower_case", false)) reader.refuse("do_lower_case", "false; the tokenizer's own file may say it instead");
    if (reader.text("transformer_task", "feature-extraction") != "feature-extraction")
      reader.refuse("transformer_task", "feature-extraction");
    if (reader.text("module_output_name", "token_embeddings") != "token_embeddings")
      reader.refuse("module_output_name", "token_embeddings");
    modules.max_length = reader.square("max_seq_length", 0);
    break;
  }
  const fs::path tokenizer = modules.encoder / "tokenizer_config.json";
  if (modules.max_length == 0 && fs::exists(tokenizer)) {
    const Json config = read_module_json(tokenizer);
    const auto found = config.is_object() ? config.find("model_max_length") : config.end();
    // Without a limit transformers writes 10^30.
    if (config.is_object() && found != config.end() && found->is_number_unsigned() &&
        found->get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int32_t>::max()))
      modules.max_length = found->get<int64_t>();
  }
  const fs::path file = folder / "config_sentence_transformers.json";
  if (!fs::exists(file)) return;
  const Json config = read_module_json(file);
  const PixelConfig reader(config, file.string());
  const std::string name = reader.text("default_prompt_name", "");
  if (name.empty()) return;
  const bool there =
      reader.has("prompts") && config["prompts"].is_object() && config["prompts"].contains(name) && config["prompts"][name].is_string();
  if (!there) reader.refuse("default_prompt_name", "one of the prompts");
  modules.prompt = config["prompts"][name].get<std::string>();
}

struct ModuleEntry {
  std::string kind;  // last part of its type
  fs::path folder;
};

std::vector<ModuleEntry> read_entries(const fs::path& folder) {
  const fs::path file = folder / kModulesFile;
  const Json listed = read_module_json(file);
  std::vector<ModuleEntry> entries;
  if (!listed.is_array() || listed.empty()) throw CheckpointError(fmt::format("{}: expected a list of modules", file.string()));
  for (const Json& one : listed) {
    const bool whole =
        one.is_object() && one.contains("type") && one["type"].is_string() && one.contains("path") && one["path"].is_string();
    const std::string path = whole ? one["path"].get<std::string>() : "";
    // A module's folder lies in the model's; a list must not be able to open anything else.
    if (!whole || path == "." || path == ".." || path.find('/') != std::string::npos || path.find('\0') != std::string::npos)
      throw CheckpointError(fmt::format("{}: a module without a type, or with a path that is no folder in here", file.string()));
    const auto type = one["type"].get<std::string>();
    if (!type.starts_with("sentence_transformers."))
      throw CheckpointError(fmt::format("{}: type is {}; supported are modules of sentence_transformers alone; {}", file.string(),
                                        Json(type).dump(), kWithoutPooled));
    entries.push_back({type.substr(type.rfind('.') + 1), path.empty() ? folder : folder / path});
  }
  return entries;
}

}  // namespace

bool has_sentence_modules(const fs::path& folder) { return fs::exists(folder / kModulesFile); }

SentenceFolder read_sentence_folder(const fs::path& folder) {
  const std::string where = (folder / kModulesFile).string();
  const std::vector<ModuleEntry> entries = read_entries(folder);
  SentenceFolder modules;
  if (entries.front().kind != "Transformer")
    throw CheckpointError(
        fmt::format("{}: the first module is {}; supported is Transformer; {}", where, entries.front().kind, kWithoutPooled));
  modules.encoder = entries.front().folder;
  read_transformer(modules, folder);
  for (size_t i = 1; i < entries.size(); ++i) {
    const ModuleEntry& entry = entries[i];
    if (entry.kind == "Pooling" && modules.pooling.empty()) {
      modules.pooling = read_pooling(entry.folder, modules.include_prompt);
    } else if (entry.kind == "Dense" && !modules.pooling.empty()) {
      modules.steps.emplace_back(read_dense(entry.folder));
    } else if (entry.kind == "Normalize" && !modules.pooling.empty()) {
      if (fs::exists(entry.folder / "config.json")) {
        const Json config = read_module_json(entry.folder / "config.json");
        expect_vectors(PixelConfig(config, (entry.folder / "config.json").string()));
      }
      modules.steps.emplace_back(SentenceNormalize{});
    } else if (entry.kind != "Dropout") {  // which is of training alone
      throw CheckpointError(fmt::format("{}: module {} is {}; supported are Transformer, Pooling, then Dense, Normalize, Dropout; {}",
                                        where, i, entry.kind, kWithoutPooled));
    }
  }
  if (modules.pooling.empty())
    throw CheckpointError(fmt::format("{}: has no Pooling, so no vector of a sentence; {}", where, kWithoutPooled));
  return modules;
}

}  // namespace infig

#include "model/pretrained.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "nn/linear.h"
#include "tensor/archive.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json keys_of(const ModelOptions& options) {
  const std::unique_ptr<ModelOptions> copy = options.clone();
  ConfigBinder binder;
  copy->bind(binder);
  return config_json(binder);
}

std::vector<std::string> labels_of(const json& config, const fs::path& path) {
  const json& names = config.at("id2label");
  std::vector<std::string> labels;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = names.find(std::to_string(i));
    if (found == names.end() || !found->is_string())
      throw CheckpointError(
          fmt::format("{}: id2label has no name for {}; expected one for each of 0 to {}", path.string(), i, names.size() - 1));
    labels.push_back(found->get<std::string>());
  }
  if (labels.size() < 2)
    throw CheckpointError(fmt::format("{}: id2label names {} labels, expected two at least", path.string(), labels.size()));
  return labels;
}

}  // namespace

void save_model(const SavedModel& saved, const fs::path& folder) {
  const ModelKind& kind = saved.options.kind();
  json config = {{"model_type", kind.name},
                 {"architectures", {kind.architecture}},
                 {"torch_dtype", "float32"},
                 {"precision", precision_name(saved.precision)},
                 {"infig_version", INFIG_VERSION}};
  for (size_t i = 0; i < saved.labels.size(); ++i) {
    config["id2label"][std::to_string(i)] = saved.labels[i];
    config["label2id"][saved.labels[i]] = i;
  }
  config.update(saved.model.facts());
  if (saved.model.half_features()) config["feature_dtype"] = "fp16";
  config[kind.name] = keys_of(*saved.options);
  write_file_atomic(folder / "config.json", config.dump(2) + "\n");
  if (saved.tokenizer != nullptr) saved.tokenizer->save(folder);
  save_tensors(folder / "model.safetensors", state_dict(saved.model), {{"format", "pt"}});
}

json read_checkpoint_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  if (!fs::exists(path)) throw CheckpointError(fmt::format("{}: not a model folder: config.json is missing", folder.string()));
  const json config = parse_foreign_json(read_file(path));
  const auto type = config.is_object() ? config.find("model_type") : config.end();
  if (!config.is_object() || type == config.end() || !type->is_string() || !config.contains(type->get<std::string>()) ||
      !config.contains("id2label") || !config["id2label"].is_object()) {
    throw CheckpointError(fmt::format(
        "{}: not the config of an infig model: expected model_type, id2label and the model's keys under its name", path.string()));
  }
  return config;
}

LoadedModel load_model(const fs::path& folder, const ModelList& models) {
  const json config = read_checkpoint_config(folder);
  const fs::path path = folder / "config.json";
  LoadedModel loaded;
  loaded.options = ModelConfig(models);
  const auto text = [&](const char* key, const char* fallback) {
    const auto found = config.find(key);
    if (found == config.end()) return std::string(fallback);
    if (!found->is_string()) throw CheckpointError(fmt::format("{}: {} is {}, expected a word", path.string(), key, found->dump()));
    return found->get<std::string>();
  };
  const std::string name = config.at("model_type");
  try {
    loaded.options.choose(name);
    ConfigBinder binder;
    loaded.options->bind(binder);
    read_config_text(binder, config.at(name).dump(), path.string());
    loaded.options->adopt(config, path.string());
    loaded.options->finish();
    loaded.precision = parse_precision(text("precision", "fp32"));  // runs of before this key were scored in fp32
  } catch (const ConfigError& problem) {
    throw CheckpointError(fmt::format("{}: {}", path.string(), problem.what()));
  }
  loaded.labels = labels_of(config, path);
  {
    const SkipInitialization read_next;
    loaded.model = loaded.options->make_model(static_cast<int64_t>(loaded.labels.size()));
  }
  loaded.model->set_half_features(text("feature_dtype", "fp32") == "fp16");
  if (loaded.options->wants_tokens()) loaded.tokenizer = load_tokenizer(folder);
  load_weights(*loaded.model, folder / "model.safetensors");
  return loaded;
}

fs::path find_checkpoint(const fs::path& run) {
  if (!fs::exists(run)) throw CheckpointError(fmt::format("{}: no such run folder", run.string()));
  if (fs::exists(run / "model.safetensors")) return run;
  const fs::path best = run / "checkpoints" / "best";
  if (fs::exists(best / "model.safetensors")) return best;
  throw CheckpointError(fmt::format("{}: holds no checkpoints/best; {}", run.string(),
                                    fs::exists(run / "checkpoints")
                                        ? "the run was stopped before its first evaluation: continue it with train --resume latest"
                                        : "give the folder that train --output-dir wrote"));
}

}  // namespace infig

#include "model/pretrained.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "nn/linear.h"
#include "run/stored_model.h"
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

LoadedModel build_model(const fs::path& folder, const StoredModel& stored, const ModelList& models) {
  LoadedModel loaded;
  loaded.labels = stored.labels;
  loaded.options = ModelConfig(models);
  loaded.options.choose(stored.model_type);
  ConfigBinder binder;
  loaded.options->bind(binder);
  read_config_text(binder, stored.options.dump(), stored.where);
  loaded.options->adopt(stored.config, stored.where);
  loaded.options->finish();
  loaded.precision = parse_precision(stored.precision);
  for (const Without side : {Without::kImage, Without::kText}) {
    if (stored.trained_without == side_name(side)) loaded.trained_without = side;
  }
  {
    const SkipInitialization read_next;
    loaded.model = loaded.options->make_model(static_cast<int64_t>(loaded.labels.size()));
  }
  loaded.model->set_half_features(stored.half_features);
  if (loaded.options->wants_tokens()) {
    loaded.tokenizer = load_tokenizer(folder);
    loaded.options->prepare_tokenizer(*loaded.tokenizer);
  }
  load_weights(*loaded.model, folder / "model.safetensors");
  return loaded;
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
  if (saved.trained_without != Without::kNothing) config["trained_without"] = side_name(saved.trained_without);
  config[kind.name] = keys_of(*saved.options);
  write_file_atomic(folder / "config.json", config.dump(2) + "\n");
  if (saved.tokenizer != nullptr) saved.tokenizer->save(folder);
  save_tensors(folder / "model.safetensors", state_dict(saved.model), {{"format", "pt"}});
}

LoadedModel load_model(const fs::path& folder, const ModelList& models) {
  const StoredModel stored = read_checked_model(folder);  // compares sizes with the weights' before anything is allocated
  try {
    return build_model(folder, stored, models);
  } catch (const ConfigError& error) {  // the keys are the file's, not the user's
    throw CheckpointError(fmt::format("{}: {}", stored.where, error.what()));
  } catch (const json::exception& error) {
    throw CheckpointError(fmt::format("{}: {}", stored.where, json_fault(error)));
  }
}

}  // namespace infig

#include "model/pretrained.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "tensor/archive.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;

void save_model(const InfigModel& model, const Tokenizer& tokenizer, const std::vector<std::string>& labels, const fs::path& folder) {
  InfigOptions options = model->options();
  ConfigBinder binder;
  bind_options(binder, options);
  json config = {{"model_type", "infig"}, {"architectures", {"InfigModel"}}, {"torch_dtype", "float32"}, {"infig_version", INFIG_VERSION}};
  for (size_t i = 0; i < labels.size(); ++i) {
    config["id2label"][std::to_string(i)] = labels[i];
    config["label2id"][labels[i]] = i;
  }
  config["text_encoder"] = model->text_encoder->config();
  config["image_backbone"] = model->image_encoder->backbone()->config();
  if (options.clip.embed_dim > 0) config["clip_embed_dim"] = options.clip.embed_dim;
  config["infig"] = config_json(binder);
  write_file_atomic(folder / "config.json", config.dump(2) + "\n");
  tokenizer.save(folder);
  save_tensors(folder / "model.safetensors", state_dict(*model), {{"format", "pt"}});
}

LoadedModel load_model(const fs::path& folder) {
  const fs::path config_path = folder / "config.json";
  if (!fs::exists(config_path)) {
    throw CheckpointError(fmt::format("{}: not a model folder: config.json is missing", folder.string()));
  }
  const json config = json::parse(read_file(config_path), nullptr, false);
  if (config.is_discarded() || !config.is_object() || config.value("model_type", "") != "infig" || !config.contains("infig") ||
      !config.contains("id2label")) {
    throw CheckpointError(
        fmt::format("{}: not the config of an infig model (model_type, id2label and infig are expected)", config_path.string()));
  }
  LoadedModel loaded;
  InfigOptions options;
  ConfigBinder binder;
  bind_options(binder, options);
  read_config_text(binder, config["infig"].dump(), config_path.string());
  for (size_t i = 0; i < config["id2label"].size(); ++i) {
    const std::string key = std::to_string(i);
    if (!config["id2label"].contains(key)) throw CheckpointError(fmt::format("{}: id2label has no entry {}", config_path.string(), key));
    loaded.labels.push_back(config["id2label"][key].get<std::string>());
  }
  loaded.tokenizer = load_tokenizer(folder);
  const auto part = [&](const char* key) {
    if (!config.contains(key)) throw CheckpointError(fmt::format("{}: has no {}", config_path.string(), key));
    return config[key];
  };
  // The checkpoint alone says what its encoders are; the folders that the run started from may be gone.
  if (!options.text.model.empty()) set_published_text(options.text, part("text_encoder"));
  if (!options.image.model.empty()) set_published_image(options.image, part("image_backbone"));
  options.clip.embed_dim = config.value("clip_embed_dim", int64_t{0});
  options.text.encoder.vocab_size = text_encoder_facts(part("text_encoder")).vocab_size;
  options.text.encoder.pad_token_id = loaded.tokenizer->pad_id();
  options.finish();
  loaded.model = InfigModel(options, static_cast<int64_t>(loaded.labels.size()), 0);
  const fs::path weights = folder / "model.safetensors";
  load_state_dict(*loaded.model, load_tensors(weights), weights.string());
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

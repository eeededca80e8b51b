#include "model/pretrained.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "run/stored_model.h"
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

namespace {

LoadedModel build_model(const fs::path& folder, const StoredModel& stored) {
  LoadedModel loaded;
  loaded.labels = stored.labels;
  InfigOptions options;
  ConfigBinder binder;
  bind_options(binder, options);
  read_config_text(binder, stored.options.dump(), stored.where);
  loaded.tokenizer = load_tokenizer(folder);
  // The checkpoint alone says what its encoders are; the folders that the run started from may be gone.
  if (!options.text.model.empty()) set_published_text(options.text, stored.text_encoder);
  if (!options.image.model.empty()) set_published_image(options.image, stored.image_backbone);
  options.clip.embed_dim = stored.clip_embed_dim;
  options.text.encoder.vocab_size = text_encoder_facts(stored.text_encoder).vocab_size;
  options.text.encoder.pad_token_id = loaded.tokenizer->pad_id();
  options.finish();
  loaded.model = InfigModel(options, static_cast<int64_t>(loaded.labels.size()), 0);
  const fs::path weights = folder / "model.safetensors";
  load_state_dict(*loaded.model, load_tensors(weights), weights.string());
  return loaded;
}

}  // namespace

LoadedModel load_model(const fs::path& folder) {
  const StoredModel stored = read_checked_model(folder);  // sizes are those of the weights before anything is made
  if (stored.model_type != "infig")
    throw CheckpointError(fmt::format("{}: key model_type: is \"{}\", expected \"infig\"", stored.where, stored.model_type));
  try {
    return build_model(folder, stored);
  } catch (const ConfigError& error) {  // nothing that the user typed or wrote
    throw CheckpointError(fmt::format("{}: {}", stored.where, error.what()));
  } catch (const json::exception& error) {
    throw CheckpointError(fmt::format("{}: {}", stored.where, error.what()));
  }
}

}  // namespace infig

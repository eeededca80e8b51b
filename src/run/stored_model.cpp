#include "run/stored_model.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/json_fields.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// Their number is the number of rows of the classifier; far beyond it, one would be a list of something else.
constexpr size_t kMostLabels = 100'000;

std::vector<std::string> read_labels(const JsonFields& config) {
  const JsonFields names = config.object("id2label");
  if (names.json().size() < 2 || names.json().size() > kMostLabels) config.refuse("id2label", fmt::format("2 to {} labels", kMostLabels));
  std::vector<std::string> labels;
  for (size_t i = 0; i < names.json().size(); ++i) labels.push_back(names.text(std::to_string(i)));
  return labels;
}

}  // namespace

StoredModel read_stored_model(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  std::error_code code;
  if (!fs::exists(path, code)) throw CheckpointError(fmt::format("{}: not a model folder: config.json is missing", folder.string()));
  const JsonFields config = JsonFields::of_file(path);
  if (!config.has("model_type") || !config.has("id2label")) {
    throw CheckpointError(
        fmt::format("{}: not the config of an infig model (model_type, id2label and infig are expected)", config.where()));
  }
  StoredModel stored;
  stored.where = config.where();
  stored.model_type = config.text("model_type");
  stored.options = config.has(stored.model_type) ? config.object(stored.model_type).json() : json::object();
  stored.labels = read_labels(config);
  if (config.has("text_encoder")) stored.text_encoder = config.object("text_encoder").json();
  if (config.has("image_backbone")) stored.image_backbone = config.object("image_backbone").json();
  stored.clip_embed_dim = config.integer_if("clip_embed_dim").value_or(0);
  if (stored.clip_embed_dim < 0) config.refuse("clip_embed_dim", "a number from 0");
  if (config.has("precision")) stored.precision = config.text("precision");
  if (config.has("feature_dtype")) {
    const std::string dtype = config.text("feature_dtype");
    if (dtype != "fp16" && dtype != "fp32") config.refuse("feature_dtype", "fp16 or fp32");
    stored.half_features = dtype == "fp16";
  }
  if (config.has("trained_without")) {
    stored.trained_without = config.text("trained_without");
    if (stored.trained_without != "image" && stored.trained_without != "text") config.refuse("trained_without", "image or text");
  }
  stored.config = config.json();
  return stored;
}

StoredModel read_checked_model(const fs::path& folder) {
  StoredModel stored = read_stored_model(folder);
  const fs::path weights = folder / "model.safetensors";
  const WeightArchive archive = open_archive(weights);
  check_stored_sizes(stored, archive.tensors(), weights.string());
  return stored;
}

}  // namespace infig

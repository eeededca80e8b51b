// What text.model and image.model bring into the options.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/image_backbone.h"
#include "encoders/text_encoder.h"
#include "model/infig_options.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// Keys that describe an encoder from scratch: a published one brings its own.
constexpr std::array<const char*, 18> kTextFromScratch = {"text.character_coverage",
                                                          "text.case_fold",
                                                          "text.hidden_size",
                                                          "text.num_hidden_layers",
                                                          "text.num_attention_heads",
                                                          "text.intermediate_size",
                                                          "text.hidden_act",
                                                          "text.max_position_embeddings",
                                                          "text.layer_norm_eps",
                                                          "text.embedding_initializer_range",
                                                          "text.relative_attention",
                                                          "text.max_relative_positions",
                                                          "text.position_buckets",
                                                          "text.pos_att_c2p",
                                                          "text.pos_att_p2c",
                                                          "text.share_att_key",
                                                          "text.norm_rel_ebd",
                                                          "text.position_biased_input"};
constexpr std::array<const char*, 7> kImageFromScratch = {"image.bottleneck",  "image.stage_blocks", "image.stage_widths", "image.stem_kernel",
                                                          "image.stem_stride", "image.stem_width",   "image.stem_pool"};

struct KnownModel {
  const char* folder;  // last part of the path, as the presets name it
  const char* how;     // to get it
};
constexpr std::array<KnownModel, 6> kKnownModels = {{
    {"deberta-v3-base", "infig weights pull microsoft/deberta-v3-base --output"},
    {"resnet-50", "infig weights pull microsoft/resnet-50 --output"},
    {"minilm-l6", "make lite-weights"},
    {"efficientnet-lite0", "make lite-weights"},
    {"mpnet-base", "make base-weights"},
    {"efficientnet-lite2", "make base-weights"},
}};

void check_there(const char* key, const std::string& model) {
  if (fs::exists(model)) return;
  const fs::path path(model);
  const std::string name = (path.has_filename() ? path : path.parent_path()).filename().string();
  std::string how = "give the folder of a model as transformers saves it, fetched with infig weights pull NAME --output DIR";
  for (const auto& known : kKnownModels) {
    if (name != known.folder) continue;
    how = std::string("get it with: ") + known.how;
    if (how.ends_with("--output")) how += " " + model;
  }
  throw CheckpointError(fmt::format("{}: {}: no such folder or file; {} (or start from random weights with --random-init)", key, model, how));
}

template <typename Keys>
void check_untouched(InfigOptions& options, const Keys& keys, const char* model_key) {
  InfigOptions fresh;
  ConfigBinder now, defaults;
  bind_options(now, options);
  bind_options(defaults, fresh);
  for (size_t i = 0; i < now.fields().size(); ++i) {
    const auto& field = now.fields()[i];
    const bool listed = std::any_of(keys.begin(), keys.end(), [&field](const char* key) { return field.key == key; });
    if (!listed || field.get() == defaults.fields()[i].get()) continue;
    throw ConfigError(fmt::format("{}={}: has no effect beside {}, whose model brings its own; leave one of the two out", field.key,
                                  field.get(), model_key));
  }
}

// The model's own preprocessing into the options; a key that says otherwise needs image.preprocess=config.
void adopt_pixels(InfigOptions& options, const ImageOptions& own) {
  constexpr std::array<const char*, 5> kKeys = {"image.size", "image.resize", "image.filter", "image.mean", "image.std"};
  InfigOptions fresh, adopted;
  ImageOptions& pixels = adopted.image.pixels;
  pixels.size = own.size;
  pixels.resize = own.resize;
  pixels.filter = own.filter;
  pixels.mean = own.mean;
  pixels.std = own.std;
  ConfigBinder now, defaults, model;
  bind_options(now, options);
  bind_options(defaults, fresh);
  bind_options(model, adopted);
  for (size_t i = 0; i < now.fields().size(); ++i) {
    const auto& field = now.fields()[i];
    if (std::none_of(kKeys.begin(), kKeys.end(), [&field](const char* key) { return field.key == key; })) continue;
    const std::string value = field.get(), wanted = model.fields()[i].get();
    if (value != wanted && value != defaults.fields()[i].get()) {
      throw ConfigError(fmt::format("{}={}: image.model is published for {}; set image.preprocess=config to depart from it", field.key, value,
                                    wanted));
    }
    field.set(wanted);
  }
}

}  // namespace

void set_published_text(TextOptions& text, const json& config) {
  json own = config;
  own["hidden_dropout_prob"] = text.encoder.hidden_dropout_prob;
  own["attention_probs_dropout_prob"] = text.encoder.attention_probs_dropout_prob;
  static_cast<void>(text_encoder_facts(own));  // throws for what is not supported
  text.published = own.dump();
}

void set_published_image(ImageModelOptions& image, const json& config) {
  const auto backbone = make_image_backbone(config);
  image.published = config.dump();
  image.published_stride = backbone->stride();
  image.encoder.feature_size = backbone->feature_size();
}

void resolve_published(InfigOptions& options, bool random_init) {
  if (random_init) {
    options.text.model.clear();
    options.image.model.clear();
    return;
  }
  if (!options.text.model.empty()) {
    check_there("text.model", options.text.model);
    check_untouched(options, kTextFromScratch, "text.model");
    set_published_text(options.text, read_model_config(options.text.model));
  }
  if (options.image.model.empty()) return;
  check_there("image.model", options.image.model);
  check_untouched(options, kImageFromScratch, "image.model");
  const PublishedBackbone published = load_image_backbone(options.image.model);
  set_published_image(options.image, published.backbone->config());
  if (!options.image.own_pixels) return;
  adopt_pixels(options, published.pixels);
}

}  // namespace infig

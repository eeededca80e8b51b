// What text.model, image.model and clip.model bring into the options: from their folders, or from a checkpoint that has them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "encoders/clip.h"
#include "encoders/config_reader.h"
#include "encoders/image_backbone.h"
#include "encoders/stated_rates.h"
#include "encoders/vision_transformer.h"
#include "model/infig_options.h"
#include "model/published_keys.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// Keys that describe an encoder from scratch: a published one brings its own.
constexpr std::array<const char*, 18> kTextFromScratch = {"text.character_coverage",  "text.case_fold",
                                                          "text.hidden_size",         "text.num_hidden_layers",
                                                          "text.num_attention_heads", "text.intermediate_size",
                                                          "text.hidden_act",          "text.max_position_embeddings",
                                                          "text.layer_norm_eps",      "text.embedding_initializer_range",
                                                          "text.relative_attention",  "text.max_relative_positions",
                                                          "text.position_buckets",    "text.pos_att_c2p",
                                                          "text.pos_att_p2c",         "text.share_att_key",
                                                          "text.norm_rel_ebd",        "text.position_biased_input"};
// Of a Vision Transformer the whole tower is published, not the backbone alone.
constexpr std::array<const char*, 5> kTowerFromScratch = {"image.num_attention_heads", "image.intermediate_size", "image.hidden_act",
                                                          "image.layer_norm_eps", "image.pos"};

std::vector<std::string> image_keys(bool vision) {
  std::vector<std::string> keys = backbone_keys();
  if (vision) keys.insert(keys.end(), kTowerFromScratch.begin(), kTowerFromScratch.end());
  return keys;
}

// Whether image.model is the folder of a Vision Transformer, by its config.json; false where that cannot be read: resolve() says why.
bool names_vision(const std::string& model) {
  if (!fs::exists(fs::path(model) / "config.json")) return false;
  try {
    const json config = read_model_config(model);
    const json type = config.value("model_type", json()), architecture = config.value("architecture", json());
    return (type.is_string() && is_vision_transformer(type.get<std::string>())) ||
           (architecture.is_string() && is_timm_vision(architecture.get<std::string>()));
  } catch (const std::exception&) {
    return false;
  }
}

// Of a run that begins: a vocabulary is then trained, which an earlier version's checkpoints may name in vain.
std::vector<std::string> text_keys() {
  std::vector<std::string> keys(kTextFromScratch.begin(), kTextFromScratch.end());
  keys.emplace_back("text.vocab_size");
  return keys;
}

// Keys of an encoder from scratch that are set beside a published one are conflicts.
void note_touched(InfigOptions& options, const std::vector<std::string>& keys, const std::string& model_key, const std::string& model,
                  std::vector<std::string>& conflicts) {
  InfigOptions fresh;
  ConfigBinder now, defaults;
  options.bind(now);
  fresh.bind(defaults);
  note_touched(now, defaults, keys, model_key, model, conflicts);
}

// The model's own preprocessing into the options; keys that say otherwise, without image.preprocess=config, are conflicts.
void adopt_pixels(InfigOptions& options, const ImageOptions& own, std::vector<std::string>& conflicts) {
  InfigOptions fresh, adopted;
  copy_preprocessing(own, adopted.image.pixels);
  ConfigBinder now, defaults, model;
  options.bind(now);
  fresh.bind(defaults);
  adopted.bind(model);
  adopt_pixels(now, defaults, model, options.image.model, conflicts);
}

// The model's own sizes; dropout is a choice of the training.
void set_published(TextOptions& text, const json& config) {
  TextEncoderOptions published = text_encoder_options(config);
  set_dropout(published, text.encoder.hidden_dropout_prob, text.encoder.attention_probs_dropout_prob);
  text.published = published;
}

void set_published(ImageModelOptions& image, const ImageBackboneOptions& published) {
  image.published = published;
  image.encoder.feature_size = feature_size_of(published);
}

// What is wrong with a folder that a key names begins with the key.
template <typename Work>
auto of_key(const char* key, Work&& work) {
  try {
    return work();
  } catch (const CheckpointError& error) {
    throw CheckpointError(fmt::format("{}: {}", key, error.what()));
  }
}

void resolve_text(InfigOptions& options) {
  if (options.text.model.empty()) return;
  const std::filesystem::path folder = options.text.model;
  of_key("text.model", [&] { of_config_in(folder, [&] { set_published(options.text, read_model_config(folder)); }); });
}

// Rates of dropout are a choice of the training: where the model's own file states others than the keys, both are said.
void note_rates(const ImageModelOptions& image) {
  const fs::path file = fs::path(image.model) / "config.json";
  const bool vision = image.vision().has_value();
  if ((!image.finetune && !vision) || !fs::exists(file)) return;
  std::vector<std::string> stated, keys;
  for (const StatedRate& one : stated_rates(read_model_config(image.model))) {
    if (!vision && one.ours != "drop_path") continue;  // of layers that convolutions do not have
    const double ours = one.ours == "drop_path"             ? image.drop_path
                        : one.ours == "hidden_dropout_prob" ? image.encoder.layer.hidden_dropout_prob
                        : one.ours.empty()                  ? 0.0
                                                            : image.encoder.layer.attention_probs_dropout_prob;
    if (one.rate == ours) continue;
    stated.push_back(fmt::format("{} {}", one.key, one.rate));
    const std::string key = one.ours.empty() ? "nothing of that kind is done" : fmt::format("image.{}={}", one.ours, ours);
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  }
  if (!stated.empty()) log_info("{} states {}; rates are the run's own: {}", file.string(), fmt::join(stated, ", "), fmt::join(keys, ", "));
}

void resolve_image(InfigOptions& options, std::vector<std::string>& conflicts) {
  if (options.image.model.empty()) return;
  const PublishedBackbone published = of_key("image.model", [&] { return load_image_backbone(options.image.model); });
  set_published(options.image, image_backbone_options(published.backbone->config()));
  note_rates(options.image);
  if (options.image.own_pixels) adopt_pixels(options, published.pixels, conflicts);
}

void resolve_clip(InfigOptions& options) {
  ClipPriorOptions& clip = options.clip;
  if (clip.model.empty() || options.loss.lambda_g == 0) return;  // row 45: without GAM no CLIP
  if (clip.random_init) {
    clip.embed_dim = clip_options(clip.variant).projection_dim;
    return;
  }
  if (const int64_t width = siglip_embed_dim(clip.model); width > 0) {
    if (clip.variant != ClipVariant::kAny && !clip.variant_gives_way) {
      throw ConfigError(fmt::format("clip.model={}: holds a SigLIP, which is no variant of CLIP; set clip.variant=any", clip.model));
    }
    clip.variant = ClipVariant::kAny;
    clip.embed_dim = width;
    return;
  }
  const ClipOptions found = read_clip_options(clip.model);
  try {
    check_variant(found, clip.variant, fmt::format("clip.model={}", clip.model));
  } catch (const ConfigError&) {
    if (!clip.variant_gives_way) throw;
    clip.variant = ClipVariant::kAny;
  }
  clip.embed_dim = found.projection_dim;
}

}  // namespace

std::vector<GivenWay> InfigOptions::give_way(const std::function<bool(const std::string& key)>& typed) {
  std::vector<GivenWay> given;
  InfigOptions fresh;
  ConfigBinder now, defaults;
  bind(now);
  fresh.bind(defaults);
  const auto clear = [&](const char* model_key, const std::string& model, const std::vector<std::string>& keys) {
    if (auto one = keys_given_way(now, defaults, model_key, model, keys, typed)) given.push_back(std::move(*one));
  };
  clear("text.model", text.model, text_keys());
  std::vector<std::string> of_image = image_keys(names_vision(image.model));
  if (image.own_pixels) of_image.insert(of_image.end(), pixel_keys().begin(), pixel_keys().end());
  clear("image.model", image.model, of_image);
  clear("clip.model", clip.model, {"clip.tokenizer"});
  clip.variant_gives_way = typed("clip.model") && !typed("clip.variant");
  if (clip.variant_gives_way) {  // only to a model of another variant: resolve() knows
    for (const ConfigField& field : now.fields()) {
      if (field.key == "clip.variant" && !clip.model.empty()) given.back().keys.emplace_back(field.key, field.get());
    }
  }
  return given;
}

void InfigOptions::resolve(bool random_init) {
  if (random_init) {
    text.model.clear();
    image.model.clear();
    clip.random_init = !clip.model.empty();
  } else {
    require_models({{"text.model", text.model},
                    {"image.model", image.model},
                    {"clip.model", loss.lambda_g > 0 ? clip.model : ""},
                    {"clip.tokenizer", clip.tokenizer}});
  }
  std::vector<std::string> conflicts;
  note_touched(*this, text_keys(), "text.model", text.model, conflicts);
  resolve_text(*this);
  resolve_image(*this, conflicts);
  note_touched(*this, image_keys(image.vision().has_value()), "image.model", image.model, conflicts);
  check_no_conflict(conflicts);
  resolve_clip(*this);
}

// A checkpoint holds what its encoders are; the folders that the run started from may be gone.
void InfigOptions::adopt(const json& config, const std::string& where) {
  const auto part = [&](const char* key) -> const json& {
    const auto found = config.find(key);
    if (found == config.end() || !found->is_object()) throw CheckpointError(fmt::format("{}: has no {}", where, key));
    return *found;
  };
  // A run from before the key was trained on texts whose special tokens were kept.
  const json::json_pointer key("/infig/text/special_in_text");
  if (!config.contains(key)) text.special_in_text = SpecialInText::kKeep;
  std::vector<std::string> conflicts;
  note_touched(*this, {kTextFromScratch.begin(), kTextFromScratch.end()}, "text.model", text.model, conflicts);
  InfigOptions stored;
  ConfigBinder binder;
  stored.bind(binder);
  try {
    if (text.model.empty()) {  // the rows of its table are those of the run's tokenizer
      const DebertaOptions own = deberta_options_from_json(part("text_encoder"));
      text.encoder.vocab_size = own.vocab_size;
      text.encoder.pad_token_id = own.pad_token_id;
    } else {
      set_published(text, part("text_encoder"));
    }
    if (!image.model.empty()) {
      set_published(image, image_backbone_options(part("image_backbone")));
      note_touched(*this, image_keys(image.vision().has_value()), "image.model", image.model, conflicts);
      read_config_text(binder, part("infig").dump(), where);
      if (image.own_pixels) adopt_pixels(*this, stored.image.pixels, conflicts);
    }
    if (clip.variant_gives_way) {  // as it was resolved when the run began
      read_config_text(binder, part("infig").dump(), where);
      clip.variant = stored.clip.variant;
    }
  } catch (const ConfigError& problem) {
    throw ConfigError(fmt::format("{}: {}", where, problem.what()));
  }
  check_no_conflict(conflicts);
  const auto width = config.find("clip_embed_dim");
  if (width == config.end()) return;
  if (!width->is_number_integer() || width->get<int64_t>() < 1)
    throw CheckpointError(fmt::format("{}: clip_embed_dim is {}, expected a whole number from 1", where, width->dump()));
  clip.embed_dim = width->get<int64_t>();
}

std::vector<std::string> InfigOptions::pretrained_parameters() const {
  std::vector<std::string> prefixes;
  if (!text.model.empty()) prefixes.emplace_back("text_encoder.");
  if (!image.model.empty()) prefixes.emplace_back("image_encoder.backbone.");
  if (image.vision()) prefixes.emplace_back("image_encoder.vision.");
  return prefixes;
}

std::vector<std::pair<std::string, fs::path>> InfigOptions::pretrained_files() const {
  std::vector<std::pair<std::string, fs::path>> files;
  const auto add = [&files](const char* key, const std::string& path) {
    if (!path.empty()) files.emplace_back(key, path);
  };
  add("text.model", text.model);
  add("image.model", image.model);
  if (loss.lambda_g > 0 && !clip.random_init) add("clip.model", clip.model);
  return files;
}

}  // namespace infig

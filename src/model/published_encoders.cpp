// What text.model, image.model and clip.model bring into the options: from their folders, or from a checkpoint that has them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "encoders/clip.h"
#include "encoders/config_reader.h"
#include "encoders/image_backbone.h"
#include "model/infig_options.h"

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
constexpr std::array<const char*, 7> kImageFromScratch = {"image.bottleneck",  "image.stage_blocks", "image.stage_widths",
                                                          "image.stem_kernel", "image.stem_stride",  "image.stem_width",
                                                          "image.stem_pool"};

struct KnownModel {
  const char* folder;  // last part of the path, as the presets name it
  const char* hub;     // its name on the model hub; null: it comes with `command`
  const char* files;
  const char* command = nullptr;
};
constexpr std::array<KnownModel, 9> kKnownModels = {{
    {"deberta-v3-base", "microsoft/deberta-v3-base", "config.json, spm.model, tokenizer_config.json, pytorch_model.bin"},
    {"resnet-50", "microsoft/resnet-50", "config.json, preprocessor_config.json, model.safetensors"},
    {"clip-vit-b32", "openai/clip-vit-base-patch32", "config.json, preprocessor_config.json, vocab.json, merges.txt, pytorch_model.bin"},
    {"clip-vit-b16", "openai/clip-vit-base-patch16", "config.json, preprocessor_config.json, vocab.json, merges.txt, pytorch_model.bin"},
    {"clip-vit-l14", "openai/clip-vit-large-patch14", "config.json, preprocessor_config.json, vocab.json, merges.txt, model.safetensors"},
    {"minilm-l6", nullptr, "config.json, tokenizer files, model.safetensors", "make lite-weights"},
    {"efficientnet-lite0", nullptr, "model.safetensors", "make lite-weights"},
    {"mpnet-base", nullptr, "config.json, tokenizer files, model.safetensors", "make base-weights"},
    {"efficientnet-lite2", nullptr, "model.safetensors", "make base-weights"},
}};

std::string how_to_get(const std::string& model) {
  const std::string name = last_name(model);
  for (const auto& known : kKnownModels) {
    if (name != known.folder) continue;
    if (known.hub == nullptr) return fmt::format("expected there: {}; get it with: {}", known.files, known.command);
    return fmt::format("expected there: {}; published as {} on the model hub; get it with: infig weights pull {} --output {}", known.files,
                       known.hub, known.hub, model);
  }
  return fmt::format("give the folder of a model as transformers saves it, fetched with: infig weights pull NAME --output {}", model);
}

// Every folder that is not there, in one message.
void check_there(const std::vector<std::pair<const char*, std::string>>& models) {
  std::vector<std::string> missing;
  for (const auto& [key, model] : models) {
    if (model.empty() || fs::exists(model)) continue;
    missing.push_back(fmt::format("{}: {}: no such folder or file; {}", key, model, how_to_get(model)));
  }
  if (missing.empty()) return;
  throw CheckpointError(fmt::format("{}\nor start from random weights with --random-init", fmt::join(missing, "\n")));
}

template <typename Keys>
void check_untouched(InfigOptions& options, const Keys& keys, const char* model_key) {
  InfigOptions fresh;
  ConfigBinder now, defaults;
  options.bind(now);
  fresh.bind(defaults);
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
  options.bind(now);
  fresh.bind(defaults);
  adopted.bind(model);
  for (size_t i = 0; i < now.fields().size(); ++i) {
    const auto& field = now.fields()[i];
    if (std::none_of(kKeys.begin(), kKeys.end(), [&field](const char* key) { return field.key == key; })) continue;
    const std::string value = field.get(), wanted = model.fields()[i].get();
    if (value != wanted && value != defaults.fields()[i].get()) {
      throw ConfigError(
          fmt::format("{}={}: image.model is published for {}; set image.preprocess=config to depart from it", field.key, value, wanted));
    }
    field.set(wanted);
  }
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

void resolve_text(InfigOptions& options) {
  if (options.text.model.empty()) return;
  check_untouched(options, kTextFromScratch, "text.model");
  const std::filesystem::path folder = options.text.model;
  of_config_in(folder, [&] { set_published(options.text, read_model_config(folder)); });
}

void resolve_image(InfigOptions& options) {
  if (options.image.model.empty()) return;
  check_untouched(options, kImageFromScratch, "image.model");
  const PublishedBackbone published = load_image_backbone(options.image.model);
  set_published(options.image, image_backbone_options(published.backbone->config()));
  if (options.image.own_pixels) adopt_pixels(options, published.pixels);
}

void resolve_clip(InfigOptions& options) {
  ClipPriorOptions& clip = options.clip;
  if (clip.model.empty() || options.loss.lambda_g == 0) return;  // row 45: without GAM no CLIP
  if (clip.random_init) {
    clip.embed_dim = clip_options(clip.variant).projection_dim;
    return;
  }
  const ClipOptions found = read_clip_options(clip.model);
  check_variant(found, clip.variant, fmt::format("clip.model={}", clip.model));
  clip.embed_dim = found.projection_dim;
}

}  // namespace

void InfigOptions::resolve(bool random_init) {
  if (random_init) {
    text.model.clear();
    image.model.clear();
    clip.random_init = !clip.model.empty();
  } else {
    check_there({{"text.model", text.model},
                 {"image.model", image.model},
                 {"clip.model", loss.lambda_g > 0 ? clip.model : ""},
                 {"clip.tokenizer", clip.tokenizer}});
  }
  resolve_text(*this);
  resolve_image(*this);
  resolve_clip(*this);
}

// A checkpoint holds what its encoders are; the folders that the run started from may be gone.
void InfigOptions::adopt(const json& config, const std::string& where) {
  const auto part = [&](const char* key) -> const json& {
    const auto found = config.find(key);
    if (found == config.end() || !found->is_object()) throw CheckpointError(fmt::format("{}: has no {}", where, key));
    return *found;
  };
  try {
    if (text.model.empty()) {  // the rows of its table are those of the run's tokenizer
      const DebertaOptions own = deberta_options_from_json(part("text_encoder"));
      text.encoder.vocab_size = own.vocab_size;
      text.encoder.pad_token_id = own.pad_token_id;
    } else {
      check_untouched(*this, kTextFromScratch, "text.model");
      set_published(text, part("text_encoder"));
    }
    if (!image.model.empty()) {
      check_untouched(*this, kImageFromScratch, "image.model");
      set_published(image, image_backbone_options(part("image_backbone")));
      InfigOptions stored;
      ConfigBinder binder;
      stored.bind(binder);
      read_config_text(binder, part("infig").dump(), where);
      if (image.own_pixels) adopt_pixels(*this, stored.image.pixels);
    }
  } catch (const ConfigError& problem) {
    throw ConfigError(fmt::format("{}: {}", where, problem.what()));
  }
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

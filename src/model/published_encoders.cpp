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
#include "encoders/vision_transformer.h"
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

// Of a Vision Transformer the whole tower is published, not the backbone alone.
constexpr std::array<const char*, 5> kTowerFromScratch = {"image.num_attention_heads", "image.intermediate_size", "image.hidden_act",
                                                          "image.layer_norm_eps", "image.pos"};

std::vector<std::string> image_keys(bool vision) {
  std::vector<std::string> keys(kImageFromScratch.begin(), kImageFromScratch.end());
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

// What a published backbone is shown, unless image.preprocess=config.
constexpr std::array<const char*, 8> kPixels = {"image.size", "image.resize",      "image.filter", "image.mean",
                                                "image.std",  "image.resize_mode", "image.fill",   "image.crop_rounding"};

// Of a run that begins: a vocabulary is then trained, which an earlier version's checkpoints may name in vain.
std::vector<std::string> text_keys() {
  std::vector<std::string> keys(kTextFromScratch.begin(), kTextFromScratch.end());
  keys.emplace_back("text.vocab_size");
  return keys;
}

template <typename Keys>
bool is_among(const Keys& keys, const std::string& key) {
  return std::any_of(keys.begin(), keys.end(), [&key](const auto& one) { return key == one; });
}

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

// Where the model lies instead: at the same path seen from a folder further up, or beside it under a name that is near; empty: nowhere.
std::string elsewhere(const std::string& model) {
  if (fs::path(model).is_relative()) {
    fs::path up = "..";
    for (int i = 0; i < 4; ++i, up /= "..") {
      if (fs::exists(up / model)) return fmt::format("; there is {}: give that", (up / model).lexically_normal().string());
    }
  }
  const fs::path path = fs::path(model).has_filename() ? fs::path(model) : fs::path(model).parent_path();
  const fs::path around = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::vector<std::string> names;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(around, code)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  std::vector<std::string> begun;
  for (const std::string& name : names) {
    if (name.starts_with(path.filename().string())) begun.push_back(name);
  }
  const std::string near = begun.size() == 1 ? begun.front() : nearest_word(path.filename().string(), names);
  return near.empty() ? "" : fmt::format("; did you mean {}?", (path.parent_path() / near).string());
}

// Every folder that is not there, in one message.
void check_there(const std::vector<std::pair<const char*, std::string>>& models) {
  std::vector<std::string> missing;
  for (const auto& [key, model] : models) {
    if (model.empty() || fs::exists(model)) continue;
    missing.push_back(fmt::format("{}: {}: no such folder or file{}; {}", key, model, elsewhere(model), how_to_get(model)));
  }
  if (missing.empty()) return;
  throw CheckpointError(fmt::format("{}\nor start from random weights with --random-init", fmt::join(missing, "\n")));
}

// Keys of an encoder from scratch that are set beside a published one are conflicts.
template <typename Keys>
void note_touched(InfigOptions& options, const Keys& keys, const std::string& model_key, const std::string& model,
                  std::vector<std::string>& conflicts) {
  if (model.empty()) return;
  InfigOptions fresh;
  ConfigBinder now, defaults;
  options.bind(now);
  fresh.bind(defaults);
  std::string touched;
  for (size_t i = 0; i < now.fields().size(); ++i) {
    const auto& field = now.fields()[i];
    if (!is_among(keys, field.key) || field.get() == defaults.fields()[i].get()) continue;
    touched += fmt::format("{}{}={}", touched.empty() ? "" : ", ", field.key, field.get());
  }
  if (touched.empty()) return;
  conflicts.push_back(fmt::format("{}={} brings its own, beside which these have no effect: {}; leave them out, or {}", model_key, model,
                                  touched, model_key));
}

// The model's own preprocessing into the options; keys that say otherwise, without image.preprocess=config, are conflicts.
void adopt_pixels(InfigOptions& options, const ImageOptions& own, std::vector<std::string>& conflicts) {
  InfigOptions fresh, adopted;
  ImageOptions& pixels = adopted.image.pixels;
  pixels.size = own.size;
  pixels.resize = own.resize;
  pixels.filter = own.filter;
  pixels.mean = own.mean;
  pixels.std = own.std;
  pixels.resize_mode = own.resize_mode;
  pixels.fill = own.fill;
  pixels.crop_rounding = own.crop_rounding;
  ConfigBinder now, defaults, model;
  options.bind(now);
  fresh.bind(defaults);
  adopted.bind(model);
  std::string touched;
  for (size_t i = 0; i < now.fields().size(); ++i) {
    const auto& field = now.fields()[i];
    if (!is_among(kPixels, field.key)) continue;
    const std::string value = field.get(), wanted = model.fields()[i].get();
    if (value == wanted || value == defaults.fields()[i].get()) {
      field.set(wanted);
    } else {
      touched += fmt::format("{}{}={} (published for {})", touched.empty() ? "" : ", ", field.key, value, wanted);
    }
  }
  if (touched.empty()) return;
  conflicts.push_back(
      fmt::format("image.model={} brings its own preprocessing, from which these depart: {}; leave them out, or set "
                  "image.preprocess=config to depart from it",
                  options.image.model, touched));
}

void check_no_conflict(const std::vector<std::string>& conflicts) {
  if (!conflicts.empty()) throw ConfigError(fmt::format("{}", fmt::join(conflicts, "\n")));
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
  const std::filesystem::path folder = options.text.model;
  of_config_in(folder, [&] { set_published(options.text, read_model_config(folder)); });
}

void resolve_image(InfigOptions& options, std::vector<std::string>& conflicts) {
  if (options.image.model.empty()) return;
  const PublishedBackbone published = load_image_backbone(options.image.model);
  set_published(options.image, image_backbone_options(published.backbone->config()));
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
    if (model.empty() || !typed(model_key)) return;
    GivenWay one{.to = model_key, .keys = {}};
    for (size_t i = 0; i < now.fields().size(); ++i) {
      const ConfigField& field = now.fields()[i];
      const std::string value = field.get(), usual = defaults.fields()[i].get();
      if (value == usual || typed(field.key) || std::find(keys.begin(), keys.end(), field.key) == keys.end()) continue;
      one.keys.emplace_back(field.key, value);
      field.set(usual);
    }
    given.push_back(std::move(one));
  };
  clear("text.model", text.model, text_keys());
  std::vector<std::string> of_image = image_keys(names_vision(image.model));
  if (image.own_pixels) of_image.insert(of_image.end(), kPixels.begin(), kPixels.end());
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
    check_there({{"text.model", text.model},
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
  note_touched(*this, kTextFromScratch, "text.model", text.model, conflicts);
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

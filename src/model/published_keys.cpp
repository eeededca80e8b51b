#include "model/published_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

bool is_among(const std::vector<std::string>& keys, const std::string& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

struct KnownModel {
  const char* folder;  // last part of the path, as the presets name it
  const char* hub;     // its name on the model hub; null: it comes with `command`
  const char* files;
  const char* command = nullptr;
};
constexpr std::array<KnownModel, 10> kKnownModels = {{
    {"bert-base-uncased", "google-bert/bert-base-uncased", "config.json, vocab.txt, tokenizer_config.json, model.safetensors"},
    {"deberta-v3-base", "microsoft/deberta-v3-base", "config.json, spm.model, tokenizer_config.json, pytorch_model.bin"},
    {"resnet-50", "microsoft/resnet-50", "config.json, preprocessor_config.json, model.safetensors"},
    {"clip-vit-b32", "openai/clip-vit-base-patch32", "config.json, preprocessor_config.json, vocab.json, merges.txt, pytorch_model.bin"},
    {"clip-vit-b16", "openai/clip-vit-base-patch16", "config.json, preprocessor_config.json, vocab.json, merges.txt, pytorch_model.bin"},
    {"clip-vit-l14", "openai/clip-vit-large-patch14", "config.json, preprocessor_config.json, vocab.json, merges.txt, model.safetensors"},
    {"minilm-l6", nullptr, "config.json, tokenizer files, model.safetensors", "make lite-weights"},
    {"efficientnet-lite0", nullptr, "model.safetensors, class_names.txt", "make lite-weights"},
    {"mpnet-base", nullptr, "config.json, tokenizer files, model.safetensors", "make base-weights"},
    {"efficientnet-lite2", nullptr, "model.safetensors, class_names.txt", "make base-weights"},
}};

// What is not the folder or file of a model that is published under one name.
struct KnownInput {
  const char* key;
  bool drawn;  // whether --random-init does without it
  const char* how;
};
constexpr std::array<KnownInput, 7> kKnownInputs = {{
    {"scene.model", true,
     "give a network for scenes, such as a ResNet-50 trained on Places365, as a folder or file of weights; without the key scenes are "
     "image.model's features again, and the run is marked scene=surrogate"},
    {"words.vectors", true,
     "give a file of word vectors: GloVe (glove.6B.zip of nlp.stanford.edu/projects/glove), word2vec as text, fastText .vec; without the "
     "key they are random, and the run is marked random vectors"},
    {"image.class_names", false,
     "give a file with the name of each class of image.model's classifier, a line each, or a config.json with id2label"},
    {"captions.file", false,
     "give the captions of the data set's pictures, a line each: id<TAB>caption; or leave the key out and set captions.from=classes or "
     "captions.from=attributes, which stand in for them and mark the run"},
    {"mgnns.objects", false, "give detections, a line a post: id<TAB>name; or set mgnns.classes=classifier or none, which mark the run"},
    {"mgnns.scenes", false, "give scenes, a line a post: id<TAB>name; or set mgnns.classes=classifier or none, which mark the run"},
    {"clmlf.back_translation", false,
     "give a JSON list of {\"id\", \"text_translation\"}; without the key second texts are made by leaving words out, and the run is "
     "marked view=surrogate"},
}};

const KnownInput* known_input(const std::string& key) {
  const auto found = std::ranges::find(kKnownInputs, key, [](const KnownInput& input) { return std::string(input.key); });
  return found == kKnownInputs.end() ? nullptr : &*found;
}

std::string how_to_get(const std::string& key, const std::string& path) {
  // The names of a published network's classes lie in its folder.
  const std::string model = key == "image.class_names" ? fs::path(path).parent_path().string() : path;
  const std::string name = last_name(model);
  for (const auto& known : kKnownModels) {
    if (name != known.folder) continue;
    if (known.hub == nullptr) return fmt::format("expected there: {}; get it with: {}", known.files, known.command);
    return fmt::format("expected there: {}; published as {} on the model hub; get it with: infig weights pull {} --output {}", known.files,
                       known.hub, known.hub, model);
  }
  if (const KnownInput* known = known_input(key); known != nullptr) return known->how;
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
  for (const auto& entry : fs::directory_iterator(around, code)) {
    if (fs::exists(entry.path(), code)) names.push_back(entry.path().filename().string());  // a link to nothing is no answer
  }
  std::sort(names.begin(), names.end());
  std::vector<std::string> begun;
  for (const std::string& name : names) {
    if (name.starts_with(path.filename().string())) begun.push_back(name);
  }
  const std::string near = begun.size() == 1 ? begun.front() : nearest_word(path.filename().string(), names);
  return near.empty() ? "" : fmt::format("; did you mean {}?", (path.parent_path() / near).string());
}

}  // namespace

const std::vector<std::string>& backbone_keys() {
  static const std::vector<std::string> kKeys = {"image.bottleneck",  "image.stage_blocks", "image.stage_widths", "image.stem_kernel",
                                                 "image.stem_stride", "image.stem_width",   "image.stem_pool"};
  return kKeys;
}

const std::vector<std::string>& pixel_keys() {
  static const std::vector<std::string> kKeys = {"image.size", "image.resize",      "image.filter", "image.mean",
                                                 "image.std",  "image.resize_mode", "image.fill",   "image.crop_rounding"};
  return kKeys;
}

void bind_backbone_keys(ConfigBinder& binder, ResNetOptions& backbone) {
  constexpr Range kFromOne{.low = 1};
  binder.field("bottleneck", backbone.bottleneck, "ResNet blocks of 1x1, 3x3, 1x1 (ResNet-50 and larger) instead of two 3x3");
  binder.field("stage_blocks", backbone.layers, kFromOne, "blocks in each ResNet stage");
  binder.field("stage_widths", backbone.widths, kFromOne, "channels of each ResNet stage (bottleneck blocks give 4 times as many)");
  binder.field("stem_kernel", backbone.stem_kernel, kFromOne, "kernel of the first convolution, odd");
  binder.field("stem_stride", backbone.stem_stride, kFromOne, "stride of the first convolution");
  binder.field("stem_width", backbone.stem_width, kFromOne, "channels of the first convolution");
  binder.field("stem_pool", backbone.stem_pool, "3x3 max pooling of stride 2 after the first convolution");
}

void copy_preprocessing(const ImageOptions& own, ImageOptions& pixels) {
  pixels.size = own.size;
  pixels.resize = own.resize;
  pixels.filter = own.filter;
  pixels.mean = own.mean;
  pixels.std = own.std;
  pixels.resize_mode = own.resize_mode;
  pixels.fill = own.fill;
  pixels.crop_rounding = own.crop_rounding;
}

void require_models(const std::vector<std::pair<const char*, std::string>>& models) {
  std::vector<std::string> missing;
  bool drawn = true;
  for (const auto& [key, model] : models) {
    if (model.empty()) continue;
    const KnownInput* input = known_input(key);
    const bool there = fs::exists(model);
    // Names of classes are of no use with random weights.
    if (input != nullptr && !input->drawn && (!there || key == std::string("image.class_names"))) drawn = false;
    if (there) continue;
    missing.push_back(fmt::format("{}: {}: no such folder or file{}; {}", key, model, elsewhere(model), how_to_get(key, model)));
  }
  if (missing.empty()) return;
  throw CheckpointError(fmt::format("{}{}", fmt::join(missing, "\n"), drawn ? "\nor start from random weights with --random-init" : ""));
}

void note_touched(const ConfigBinder& now, const ConfigBinder& defaults, const std::vector<std::string>& keys, const std::string& model_key,
                  const std::string& model, std::vector<std::string>& conflicts) {
  if (model.empty()) return;
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

void adopt_pixels(const ConfigBinder& now, const ConfigBinder& defaults, const ConfigBinder& own, const std::string& model,
                  std::vector<std::string>& conflicts) {
  std::string touched;
  for (size_t i = 0; i < now.fields().size(); ++i) {
    const auto& field = now.fields()[i];
    if (!is_among(pixel_keys(), field.key)) continue;
    const std::string value = field.get(), wanted = own.fields()[i].get();
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
                  model, touched));
}

void check_no_conflict(const std::vector<std::string>& conflicts) {
  if (!conflicts.empty()) throw ConfigError(fmt::format("{}", fmt::join(conflicts, "\n")));
}

std::optional<GivenWay> keys_given_way(const ConfigBinder& now, const ConfigBinder& defaults, const char* model_key,
                                       const std::string& model, const std::vector<std::string>& keys,
                                       const std::function<bool(const std::string&)>& typed) {
  if (model.empty() || !typed(model_key)) return std::nullopt;
  GivenWay one{.to = model_key, .keys = {}};
  for (size_t i = 0; i < now.fields().size(); ++i) {
    const ConfigField& field = now.fields()[i];
    const std::string value = field.get(), usual = defaults.fields()[i].get();
    if (value == usual || typed(field.key) || !is_among(keys, field.key)) continue;
    one.keys.emplace_back(field.key, value);
    field.set(usual);
  }
  return one;
}

}  // namespace infig

#include "model/baselines/baseline_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "core/log.h"
#include "data/captions.h"
#include "encoders/image_backbone.h"
#include "model/baselines/baseline_model.h"
#include "model/baselines/class_words.h"
#include "model/published_keys.h"
#include "model/region_passes.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr Range kFromOne{.low = 1};

void bind_words(ConfigBinder& binder, WordOptions& words) {
  binder.section("words");
  binder.choice(
      "clean", words.vocabulary.cut,
      {{"none", WordCut::kNone}, {"lower", WordCut::kLower}, {"multisentinet", WordCut::kMultiSentiNet}, {"mgnns", WordCut::kMgnns}},
      "how a text becomes words: none (as it stands, cut at white space) | lower (lower case, punctuation marks are words) | "
      "multisentinet (without hashtags, names, URLs and punctuation, lower case) | mgnns (lower case, ASCII, without URLs, "
      "punctuation and stop-words)");
  binder.field("min_count", words.vocabulary.min_count, kFromOne, "times that a word occurs in the training texts; rarer ones are unknown");
  binder.field("max_size", words.vocabulary.max_size, {.low = 0}, "the most frequent so many words; 0: all");
  binder.field("size", words.size, kFromOne, "numbers a word's vector");
  binder.field("max_length", words.max_length, kFromOne, "words a text; longer texts are cut");
  binder.field("vectors", words.vectors,
               "file of pretrained word vectors: GloVe, word2vec as text, fastText .vec; empty: random, N(0, 0.1)");
}

ConfigError wrong(const std::string& message) { return ConfigError(message); }

}  // namespace

bool BaselineOptions::names_classes() const {
  return (needs().captions && captions.from == PictureWords::kClasses) || (needs().attributes && attributes.from == PictureWords::kClasses);
}

int64_t BaselineOptions::passes_per_picture() const {
  const int64_t side = image.pixels.size / kRegionSide;
  return region_passes() ? side * side : 1;
}

std::vector<std::string> BaselineOptions::marks() const {
  std::vector<std::string> marks = net_marks();
  if (needs().regions && !region_passes()) marks.emplace_back("regions=grid");
  if (words.vectors.empty()) marks.emplace_back("random vectors");
  if (reads_pictures() && image.model.empty()) marks.emplace_back("random picture features");
  if (needs().captions && captions.from != PictureWords::kGiven) marks.emplace_back("caption=surrogate");
  if (needs().attributes && attributes.from != PictureWords::kGiven) marks.emplace_back("attributes=surrogate");
  if (needs_scene() && !own_scene()) marks.emplace_back("scene=surrogate");
  return marks;
}

BaselineSizes BaselineOptions::sizes(int64_t num_labels) const {
  const int64_t channels = feature_size_of(image.backbone());
  return {.words = vocabulary_rows,
          .word_size = words.size,
          .object_channels = channels,
          .scene_channels = own_scene() ? feature_size_of(*image.published_scene) : channels,
          .labels = num_labels};
}

void BaselineOptions::bind_picture_words(ConfigBinder& binder) {
  if (needs().captions) {
    binder.section("captions");
    binder.choice("from", captions.from,
                  {{"given", PictureWords::kGiven}, {"attributes", PictureWords::kAttributes}, {"classes", PictureWords::kClasses}},
                  "given (captions.file) | attributes (the posts' attribute words stand in) | classes (names of the 5 classes that "
                  "image.model finds most likely stand in); a run with either of the last two is marked caption=surrogate");
    binder.field("file", captions.file, "captions of the data set's pictures, a line each: id<TAB>caption");
    binder.field("max_length", captions.max_length, {.low = 1, .high = 1024}, "words a caption; longer ones are cut");
  }
  if (!needs().attributes) return;
  binder.section("attributes");
  binder.choice(
      "from", attributes.from, {{"given", PictureWords::kGiven}, {"classes", PictureWords::kClasses}},
      "given (the posts' field attributes, as prepare hfm writes it) | classes (a word of each of the classes that image.model finds "
      "most likely stands in; the run is marked attributes=surrogate)");
  binder.field("count", attributes.count, {.low = 1, .high = 1024}, "attribute words a post; of more the first so many");
}

void BaselineOptions::bind_image(ConfigBinder& binder) {
  const BaselineNeeds need = needs();
  const bool network = need.object || need.object_grid || need.scene || need.scene_grid;
  if (!network && !need.captions && !need.attributes) return;
  binder.section("image");
  binder.field(
      "model", image.model,
      "folder or file of a published backbone (ResNet, ConvNeXt, EfficientNet, Vision Transformer, ...), never trained here; empty: "
      "from scratch, random");
  binder.choice("preprocess", image.own_pixels, {{"model", true}, {"config", false}},
                "with image.model: size, resize, filter, mean and std as the model's own files say, or as the keys here");
  bind_options(binder, image.pixels);
  bind_backbone_keys(binder, image.scratch);
  if (need.regions) {
    binder.choice("regions", image.regions, {{"passes", Regions::kPasses}, {"grid", Regions::kGrid}},
                  "passes (each region of 32 x 32 pixels is put through the network by itself, as the original: image.size=448 takes 196 "
                  "passes a picture) | grid (the grid of one pass stands in; the run is marked regions=grid)");
    binder.field("region_size", image.region_size, {.low = 1, .high = 1024},
                 "with regions=passes: pixels a side to which a region is resized for the network");
  }
  if (need.captions || need.attributes) {
    binder.field(
        "class_names", image.class_names,
        "with captions.from=classes or attributes.from=classes: file with the name of each class of image.model's classifier, a line "
        "each");
  }
  if (!need.scene && !need.scene_grid) return;
  binder.section("scene");
  binder.field(
      "model", image.scene_model,
      "as image.model, of a network for scenes (Places365), with the same preprocessing; empty: image.model again, with a projection of "
      "its own, and the run is marked scene=surrogate");
}

void BaselineOptions::bind(ConfigBinder& binder) {
  bind_words(binder, words);
  bind_picture_words(binder);
  bind_image(binder);
  bind_net(binder);
  binder.section("loss");
  bind_options(binder, loss);
}

std::vector<GivenWay> BaselineOptions::give_way(const std::function<bool(const std::string& key)>& typed) {
  const std::unique_ptr<ModelOptions> fresh = clone();
  auto& plain = dynamic_cast<BaselineOptions&>(*fresh);
  plain.image = {};
  ConfigBinder now, defaults;
  bind(now);
  plain.bind(defaults);
  std::vector<std::string> keys = backbone_keys();
  if (image.own_pixels) keys.insert(keys.end(), pixel_keys().begin(), pixel_keys().end());
  std::vector<GivenWay> given;
  if (auto one = keys_given_way(now, defaults, "image.model", image.model, keys, typed)) given.push_back(std::move(*one));
  return given;
}

// What image.model brings, into the keys; `own`: its preprocessing, or what a checkpoint resolved from it.
void BaselineOptions::take_published(const ImageBackboneOptions& published, const ImageOptions& own) {
  image.published = published;
  const std::unique_ptr<ModelOptions> fresh = clone(), adopted = clone();
  dynamic_cast<BaselineOptions&>(*fresh).image = {};
  auto& theirs = dynamic_cast<BaselineOptions&>(*adopted).image;
  copy_preprocessing(own, theirs.pixels);
  ConfigBinder now, defaults, model;
  bind(now);
  fresh->bind(defaults);
  adopted->bind(model);
  std::vector<std::string> conflicts;
  if (image.own_pixels) adopt_pixels(now, defaults, model, image.model, conflicts);
  note_touched(now, defaults, backbone_keys(), "image.model", image.model, conflicts);
  check_no_conflict(conflicts);
}

void BaselineOptions::read_class_names() {
  if (!names_classes() || image.class_names.empty()) return;
  class_names.names = read_names_of_classes(image.class_names);
  class_names.classes = static_cast<int64_t>(class_names.names.size());
}

void BaselineOptions::resolve(bool random_init) {
  if (random_init) {
    require_models({{"captions.file", captions.file}});
    if (names_classes())
      throw wrong("captions.from and attributes.from: classes are read off image.model's classifier, which --random-init leaves out");
    image.model.clear();
    image.scene_model.clear();
    words.vectors.clear();
    return;
  }
  require_models({{"image.model", image.model},
                  {"scene.model", image.scene_model},
                  {"image.class_names", names_classes() ? image.class_names : ""},
                  {"words.vectors", words.vectors},
                  {"captions.file", captions.file}});
  if (!image.model.empty()) {
    const PublishedBackbone published = load_image_backbone(image.model);
    take_published(image_backbone_options(published.backbone->config()), published.pixels);
  }
  if (own_scene()) {
    const PublishedBackbone scene = load_image_backbone(image.scene_model);
    ImageOptions theirs = image.pixels;
    copy_preprocessing(scene.pixels, theirs);
    const auto same = [](const ImageOptions& a, const ImageOptions& b) {
      return a.filter == b.filter && a.mean == b.mean && a.std == b.std && a.resize_mode == b.resize_mode;
    };
    if (!same(theirs, image.pixels)) {
      throw wrong(
          fmt::format("scene.model={}: was trained on pictures of other filter, mean or deviation than image.model; both see the same "
                      "pixels. Choose a pair that agrees, or leave scene.model out",
                      image.scene_model));
    }
    image.published_scene = image_backbone_options(scene.backbone->config());
  }
  read_class_names();
}

void BaselineOptions::adopt(const nlohmann::json& config, const std::string& where) {
  const JsonFields fields(config, where);
  vocabulary_rows = fields.integer("word_rows");
  if (vocabulary_rows < kFirstWord) fields.refuse("word_rows", "a number from 2");
  try {
    if (!image.model.empty()) {
      const std::unique_ptr<ModelOptions> stored = clone();
      auto& theirs = dynamic_cast<BaselineOptions&>(*stored);
      theirs.image = {};
      ConfigBinder binder;
      theirs.bind(binder);
      read_config_text(binder, fields.object(name()).json().dump(), where);
      take_published(image_backbone_options(fields.object("image_backbone").json()), theirs.image.pixels);
    }
    if (own_scene()) image.published_scene = image_backbone_options(fields.object("scene_backbone").json());
  } catch (const ConfigError& problem) {
    throw ConfigError(fmt::format("{}: {}", where, problem.what()));
  }
  if (!names_classes()) return;
  const JsonFields tables = fields.object("class_names");
  class_names.classes = tables.integer("classes");
  class_names.width = tables.integer("width");
  if (class_names.classes < 1 || class_names.width < 1) fields.refuse("class_names", "two numbers from 1");
}

// The keys of section image that say something else than their defaults, as KEY=VALUE, ...
std::string BaselineOptions::touched_image_keys() const {
  const std::unique_ptr<ModelOptions> own = clone(), fresh = clone();
  dynamic_cast<BaselineOptions&>(*fresh).image = {};
  ConfigBinder now, defaults;
  own->bind(now);
  fresh->bind(defaults);
  std::string touched;
  for (size_t i = 0; i < now.fields().size(); ++i) {
    const ConfigField& field = now.fields()[i];
    if (field.key.starts_with("image.") && field.get() != defaults.fields()[i].get())
      touched += fmt::format("{}{}={}", touched.empty() ? "" : ", ", field.key, field.get());
  }
  return touched;
}

void BaselineOptions::check_keys() const {
  if (needs().captions) {
    if (captions.from == PictureWords::kGiven && captions.file.empty()) {
      throw wrong(
          "captions.from=given: captions.file is empty; give a file of captions (id<TAB>caption), or set captions.from=classes (with "
          "image.model and image.class_names) or captions.from=attributes, which stand in for them and mark the run");
    }
    if (captions.from != PictureWords::kGiven && !captions.file.empty())
      throw wrong(
          fmt::format("captions.file={}: is not read with captions.from=classes or attributes; leave one of them out", captions.file));
  }
  if (names_classes()) {
    if (image.model.empty())
      throw wrong("image.model: is empty; captions.from=classes and attributes.from=classes take the names of its classes");
    if (class_names.classes == 0) {
      throw wrong(
          "image.class_names: is empty; captions.from=classes and attributes.from=classes need a file with the name of each class of "
          "image.model, a line each");
    }
  } else if (!image.class_names.empty()) {
    throw wrong(fmt::format("image.class_names={}: is read with captions.from=classes or attributes.from=classes alone; leave it out",
                            image.class_names));
  }
  if (reads_pictures()) return;
  if (const std::string touched = touched_image_keys(); !touched.empty())
    throw wrong(fmt::format("{}: {} reads no picture with captions.from=given or attributes; leave out what is named", touched, name()));
}

void BaselineOptions::check_image_size() const {
  const ImageBackboneOptions backbone = image.backbone();
  const int64_t size = image.pixels.size;
  const bool passes = region_passes();
  if (passes && size % kRegionSide != 0) {
    throw wrong(
        fmt::format("image.size: {} pixels cannot be cut into regions of {}; choose a multiple of it (448 gives 14 x 14), or set "
                    "image.regions=grid",
                    size, kRegionSide));
  }
  if (passes && cells_of(backbone, image.region_size) == 0) {
    throw wrong(fmt::format("image.region_size: {} pixels are no size for the backbone; choose a multiple of {}", image.region_size,
                            stride_of(backbone)));
  }
  const bool whole = !passes || names_classes();  // whether the network sees the picture in one piece
  if ((whole && cells_of(backbone, size) == 0) || (own_scene() && cells_of(*image.published_scene, size) == 0))
    throw wrong(fmt::format("image.size: {} pixels are no size for the backbone; choose a multiple of {}", size, stride_of(backbone)));
}

void BaselineOptions::finish() {
  check_keys();
  if (reads_pictures()) {
    image.pixels.validate();
    if (!image.published) image.scratch.validate();
    check_image_size();
  }
  loss.validate();
  validate_net();
}

nlohmann::json BaselineOptions::net_facts() const { return nlohmann::json::object(); }

std::unique_ptr<Tokenizer> BaselineOptions::make_tokenizer(const DataSet& data) const { return make_vocabulary(data, {}); }

std::unique_ptr<WordVocabulary> BaselineOptions::make_vocabulary(const DataSet& data, const std::vector<std::string>& further) const {
  WordCounter counter(words.vocabulary);
  const bool with_attributes =
      (needs().attributes && attributes.from == PictureWords::kGiven) || (needs().captions && captions.from == PictureWords::kAttributes);
  for (const int64_t row : data.rows_of(Split::kTrain)) {
    const Post& post = data.posts[static_cast<size_t>(row)];
    counter.add(post.text);
    if (needs().captions) counter.add(post.caption);
    if (!with_attributes) continue;
    for (const std::string& word : post.attributes) counter.keep(word);
  }
  for (const std::string& class_name : class_names.names) {
    for (const std::string& word : words_of_class(class_name)) counter.keep(word);
  }
  for (const std::string& word : further) counter.keep(word);
  std::unique_ptr<WordVocabulary> made = counter.vocabulary();
  log_info("the vocabulary has {} words of the training texts", made->words().size());
  return made;
}

void BaselineOptions::adopt_tokenizer(const Tokenizer& tokenizer, bool /*random_init*/) {
  const auto* own = dynamic_cast<const WordVocabulary*>(&tokenizer);
  if (own == nullptr) {
    throw CheckpointError(
        fmt::format("model.name={}: reads a vocabulary of words (words.json), the run to start from has {}", name(), tokenizer.rule()));
  }
  vocabulary = std::make_shared<const WordVocabulary>(*own);
  vocabulary_rows = own->vocab_size();
  if (!class_names.names.empty()) class_names.width = widest_class(class_names.names);
}

void BaselineOptions::prepare_tokenizer(Tokenizer& tokenizer) const {
  if (dynamic_cast<const WordVocabulary*>(&tokenizer) != nullptr && tokenizer.vocab_size() == vocabulary_rows) return;
  throw CheckpointError(
      fmt::format("words.json: the checkpoint has the tokenizer {} with {} ids, its weights a vector of {} words; the files do "
                  "not belong together",
                  tokenizer.rule(), tokenizer.vocab_size(), vocabulary_rows));
}

std::shared_ptr<Model> BaselineOptions::make_model(int64_t num_labels) const { return std::make_shared<BaselineModel>(*this, num_labels); }

std::vector<std::pair<std::string, fs::path>> BaselineOptions::pretrained_files() const {
  std::vector<std::pair<std::string, fs::path>> files;
  const auto add = [&files](const char* key, const std::string& path) {
    if (!path.empty()) files.emplace_back(key, path);
  };
  add("image.model", image.model);
  add("scene.model", image.scene_model);
  add("words.vectors", words.vectors);
  return files;
}

void BaselineOptions::complete_posts(DataSet& data) const {
  const auto count = [&data](auto has) {
    return std::count_if(data.posts.begin(), data.posts.end(), [&](const Post& post) { return has(post); });
  };
  const auto say = [&data](const char* what, int64_t found) {
    if (found == static_cast<int64_t>(data.posts.size())) return;
    log_warning("{} of {} posts have {}; the others have none", found, data.posts.size(), what);
  };
  const bool captions_wanted = needs().captions && captions.from == PictureWords::kGiven;
  if (captions_wanted && !fs::exists(captions.file)) {
    throw DataError(
        fmt::format("captions.file={}: no such file, from which the run reads captions (id<TAB>caption); put it back, or give another "
                    "(evaluate --captions FILE)",
                    captions.file));
  }
  if (captions_wanted) say("a caption", add_captions(data.posts, data.called(), captions.file));
  const bool as_captions = needs().captions && captions.from == PictureWords::kAttributes;
  if (!as_captions && (!needs().attributes || attributes.from != PictureWords::kGiven)) return;
  const int64_t found = count([](const Post& post) { return !post.attributes.empty(); });
  if (found == 0) {
    throw DataError(
        fmt::format("{}: no post has attribute words (field \"attributes\" of posts.jsonl, which prepare hfm writes), but {} takes "
                    "them; set {}=classes, with image.model and image.class_names",
                    data.called(), as_captions ? "captions.from=attributes" : "attributes.from=given",
                    as_captions ? "captions.from" : "attributes.from"));
  }
  say("attribute words", found);
}

}  // namespace infig

#include "model/baselines/mgnns_model.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.h"
#include "core/json_fields.h"
#include "core/log.h"
#include "linear/cooccurrence.h"
#include "model/baselines/class_words.h"
#include "model/published_keys.h"

namespace infig {
namespace {

int64_t all_cores() { return std::max<int64_t>(1, std::thread::hardware_concurrency()); }

std::vector<std::vector<int64_t>> training_texts(const DataSet& data, const WordVocabulary& words, int64_t longest) {
  std::vector<std::vector<int64_t>> texts;
  std::vector<TokenSpan> spans;
  for (const int64_t row : data.rows_of(Split::kTrain)) {
    words.encode_spans(data.posts[static_cast<size_t>(row)].text, longest, spans);
    std::vector<int64_t>& ids = texts.emplace_back();
    for (const TokenSpan& span : spans) ids.push_back(span.id);
  }
  return texts;
}

// The mean vector of each name's words; where none is in the vocabulary, the row that is there already.
void set_vectors(at::Tensor rows, const std::vector<std::string>& names, const at::Tensor& table, const WordVocabulary& words) {
  for (size_t k = 0; k < names.size(); ++k) {
    std::vector<at::Tensor> found;
    for (const std::string& word : words_of_class(names[k])) {
      if (const int64_t id = words.id_of(word); id >= kFirstWord) found.push_back(table[id]);
    }
    if (!found.empty()) rows[static_cast<int64_t>(k)].copy_(at::stack(found).mean(0));
  }
}

at::Tensor square(const std::vector<double>& values) {
  const auto n = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(values.size()))));
  return at::tensor(values, at::kDouble).view({n, n}).to(at::kFloat);
}

}  // namespace

std::vector<std::string> MgnnsModelOptions::net_marks() const {
  if (classes == ClassSource::kGiven) return {};
  return {classes == ClassSource::kClassifier ? "classes=surrogate" : "classes=none"};
}

void MgnnsModelOptions::bind_net(ConfigBinder& binder) {
  bind_options(binder, net);
  binder.choice("classes", classes,
                {{"given", ClassSource::kGiven}, {"classifier", ClassSource::kClassifier}, {"none", ClassSource::kNone}},
                "where objects and scenes come from: given (mgnns.objects, mgnns.scenes) | classifier (what image.model and scene.model "
                "find likely; marks the run classes=surrogate) | none (classes that nothing joins; classes=none)");
  binder.field("objects", objects,
               "with classes=given: objects seen in the pictures, a line a post: id<TAB>name, more behind tabs or commas");
  binder.field("scenes", scenes, "with classes=given: scenes, likewise");
  binder.field("object_classes", object_classes, {.low = 1}, "the most frequent so many objects");
  binder.field("scene_classes", scene_classes, {.low = 1}, "the most frequent so many scenes");
}

void MgnnsModelOptions::validate_net() const {
  net.validate();
  const bool given = classes == ClassSource::kGiven;
  for (const auto& [key, file] : {std::pair{"mgnns.objects", objects}, std::pair{"mgnns.scenes", scenes}}) {
    if (given && file.empty()) {
      throw ConfigError(
          fmt::format("{}: is empty; give a file of detections (id<TAB>name), or set mgnns.classes=classifier or none, which "
                      "stand in for them and mark the run",
                      key));
    }
    if (!given && !file.empty()) throw ConfigError(fmt::format("{}={}: is read with mgnns.classes=given alone; leave it out", key, file));
  }
  if (classes == ClassSource::kClassifier && image.model.empty())
    throw ConfigError("mgnns.classes=classifier: needs image.model, a published network with its classifier; with a random one set none");
}

void MgnnsModelOptions::resolve(bool random_init) {
  if (classes == ClassSource::kGiven) require_models({{"mgnns.objects", objects}, {"mgnns.scenes", scenes}});
  BaselineOptions::resolve(random_init);
  if (random_init && classes == ClassSource::kClassifier) classes = ClassSource::kNone;  // there is no classifier then
}

PictureClasses MgnnsModelOptions::classes_of(const DataSet& posts, bool of_scenes) const {
  const PictureClassOptions how = {.classes = of_scenes ? scene_classes : object_classes,
                                   .threshold = of_scenes ? net.scene_threshold : net.object_threshold,
                                   .gamma = net.gamma};
  if (classes == ClassSource::kGiven) return classes_from_file(posts, of_scenes ? scenes : objects, how);
  if (classes == ClassSource::kNone) return isolated_classes(how.classes);
  const std::string& model = of_scenes && own_scene() ? image.scene_model : image.model;
  return classes_from_classifier(
      posts, model, image.pixels, how,
      {.workers = all_cores(), .stop = nullptr, .title = of_scenes ? "scenes of pictures" : "objects of pictures"});
}

std::unique_ptr<Tokenizer> MgnnsModelOptions::make_tokenizer(const DataSet& posts) const {
  auto made = std::make_shared<MgnnsData>();
  made->labels = posts.labels;
  made->objects = classes_of(posts, false);
  const bool same =
      classes == ClassSource::kClassifier && !own_scene() && scene_classes == object_classes && net.scene_threshold == net.object_threshold;
  made->scenes = same ? made->objects : classes_of(posts, true);
  std::vector<std::string> further;
  for (const auto* names : {&made->labels, &made->objects.names, &made->scenes.names}) {
    for (const std::string& called : *names) {
      for (const std::string& word : words_of_class(called)) further.push_back(word);
    }
  }
  const std::unique_ptr<WordVocabulary> vocabulary_of_run = make_vocabulary(posts, further);
  made->pairs =
      word_pairs(training_texts(posts, *vocabulary_of_run, words.max_length),
                 {.words = vocabulary_of_run->vocab_size(), .window = net.window, .min_count = net.min_pair_count, .threads = all_cores()});
  log_info("text graph: {} pairs of words have a weight of their own", made->pairs.size());
  return std::make_unique<GraphVocabulary>(*vocabulary_of_run, made);
}

void MgnnsModelOptions::adopt_tokenizer(const Tokenizer& tokenizer, bool random_init) {
  BaselineOptions::adopt_tokenizer(tokenizer, random_init);
  const auto* own = dynamic_cast<const GraphVocabulary*>(&tokenizer);
  if (own == nullptr) return;  // of a checkpoint, whose config.json has the sizes
  data = own->data();
  graphs = {.pairs = static_cast<int64_t>(data->pairs.size()),
            .objects = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(data->objects.graph.size())))),
            .scenes = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(data->scenes.graph.size()))))};
}

void MgnnsModelOptions::adopt(const nlohmann::json& config, const std::string& where) {
  BaselineOptions::adopt(config, where);
  adopt_start(config, where);
}

void MgnnsModelOptions::adopt_start(const nlohmann::json& config, const std::string& where) {
  if (!config.contains("graphs"))
    throw CheckpointError(fmt::format("{}: has no graphs, is no run of mgnns; start from one of mgnns", where));
  const JsonFields sizes = JsonFields(config, where).object("graphs");
  graphs = {.pairs = sizes.integer("pairs"), .objects = sizes.integer("objects"), .scenes = sizes.integer("scenes")};
  if (graphs.pairs < 0) sizes.refuse("pairs", "a number from 0");
  if (graphs.objects < 1) sizes.refuse("objects", "a number from 1");
  if (graphs.scenes < 1) sizes.refuse("scenes", "a number from 1");
}

nlohmann::json MgnnsModelOptions::net_facts() const {
  return {{"graphs", {{"pairs", graphs.pairs}, {"objects", graphs.objects}, {"scenes", graphs.scenes}}}};
}

std::shared_ptr<BaselineNet> MgnnsModelOptions::make_net(const BaselineSizes& sizes) const {
  return std::make_shared<MgnnsNet>(sizes, net, graphs);
}

void MgnnsModelOptions::complete_net(BaselineNet& whole) const {
  if (data == nullptr) return;
  const at::NoGradGuard no_grad;
  auto& own = dynamic_cast<MgnnsNet&>(whole);
  const at::Tensor table = own.named_parameters()["words.weight"];
  MgnnsGraphs made = own.graphs();
  made.pair_keys = at::tensor(data->pairs, at::kLong);
  made.object_adjacency = square(data->objects.graph);
  made.scene_adjacency = square(data->scenes.graph);
  set_vectors(made.object_vectors, data->objects.names, table, *vocabulary);
  set_vectors(made.scene_vectors, data->scenes.names, table, *vocabulary);
  set_vectors(made.label_vectors, data->labels, table, *vocabulary);
  own.set_graphs(made);
}

}  // namespace infig

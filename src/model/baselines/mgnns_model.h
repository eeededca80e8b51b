// MGNNS as a model of the list: beside the keys of every network of Table 2 those of its graphs, which are made once a data set, before the
// network. Their sizes stand in the checkpoint's config.json, their contents are buffers of the network.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/baselines/baseline_options.h"
#include "model/baselines/mgnns.h"
#include "model/baselines/mgnns_classes.h"
#include "text/word_vocabulary.h"

namespace infig {

// What a new run makes of its data set.
struct MgnnsData {
  std::vector<int64_t> pairs;  // word_pairs() (linear/cooccurrence.h)
  PictureClasses objects, scenes;
  std::vector<std::string> labels;
};

// The vocabulary of a new run, with what else was made of the same data set.
class GraphVocabulary : public WordVocabulary {
 public:
  GraphVocabulary(const WordVocabulary& words, std::shared_ptr<const MgnnsData> data) : WordVocabulary(words), data_(std::move(data)) {}
  const std::shared_ptr<const MgnnsData>& data() const { return data_; }

 private:
  std::shared_ptr<const MgnnsData> data_;
};

// Where the classes of the class graphs come from.
enum class ClassSource {
  kGiven,       // files of detections: mgnns.objects, mgnns.scenes
  kClassifier,  // of image.model and scene.model: marked classes=surrogate
  kNone,        // classes without names that nothing joins: marked classes=none
};

class MgnnsModelOptions final : public BaselineOptions {
 public:
  MgnnsModelOptions() { words.size = 300; }
  MgnnsOptions net;
  ClassSource classes = ClassSource::kGiven;
  std::string objects, scenes;                       // files, with kGiven
  int64_t object_classes = 80, scene_classes = 365;  // at most so many
  MgnnsSizes graphs;                                 // adopt() or adopt_tokenizer() sets it
  std::shared_ptr<const MgnnsData> data = {};        // of a run that begins

  std::unique_ptr<ModelOptions> clone() const override { return std::make_unique<MgnnsModelOptions>(*this); }
  const char* name() const override { return "mgnns"; }
  BaselineNeeds needs() const override { return {.object_grid = true, .scene_grid = true}; }
  std::vector<std::string> net_marks() const override;
  void bind_net(ConfigBinder& binder) override;
  void validate_net() const override;
  std::shared_ptr<BaselineNet> make_net(const BaselineSizes& sizes) const override;
  // Sets the buffers of a run that begins, once the word vectors are there: a class or label has the mean of the vectors of its words; one
  // without words keeps the random vector that initialize() drew.
  void complete_net(BaselineNet& net) const override;
  nlohmann::json net_facts() const override;

  void resolve(bool random_init) override;
  bool continues_by_adopting(bool /*random_init*/) const override { return true; }  // the graphs' sizes are of the run's posts
  void adopt(const nlohmann::json& config, const std::string& where) override;
  void adopt_start(const nlohmann::json& config, const std::string& where) override;
  std::unique_ptr<Tokenizer> make_tokenizer(const DataSet& data) const override;
  void adopt_tokenizer(const Tokenizer& tokenizer, bool random_init) override;

 private:
  PictureClasses classes_of(const DataSet& data, bool of_scenes) const;
};

}  // namespace infig

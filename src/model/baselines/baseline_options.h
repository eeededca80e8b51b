// Keys and inputs that the networks of Table 2 share (docs/models.md). A network has options of its own beside these; baseline_kinds.h
// makes both into a model of the list. Keys whose input the network does not read are not there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "encoders/image_backbones.h"
#include "encoders/resnet.h"
#include "image/transform.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/layers.h"
#include "model/classifier_loss_keys.h"
#include "model/model.h"
#include "text/word_vocabulary.h"

namespace infig {

struct WordOptions {
  WordVocabularyOptions vocabulary;
  int64_t size = 200;        // numbers a word's vector
  int64_t max_length = 140;  // words of a text; the rest is cut off
  std::string vectors;       // file of pretrained vectors (text/word_vectors.h); empty: N(0, 0.1)
};

// Where the words that tell of a picture come from.
enum class PictureWords {
  kGiven,       // captions: captions.file; attributes: the posts' field "attributes"
  kAttributes,  // captions alone: the posts' attribute words stand in
  kClasses,     // names of the five classes that image.model finds most likely stand in
};

struct CaptionOptions {
  PictureWords from = PictureWords::kGiven;
  std::string file;         // id<TAB>caption (data/captions.h)
  int64_t max_length = 20;  // words
};

struct AttributeOptions {
  PictureWords from = PictureWords::kGiven;
  int64_t count = 5;  // words a post
};

// Where the regions of a picture come from, of networks whose original reads regions.
enum class Regions {
  kPasses,  // each region of 32 pixels is put through the network by itself (model/region_passes.h)
  kGrid,    // the grid of one pass stands in: marked regions=grid
};

struct FrozenImageOptions {
  std::string model;        // folder or file of a published backbone; empty: from scratch, random and frozen
  std::string scene_model;  // of a second one for scenes; empty: the first
  std::string class_names;  // file with a name a line, in the order of the classifier's rows
  bool own_pixels = true;   // image.preprocess
  Regions regions = Regions::kGrid;
  int64_t region_size = 256;  // pixels a side that the network sees of a region, with kPasses
  ImageOptions pixels = {.augment = Augment::kNone};
  ResNetOptions scratch;                                                     // of a backbone from scratch
  std::optional<ImageBackboneOptions> published = {}, published_scene = {};  // once resolve() or adopt() has read them. Not keys
  ImageBackboneOptions backbone() const { return published ? *published : ImageBackboneOptions(scratch); }
};

// Of the class names that stand in for captions and attributes.
struct ClassNames {
  int64_t classes = 0, width = 0;  // names, and words of the longest; sizes of tables in the model
  std::vector<std::string> names;  // of a new run; a checkpoint has their tables
};

class BaselineOptions : public ModelOptions {
 public:
  WordOptions words;
  CaptionOptions captions;
  AttributeOptions attributes;
  FrozenImageOptions image;
  ClassifierLossKeys loss;
  ClassNames class_names;
  int64_t vocabulary_rows = 0;                            // rows of the table of words; adopt() or adopt_tokenizer() sets it
  std::shared_ptr<const WordVocabulary> vocabulary = {};  // of a run that is trained; null in one that only predicts

  // Of the network.
  virtual const char* name() const = 0;
  virtual BaselineNeeds needs() const = 0;
  virtual std::vector<std::string> net_marks() const = 0;  // "reconstruction"
  virtual void bind_net(ConfigBinder& binder) = 0;
  virtual void validate_net() const = 0;
  virtual std::shared_ptr<BaselineNet> make_net(const BaselineSizes& sizes) const = 0;
  // Called on a new run's network once it has its first weights, and again once it has its word vectors: for what else it takes from both.
  virtual void complete_net(BaselineNet& /*net*/) const {}
  virtual nlohmann::json net_facts() const;  // entries of config.json that adopt() of the network's options reads; none

  bool needs_pooled() const { return needs().object || needs().scene || names_classes(); }
  bool needs_grid() const { return needs().object_grid || needs().scene_grid; }
  bool needs_scene() const { return needs().scene || needs().scene_grid; }
  bool reads_pictures() const { return needs_pooled() || needs_grid(); }
  bool own_scene() const { return needs_scene() && !image.scene_model.empty(); }  // whether scenes have a tower of their own
  bool region_passes() const { return needs().regions && image.regions == Regions::kPasses; }
  int64_t passes_per_picture() const override;
  // Whether names of classes stand in for captions or attributes.
  bool names_classes() const;
  // What marks a run: what stood in for something, and what the network is. "random vectors", "caption=surrogate", ...
  std::vector<std::string> marks() const;
  BaselineSizes sizes(int64_t num_labels) const;

  std::vector<GivenWay> give_way(const std::function<bool(const std::string& key)>& typed) override;
  void bind(ConfigBinder& binder) override;  // sections words, captions, attributes, image, scene, the network's, loss
  void resolve(bool random_init) override;
  void adopt(const nlohmann::json& config, const std::string& where) override;
  void finish() override;
  bool wants_tokens() const override { return true; }
  std::unique_ptr<Tokenizer> make_tokenizer(const DataSet& data) const override;
  void adopt_tokenizer(const Tokenizer& tokenizer, bool random_init) override;
  void prepare_tokenizer(Tokenizer& tokenizer) const override;  // throws CheckpointError for another vocabulary than that of the weights
  std::shared_ptr<Model> make_model(int64_t num_labels) const override;
  ClassificationLossOptions classification(const std::vector<int64_t>& posts_of_class) const override {
    return loss.classification(posts_of_class);
  }
  std::vector<std::pair<std::string, std::filesystem::path>> pretrained_files() const override;
  void complete_posts(DataSet& data) const override;
  bool completes_posts() const override { return needs().captions || needs().attributes; }

 protected:
  // The vocabulary of the training posts; `further`: words that are in it whether a text has them or not.
  std::unique_ptr<WordVocabulary> make_vocabulary(const DataSet& data, const std::vector<std::string>& further) const;

 private:
  void bind_picture_words(ConfigBinder& binder);
  void bind_image(ConfigBinder& binder);
  void read_class_names();
  void take_published(const ImageBackboneOptions& published, const ImageOptions& own);
  std::string touched_image_keys() const;
  void check_keys() const;
  void check_image_size() const;
};

}  // namespace infig

// What an INFIG is: sizes, decisions and loss weights. The defaults are method.md's table; "row N" names the row. resolve() and adopt(),
// and what they read, are in published_encoders.cpp, the tokenizer in infig_tokenizer.cpp, the rest in infig_options.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "alignment/fine_grained.h"
#include "alignment/global.h"
#include "core/config.h"
#include "encoders/clip.h"
#include "encoders/deberta.h"
#include "encoders/image_backbones.h"
#include "encoders/image_encoder.h"
#include "encoders/text_encoders.h"
#include "encoders/vision_tower.h"
#include "image/transform.h"
#include "model/classifier_loss_keys.h"
#include "model/model.h"
#include "model/models.h"
#include "text/tokenizer.h"

namespace infig {

struct TextOptions {
  std::string model;                                      // folder of a published encoder; empty: from scratch
  int64_t max_length = 128;                               // row 34: tokens a text, special ones included
  SpecialInText special_in_text = SpecialInText::kSplit;  // adopt(): kKeep for runs from before the key
  int64_t vocab_size = 8000;                              // pieces of a vocabulary trained on the run's own texts
  double character_coverage = 0.9995;
  bool case_fold = false;  // of such a vocabulary: upper and lower case are one
  DebertaOptions encoder;  // from scratch; its vocab_size is set from the tokenizer
  // The published encoder, once resolve() or adopt() has read it. Not a key.
  std::optional<TextEncoderOptions> published = {};
  TextEncoderOptions tower() const { return published ? *published : TextEncoderOptions(encoder); }
};

struct ImageModelOptions {
  std::string model;       // folder or file of a published backbone; empty: from scratch
  bool own_pixels = true;  // a published backbone is shown pictures as its own preprocessing says
  ImageOptions pixels;
  ImageEncoderOptions encoder;
  bool finetune = false;                               // row 20: train the ResNet
  bool batch_norm_train = false;                       // row 20: BatchNorm uses the statistics of the batch
  double drop_path = 0;                                // [0, 1): StochasticDepth::rate of what is trained of the backbone
  std::optional<ImageBackboneOptions> published = {};  // likewise
  ImageBackboneOptions backbone() const { return published ? *published : ImageBackboneOptions(encoder.backbone); }
  // The published network where it is a Vision Transformer, which is the whole tower; else nothing.
  std::optional<VisionTransformerOptions> vision() const;
  VisionTowerOptions vision_tower(const VisionTransformerOptions& network) const;
};

// The prior knowledge in GAM's representations (rows 13-16). It takes part in training alone (row 18).
struct ClipPriorOptions {
  std::string model;                           // folder or file of a published CLIP; empty: none, Table 3's "w/o CLIP"
  std::string tokenizer;                       // folder of its byte pairs; empty: beside the model
  ClipVariant variant = ClipVariant::kVitB32;  // row 13: what the model must be
  int64_t embed_dim = 0;                       // width of its embeddings; 0: none; resolve() or adopt() fills it
  bool random_init = false;                    // no weights: the variant's sizes, for speed and memory
  bool variant_gives_way = false;              // give_way(): a model of another variant sets it to any. Not a key
};

enum class QueueStart { kEmpty, kRandom };

struct GamOptions {
  int64_t layer = 1;                            // which layer from the end gives the CLS; Figure 3
  int64_t queue_size = 4096;                    // row 4; entries
  double momentum = 0.995;                      // row 8
  bool momentum_train_mode = false;             // row 10: dropout in the twins
  bool momentum_backbone = false;               // row 9: give a trained ResNet a twin of its own instead of sharing it
  int64_t proj_dim = 0;                         // row 17: extra linear projection of the CLS; 0: none
  int64_t clip_dim = 256;                       // row 15: width of the linear projection of CLIP's embeddings
  bool literal_concat = false;                  // row 16: concatenate without norms
  QueueStart queue_start = QueueStart::kEmpty;  // row 6
  double temperature = 0.07;                    // row 12
  bool learn_temperature = true;                // row 12
  GlobalAlignmentOptions loss;
};

struct HfamOptions {
  int64_t layers = 3;             // eq. 6: pairs of layers from the end
  int64_t proj_dim = 0;           // row 23
  bool keep_sep = true;           // row 22: [SEP] is a counted token
  double temperature = 0.07;      // row 12
  bool learn_temperature = true;  // row 12
  FineGrainedOptions loss;
};

struct FusionOptions {
  int64_t layers = 3;
  TransformerLayerOptions layer;
  bool with_cls = false;     // row 29
  bool null_tokens = false;  // a learned token stands for a missing text or picture
};

struct LossOptions : ClassifierLossKeys {
  double lambda_g = 0.3;  // eq. 12
  double lambda_f = 0.2;
};

struct InfigOptions : ModelOptions {
  TextOptions text;
  ImageModelOptions image;
  ClipPriorOptions clip;
  GamOptions gam;
  HfamOptions hfam;
  FusionOptions fusion;
  double head_dropout = 0.1;
  bool gelu_logits = true;  // row 33
  LossOptions loss;

  int64_t hidden_size() const;  // d, of the text encoder
  int64_t text_layers() const;
  int64_t global_size() const;  // g, width of GAM's representations

  std::unique_ptr<ModelOptions> clone() const override { return std::make_unique<InfigOptions>(*this); }
  // Of text.model and image.model the sizes, and image's preprocessing unless image.preprocess=config; of clip.model tokenizer and variant.
  std::vector<GivenWay> give_way(const std::function<bool(const std::string& key)>& typed) override;
  void bind(ConfigBinder& binder) override;  // sections text, image, clip, gam, hfam, fusion, head, loss
  void bind_towers(ConfigBinder& binder);    // sections text and image alone, for another model of the same towers
  // Reads the config.json of text.model, the backbone of image.model and the sizes of clip.model, where they are named, into `published`
  // and what follows from them; with random_init they are left out: the keys of encoders from scratch stand, and CLIP has its variant's
  // sizes. Throws CheckpointError or ConfigError: for folders that are not there (all at once, with where their like is published), and
  // for a key of an encoder from scratch set beside a published one.
  void resolve(bool random_init) override;
  void adopt(const nlohmann::json& config, const std::string& where) override;
  void finish() override;

  bool wants_tokens() const override { return true; }
  std::unique_ptr<Tokenizer> make_tokenizer(const DataSet& data) const override;
  void adopt_tokenizer(const Tokenizer& tokenizer, bool random_init) override;
  void prepare_tokenizer(Tokenizer& tokenizer) const override;
  std::shared_ptr<Model> make_model(int64_t num_labels) const override;
  ClassificationLossOptions classification(const std::vector<int64_t>& posts_of_class) const override {
    return loss.classification(posts_of_class);
  }
  void expect_missing_sides() override { fusion.null_tokens = true; }
  bool batch_statistics() const override { return image.batch_norm_train; }
  std::vector<std::string> pretrained_parameters() const override;
  std::vector<std::pair<std::string, std::filesystem::path>> pretrained_files() const override;
};

// The options of a config whose model is an INFIG; throws ConfigError where it is another.
InfigOptions& infig_options(ModelConfig& config);
const InfigOptions& infig_options(const ModelConfig& config);

}  // namespace infig

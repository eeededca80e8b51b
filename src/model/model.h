// The interface of all models. Training, checkpoints, evaluation and prediction use a model only through this header; model/models.h lists
// the models. A model implements
//   ModelOptions  its configuration keys, the values derived from them, and the construction of the model;
//   Model         the inputs it needs, and the forward pass from a batch to logits (and attention, to explain them);
//   Objective     its training objective: losses with counts, training state for the checkpoint, and what happens after a step.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config.h"
#include "core/stage_timer.h"
#include "data/post.h"
#include "distributed/ranks.h"
#include "losses/classification_loss.h"
#include "losses/loss_term.h"
#include "model/precision.h"
#include "nn/dropout.h"
#include "tensor/archive.h"
#include "tensor/batch.h"
#include "tensor/loader.h"
#include "text/tokenizer.h"

namespace infig {

class Model;
class Objective;

struct ForwardOptions {
  DropoutSource* dropout = nullptr;  // null: no dropout (evaluation)
  bool training = false;             // whether BatchNorm may use batch statistics; the model's options decide
  bool want_attention = false;
  StageTimer* timer = nullptr;
};

struct ModelOutput {
  at::Tensor logits;         // [B, C] float
  at::Tensor attention;      // [B, H, N, N] float of the last layer that attends to both sides; undefined unless requested and available
  at::Tensor scores;         // [B, N] float: each token's weight in the pooling, image tokens first; undefined if nothing is pooled
  int64_t image_tokens = 0;  // how many of the N tokens are image tokens
  int64_t text_skip = 0;     // leading token ids of a text ([CLS]) that are not among the N tokens
};

// A loss other than the classifier's. The name "gam" appears as loss_gam in metrics.jsonl.
struct NamedLoss {
  std::string name;
  LossTerm term;  // count 0 if the loss is off or no post of the batch takes part
};

// With several ranks, sums and `total` are this rank's share and counts are those of the whole batch: the totals of all ranks, and their
// gradients, add up to those of a single rank.
struct Losses {
  at::Tensor total;               // scalar, with gradient
  LossTerm classification;        // the classifier's loss
  std::vector<NamedLoss> others;  // in the order of Objective::loss_names()
  at::Tensor logits;              // [B, C] float

  const LossTerm& part(std::string_view name) const;  // the term of that name in `others`; throws ShapeError if there is none
};

// Options of step_in_parts(): only one part's graph is in memory at a time, while losses between posts still compare the whole batch.
struct PartOptions {
  int64_t micro_batch = 0;                 // posts per part, >= 1
  Precision precision = Precision::kFp32;  // resolved: never kAuto
  double loss_scale = 1;                   // gradients are those of loss_scale times the loss
  std::function<void()> before_last = {};  // called before the backward pass of the last part
};

class Objective {
 public:
  virtual ~Objective() = default;

  // Runs the forward pass and computes the losses. `batch` is this rank's part of the whole batch. What later steps depend on (the queue's
  // new entries) is stored only by commit(), so that a discarded step does not affect them. Collective.
  virtual Losses step(const Batch& batch, const ForwardOptions& how) = 0;
  // step() and its backward pass, in parts. Adds to .grad what step() and backward() would add, up to rounding, with the same dropout
  // masks. The losses returned have no graph. Not for BatchNorm in training mode, whose statistics would be those of a part.
  virtual Losses step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) = 0;
  // Called after a successful step: the gradients were finite and the optimizer has updated the weights.
  virtual void commit() {}

  virtual std::vector<std::string> loss_names() const { return {}; }  // the names of Losses::others, losses that are off included
  // Further values of the last step for metrics.jsonl, such as {"temperature_gam", 0.07}.
  virtual std::vector<std::pair<std::string, double>> figures() const { return {}; }

  // Training state apart from the model's weights, stored in trainer.safetensors. restore() throws CheckpointError; `where` names the file.
  virtual TensorMap state() const { return {}; }
  virtual void restore(const TensorMap& tensors, const std::string& where);
};

// Arguments of Model::make_objective().
struct ObjectiveContext {
  int64_t train_posts = 0;  // posts of the training split
  int64_t batch_size = 0;   // posts of the whole batch, over all ranks
  int64_t steps_per_epoch = 1;
  uint64_t seed = 1;
  ClassificationLossOptions classification = {};
  Ranks* ranks = &Ranks::alone();
};

// Where the features of a data set's posts may lie that a training has computed.
struct FoundInputs {
  const DataSet* data = nullptr;
  const std::vector<int64_t>* rows = nullptr;  // the loader's posts are data->posts[rows]
  std::filesystem::path folder;                // the cache
};

// Arguments of Model::add_training_inputs().
struct InputContext {
  const DataSet* data = nullptr;  // the data set whose posts the loader reads
  uint64_t seed = 1;
  bool half_features = false;                     // store features as fp16 instead of fp32
  bool cache = true;                              // false: data.features=live
  Without without = Without::kNothing;            // a side that is hidden needs no features
  std::filesystem::path folder;                   // the cache
  int64_t workers = 2;                            // threads that read pictures
  const std::atomic<int>* stop = nullptr;         // holds a signal's number once the work is to stop: throws Interrupted
  const Tokenizer* tokenizer = nullptr;           // the model's; null if it uses no token ids
  std::map<std::string, std::string> known = {};  // subfolders of the cache that an earlier start of the run used, by content
};

class Model : public torch::nn::Module {
 public:
  // Runs the forward pass under the caller's gradient mode. Throws ShapeError.
  virtual ModelOutput forward(const Batch& batch, const ForwardOptions& how) = 0;
  virtual std::unique_ptr<Objective> make_objective(const ObjectiveContext& context) = 0;

  virtual void initialize(uint64_t seed) = 0;  // draws random weights for everything that load_pretrained() does not set
  virtual void load_pretrained() {}            // sets the published weights that the options name. Throws CheckpointError

  // What batches must contain; the loader reads and computes nothing else. Called for training, evaluation and prediction.
  virtual LoaderInputs inputs(const Tokenizer* tokenizer) const = 0;
  // Called once before training. Passes features that are computed only once to the loader (PostLoader::use_*). Returns the subfolders of
  // the cache in use, by content ("image", "clip"). Collective if the ranks share the cache.
  virtual std::map<std::string, std::string> add_training_inputs(PostLoader& loader, const InputContext& context);

  // Called before evaluation. Passes those features to the loader that would take long to compute again and lie in the cache; nothing is
  // computed.
  virtual void add_found_inputs(PostLoader& /*loader*/, const FoundInputs& /*found*/) {}

  // The power of optim.layer_decay by which a parameter's learning rate is multiplied: 1 for the last layer of a published tower, 2 for the
  // one below, and so on. None for parameters that layer decay does not apply to.
  virtual std::optional<int64_t> layers_above(const std::string& parameter) const;
  virtual int64_t pad_token_id() const { return 0; }
  // Entries of a checkpoint's config.json apart from the configuration keys; ModelOptions::adopt() reads them back.
  virtual nlohmann::json facts() const;
  // What stands in for something else in this model, and what it is not: "random vectors", "scene=surrogate", "reconstruction". Stands in
  // config.json, and in everything that shows scores.
  virtual std::vector<std::string> marks() const { return {}; }
  int64_t num_labels() const { return num_labels_; }

  // data.feature_dtype=fp16: features of frozen encoders are rounded to fp16 whether they come from a cache or from the encoder itself.
  bool half_features() const { return half_features_; }
  void set_half_features(bool half) { half_features_ = half; }

 protected:
  explicit Model(int64_t num_labels) : num_labels_(num_labels) {}

 private:
  int64_t num_labels_;
  bool half_features_ = false;
};

// Keys of the configuration file that were reset because the command line names a published part.
struct GivenWay {
  std::string to;                                         // key of the published part: "text.model"
  std::vector<std::pair<std::string, std::string>> keys;  // and their values in the file
};

// A model's configuration keys and the values derived from them. Stored in each checkpoint's config.json for evaluate and predict.
class ModelOptions {
 public:
  virtual ~ModelOptions() = default;
  virtual std::unique_ptr<ModelOptions> clone() const = 0;
  virtual void bind(ConfigBinder& binder) = 0;

  // Resets keys that a published part (text.model=DIR) defines itself, if the command line names that part and only the configuration file
  // sets them. `typed`: whether the command line sets the key. Returns the keys reset to their defaults. Call before resolve() or adopt(),
  // which may then give these keys the published part's values.
  virtual std::vector<GivenWay> give_way(const std::function<bool(const std::string& key)>& /*typed*/) { return {}; }
  // Reads the configurations of the published encoders that the keys name. random_init: ignores these encoders; all sizes come from the
  // keys. Throws CheckpointError, ConfigError.
  virtual void resolve(bool /*random_init*/) {}
  // Reads the same from a checkpoint's config.json, named by `where`: the encoders' folders may be gone. Throws CheckpointError,
  // ConfigError.
  virtual void adopt(const nlohmann::json& /*config*/, const std::string& /*where*/) {}
  // What a new run that starts from another's weights (train.init_from) reads in that one's config.json, named by `where`: sizes that the
  // other data set gave them. Throws CheckpointError.
  virtual void adopt_start(const nlohmann::json& /*config*/, const std::string& /*where*/) {}
  // Copies shared values into the options of each component and validates each and their consistency. Throws ConfigError.
  virtual void finish() = 0;

  virtual bool wants_tokens() const { return false; }  // whether the model needs a tokenizer
  // Makes the tokenizer of a new run: the published one, or one trained on the training texts. Null if the model uses no token ids.
  virtual std::unique_ptr<Tokenizer> make_tokenizer(const DataSet& /*data*/) const { return nullptr; }
  // Adds to the posts what the keys name beside the data set (captions). Called before training and evaluation. Throws DataError.
  virtual void complete_posts(DataSet& /*data*/) const {}
  virtual bool completes_posts() const { return false; }  // whether that does anything
  // Sets what depends on the tokenizer (the rows of the embedding). Throws CheckpointError if tokenizer and encoder do not belong together.
  virtual void adopt_tokenizer(const Tokenizer& /*tokenizer*/, bool /*random_init*/) {}
  // Whether a run that continues reads its sizes from its checkpoint's config.json (adopt()) instead of the published parts (resolve()).
  virtual bool continues_by_adopting(bool random_init) const { return !random_init && !pretrained_files().empty(); }
  // What the keys ask of it, new or loaded, before the first text.
  virtual void prepare_tokenizer(Tokenizer& /*tokenizer*/) const {}

  virtual std::shared_ptr<Model> make_model(int64_t num_labels) const = 0;  // weights not yet set

  virtual ClassificationLossOptions classification(const std::vector<int64_t>& /*posts_of_class*/) const { return {}; }
  virtual void expect_missing_sides() {}                    // train.modality_dropout > 0: training posts will lose a side
  virtual bool batch_statistics() const { return false; }   // BatchNorm uses batch statistics in training: no step_in_parts()
  virtual int64_t passes_per_picture() const { return 1; }  // of the image network: a hundred and more take seconds a picture
  // Name prefixes of the parameters that start from published weights: optim.lr_new does not apply to them.
  virtual std::vector<std::string> pretrained_parameters() const { return {}; }
  // The files or folders of weights that the run starts from, each with the key that names it.
  virtual std::vector<std::pair<std::string, std::filesystem::path>> pretrained_files() const { return {}; }
};

}  // namespace infig

// What every model is. Training, checkpoints, evaluation and prediction know a model through this header alone; the models are listed
// once, in model/models.h. A model brings
//   ModelOptions  its keys of the config, what follows from them, and the making of the model;
//   Model         which inputs it wants, and logits (with what explains them) from a batch;
//   Objective     its training objective: losses with counts, state that must be checkpointed, what happens after a step.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

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
  DropoutSource* dropout = nullptr;  // null: evaluation
  bool training = false;             // BatchNorm as the model's options say
  bool want_attention = false;
  StageTimer* timer = nullptr;
};

struct ModelOutput {
  at::Tensor logits;     // [B, C] float
  at::Tensor attention;  // [B, H, N, N] float of the last layer that sees both sides; undefined unless asked for and there
  at::Tensor scores;     // [B, N] float: how much each token counts in the pooling, image tokens first; undefined where nothing is pooled
  int64_t image_tokens = 0;  // how many of the N tokens are of the picture
  int64_t text_skip = 0;     // ids at a text's beginning ([CLS]) that are none of the N tokens
};

// A part of the objective beside the classifier's loss: "gam" is loss_gam in metrics.jsonl.
struct NamedLoss {
  std::string name;
  LossTerm term;  // count 0 where switched off, or nothing of the batch takes part
};

// Over several ranks the sums, and `total`, are this rank's share of the whole batch's, and the counts are of the whole batch: all ranks'
// totals, and their gradients, add up to what one rank would have.
struct Losses {
  at::Tensor total;               // scalar, with gradient
  LossTerm classification;        // of the posts' labels
  std::vector<NamedLoss> others;  // in the order of Objective::loss_names()
  at::Tensor logits;              // [B, C] float

  const LossTerm& part(std::string_view name) const;  // of `others`; throws ShapeError for a name that is not there
};

// How a step is computed in parts: what is in memory at once is one part's graph, while losses between posts see the whole batch.
struct PartOptions {
  int64_t micro_batch = 0;                 // posts a part, >= 1
  Precision precision = Precision::kFp32;  // resolved
  double loss_scale = 1;                   // the gradients are of loss_scale times the loss
  std::function<void()> before_last = {};  // called before the last backward pass
};

class Objective {
 public:
  virtual ~Objective() = default;

  // Forward and losses. What a step leaves behind for the next one (a queue's entries) enters with commit(), so that a step that is thrown
  // away leaves nothing there. `batch` is this rank's part. Collective.
  virtual Losses step(const Batch& batch, const ForwardOptions& how) = 0;
  // step() and its backward pass, in parts. Adds to .grad what step() and backward() would, up to rounding, with the same dropout masks.
  // `losses` have no graph. Not for BatchNorm in training mode, whose statistics are of a part.
  virtual Losses step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) = 0;
  // The step was good: gradients are finite and the optimizer has moved the weights.
  virtual void commit() {}

  virtual std::vector<std::string> loss_names() const { return {}; }  // the parts beside the classifier's loss, switched off or not
  // What metrics.jsonl shows beside the losses of the last step, as {"temperature_gam", 0.07}.
  virtual std::vector<std::pair<std::string, double>> figures() const { return {}; }

  // Training state beside the model's weights, for trainer.safetensors. restore() throws CheckpointError.
  virtual TensorMap state() const { return {}; }
  virtual void restore(const TensorMap& tensors, const std::string& where);
};

// What an objective is made for.
struct ObjectiveContext {
  int64_t train_posts = 0;  // posts of the training split
  int64_t batch_size = 0;   // the whole batch's, over all ranks
  uint64_t seed = 1;
  ClassificationLossOptions classification = {};
  Ranks* ranks = &Ranks::alone();
};

// Where inputs that are computed once (features of frozen encoders) come from and go to.
struct InputContext {
  const DataSet* data = nullptr;  // whose posts the loader reads
  uint64_t seed = 1;
  bool half_features = false;                     // stored as fp16 instead of fp32
  bool cache = true;                              // false: data.features=live
  Without without = Without::kNothing;            // a side that is hidden needs no features
  std::filesystem::path folder;                   // of the cache
  int64_t workers = 2;                            // threads that read pictures
  const Tokenizer* tokenizer = nullptr;           // the model's; null where it wants no token ids
  std::map<std::string, std::string> known = {};  // folders in the cache that an earlier start of the run used, by what they hold
};

class Model : public torch::nn::Module {
 public:
  // No gradient mode is set here: the caller decides. Throws ShapeError.
  virtual ModelOutput forward(const Batch& batch, const ForwardOptions& how) = 0;
  virtual std::unique_ptr<Objective> make_objective(const ObjectiveContext& context) = 0;

  virtual void initialize(uint64_t seed) = 0;  // random initial weights of all that load_pretrained() does not bring
  virtual void load_pretrained() {}            // the weights that the options name. Throws CheckpointError

  // What batches must carry; the loader reads and computes nothing else. Called for training, evaluation and prediction alike.
  virtual LoaderInputs inputs(const Tokenizer* tokenizer) const = 0;
  // Called once before training: features that are computed once go into the loader (PostLoader::use_*). Returns the folders in the cache
  // by what they hold. Collective where the ranks share the cache.
  virtual std::map<std::string, std::string> add_training_inputs(PostLoader& loader, const InputContext& context);

  // How many layers above it a parameter has whose rate optim.layer_decay lowers: 1 for the last layer of the text tower; none for
  // parameters that it leaves alone.
  virtual std::optional<int64_t> layers_above(const std::string& parameter) const;
  virtual int64_t pad_token_id() const { return 0; }
  // What a checkpoint's config.json says beside the keys; ModelOptions::adopt() reads it back.
  virtual nlohmann::json facts() const;
  int64_t num_labels() const { return num_labels_; }

  // data.feature_dtype=fp16: features of frozen encoders are rounded to fp16 wherever they come from, a cache or the encoder itself.
  bool half_features() const { return half_features_; }
  void set_half_features(bool half) { half_features_ = half; }

 protected:
  explicit Model(int64_t num_labels) : num_labels_(num_labels) {}

 private:
  int64_t num_labels_;
  bool half_features_ = false;
};

// Keys of the config's file that gave way to what the command line names.
struct GivenWay {
  std::string to;                                         // "text.model"
  std::vector<std::pair<std::string, std::string>> keys;  // with their values in the file
};

// The keys of a model and what follows from them. Stored in every checkpoint's config.json; evaluate and predict read them from there.
class ModelOptions {
 public:
  virtual ~ModelOptions() = default;
  virtual std::unique_ptr<ModelOptions> clone() const = 0;
  virtual void bind(ConfigBinder& binder) = 0;

  // A published part that the command line names (text.model=DIR) wins over keys that it brings itself and that only the config's file
  // sets: they go back to their defaults. `typed`: the key was set on the command line. To be called before resolve() or adopt(), which may
  // change the values of the keys that are returned once more.
  virtual std::vector<GivenWay> give_way(const std::function<bool(const std::string& key)>& /*typed*/) { return {}; }
  // Reads what the named folders of published encoders say. random_init: they are left out, and sizes come from the keys. Throws
  // CheckpointError, ConfigError.
  virtual void resolve(bool /*random_init*/) {}
  // The same from a checkpoint's config.json, whose folders may be gone. `where` names the file. Throws CheckpointError, ConfigError.
  virtual void adopt(const nlohmann::json& /*config*/, const std::string& /*where*/) {}
  // Carries shared values into the parts and checks each part and their agreement. Throws ConfigError.
  virtual void finish() = 0;

  virtual bool wants_tokens() const { return false; }  // a tokenizer belongs to the model
  // The tokenizer of a new run: published, or trained on the training texts. Null where the model wants no token ids.
  virtual std::unique_ptr<Tokenizer> make_tokenizer(const DataSet& /*data*/) const { return nullptr; }
  // Takes what depends on the tokenizer (the rows of an embedding). Throws CheckpointError where the two do not belong together.
  virtual void adopt_tokenizer(const Tokenizer& /*tokenizer*/, bool /*random_init*/) {}

  virtual std::shared_ptr<Model> make_model(int64_t num_labels) const = 0;  // weights not yet set

  virtual ClassificationLossOptions classification(const std::vector<int64_t>& /*posts_of_class*/) const { return {}; }
  virtual void expect_missing_sides() {}                   // train.modality_dropout: posts lose a side in training
  virtual bool batch_statistics() const { return false; }  // BatchNorm looks at the whole batch: no parts, buffers change in a step
  // Parameters that begin with one of these come from published weights: optim.lr_new is not for them.
  virtual std::vector<std::string> pretrained_parameters() const { return {}; }
  // The files or folders of weights that the run starts from, by the key that names them.
  virtual std::vector<std::pair<std::string, std::filesystem::path>> pretrained_files() const { return {}; }
};

}  // namespace infig

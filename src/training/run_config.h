// The complete configuration of a training run: configs/*.yaml, RUN/config.yaml. configs/reference.yaml lists every key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "model/models.h"
#include "tensor/loader.h"

namespace infig {

enum class Sampler {
  kShuffle,   // every post once per epoch
  kBalanced,  // classes are equally frequent: the epoch's size stays, posts of small classes are repeated, those of large ones left out
};

struct DataOptions {
  LoaderOptions loader;
  bool drop_last = true;  // leave out a last batch that is not full (row 7)
  int64_t limit = 0;      // posts used per split, drawn by the seed; 0: all
  Sampler sampler = Sampler::kShuffle;
  bool cache_features = true;  // cache the features of a frozen backbone, if pictures are not augmented
  std::string feature_cache;   // folder of the cache; empty: RUN/cache
  bool half_features = false;  // round features of frozen encoders to fp16
  int64_t pool_batches = 8;    // batches among which posts of similar length are grouped; see data/sampler.h
  int64_t shuffle_buffer = 0;  // posts; 0: the whole epoch is shuffled at once; see data/sampler.h
};

enum class OptimizerName { kAdam, kAdamW, kSgd, kRmsprop };
enum class Schedule { kLinear, kConstant, kCosine, kExponential };

struct OptimOptions {
  OptimizerName name = OptimizerName::kAdam;  // row 39
  double lr = 2e-5;
  double lr_new = 0;  // learning rate of parts without published weights, in a model that has parts with them; 0: lr
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double rho = 0.9;                       // rmsprop: v = rho v + (1 - rho) g^2
  double momentum = 0.9;                  // sgd: v = momentum v + g
  bool nesterov = false;                  // sgd with Nesterov momentum
  double layer_decay = 1;                 // factor between the rates of adjacent layers of the text encoder, from the last one down
  std::vector<std::string> groups = {};   // "PATTERN lr=1e-4 weight_decay=0" or "PATTERN frozen"
  double clip = 1.0;                      // largest gradient norm; 0: no clipping
  Schedule schedule = Schedule::kLinear;  // row 38
  double decay = 0.8;                     // exponential: factor of the rate an epoch
  double warmup = 0.1;                    // length of the warm-up as a share of all steps
};

// Dev metric that selects the best checkpoint; ties are broken by weighted F1, then by the earlier step.
enum class BestMetric { kAccuracy, kF1Macro, kF1Weighted, kMcc, kEce, kLoss };
enum class OnNan { kStop, kSkip };
// Which checkpoints remain of a finished run.
enum class Keep {
  kAll,   // those that were kept during training
  kBest,  // only what prediction needs: the best one's model (and checkpoints/average)
};

struct TrainOptions {
  std::string init_from;  // run or checkpoint folder whose weights and vocabulary the run starts from; empty: none
  int64_t epochs = 20;    // row 37
  int64_t batch_size = 64;
  int64_t patience = 5;                   // evaluations without a better best_metric before training stops; 0: never
  double min_delta = 0;                   // an evaluation must be better by more than that to count against patience
  int64_t micro_batch = 0;                // posts whose graph is in memory at once; 0: the whole batch
  bool activation_checkpointing = false;  // recompute each layer's activations in the backward pass
  double modality_dropout = 0;            // probability that a training post loses its text or its picture
  int64_t eval_every = 0;                 // steps or epochs between evaluations; 0: at the end of each epoch
  bool eval_epochs = false;               // eval_every counts epochs, not steps
  int64_t eval_batch_size = 64;
  int64_t save_every = 0;        // steps between checkpoints; 0: at each evaluation
  int64_t save_total_limit = 2;  // checkpoints kept besides the best
  int64_t save_state_limit = 2;  // newest checkpoints that keep the training state; the others keep only the model
  Keep keep = Keep::kAll;
  int64_t average_best = 0;  // number of best checkpoints that are averaged at the end; 0: none
  int64_t log_every = 10;    // steps between lines of metrics.jsonl
  BestMetric best_metric = BestMetric::kAccuracy;
  double ema_decay = 0;         // decay of the moving average of the weights, which is then evaluated and saved; 0: none
  OnNan on_nan = OnNan::kStop;  // if a loss or gradient is not finite
  bool tensorboard = true;      // also write event files to RUN/tensorboard
};

struct RunConfig {
  uint64_t seed = 1;
  DeviceChoice device = DeviceChoice::kAuto;
  Precision precision = Precision::kAuto;
  int64_t threads = 0;  // 0: all cores
  DataOptions data;
  ModelConfig model;  // model.name and its keys
  OptimOptions optim;
  TrainOptions train;
  bool random_init = false;  // --random-init (not a key): text.model and image.model are ignored
  // Whether data.bad_image=missing was set explicitly, on the command line or in the file (not a key). If so, it is no error that none of
  // the data set's pictures exists.
  bool may_lose_pictures = false;
  std::vector<std::string> doubts;  // for the log, as warnings: settings that work but are most often a mistake
  std::vector<std::string> notes;   // for the log (not a key): keys of the file that the command line's model overrides

  RunConfig() = default;
  explicit RunConfig(const ModelList& models) : model(models) {}
  void finish();  // derives shared values and validates everything; throws ConfigError
};

void bind_options(ConfigBinder& binder, RunConfig& config);

struct RunConfigRequest {
  std::filesystem::path file = {};  // YAML; empty: defaults
  std::vector<std::string> overrides = {};
  bool random_init = false;
  // Run folder to continue: the configuration of its published encoders is read from its newest checkpoint, if it has one, because their
  // folders may be gone. Empty: a new run.
  std::filesystem::path run = {};
  const ModelList* models = &built_in_models();
};

// Loads the configuration: model.name first; then the file, the overrides, what published folders or the checkpoint define, and finish().
// Throws ConfigError, CheckpointError.
RunConfig load_run_config(const RunConfigRequest& request);
RunConfig load_run_config(const std::filesystem::path& file, const std::vector<std::string>& overrides, bool random_init = false);

// Returns all keys as YAML: RUN/config.yaml (without comments), configs/reference.yaml (with comments).
std::string dump_run_config(const RunConfig& config, bool with_comments);

}  // namespace infig

// Everything a training run can be told: configs/*.yaml, RUN/config.yaml. configs/reference.yaml lists every key.
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
  kShuffle,   // every post once an epoch
  kBalanced,  // every class equally often: an epoch of as many posts, small classes repeated, large ones cut
};

struct DataOptions {
  LoaderOptions loader;
  bool drop_last = true;  // row 7
  int64_t limit = 0;      // posts a split that are used, drawn by seed; 0: all
  Sampler sampler = Sampler::kShuffle;
  bool cache_features = true;  // of a frozen backbone on pictures that are not augmented
  std::string feature_cache;   // folder; empty: RUN/cache
  bool half_features = false;  // stored as fp16
  int64_t pool_batches = 8;    // batches among which posts of like length are grouped; see data/sampler.h
  int64_t shuffle_buffer = 0;  // posts; 0: an epoch is shuffled as a whole; see data/sampler.h
};

enum class OptimizerName { kAdam, kAdamW, kSgd };
enum class Schedule { kLinear, kConstant, kCosine };

struct OptimOptions {
  OptimizerName name = OptimizerName::kAdam;  // row 39
  double lr = 2e-5;
  double lr_new = 0;  // of what starts from random weights beside published parts; 0: lr
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double momentum = 0.9;                  // of sgd; v = momentum v + g
  bool nesterov = false;                  // of sgd
  double layer_decay = 1;                 // of the text encoder's rates, a layer down
  std::vector<std::string> groups = {};   // "PATTERN lr=1e-4 weight_decay=0" or "PATTERN frozen"
  double clip = 1.0;                      // largest gradient norm; 0: no clipping
  Schedule schedule = Schedule::kLinear;  // row 38
  double warmup = 0.1;                    // share of all steps
};

// What makes a checkpoint the best one; ties go to the better weighted F1, then to the earlier.
enum class BestMetric { kAccuracy, kF1Macro, kF1Weighted, kMcc, kEce, kLoss };
enum class OnNan { kStop, kSkip };
// What a finished run leaves of its checkpoints.
enum class Keep {
  kAll,   // those that were kept while it trained
  kBest,  // what prediction needs: the best one's model (and the average)
};

struct TrainOptions {
  std::string init_from;  // run or checkpoint folder whose weights (and vocabulary) the run starts from; empty: none
  int64_t epochs = 20;    // row 37
  int64_t batch_size = 64;
  int64_t patience = 5;                   // evaluations without a better best_metric before stopping; 0: never
  int64_t micro_batch = 0;                // posts whose graph is in memory at once; 0: the batch
  bool activation_checkpointing = false;  // layers are computed again in the backward pass
  double modality_dropout = 0;            // probability that a training post loses its text or its picture
  int64_t eval_every = 0;                 // eval_unit; 0: at each epoch's end
  bool eval_epochs = false;               // eval_every counts epochs, not steps
  int64_t eval_batch_size = 64;
  int64_t save_every = 0;        // steps; 0: at each evaluation
  int64_t save_total_limit = 2;  // checkpoints kept besides the best
  int64_t save_state_limit = 2;  // newest checkpoints that keep what a run continues from; the others keep the model
  Keep keep = Keep::kAll;
  int64_t average_best = 0;  // so many best checkpoints are averaged at the end; 0: none
  int64_t log_every = 10;    // steps
  BestMetric best_metric = BestMetric::kAccuracy;
  double ema_decay = 0;         // of the moving average of the weights that is evaluated and saved; 0: none
  OnNan on_nan = OnNan::kStop;  // a loss or gradient that is not finite
  bool tensorboard = true;      // RUN/tensorboard/ beside metrics.jsonl
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
  bool random_init = false;  // --random-init: no key; text.model and image.model are left out
  // data.bad_image=missing was typed or stands in the file, not left as it is: that no picture of the data is there is no error then. No
  // key.
  bool may_lose_pictures = false;
  std::vector<std::string> notes;  // for the log: which keys of the file gave way to the command line. No key

  RunConfig() = default;
  explicit RunConfig(const ModelList& models) : model(models) {}
  void finish();  // derives shared values and validates; throws ConfigError
};

void bind_options(ConfigBinder& binder, RunConfig& config);

struct RunConfigRequest {
  std::filesystem::path file = {};  // YAML; empty: defaults
  std::vector<std::string> overrides = {};
  bool random_init = false;
  // A run that continues: what its published encoders are comes from its last checkpoint, if it has one, and their folders may be gone.
  // Empty: a new run.
  std::filesystem::path run = {};
  const ModelList* models = &built_in_models();
};

// model.name first; then file, overrides, what published folders or the checkpoint say, and finish(). Throws ConfigError, CheckpointError.
RunConfig load_run_config(const RunConfigRequest& request);
RunConfig load_run_config(const std::filesystem::path& file, const std::vector<std::string>& overrides, bool random_init = false);

// YAML of all keys: RUN/config.yaml (plain), configs/reference.yaml (with comments).
std::string dump_run_config(const RunConfig& config, bool with_comments);

}  // namespace infig

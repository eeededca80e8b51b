// The objects of a training run: tokenizer, loader, model, objective, optimizer and the order of batches (session.cpp), checks of its
// inputs (session_checks.cpp), and the training step (session_step.cpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/post.h"
#include "distributed/gradient_sum.h"
#include "distributed/ranks.h"
#include "model/model.h"
#include "nn/dropout.h"
#include "tensor/loader.h"
#include "training/loss_scaler.h"
#include "training/optimizer.h"
#include "training/run_config.h"
#include "training/weight_average.h"

namespace infig {

// A loss other than the classifier's: its mean over the posts that take part.
struct LossValue {
  std::string name;
  double value = 0;
  int64_t count = 0;  // 0: none took part
};

struct StepResult {
  double loss = 0, classification = 0;  // total loss; the classifier's, as a mean over posts
  int64_t classification_count = 0;
  std::vector<LossValue> others;                       // in the order of Objective::loss_names()
  const LossValue& part(std::string_view name) const;  // an element of `others`; throws ShapeError if there is none of that name
  double grad_norm = 0;
  double learning_rate = 0;
  bool skipped = false;   // train.on_nan=skip: not finite, nothing was updated
  bool overflow = false;  // fp16: the scaled gradient overflowed, nothing was updated and the scale was halved
};

// Checks what can be checked before anything is written. Throws DataError for fewer than two labels, for fewer training posts than ranks,
// if all pictures that posts name are missing and data.bad_image=missing was not set explicitly, and for train.average_best without a dev
// split. Throws ConfigError if the ranks cannot share a batch evenly or would share a GPU.
void check_trainable(const RunConfig& config, const DataSet& data, const Ranks& ranks);

struct SessionStart {
  std::filesystem::path cache = {};  // folder for cached features, if config.data.feature_cache is empty
  // For a resumed run: tokenizer and weights are loaded from this checkpoint, and no published folder is read.
  std::optional<std::filesystem::path> checkpoint = {};
  std::map<std::string, std::string> features = {};  // Session::features() of an earlier start of the run
  // Values of train.epochs over all starts of the run, the current one last (see schedule_length); empty: this is the first start.
  std::vector<int64_t> planned_epochs = {};
  // Holds a signal's number once the start is to stop: throws Interrupted while features are computed or pictures are read.
  const std::atomic<int>* stop = nullptr;
  // If `data` is a sample, the data set that it is from: vocabulary, queue size and class weights are then those of the whole data set.
  const DataSet* whole = nullptr;
};

class Session {
 public:
  // Makes or loads the tokenizer and the model, fills the feature cache and reads pictures, with a progress bar. Several ranks train one
  // model: each computes its part of every batch, and all hold the same weights. Collective.
  Session(RunConfig config, const DataSet& data, const SessionStart& start, Ranks& ranks = Ranks::alone());

  // Returns the batches of an epoch, over all ranks, as rows of the data set. Depends only on seed and epoch.
  std::vector<std::vector<int64_t>> epoch_batches(int64_t epoch) const;
  // Returns this rank's part of each batch.
  std::vector<std::vector<int64_t>> own_rows(const std::vector<std::vector<int64_t>>& batches) const;
  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  int64_t total_steps() const { return steps_per_epoch_ * config_.train.epochs; }
  // Posts per step over all ranks: train.batch_size, or fewer if the training split is smaller.
  int64_t batch_size() const { return config_.train.batch_size; }
  int64_t train_posts() const { return static_cast<int64_t>(train_rows_.size()); }                // posts that take part
  int64_t left_out() const { return config_.data.drop_last ? train_posts() % batch_size() : 0; }  // posts per epoch
  const std::vector<int64_t>& planned_epochs() const { return planned_epochs_; }

  // Runs forward pass, backward pass and optimizer update number `step` (0-based). If loss or gradient is not finite, nothing is updated;
  // with train.on_nan=skip this is logged and StepResult::skipped is set. Without it, or at the tenth time in a row, throws DataError
  // naming posts and tensor. `batch` is this rank's part of the posts in `rows`; the result is that of all ranks. Collective.
  StepResult step(const Batch& batch, const std::vector<int64_t>& rows, int64_t step, StageTimer* timer);
  // The same for a single rank.
  StepResult step(const Batch& batch, int64_t number, StageTimer* timer) { return step(batch, batch.rows, number, timer); }

  const RunConfig& config() const { return config_; }
  const DataSet& data() const { return *data_; }
  const PostLoader& loader() const { return *loader_; }
  const Tokenizer* tokenizer() const { return tokenizer_.get(); }  // null if the model uses no token ids
  Model& model() { return *model_; }
  const std::map<std::string, std::string>& features() const { return features_; }  // subfolders of the cache, by content
  Objective& objective() { return *objective_; }
  Optimizer& optimizer() { return *optimizer_; }
  WeightAverage* average() { return average_ ? &*average_ : nullptr; }  // null without train.ema_decay
  const std::vector<int64_t>& dev_rows() const { return dev_rows_; }
  Precision precision() const { return precision_; }
  const at::Device& device() const { return device_; }
  double input_seconds() const { return input_seconds_; }  // time to compute or find cached features
  LossScaler& scaler() { return scaler_; }
  int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  void restore_skipped_in_a_row(int64_t count) { skipped_in_a_row_ = count; }

 private:
  void choose_tokenizer(const SessionStart& start);
  void make_model(const SessionStart& start);
  void add_inputs(const SessionStart& start);
  void choose_batch_size();
  void say_what_is_left_out() const;
  void start_from(const std::filesystem::path& run);
  std::vector<int64_t> epoch_positions(int64_t epoch) const;  // indices into train_rows_, drawn by data.sampler
  std::vector<int64_t> posts_of_class(const DataSet& data, const std::vector<int64_t>& rows) const;
  bool in_parts(int64_t all) const;
  void whole_step(const Batch& batch, const ForwardOptions& how, StepResult& result);
  void parts_step(const Batch& batch, const ForwardOptions& how, StepResult& result);
  bool update(StepResult& result, int64_t step);
  void agree(const Losses& losses, StepResult& result) const;
  void drop_modalities(Batch& batch, int64_t all, int64_t step) const;
  void widen(Batch& batch) const;
  void check_same_weights() const;
  void not_finite(const std::vector<int64_t>& rows, int64_t step, const std::string& what);

  RunConfig config_;
  const DataSet* data_;
  Ranks* ranks_;
  at::Device device_;
  Precision precision_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<PostLoader> loader_;
  std::vector<int64_t> train_rows_, dev_rows_;
  std::vector<int64_t> train_lengths_;
  int64_t steps_per_epoch_ = 0;
  std::vector<int64_t> planned_epochs_;
  std::shared_ptr<Model> model_;
  std::map<std::string, std::string> features_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<Optimizer> optimizer_;
  std::optional<GradientSum> gradient_sum_;
  std::optional<WeightAverage> average_;
  DropoutSource dropout_;
  LossScaler scaler_;
  int64_t skipped_in_a_row_ = 0;
  double input_seconds_ = 0;
};

}  // namespace infig

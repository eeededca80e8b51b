#include "training/trainer.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/process_memory.h"
#include "core/progress.h"
#include "metrics/classification.h"
#include "model/inference.h"
#include "posts/post_counts.h"
#include "run/description.h"
#include "training/best.h"
#include "training/checkpoint.h"
#include "training/journal.h"
#include "training/run_folder.h"
#include "training/run_inputs.h"
#include "training/session.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
using Clock = std::chrono::steady_clock;
namespace {

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Run {
 public:
  Run(const TrainRequest& request, const DataSet& data) : request_(request), data_(data), ranks_(*request.ranks) {}
  TrainOutcome execute();

 private:
  void check_same_data() const;
  bool open_folder();  // false: the run is finished, or as far as it is to go, already
  void write_description() const;
  bool open_folder_together();  // the first rank opens it, the others learn what it found
  void train_epoch(int64_t epoch);
  void after_step(const StepResult& step, int64_t epoch, int64_t batches, ProgressBar& bar);
  void evaluate();
  void save();
  void write_metrics(const json& line);  // the first rank does
  void stop_if_asked();
  TrainOutcome paused_outcome() const;
  void count_the_pictures();  // collective
  bool paused() const { return request_.pause_after_epochs > 0 && state_.epoch >= request_.pause_after_epochs; }

  void average_best() const;
  std::vector<int64_t> kept_steps() const;

  const TrainRequest& request_;
  const DataSet& data_;
  Ranks& ranks_;
  std::optional<RunLock> lock_;
  json description_;                             // of this start
  std::map<std::string, std::string> features_;  // Session::features() of an earlier one
  std::optional<fs::path> checkpoint_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Journal> journal_;
  TrainerState state_;
  LossWindow window_;
  bool evaluated_ = false;  // at this very step
};

void Run::write_metrics(const json& line) {
  if (journal_) journal_->write_metrics(line);
}

bool Run::open_folder() {
  const fs::path& run = request_.run;
  const bool there = fs::exists(run / "config.yaml");
  if (fs::exists(run) && !request_.resume && !fs::is_empty(run)) {
    throw ConfigError(
        fmt::format("{}: the run folder exists already; continue it with --resume latest, or choose another --output-dir", run.string()));
  }
  lock_.emplace(run);
  const GuardedFolder folder(run);
  check_no_links(folder);
  delete_leftovers(folder);
  if (there) {
    check_same_config(run / "config.yaml", request_.config);
    checkpoint_ = latest_checkpoint(run);
  }
  json weights;  // that the run started from: they may be gone when it continues
  if (checkpoint_) {
    state_ = read_trainer_state(*checkpoint_);
    const RunDescription description = read_run_description(run);
    weights = description.weights;
    if (description.data_sha256 != data_.sha256) {
      throw DataError(fmt::format("{}: the run was started on posts with SHA-256 {}, this data set has {}; resume on the same data",
                                  run.string(), description.data_sha256, data_.sha256));
    }
    check_same_model(*checkpoint_, request_.config.model);
    features_ = description.features;
    if (state_.finished || paused()) return false;
  }
  lock_->sign();
  write_file_atomic(folder, "config.yaml", dump_run_config(request_.config, false));
  description_ = request_.description_json.empty() ? json::object() : json::parse(request_.description_json);
  description_["seed"] = request_.config.seed;
  description_["data"] = data_.name;
  description_["data_sha256"] = data_.sha256;
  description_["weights_sha256"] = weights.is_object() ? weights : starting_weights(request_.config);
  if (!features_.empty()) description_["features"] = features_;
  write_description();
  log_to_file(run / "train.log");
  return true;
}

void Run::write_description() const { write_file_atomic(GuardedFolder(request_.run), "description.json", description_.dump(2) + "\n"); }

void Run::check_same_data() const {
  const std::string mine = data_.sha256 + sha256_hex(dump_run_config(request_.config, false));
  const std::vector<std::string> all = ranks_.gather(mine);
  for (size_t r = 1; r < all.size(); ++r) {
    if (all[r] == all[0]) continue;
    const bool data = all[r].substr(0, data_.sha256.size()) != all[0].substr(0, data_.sha256.size());
    throw DataError(data ? fmt::format("{}: rank {} reads other posts than rank 0 (SHA-256 {} and {}); every rank needs the same data set",
                                       data_.folder.string(), r, all[r].substr(0, 64), all[0].substr(0, 64))
                         : fmt::format("rank {} was started with another config than rank 0; give every rank the same command", r));
  }
}

bool Run::open_folder_together() {
  if (!ranks_.several()) return open_folder();
  check_same_data();
  json found;
  if (ranks_.first()) found = {{"open", open_folder()}, {"checkpoint", checkpoint_ ? checkpoint_->string() : ""}, {"features", features_}};
  found = json::parse(ranks_.broadcast(found.dump()));
  const std::string checkpoint = found.at("checkpoint");
  if (!ranks_.first() && !checkpoint.empty()) {
    checkpoint_ = checkpoint;
    state_ = read_trainer_state(*checkpoint_);
    features_ = found.at("features");
  }
  return found.at("open");
}

TrainOutcome Run::execute() {
  check_trainable(request_.config, data_, ranks_);
  const bool opened = open_folder_together();
  if (!opened && !state_.finished) return paused_outcome();
  if (!opened) {
    if (ranks_.first() && !fs::exists(request_.run / "checkpoints" / "average")) average_best();  // killed after its last checkpoint
    log_info("{}: the run is finished ({} steps, best dev {} {:.4f} at step {}); nothing to do", request_.run.string(), state_.global_step,
             metric_name(request_.config.train.best_metric), state_.best_metric, state_.best_step);
    return {.steps = state_.global_step,
            .best_step = state_.best_step,
            .best_metric = state_.best_metric,
            .best_f1_weighted = state_.best_f1_weighted,
            .already_finished = true};
  }
  session_ = std::make_unique<Session>(
      request_.config, data_, SessionStart{.cache = request_.run / "cache", .checkpoint = checkpoint_, .features = features_}, ranks_);
  window_ = LossWindow(session_->objective().loss_names());
  if (checkpoint_) {
    load_training_state(*checkpoint_, session_->optimizer(), session_->objective(), session_->average());
    window_.restore(state_.window);
    session_->scaler().restore(state_.loss_scaler);
    session_->restore_skipped_in_a_row(state_.skipped_in_a_row);
    log_info("resuming from {} at step {}", checkpoint_->string(), state_.global_step);
  }
  if (ranks_.first()) {
    journal_ = std::make_unique<Journal>(request_.run, checkpoint_ ? state_.global_step : -1, request_.config.train.tensorboard);
    journal_->write_bad_pictures(session_->loader().bad_pictures());
    if (!session_->features().empty()) {  // where a later start finds them, once the encoders' folders are gone
      description_["features"] = session_->features();
      write_description();
    }
  }
  if (session_->dev_rows().empty()) log_warning("{}: no dev posts: no early stop, the last step counts as best", data_.folder.string());
  int64_t parameters = 0;
  for (const auto& parameter : session_->model().parameters()) parameters += parameter.requires_grad() ? parameter.numel() : 0;
  log_info("{} posts a step, {} steps an epoch, {} epochs, {:.2f} million trained parameters, {} precision, {} threads{}",
           request_.config.train.batch_size, session_->steps_per_epoch(), request_.config.train.epochs,
           static_cast<double>(parameters) / 1e6, precision_name(session_->precision()), at::get_num_threads(),
           ranks_.several() ? fmt::format(" in each of {} ranks", ranks_.size()) : "");
  const auto start = Clock::now();
  while (!state_.finished && !paused()) train_epoch(state_.epoch);
  if (!state_.finished) return paused_outcome();
  if (ranks_.first()) average_best();
  count_the_pictures();
  if (state_.skipped_steps > 0)
    log_warning("{} of {} steps were skipped: their loss or gradient was not finite", state_.skipped_steps, state_.global_step);
  if (state_.overflowed_steps > 0)
    log_info("{} of {} steps were left out while the loss scale was found (fp16)", state_.overflowed_steps, state_.global_step);
  log_info("done: {} steps in {}, best dev {} {:.4f} (weighted F1 {:.4f}) at step {}, peak memory {:.0f} MiB", state_.global_step,
           format_duration(seconds_since(start)), metric_name(request_.config.train.best_metric), state_.best_metric,
           state_.best_f1_weighted, state_.best_step, peak_resident_mib());
  return {.steps = state_.global_step,
          .best_step = state_.best_step,
          .best_metric = state_.best_metric,
          .best_f1_weighted = state_.best_f1_weighted};
}

// Those of train and dev: on the screen and in description.json. Pictures that are augmented live are first looked at during training, each
// by the rank that trains on it.
void Run::count_the_pictures() {
  if (ranks_.first()) journal_->write_bad_pictures(session_->loader().bad_pictures());
  if (request_.config.data.loader.without == Without::kImage) return;
  auto bad = session_->loader().bad_by_row();
  if (ranks_.several()) bad = unpack_bad_pictures(ranks_.gather(pack_bad_pictures(bad)));
  std::vector<int64_t> rows = data_.rows_of(Split::kTrain);
  const std::vector<int64_t> dev = data_.rows_of(Split::kDev);
  rows.insert(rows.end(), dev.begin(), dev.end());
  const PictureCounts counts = count_pictures(data_.posts, rows, bad);
  if (!ranks_.first()) return;
  log_info("{}", counts.words());
  description_["pictures"] = json(counts.json());
  write_description();
}

TrainOutcome Run::paused_outcome() const {
  log_info("{}: paused, {} of {} epochs are done", request_.run.string(), state_.epoch, request_.config.train.epochs);
  return {.steps = state_.global_step,
          .best_step = state_.best_step,
          .best_metric = state_.best_metric,
          .best_f1_weighted = state_.best_f1_weighted,
          .paused = true};
}

void Run::train_epoch(int64_t epoch) {
  auto batches = session_->epoch_batches(epoch);
  const auto total = static_cast<int64_t>(batches.size());
  const int64_t skip = state_.batch_in_epoch;
  if (skip > total || epoch >= request_.config.train.epochs) {
    throw CheckpointError(fmt::format(
        "{}: the checkpoint stands after batch {} of epoch {}, the run has {} batches in each of {} epochs; it belongs to other data or "
        "another config",
        request_.run.string(), skip, epoch + 1, total, request_.config.train.epochs));
  }
  batches.erase(batches.begin(), batches.begin() + skip);
  StageTimer timer;
  auto stream = session_->loader().stream(session_->own_rows(batches), epoch, &timer);
  const auto start = Clock::now();
  ProgressBar bar(fmt::format("epoch {}/{}", epoch + 1, request_.config.train.epochs), total * request_.config.train.batch_size);
  int64_t posts = 0;
  for (const auto& rows : batches) {
    const std::optional<Batch> batch = stream.next();
    const StepResult step = session_->step(*batch, rows, state_.global_step, nullptr);
    posts += static_cast<int64_t>(rows.size());
    after_step(step, epoch, total, bar);
    if (state_.finished) break;
  }
  bar.finish();
  const double seconds = seconds_since(start);
  const double waiting = timer.seconds()["waiting for data"];
  if (journal_)
    journal_->write_timing({{"step", state_.global_step},
                            {"epoch", epoch + 1},
                            {"seconds", seconds},
                            {"posts_per_second", static_cast<double>(posts) / seconds},
                            {"waiting_share", waiting / seconds},
                            {"resident_mib", resident_mib()},
                            {"peak_resident_mib", peak_resident_mib()}});
  log_info("epoch {}: {} posts in {}, {:.0f} posts/s with evaluation, {:.0f} % waiting for data", epoch + 1, posts,
           format_duration(seconds), static_cast<double>(posts) / seconds, 100 * waiting / seconds);
}

void Run::after_step(const StepResult& step, int64_t epoch, int64_t batches, ProgressBar& bar) {
  const TrainOptions& train = request_.config.train;
  ++state_.global_step;
  ++state_.batch_in_epoch;
  evaluated_ = false;
  if (step.skipped) {
    ++state_.skipped_steps;
  } else if (step.overflow) {
    ++state_.overflowed_steps;
  } else {
    window_.add(step);
  }
  bar.update(state_.batch_in_epoch * train.batch_size, window_.note());
  const double epochs_done = static_cast<double>(epoch) + static_cast<double>(state_.batch_in_epoch) / static_cast<double>(batches);
  const bool epoch_end = state_.batch_in_epoch == batches;
  const bool last = epoch_end && epoch + 1 == train.epochs;
  if ((state_.global_step % train.log_every == 0 || last) && !window_.empty()) {
    json line = window_.line();
    if (state_.skipped_steps > 0) line["skipped_steps"] = state_.skipped_steps;
    line["step"] = state_.global_step;
    line["epoch"] = epochs_done;
    line["learning_rate"] = step.learning_rate;
    if (session_->precision() == Precision::kFp16) line["loss_scale"] = session_->scaler().scale();
    for (const auto& [name, value] : session_->objective().figures()) line[name] = value;
    write_metrics(line);
    window_.clear();
  }
  if (epoch_end) {
    state_.batch_in_epoch = 0;
    ++state_.epoch;
  }
  const int64_t counted = train.eval_epochs ? state_.epoch : state_.global_step;
  const bool may_evaluate = !train.eval_epochs || epoch_end;
  const bool evaluate_now = train.eval_every > 0 ? last || (may_evaluate && counted % train.eval_every == 0) : epoch_end;
  if (evaluate_now) evaluate();
  if (last || (train.patience > 0 && state_.evaluations_without_gain >= train.patience)) {
    if (!last)
      log_info("stopping early: {} evaluations without a better dev {}", state_.evaluations_without_gain, metric_name(train.best_metric));
    state_.finished = true;
  }
  const std::vector<int64_t> kept = kept_steps();
  const bool improved =
      evaluated_ && (state_.best_step == state_.global_step || std::find(kept.begin(), kept.end(), state_.global_step) != kept.end());
  if (state_.finished || paused() || improved || (train.save_every > 0 ? state_.global_step % train.save_every == 0 : evaluate_now)) save();
  stop_if_asked();
}

void Run::evaluate() {
  evaluated_ = true;
  const auto& rows = session_->dev_rows();
  if (rows.empty()) {
    state_.best_step = state_.global_step;
    return;
  }
  std::vector<int64_t> labels;
  for (const int64_t row : rows) labels.push_back(data_.posts[static_cast<size_t>(row)].label_id);
  if (session_->average() != nullptr) session_->average()->exchange();
  const ScoredRows scored =
      score_rows(session_->model(), session_->loader(), rows,
                 {.batch_size = request_.config.train.eval_batch_size, .precision = session_->precision(), .title = "", .ranks = &ranks_});
  if (session_->average() != nullptr) session_->average()->exchange();
  const auto scores = score_classification(scored.probabilities, labels, static_cast<int64_t>(data_.labels.size()));
  const double epochs_done =
      static_cast<double>(state_.epoch) + static_cast<double>(state_.batch_in_epoch) / static_cast<double>(session_->steps_per_epoch());
  const json line = {{"step", state_.global_step},       {"epoch", epochs_done},
                     {"eval_loss", scored.loss},         {"eval_accuracy", scores.accuracy},
                     {"eval_f1_macro", scores.f1_macro}, {"eval_f1_weighted", scores.f1_weighted},
                     {"eval_mcc", scores.mcc},           {"eval_ece", scores.ece}};
  write_metrics(line);
  state_.log_history.push_back(line);
  // Best dev figure, ties by weighted F1, then the earlier.
  const BestMetric metric = request_.config.train.best_metric;
  const double value = metric_value(metric, scores, scored.loss);
  const bool gain = state_.best_step < 0 || better(metric, value, state_.best_metric);
  const bool best = gain || (value == state_.best_metric && scores.f1_weighted > state_.best_f1_weighted);
  state_.evaluations_without_gain = gain ? 0 : state_.evaluations_without_gain + 1;
  if (best) {
    state_.best_metric = value;
    state_.best_f1_weighted = scores.f1_weighted;
    state_.best_step = state_.global_step;
  }
  log_info("step {}: dev loss {:.4f}, accuracy {:.4f}, macro F1 {:.4f}, weighted F1 {:.4f}{}", state_.global_step, scored.loss,
           scores.accuracy, scores.f1_macro, scores.f1_weighted, best ? " (best so far)" : "");
}

void Run::save() {
  if (!ranks_.first()) return;  // every rank's state is the same
  journal_->sync();             // what a checkpoint counts as written must be
  state_.window = window_.state();
  state_.loss_scaler = session_->scaler().state();
  state_.skipped_in_a_row = session_->skipped_in_a_row();
  save_checkpoint(request_.run,
                  {{session_->model(), session_->config().model, session_->tokenizer(), data_.labels, session_->precision()},
                   session_->optimizer(),
                   session_->objective(),
                   session_->average(),
                   state_},
                  request_.config.train.save_total_limit, kept_steps());
}

std::vector<int64_t> Run::kept_steps() const {
  return best_steps(state_.log_history, request_.config.train.best_metric, request_.config.train.average_best);
}

void Run::average_best() const { write_average(request_.run, kept_steps()); }

void Run::stop_if_asked() {
  int signal = request_.stop != nullptr ? request_.stop->load() : 0;
  if (ranks_.several()) {  // all of them stop where one is asked to
    const int64_t mine = signal;
    for (const int64_t number : ranks_.gather(std::span(&mine, 1))) signal = std::max(signal, static_cast<int>(number));
  }
  if (signal == 0 || state_.finished) return;
  save();
  throw Interrupted(
      fmt::format("stopped at step {} by request; saved. Continue with the same command and --resume latest", state_.global_step),
      128 + signal);
}

}  // namespace

TrainOutcome train(const TrainRequest& request, const DataSet& data) {
  const int64_t limit = request.config.data.limit;
  if (limit == 0) return Run(request, data).execute();
  const DataSet part = limited(data, limit, request.config.seed);
  return Run(request, part).execute();
}

}  // namespace infig

#include "training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "core/disk.h"
#include "core/error.h"
#include "core/log.h"
#include "core/process_memory.h"
#include "core/progress.h"
#include "core/words.h"
#include "metrics/classification.h"
#include "model/inference.h"
#include "posts/outcome.h"
#include "posts/post_counts.h"
#include "training/best.h"
#include "training/checkpoint.h"
#include "training/run_inputs.h"
#include "training/session_checks.h"
#include "training/training_run.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// "1234", "7.3", "0.18": never "0" of what goes on.
std::string rate_words(double rate) { return rate >= 10 ? fmt::format("{:.0f}", rate) : fmt::format("{:.2g}", rate); }

// Dev posts with neither a text nor a picture that can be used, which evaluate leaves out as well. Pictures are known to be bad once they
// were read, by the rank that read them.
void leave_out_empty(const DataSet& data, const PostLoader& loader, Without without, Ranks& ranks, std::vector<int64_t>& rows,
                     std::vector<double>& probabilities) {
  std::map<int64_t, BadPicture> bad = loader.bad_by_row();
  if (ranks.several()) bad = unpack_bad_pictures(ranks.gather(pack_bad_pictures(bad)));
  const std::vector<size_t> kept = places_to_judge(data.posts, rows, bad, without != Without::kText, without != Without::kImage);
  if (kept.size() == rows.size()) return;
  if (kept.empty()) throw DataError(fmt::format("{}: no post of dev has a text or a picture that can be used", data.called()));
  keep_places(kept, rows, probabilities);
}

}  // namespace

TrainOutcome train(const TrainRequest& request, const DataSet& data) {
  const RunConfig& config = request.config;
  if (!config.model->completes_posts() && config.data.limit == 0) return TrainingRun(request, data).execute();
  const DataSet own = posts_of_run(data, config);
  return TrainingRun(request, own).execute();
}

TrainOutcome TrainingRun::execute() {
  check_trainable(request_.config, data_, ranks_);
  try {
    const bool opened = open_folder_together();
    if (!opened) return state_.finished ? already_finished() : paused_outcome();
    make_session();
    say_what_follows();
  } catch (const Interrupted& stopped) {
    if (fresh_ && ranks_.first()) withdraw();
    if (!request_.own_resume) throw;
    throw Interrupted(
        fmt::format("{}: stopped by request before its first step; the runs that are done are kept. Continue with the same command",
                    request_.run.string()),
        stopped.exit_code());
  } catch (...) {
    if (fresh_ && ranks_.first()) withdraw();
    throw;
  }
  while (!state_.finished && !paused() && !out_of_time_) train_epoch(state_.epoch);
  if (out_of_time_) return out_of_time_outcome();
  if (!state_.finished) return paused_outcome();
  count_the_pictures();
  if (ranks_.first()) clear_up();
  say_done();
  return outcome();
}

// Counts the pictures of train and dev, for the log and description.json. Pictures that are augmented live are first decoded during
// training, each by the rank that trains on it, so the counts are gathered.
void TrainingRun::count_the_pictures() {
  if (ranks_.first()) journal_->write_bad_pictures(session_->loader().bad_pictures());
  if (request_.config.data.loader.without == Without::kImage) return;
  auto bad = session_->loader().bad_by_row();
  if (ranks_.several()) bad = unpack_bad_pictures(ranks_.gather(pack_bad_pictures(bad)));
  std::vector<int64_t> rows = data_.rows_of(Split::kTrain);
  const std::vector<int64_t> dev = data_.rows_of(Split::kDev);
  rows.insert(rows.end(), dev.begin(), dev.end());
  PictureCounts counts = count_pictures(data_.posts, rows, bad);
  counts.lost = data_.lost_pictures;
  if (!ranks_.first()) return;
  log_info("{}", counts.words());
  description_["pictures"] = json(counts.json());
  write_description();
}

// Called again on a finished run, it completes what a kill after the last checkpoint left undone.
void TrainingRun::clear_up() const {
  const TrainOptions& train = request_.config.train;
  if (train.average_best > 0 && (session_ != nullptr || !fs::exists(request_.run / "checkpoints" / "average")))
    write_average(request_.run, kept_steps());
  if (train.keep == Keep::kBest && state_.best_step >= 0) {
    keep_best_alone(request_.run, state_);
  } else {
    delete_old_checkpoints(request_.run, state_, limits());
  }
}

void TrainingRun::say_done() const {
  if (state_.skipped_steps > 0)
    log_warning("{} of {} steps were skipped: their loss or gradient was not finite", state_.skipped_steps, state_.global_step);
  if (state_.overflowed_steps > 0)
    log_info("{} of {} steps were left out while the loss scale was found (fp16)", state_.overflowed_steps, state_.global_step);
  log_info("done: {} in {}, {}, peak memory {:.0f} MiB", counted(state_.global_step, "step"), format_duration(seconds_since(began_)),
           best_so_far(), peak_resident_mib());
}

std::string TrainingRun::best_so_far() const {
  if (state_.best_step < 0) return "no checkpoint was evaluated yet";
  if (!state_.scored()) return fmt::format("best is the last checkpoint, of step {} (no dev split)", state_.best_step);
  return fmt::format("best dev {} {:.4f} (weighted F1 {:.4f}) at step {}", metric_name(request_.config.train.best_metric),
                     state_.best_metric, state_.best_f1_weighted, state_.best_step);
}

TrainOutcome TrainingRun::outcome() const {
  return {.steps = state_.global_step,
          .best_step = state_.best_step,
          .best_metric = state_.best_metric,
          .best_f1_weighted = state_.best_f1_weighted};
}

TrainOutcome TrainingRun::already_finished() {
  const TrainOptions& train = request_.config.train;
  if (ranks_.first()) {
    const int64_t before = bytes_below(request_.run / "checkpoints");
    clear_up();
    if (const int64_t freed = before - bytes_below(request_.run / "checkpoints"); freed > 0)
      log_info("{}: what train.keep and the limits leave out is deleted: {}", request_.run.string(), format_bytes(freed));
  }
  std::string more;  // how the run could be continued
  if (train.keep == Keep::kAll && state_.epoch < train.epochs) {
    more = fmt::format(". It stopped early, after {} without improvement: a larger train.patience, or 0, continues it",
                       counted(state_.evaluations_without_gain, "evaluation"));
  } else if (train.keep == Keep::kAll) {
    more = "; a larger train.epochs continues it";
  }
  log_info("{}: the run is finished ({}, {}); nothing to do{}", request_.run.string(), counted(state_.global_step, "step"), best_so_far(),
           more);
  TrainOutcome finished = outcome();
  finished.already_finished = true;
  return finished;
}

TrainOutcome TrainingRun::paused_outcome() const {
  log_info("{}: paused, {} of {} done", request_.run.string(), state_.epoch, counted(request_.config.train.epochs, "epoch"));
  TrainOutcome paused = outcome();
  paused.paused = true;
  return paused;
}

TrainOutcome TrainingRun::out_of_time_outcome() const {
  log_info(
      "the time limit of {} is reached at step {}, {} of {}: {}; saved. Continue with --resume latest, and a larger --time-limit or none",
      format_duration(request_.time_limit), state_.global_step, epoch_words(state_), request_.config.train.epochs, best_so_far());
  TrainOutcome stopped = outcome();
  stopped.out_of_time = true;
  return stopped;
}

void TrainingRun::write_metrics(const json& line) {
  if (journal_) journal_->write_metrics(line);
}

void TrainingRun::train_epoch(int64_t epoch) {
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
  ProgressBar bar(fmt::format("epoch {}/{}", epoch + 1, request_.config.train.epochs), total * session_->batch_size());
  int64_t posts = 0;
  for (const auto& rows : batches) {
    const std::optional<Batch> batch = stream.next();
    const StepResult step = session_->step(*batch, rows, state_.global_step, nullptr);
    posts += static_cast<int64_t>(rows.size());
    after_step(step, epoch, total, bar);
    if (state_.finished || out_of_time_) break;
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
  log_info("epoch {}: {} in {}, {} posts/s{}, {:.0f} % waiting for data", epoch + 1, counted(posts, "post"), format_duration(seconds),
           rate_words(static_cast<double>(posts) / seconds), session_->dev_rows().empty() ? "" : " with evaluation",
           100 * waiting / seconds);
}

void TrainingRun::after_step(const StepResult& step, int64_t epoch, int64_t batches, ProgressBar& bar) {
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
  bar.update(state_.batch_in_epoch * session_->batch_size(), window_.note());
  const double epochs_done = static_cast<double>(epoch) + static_cast<double>(state_.batch_in_epoch) / static_cast<double>(batches);
  const bool epoch_end = state_.batch_in_epoch == batches;
  const bool last = epoch_end && epoch + 1 == train.epochs;
  const bool plan_ends = epoch_end && ends_a_plan(epoch + 1);  // an earlier train.epochs is logged, evaluated and saved like the last
  if ((state_.global_step % train.log_every == 0 || plan_ends) && !window_.empty()) {
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
  const int64_t units = train.eval_epochs ? state_.epoch : state_.global_step;
  const bool may_evaluate = !train.eval_epochs || epoch_end;
  const bool evaluate_now = train.eval_every > 0 ? plan_ends || (may_evaluate && units % train.eval_every == 0) : epoch_end;
  if (evaluate_now) evaluate(true);
  if (last || (train.patience > 0 && state_.evaluations_without_gain >= train.patience)) {
    if (!last)
      log_info("stopping early: {} without a better dev {}", counted(state_.evaluations_without_gain, "evaluation"),
               metric_name(train.best_metric));
    state_.finished = true;
  }
  const std::vector<int64_t> kept = kept_steps();
  const bool improved =
      evaluated_ && (state_.best_step == state_.global_step || std::find(kept.begin(), kept.end(), state_.global_step) != kept.end());
  if (state_.finished || plan_ends || paused() || improved ||
      (train.save_every > 0 ? state_.global_step % train.save_every == 0 : evaluate_now))
    save();
  stop_if_asked();
}

bool TrainingRun::ends_a_plan(int64_t epochs_done) const {
  const auto& planned = session_->planned_epochs();
  return std::find(planned.begin(), planned.end(), epochs_done) != planned.end();
}

void TrainingRun::evaluate(bool counts) {
  evaluated_ = true;
  std::vector<int64_t> rows = session_->dev_rows();
  if (rows.empty()) return;
  const auto start = Clock::now();
  if (session_->average() != nullptr) session_->average()->exchange();
  ScoredRows scored =
      score_rows(session_->model(), session_->loader(), rows,
                 {.batch_size = request_.config.train.eval_batch_size, .precision = session_->precision(), .title = "", .ranks = &ranks_});
  if (session_->average() != nullptr) session_->average()->exchange();
  leave_out_empty(data_, session_->loader(), request_.config.data.loader.without, ranks_, rows, scored.probabilities);
  std::vector<int64_t> labels;
  for (const int64_t row : rows) labels.push_back(data_.posts[static_cast<size_t>(row)].label_id);
  scored.loss = mean_cross_entropy(scored.probabilities, labels);
  const auto scores = score_classification(scored.probabilities, labels, static_cast<int64_t>(data_.labels.size()));
  const double epochs_done =
      static_cast<double>(state_.epoch) + static_cast<double>(state_.batch_in_epoch) / static_cast<double>(session_->steps_per_epoch());
  const json line = {{"step", state_.global_step},       {"epoch", epochs_done},
                     {"eval_loss", scored.loss},         {"eval_accuracy", scores.accuracy},
                     {"eval_f1_macro", scores.f1_macro}, {"eval_f1_weighted", scores.f1_weighted},
                     {"eval_mcc", scores.mcc},           {"eval_ece", scores.ece}};
  write_metrics(line);
  state_.log_history.push_back(line);
  // Best dev metric; ties are broken by weighted F1, then by the earlier step.
  const BestMetric metric = request_.config.train.best_metric;
  const double value = metric_value(metric, scores, scored.loss);
  const bool first = state_.best_step < 0;
  const bool gain = first || better(metric, value, state_.gain_metric, request_.config.train.min_delta);
  const bool best =
      first || better(metric, value, state_.best_metric) || (value == state_.best_metric && scores.f1_weighted > state_.best_f1_weighted);
  if (gain) {
    state_.evaluations_without_gain = 0;
    state_.gain_metric = value;
  } else if (counts) {
    ++state_.evaluations_without_gain;
  }
  if (best) {
    state_.best_metric = value;
    state_.best_f1_weighted = scores.f1_weighted;
    state_.best_step = state_.global_step;
  }
  log_info("step {}: dev loss {:.4f}, accuracy {:.4f}, macro F1 {:.4f}, weighted F1 {:.4f}{}", state_.global_step, scored.loss,
           scores.accuracy, scores.f1_macro, scores.f1_weighted, best ? " (best so far)" : "");
  evaluation_seconds_ = seconds_since(start);
}

void TrainingRun::save() {
  if (!ranks_.first()) return;  // all ranks have the same state
  journal_->sync();             // the checkpoint relies on the lines written so far
  if (session_->dev_rows().empty()) state_.best_step = state_.global_step;
  state_.window = window_.state();
  state_.loss_scaler = session_->scaler().state();
  state_.skipped_in_a_row = session_->skipped_in_a_row();
  save_checkpoint(request_.run,
                  {{session_->model(), session_->config().model, session_->tokenizer(), data_.labels, session_->precision(),
                    session_->config().data.loader.without},
                   session_->optimizer(),
                   session_->objective(),
                   session_->average(),
                   state_},
                  limits());
}

CheckpointLimits TrainingRun::limits() const {
  const TrainOptions& train = request_.config.train;
  return {.keep = train.save_total_limit, .with_state = train.save_state_limit, .kept_steps = kept_steps()};
}

std::vector<int64_t> TrainingRun::kept_steps() const {
  return best_steps(state_.log_history, request_.config.train.best_metric, request_.config.train.average_best);
}

// Called after every step: a signal or an expired time limit on any rank stops all of them.
void TrainingRun::stop_if_asked() {
  int64_t signal = request_.stop != nullptr ? request_.stop->load() : 0;
  // Reserve time for the evaluation that follows.
  int64_t time_up = request_.time_limit > 0 && seconds_since(began_) + evaluation_seconds_ >= request_.time_limit ? 1 : 0;
  if (ranks_.several()) {
    const std::array<int64_t, 2> mine = {signal, time_up};
    const std::vector<int64_t> all = ranks_.gather(std::span(mine));
    for (size_t r = 0; r < all.size(); r += 2) {
      signal = std::max(signal, all[r]);
      time_up = std::max(time_up, all[r + 1]);
    }
  }
  if (state_.finished) return;
  if (signal != 0) {
    save();
    throw Interrupted(fmt::format("stopped at step {} by request; saved. Continue with the same command{}", state_.global_step,
                                  request_.own_resume ? "" : " and --resume latest"),
                      128 + static_cast<int>(signal));
  }
  if (time_up == 0) return;
  if (!evaluated_) evaluate(false);
  save();
  out_of_time_ = true;
}

}  // namespace infig

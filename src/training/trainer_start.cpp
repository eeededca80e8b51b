// Starts or continues a run: opens its folder and checkpoint and makes its session (training_run.h).
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "core/disk.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/words.h"
#include "run/checkpoints.h"
#include "run/description.h"
#include "training/best.h"
#include "training/checkpoint.h"
#include "training/disk_plan.h"
#include "training/run_inputs.h"
#include "training/training_run.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// The cores that this process may run on.
int64_t bound_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  return ::sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
}

// Whether the folder is missing, empty, or holds only what a start that failed before its first step left: the cache and the lock file.
bool holds_no_run(const fs::path& run) {
  if (!fs::exists(run)) return true;
  if (!fs::is_directory(run)) return false;
  return std::all_of(fs::directory_iterator(run), fs::directory_iterator(),
                     [](const auto& entry) { return entry.path().filename() == "cache" || entry.path().filename() == ".lock"; });
}

void refuse_an_experiment(const fs::path& run) {
  if (!fs::exists(run / "experiment.json")) return;
  throw ConfigError(
      fmt::format("{}: is the folder of several runs (experiment.json), which lie below it; choose another --output-dir, or one of those",
                  run.string()));
}

// A run begins with its config.yaml: a folder that holds other files and none was not made by train.
void refuse_foreign_files(const fs::path& run) {
  if (holds_no_run(run) || fs::exists(run / "config.yaml")) return;
  refuse_an_experiment(run);
  if (!fs::is_directory(run)) throw ConfigError(fmt::format("{}: is a file; choose another --output-dir", run.string()));
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    if (name != "cache" && name != ".lock" && !is_leftover(name)) names.push_back(name);
  }
  if (names.empty()) return;
  std::sort(names.begin(), names.end());
  const bool data = std::find(names.begin(), names.end(), "posts.jsonl") != names.end();
  throw ConfigError(fmt::format("{}: {} ({}{}); choose another --output-dir", run.string(),
                                data ? "is a data set folder" : "holds other files, and no run (config.yaml is absent)",
                                fmt::join(names.begin(), names.begin() + static_cast<int64_t>(std::min<size_t>(3, names.size())), ", "),
                                names.size() > 3 ? ", ..." : ""));
}

// Whether the run's log of metrics tells of steps.
bool has_steps(const fs::path& run) {
  std::error_code code;
  const auto size = fs::file_size(run / "metrics.jsonl", code);
  return !code && size > 0;
}

}  // namespace

void check_new_folder(const fs::path& run) {
  if (holds_no_run(run)) return;
  refuse_foreign_files(run);
  throw ConfigError(
      fmt::format("{}: the run folder exists already; continue it with --resume latest, or choose another --output-dir", run.string()));
}

bool TrainingRun::open_folder() {
  const fs::path& run = request_.run;
  if (!request_.resume) check_new_folder(run);
  refuse_foreign_files(run);
  made_folder_ = !fs::exists(run);
  lock_.emplace(run);
  fresh_ = holds_no_run(run);  // checked under the lock: another process may have started a run meanwhile
  const GuardedFolder folder(run);
  check_no_links(folder);
  delete_leftovers(folder);
  json weights;                       // hashes of the weights that the run started from, whose files may be gone when it continues
  std::vector<std::string> commands;  // that trained the run so far
  int64_t epochs_before = request_.config.train.epochs;
  if (fs::exists(run / "config.yaml")) {
    if (fs::exists(run / "description.json")) {
      RunDescription before = read_run_description(run);
      weights = std::move(before.weights);
      commands = std::move(before.commands);
    }
    epochs_before = check_same_config(run / "config.yaml", request_.config, weights);
    checkpoint_ = latest_checkpoint(run);
  }
  if (checkpoint_) {
    continue_from_checkpoint(epochs_before);
    if (state_.finished || paused()) return false;
  } else {
    if (has_steps(run)) {
      log_warning("{}: metrics.jsonl tells of steps, but the run has no checkpoint to continue from: it starts again from its first step",
                  run.string());
    }
    weights = json();
    commands.clear();
    state_.planned_epochs = {request_.config.train.epochs};
  }
  lock_->sign();
  write_file_atomic(folder, "config.yaml", dump_run_config(request_.config, false));
  description_ = request_.description_json.empty() ? json::object() : json::parse(request_.description_json);
  const std::string command = description_.value("command", "");
  if (!command.empty() && (commands.empty() || commands.back() != command)) commands.push_back(command);
  if (commands.size() > 1) description_["commands"] = commands;
  description_["seed"] = request_.config.seed;
  description_["data"] = data_.name;
  description_["data_sha256"] = data_.sha256;
  description_["weights_sha256"] = weights.is_object() ? weights : starting_weights(request_.config);
  if (!features_.empty()) description_["features"] = features_;
  write_description();
  log_to_file(run / "train.log");
  return true;
}

// `epochs_before`: train.epochs of the previous start, for checkpoints that do not record it.
void TrainingRun::continue_from_checkpoint(int64_t epochs_before) {
  const fs::path& run = request_.run;
  state_ = read_trainer_state(*checkpoint_);
  if (!fs::exists(run / "description.json")) {
    throw DataError(fmt::format(
        "{}: description.json is absent, which says what the run was trained on; put it back, or start another run from this one's model: "
        "--init-from {} with another --output-dir",
        run.string(), run.string()));
  }
  const RunDescription description = read_run_description(run);
  if (description.data_sha256 != data_.sha256) {
    throw DataError(fmt::format("{}: the run was started on posts with SHA-256 {}, this data set has {}; resume on the same data",
                                run.string(), description.data_sha256, data_.sha256));
  }
  check_same_model(*checkpoint_, request_.config.model);
  check_same_labels(*checkpoint_, data_.labels);
  features_ = description.features;
  const int64_t epochs = request_.config.train.epochs;
  if (state_.planned_epochs.empty()) state_.planned_epochs = {epochs_before};
  // A run that was killed after train.epochs was raised, but before the next checkpoint, has a checkpoint that records only the old value.
  if (state_.planned_epochs.back() < epochs) state_.planned_epochs.push_back(epochs);
  if (state_.finished && may_go_on()) state_.finished = false;
  find_best_again();
  if (state_.finished || paused()) return;
  if (!has_training_state(*checkpoint_)) {
    throw CheckpointError(fmt::format(
        "{}: holds the model alone, without optimizer.safetensors to go on from (train.keep=best leaves no more); start another "
        "run from it: --init-from {} with another --output-dir",
        checkpoint_->string(), run.string()));
  }
}

bool TrainingRun::may_go_on() const {
  const int64_t patience = request_.config.train.patience;
  if (state_.epoch >= request_.config.train.epochs) return false;
  return patience == 0 || state_.evaluations_without_gain < patience;
}

void TrainingRun::find_best_again() {
  const auto fault = [&](int64_t step) { return checkpoint_fault(request_.run / "checkpoints" / checkpoint_name(step)); };
  const auto usable = [&](int64_t step) { return fault(step).empty(); };
  if (state_.best_step < 0 || usable(state_.best_step)) return;
  const std::string lost = fmt::format("{}: the best checkpoint, of step {}, cannot be used any more: {}",
                                       (request_.run / "checkpoints").string(), state_.best_step, fault(state_.best_step));
  if (state_.finished) {
    throw CheckpointError(
        fmt::format("{}; put it back. The run is finished, and no other one is chosen; evaluate and predict take what is left: --run {}",
                    lost, checkpoint_->string()));
  }
  const auto steps = best_steps(state_.log_history, request_.config.train.best_metric, static_cast<int64_t>(state_.log_history.size()));
  const auto left = std::find_if(steps.begin(), steps.end(), usable);
  state_.best_step = left == steps.end() ? -1 : *left;
  const TrainerState none;
  state_.best_metric = none.best_metric;
  state_.best_f1_weighted = none.best_f1_weighted;
  for (const json& line : state_.log_history) {
    if (state_.best_step < 0 || line.at("step") != state_.best_step) continue;
    state_.best_metric = line.at(metric_key(request_.config.train.best_metric));
    state_.best_f1_weighted = line.at("eval_f1_weighted");
  }
  state_.gain_metric = state_.best_metric;
  const GuardedFolder checkpoints = GuardedFolder(request_.run).folder("checkpoints");
  if (state_.best_step < 0) {
    checkpoints.remove("best");
  } else {
    checkpoints.point_link("best", checkpoint_name(state_.best_step));
  }
  log_warning("{}: {}", lost,
              state_.best_step < 0 ? "the next evaluation is the best one" : fmt::format("step {} takes its place", state_.best_step));
}

void TrainingRun::write_description() const {
  write_file_atomic(GuardedFolder(request_.run), "description.json", description_.dump(2) + "\n");
}

void TrainingRun::check_same_data() const {
  const std::string mine = data_.sha256 + sha256_hex(dump_run_config(request_.config, false));
  const std::vector<std::string> all = ranks_.gather(mine);
  for (size_t r = 1; r < all.size(); ++r) {
    if (all[r] == all[0]) continue;
    const bool data = all[r].substr(0, data_.sha256.size()) != all[0].substr(0, data_.sha256.size());
    throw DataError(data ? fmt::format("{}: rank {} reads other posts than rank 0 (SHA-256 {} and {}); every rank needs the same data set",
                                       data_.called(), r, all[r].substr(0, 64), all[0].substr(0, 64))
                         : fmt::format("rank {} was started with another config than rank 0; give every rank the same command", r));
  }
}

bool TrainingRun::open_folder_together() {
  if (!ranks_.several()) return open_folder();
  check_same_data();
  json found;
  if (ranks_.first()) {
    const bool open = open_folder();
    found = {
        {"open", open}, {"checkpoint", checkpoint_ ? checkpoint_->string() : ""}, {"features", features_}, {"state", state_.to_json()}};
  }
  found = json::parse(ranks_.broadcast(found.dump()));
  if (!ranks_.first()) {
    const std::string checkpoint = found.at("checkpoint");
    if (!checkpoint.empty()) checkpoint_ = checkpoint;
    state_ = TrainerState::from_json(found.at("state"), "rank 0");
    features_ = found.at("features");
  }
  return found.at("open");
}

void TrainingRun::withdraw() {
  log_to_file("");
  journal_.reset();
  try {
    const GuardedFolder folder(request_.run);
    for (const std::string& name : folder.names()) {
      if (name != "cache" && name != ".lock") folder.remove(name);
    }
    if (folder.find("cache")) return;
    folder.remove(".lock");
    lock_.reset();
    if (made_folder_) fs::remove(request_.run);
  } catch (const std::exception& problem) {  // the error that led here is the one to report
    log_warning("{}", problem.what());
  }
}

void TrainingRun::make_session() {
  session_ = std::make_unique<Session>(request_.config, data_,
                                       SessionStart{.cache = request_.run / "cache",
                                                    .checkpoint = checkpoint_,
                                                    .features = features_,
                                                    .planned_epochs = state_.planned_epochs,
                                                    .stop = request_.stop},
                                       ranks_);
  window_ = LossWindow(session_->objective().loss_names());
  if (checkpoint_) {
    load_training_state(*checkpoint_, session_->optimizer(), session_->objective(), session_->average());
    window_.restore(state_.window);
    session_->scaler().restore(state_.loss_scaler);
    session_->restore_skipped_in_a_row(state_.skipped_in_a_row);
    log_info("resuming from {} at step {}", checkpoint_->string(), state_.global_step);
  }
  if (!ranks_.first()) return;
  const TrainOptions& train = request_.config.train;
  const DiskPlan plan = plan_disk(checkpoint_size(*session_), train, planned_saves(train, session_->steps_per_epoch()));
  check_disk(request_.run, plan, train);
  const int64_t cache = bytes_below(request_.run / "cache"), free = free_bytes(request_.run);
  log_info("disk: {}{}{}", describe(plan), cache > 0 ? fmt::format("; the feature cache is {}", format_bytes(cache)) : "",
           free < 0 ? "" : fmt::format("; {} are free", format_bytes(free)));
  journal_ = std::make_unique<Journal>(request_.run, checkpoint_ ? state_.global_step : -1, train.tensorboard);
  journal_->write_bad_pictures(session_->loader().bad_pictures());
  if (const Tokenizer* tokenizer = session_->tokenizer(); tokenizer != nullptr) description_["tokenizer"] = tokenizer->rule();
  if (const auto marks = session_->model().marks(); !marks.empty()) description_["marks"] = marks;
  // For a later start, when the encoders' folders may be gone.
  if (!session_->features().empty()) description_["features"] = session_->features();
  write_description();
}

void TrainingRun::say_what_follows() {
  const TrainOptions& train = request_.config.train;
  if (session_->dev_rows().empty()) {
    log_warning(
        "{}: no post of the split dev: nothing stops the run early (train.patience), and the last checkpoint counts as the best one "
        "(train.best_metric)",
        data_.called());
  }
  int64_t parameters = 0;
  for (const auto& parameter : session_->model().parameters()) parameters += parameter.requires_grad() ? parameter.numel() : 0;
  log_info("{} a step, {} an epoch, {}, {:.2f} million trained parameters, {} precision, {}{}", counted(session_->batch_size(), "post"),
           counted(session_->steps_per_epoch(), "step"), counted(train.epochs, "epoch"), static_cast<double>(parameters) / 1e6,
           precision_name(session_->precision()), counted(at::get_num_threads(), "thread"),
           ranks_.several() ? fmt::format(" in each of {} ranks", ranks_.size()) : "");
  const int64_t bound = bound_cores(), machine = std::max<int64_t>(1, ::sysconf(_SC_NPROCESSORS_ONLN));
  if (request_.config.threads == 0 && bound == 1 && machine > 1) {
    log_warning(
        "threads=0 (auto): this process is bound to 1 of the machine's {} cores, so it computes with one thread; mpirun binds one or two "
        "ranks "
        "to a core each, mpirun --bind-to none leaves them free (taskset and job schedulers bind, too), and threads=N says how many to use",
        machine);
  }
  const auto& planned = session_->planned_epochs();
  if (planned.size() > 1 && checkpoint_) {
    const int64_t before = planned[planned.size() - 2];
    log_info("train.epochs has grown from {} to {}: up to step {} the rates are those of {} epochs, from there on those of {}", before,
             planned.back(), before * session_->steps_per_epoch(), before, planned.back());
  }
}

}  // namespace infig

#include "training/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// What trainer_state.json and trainer.safetensors hold. Counts up when an older program could not continue from a newer checkpoint.
constexpr int64_t kFormat = 1;

// A link is replaced by renaming a new one over it, so that it always points somewhere whole.
void point_link(const fs::path& link, const std::string& target) {
  fs::path temporary = link;
  temporary += ".partial";
  std::error_code code;
  fs::remove(temporary, code);
  fs::create_directory_symlink(target, temporary, code);
  if (!code) fs::rename(temporary, link, code);
  if (code) throw ResourceError(fmt::format("{}: the link cannot be set: {}", link.string(), code.message()));
}

constexpr const char* kBroken = ".broken";

// step-NNNNNN, the newest first.
std::vector<std::string> checkpoint_names(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_symlink() || name.rfind("step-", 0) != 0 || name.find_first_not_of("0123456789", 5) != std::string::npos ||
        name.size() < 6)
      continue;
    names.push_back(name);
  }
  const auto number = [](const std::string& name) { return std::stoll(name.substr(5)); };
  std::sort(names.begin(), names.end(), [&](const auto& a, const auto& b) { return number(a) > number(b); });
  return names;
}

// A folder that is being deleted gets another name first: a kill in between must not leave half a checkpoint under a checkpoint's name.
void delete_checkpoint(const fs::path& path) {
  fs::path doomed = path;
  doomed += ".partial-deleted";
  std::error_code ignored;
  fs::rename(path, doomed, ignored);
  fs::remove_all(doomed, ignored);
}

void delete_old(const fs::path& folder, const std::string& latest, int64_t best_step, int64_t keep,
                const std::vector<int64_t>& kept_steps) {
  int64_t kept = 0;
  for (const auto& name : checkpoint_names(folder)) {
    const bool best = best_step >= 0 && name == checkpoint_name(best_step);
    const bool wanted = std::any_of(kept_steps.begin(), kept_steps.end(), [&](int64_t step) { return name == checkpoint_name(step); });
    if (best || wanted) continue;
    if (kept++ < keep || name == latest) continue;
    delete_checkpoint(folder / name);
  }
}

// The average in the model's place for as long as this lives.
class AverageInPlace {
 public:
  explicit AverageInPlace(WeightAverage* average) : average_(average) {
    if (average_ != nullptr) average_->exchange();
  }
  ~AverageInPlace() {
    if (average_ != nullptr) average_->exchange();
  }
  AverageInPlace(const AverageInPlace&) = delete;
  AverageInPlace& operator=(const AverageInPlace&) = delete;

 private:
  WeightAverage* average_;
};

// Throws where a file of the checkpoint is absent, cut off or cannot be understood.
void check_whole(const fs::path& checkpoint) {
  read_trainer_state(checkpoint);
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "trainer.safetensors"}) open_archive(checkpoint / name);
  if (json::parse(read_file(checkpoint / "config.json"), nullptr, false).is_discarded())
    throw CheckpointError(fmt::format("{}: not JSON", (checkpoint / "config.json").string()));
}

// A checkpoint of another format is whole: nothing is wrong with it but who reads it.
void check_format(const fs::path& checkpoint) {
  const fs::path path = checkpoint / "trainer_state.json";
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return;
  const json state = json::parse(read_file(path), nullptr, false);
  if (!state.is_object() || !state.contains("format") || state["format"] == kFormat) return;
  throw CheckpointError(
      fmt::format("{}: written by infig {} in format {}, this is infig {}, which reads format {}; continue the run with that version, "
                  "or start another from its weights with --init-from",
                  path.string(), state.value("infig_version", "?"), state["format"].dump(), INFIG_VERSION, kFormat));
}

// `latest` and `best` as the checkpoint `name` knows them.
void point_links_back(const fs::path& folder, const std::string& name) {
  point_link(folder / "latest", name);
  const int64_t best = read_trainer_state(folder / name).best_step;
  if (best >= 0 && fs::exists(folder / checkpoint_name(best))) {
    point_link(folder / "best", checkpoint_name(best));
  } else {
    std::error_code ignored;
    fs::remove(folder / "best", ignored);
  }
}

}  // namespace

std::string checkpoint_name(int64_t step) { return fmt::format("step-{:06}", step); }

json TrainerState::to_json() const {
  return {{"format", kFormat},
          {"infig_version", INFIG_VERSION},
          {"global_step", global_step},
          {"epoch", epoch},
          {"batch_in_epoch", batch_in_epoch},
          {"best_metric", best_metric},
          {"best_f1_weighted", best_f1_weighted},
          {"best_step", best_step},
          {"best_model_checkpoint", best_step >= 0 ? json("checkpoints/" + checkpoint_name(best_step)) : json()},
          {"evaluations_without_gain", evaluations_without_gain},
          {"skipped_steps", skipped_steps},
          {"skipped_in_a_row", skipped_in_a_row},
          {"overflowed_steps", overflowed_steps},
          {"loss_scale", loss_scaler.scale},
          {"loss_scale_good_steps", loss_scaler.good_steps},
          {"finished", finished},
          {"window", window},
          {"log_history", log_history}};
}

TrainerState TrainerState::from_json(const json& stored, const std::string& where) {
  try {
    TrainerState state;
    state.global_step = stored.at("global_step");
    state.epoch = stored.at("epoch");
    state.batch_in_epoch = stored.at("batch_in_epoch");
    state.best_metric = stored.at("best_metric");
    state.best_f1_weighted = stored.at("best_f1_weighted");
    state.best_step = stored.at("best_step");
    state.evaluations_without_gain = stored.at("evaluations_without_gain");
    state.skipped_steps = stored.value("skipped_steps", int64_t{0});
    state.skipped_in_a_row = stored.value("skipped_in_a_row", int64_t{0});
    state.overflowed_steps = stored.value("overflowed_steps", int64_t{0});
    state.loss_scaler.scale = stored.value("loss_scale", state.loss_scaler.scale);
    state.loss_scaler.good_steps = stored.value("loss_scale_good_steps", int64_t{0});
    state.finished = stored.at("finished");
    state.window = stored.at("window");
    state.log_history = stored.at("log_history");
    return state;
  } catch (const json::exception& problem) {
    throw CheckpointError(fmt::format("{}: not the state of a run: {}", where, problem.what()));
  }
}

void save_checkpoint(const fs::path& run, const CheckpointParts& parts, int64_t keep, const std::vector<int64_t>& kept_steps) {
  const fs::path folder = run / "checkpoints";
  make_folder(folder);
  const std::string name = checkpoint_name(parts.state.global_step);
  if (fs::exists(folder / name)) {  // saved at this step already, as by an interrupt right after an evaluation
    write_file_atomic(folder / name / "trainer_state.json", parts.state.to_json().dump(2) + "\n");
  } else {
    StagingFolder staging(folder / name);
    TensorMap training = parts.objective.state();
    {
      const AverageInPlace averaged(parts.average);
      save_model(parts.model, staging.path());
      if (parts.average != nullptr) training.merge(parts.average->online());
      save_tensors(staging.path() / "trainer.safetensors", training);
    }
    save_tensors(staging.path() / "optimizer.safetensors", parts.optimizer.state());
    write_file_atomic(staging.path() / "trainer_state.json", parts.state.to_json().dump(2) + "\n");
    staging.keep();
  }
  point_link(folder / "latest", name);
  if (parts.state.best_step == parts.state.global_step) point_link(folder / "best", name);
  delete_old(folder, name, parts.state.best_step, keep, kept_steps);
}

std::optional<fs::path> latest_checkpoint(const fs::path& run) {
  const fs::path folder = run / "checkpoints";
  if (!fs::is_directory(folder)) return std::nullopt;
  std::vector<std::string> names = checkpoint_names(folder);
  // What was saved last counts, not what has the highest number: they differ only where somebody moved folders by hand.
  std::error_code code;
  const std::string linked = fs::read_symlink(folder / "latest", code).filename().string();
  if (const auto found = std::find(names.begin(), names.end(), linked); found != names.end()) names.erase(names.begin(), found);
  std::string broken;
  for (const std::string& name : names) {
    check_format(folder / name);
    try {
      check_whole(folder / name);
    } catch (const Error& problem) {
      log_warning("{}: the checkpoint is broken and moved aside: {}", (folder / name).string(), problem.what());
      broken = problem.what();
      fs::remove_all(folder / (name + kBroken));
      fs::rename(folder / name, folder / (name + kBroken));
      continue;
    }
    point_links_back(folder, name);  // a kill between a checkpoint's renaming and its links leaves those behind
    return fs::canonical(folder / name);
  }
  if (!broken.empty()) {
    throw CheckpointError(
        fmt::format("{}: no checkpoint is whole: {}; start the run anew in another --output-dir", folder.string(), broken));
  }
  return std::nullopt;
}

TrainerState read_trainer_state(const fs::path& checkpoint) {
  const fs::path path = checkpoint / "trainer_state.json";
  const json parsed = json::parse(read_file(path), nullptr, false);
  if (parsed.is_discarded()) throw CheckpointError(fmt::format("{}: not JSON; the checkpoint is broken", path.string()));
  return TrainerState::from_json(parsed, path.string());
}

std::optional<fs::path> newest_checkpoint(const fs::path& run) {
  const fs::path folder = run / "checkpoints";
  if (!fs::is_directory(folder)) return std::nullopt;
  std::vector<std::string> names = checkpoint_names(folder);
  std::error_code code;
  const std::string linked = fs::read_symlink(folder / "latest", code).filename().string();
  if (const auto found = std::find(names.begin(), names.end(), linked); found != names.end()) names.erase(names.begin(), found);
  for (const std::string& name : names) {
    if (fs::is_regular_file(folder / name / "config.json", code)) return folder / name;
  }
  return std::nullopt;
}

void check_same_model(const fs::path& checkpoint, const ModelConfig& wanted) {
  const fs::path path = checkpoint / "config.json";
  const json config = read_checkpoint_config(checkpoint);
  const std::string name = wanted.kind().name;
  if (config.at("model_type") != name) {
    throw CheckpointError(
        fmt::format("{}: the checkpoint is of another run: model_type is {} there, model.name is {} in this run's "
                    "config.yaml",
                    path.string(), config.at("model_type").dump(), name));
  }
  ModelConfig options = wanted;
  ConfigBinder binder;
  options->bind(binder);
  const json mine = config_json(binder).flatten(), theirs = config.at(name).flatten();
  for (const auto& [key, value] : mine.items()) {
    if (!theirs.contains(key) || theirs[key] == value) continue;
    std::string dotted = key.substr(1);
    std::replace(dotted.begin(), dotted.end(), '/', '.');
    throw CheckpointError(fmt::format("{}: the checkpoint is of another run: {} is {} there, {} in this run's config.yaml", path.string(),
                                      dotted, theirs[key].dump(), value.dump()));
  }
}

void load_training_state(const fs::path& checkpoint, Optimizer& optimizer, Objective& objective, WeightAverage* average) {
  const auto file = [&](const char* name) { return (checkpoint / name).string(); };
  optimizer.restore(load_tensors(file("optimizer.safetensors")), file("optimizer.safetensors"));
  const TensorMap training = load_tensors(file("trainer.safetensors"));
  objective.restore(training, file("trainer.safetensors"));
  if (average != nullptr) average->restore(training, file("trainer.safetensors"));
}

}  // namespace infig

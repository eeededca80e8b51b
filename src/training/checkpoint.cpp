#include "training/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "core/log.h"
#include "run/stored_model.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr const char* kBroken = ".broken";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kTraining = "trainer.safetensors";

// Renames the folder before deleting it, so that a kill in between cannot leave half a checkpoint under a checkpoint's name.
void delete_checkpoint(const GuardedFolder& checkpoints, const std::string& name) {
  const std::string doomed = name + ".partial-deleted";
  try {
    checkpoints.remove(doomed);
    checkpoints.rename(name, doomed);
    checkpoints.remove(doomed);
  } catch (const ResourceError& problem) {  // failing to delete an old checkpoint is no reason to stop
    log_warning("{}", problem.what());
  }
}

// Deletes the training state and keeps the model. The optimizer's file goes first: without it the checkpoint counts as stateless.
void strip(const GuardedFolder& checkpoints, const std::string& name) {
  try {
    for (const char* file : {kOptimizer, kTraining}) checkpoints.remove(fs::path(name) / file);
  } catch (const ResourceError& problem) {  // harmless: the files only take space
    log_warning("{}", problem.what());
  }
}

void delete_old(const GuardedFolder& folder, const std::string& latest, int64_t best_step, const CheckpointLimits& limits) {
  const auto& wanted = limits.kept_steps;
  int64_t kept = 0, with_state = 0;
  for (const auto& name : checkpoint_names(folder)) {
    const bool best = best_step >= 0 && name == checkpoint_name(best_step);
    const bool named = std::any_of(wanted.begin(), wanted.end(), [&](int64_t step) { return name == checkpoint_name(step); });
    if (!best && !named && kept++ >= limits.keep && name != latest) {
      delete_checkpoint(folder, name);
    } else if (with_state++ >= limits.with_state) {
      strip(folder, name);
    }
  }
}

// Puts the average in the place of the model's weights for the lifetime of this object.
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

// Throws if a file of the checkpoint is missing, truncated or malformed.
void check_whole(const fs::path& checkpoint) {
  read_trainer_state(checkpoint);
  for (const char* name : {"model.safetensors", kOptimizer, kTraining}) open_archive(checkpoint / name);
  JsonFields::of_file(checkpoint / "config.json");
}

void move_aside(const GuardedFolder& checkpoints, const std::string& name, const std::string& why) {
  log_warning("{}: the checkpoint is broken and moved aside: {}", (checkpoints.path() / name).string(), why);
  checkpoints.remove(name + kBroken);
  checkpoints.rename(name, name + kBroken);
}

// Whether the checkpoint is what train.keep=best left of a finished run. Throws if the model or the state cannot be read.
bool is_left_of_finished(const fs::path& checkpoint) {
  if (!read_trainer_state(checkpoint).finished) return false;
  open_archive(checkpoint / "model.safetensors");
  return true;
}

std::vector<std::string> broken_names(const GuardedFolder& checkpoints) {
  std::vector<std::string> names = checkpoints.names();
  std::erase_if(names, [](const std::string& name) { return !name.starts_with("step-") || !name.ends_with(kBroken); });
  return names;
}

// Sets `latest` to the checkpoint `name`, and `best` to the best one that it records. Where that is gone the link stays as it is: whether
// the run can go on without it is decided later, and a start that fails removes nothing.
void point_links_back(const GuardedFolder& checkpoints, const std::string& name) {
  checkpoints.point_link("latest", name);
  const int64_t best = read_trainer_state(checkpoints.path() / name).best_step;
  if (best < 0) {
    checkpoints.remove("best");
  } else if (checkpoints.kind(checkpoint_name(best)) == GuardedFolder::Kind::kFolder) {
    checkpoints.point_link("best", checkpoint_name(best));
  }
}

}  // namespace

void save_checkpoint(const fs::path& run, const CheckpointParts& parts, const CheckpointLimits& limits) {
  const GuardedFolder folder = GuardedFolder(run).make("checkpoints");
  const std::string name = checkpoint_name(parts.state.global_step), state = parts.state.to_json().dump(2) + "\n";
  if (folder.find(name)) {  // already saved at this step, for example by an interrupt right after an evaluation
    write_file_atomic(folder, fs::path(name) / "trainer_state.json", state);
  } else {
    StagingFolder staging(folder, name);
    TensorMap training = parts.objective.state();
    {
      const AverageInPlace averaged(parts.average);
      save_model(parts.model, staging.path());
      if (parts.average != nullptr) training.merge(parts.average->online());
      save_tensors(staging.path() / kTraining, training);
    }
    save_tensors(staging.path() / kOptimizer, parts.optimizer.state());
    write_file_atomic(staging.path() / "trainer_state.json", state);
    staging.keep();
  }
  folder.point_link("latest", name);
  if (parts.state.best_step == parts.state.global_step) folder.point_link("best", name);
  delete_old(folder, name, parts.state.best_step, limits);
}

void delete_old_checkpoints(const fs::path& run, const TrainerState& state, const CheckpointLimits& limits) {
  delete_old(GuardedFolder(run).folder("checkpoints"), checkpoint_name(state.global_step), state.best_step, limits);
}

bool has_training_state(const fs::path& checkpoint) { return fs::exists(checkpoint / kOptimizer); }

void keep_best_alone(const fs::path& run, const TrainerState& state) {
  const GuardedFolder folder = GuardedFolder(run).folder("checkpoints");
  const std::string best = checkpoint_name(state.best_step);
  open_archive(folder.folder(best).path() / "model.safetensors");  // throws if the best one is broken, before anything is deleted
  write_file_atomic(folder, fs::path(best) / "trainer_state.json", state.to_json().dump(2) + "\n");
  folder.point_link("best", best);
  folder.point_link("latest", best);
  for (const std::string& name : checkpoint_names(folder)) {
    if (name != best) delete_checkpoint(folder, name);
  }
  strip(folder, best);
}

std::optional<fs::path> latest_checkpoint(const fs::path& run) {
  const auto found = GuardedFolder(run).find("checkpoints");
  if (!found) return std::nullopt;
  const GuardedFolder& folder = *found;
  std::vector<std::string> names = checkpoint_names(folder);
  // The last saved checkpoint counts, not the one with the highest number. They differ only if somebody moved folders by hand.
  const std::string linked = linked_checkpoint(folder, "latest").value_or("");
  if (const auto latest = std::find(names.begin(), names.end(), linked); latest != names.end()) names.erase(names.begin(), latest);
  std::vector<std::pair<std::string, std::string>> broken;  // names, and what is wrong with them
  std::vector<std::string> models;                          // checkpoints without training state
  for (const std::string& name : names) {
    const fs::path path = folder.path() / name;
    check_checkpoint_format(path);
    try {
      if (!has_training_state(path) && (names.size() > 1 || !is_left_of_finished(path))) {
        models.push_back(name);
        continue;
      }
      if (has_training_state(path)) check_whole(path);
    } catch (const Error& problem) {
      broken.emplace_back(name, problem.what());
      continue;
    }
    for (const auto& [newer, why] : broken) move_aside(folder, newer, why);
    // Only older checkpoints are stripped of their state on purpose, so newer ones without state are damaged.
    for (const std::string& newer : models) move_aside(folder, newer, fmt::format("{} is absent", kOptimizer));
    point_links_back(folder, name);  // a kill after a checkpoint was renamed can leave them outdated
    return fs::canonical(path);
  }
  if (broken.empty() && models.empty() && broken_names(folder).empty()) return std::nullopt;
  const std::string why = !broken.empty()  ? broken.back().second
                          : models.empty() ? broken_names(folder).back()
                                           : models.front() + " has no " + kOptimizer;
  throw CheckpointError(fmt::format(
      "{}: there is no whole checkpoint to continue from: {}; put back what is damaged, or start anew in another "
      "--output-dir{}",
      folder.path().string(), why,
      models.empty() ? "" : fmt::format(", from the model that is left: --init-from {}", (folder.path() / models.front()).string())));
}

std::optional<StoredModel> newest_stored_model(const fs::path& run) {
  if (!fs::is_directory(run / "checkpoints")) return std::nullopt;
  const GuardedFolder folder = GuardedFolder(run).folder("checkpoints");
  std::vector<std::string> names = checkpoint_names(folder);
  const std::string linked = linked_checkpoint(folder, "latest").value_or("");
  if (const auto latest = std::find(names.begin(), names.end(), linked); latest != names.end()) names.erase(names.begin(), latest);
  for (const std::string& name : names) {
    try {
      return read_checked_model(folder.path() / name);
    } catch (const Error&) {
      continue;
    }
  }
  return std::nullopt;
}

void check_same_labels(const fs::path& checkpoint, const std::vector<std::string>& labels) {
  const StoredModel stored = read_stored_model(checkpoint);
  if (stored.labels == labels) return;
  throw CheckpointError(fmt::format("{}: its labels are {}, the data set's are {}, in another order or with other names; start another run",
                                    checkpoint.string(), fmt::join(stored.labels, ", "), fmt::join(labels, ", ")));
}

void check_same_model(const fs::path& checkpoint, const ModelConfig& wanted) {
  const StoredModel stored = read_stored_model(checkpoint);
  const std::string& path = stored.where;
  const std::string name = wanted.kind().name;
  if (stored.model_type != name) {
    throw CheckpointError(
        fmt::format("{}: the checkpoint is of another run: model_type is {} there, model.name is {} in this run's config.yaml", path,
                    stored.model_type, name));
  }
  ModelConfig options = wanted;
  ConfigBinder binder;
  options->bind(binder);
  const json mine = config_json(binder).flatten(), theirs = stored.options.flatten();
  const auto files = wanted->pretrained_files();  // these paths may differ: check_same_config() compares the contents
  for (const auto& [key, value] : mine.items()) {
    if (!theirs.contains(key) || theirs[key] == value) continue;
    std::string dotted = key.substr(1);
    std::replace(dotted.begin(), dotted.end(), '/', '.');
    if (std::any_of(files.begin(), files.end(), [&dotted](const auto& file) { return file.first == dotted; })) continue;
    throw CheckpointError(fmt::format("{}: the checkpoint is of another run: {} is {} there, {} in this run's config.yaml", path, dotted,
                                      theirs[key].dump(), value.dump()));
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

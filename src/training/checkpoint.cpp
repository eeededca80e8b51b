#include "training/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "core/log.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr const char* kBroken = ".broken";

// A folder that is being deleted gets another name first: a kill in between must not leave half a checkpoint under a checkpoint's name.
void delete_checkpoint(const GuardedFolder& checkpoints, const std::string& name) {
  const std::string doomed = name + ".partial-deleted";
  try {
    checkpoints.remove(doomed);
    checkpoints.rename(name, doomed);
    checkpoints.remove(doomed);
  } catch (const ResourceError& problem) {  // an old checkpoint that stays is no reason to stop
    log_warning("{}", problem.what());
  }
}

void delete_old(const GuardedFolder& folder, const std::string& latest, int64_t best_step, int64_t keep,
                const std::vector<int64_t>& kept_steps) {
  int64_t kept = 0;
  for (const auto& name : checkpoint_names(folder)) {
    const bool best = best_step >= 0 && name == checkpoint_name(best_step);
    const bool wanted = std::any_of(kept_steps.begin(), kept_steps.end(), [&](int64_t step) { return name == checkpoint_name(step); });
    if (best || wanted) continue;
    if (kept++ < keep || name == latest) continue;
    delete_checkpoint(folder, name);
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
  JsonFields::of_file(checkpoint / "config.json");
}

// `latest` and `best` as the checkpoint `name` knows them.
void point_links_back(const GuardedFolder& checkpoints, const std::string& name) {
  checkpoints.point_link("latest", name);
  const int64_t best = read_trainer_state(checkpoints.path() / name).best_step;
  if (best >= 0 && checkpoints.kind(checkpoint_name(best)) == GuardedFolder::Kind::kFolder) {
    checkpoints.point_link("best", checkpoint_name(best));
  } else {
    checkpoints.remove("best");
  }
}

}  // namespace

void save_checkpoint(const fs::path& run, const CheckpointParts& parts, int64_t keep, const std::vector<int64_t>& kept_steps) {
  const GuardedFolder folder = GuardedFolder(run).make("checkpoints");
  const std::string name = checkpoint_name(parts.state.global_step), state = parts.state.to_json().dump(2) + "\n";
  if (folder.find(name)) {  // saved at this step already, as by an interrupt right after an evaluation
    write_file_atomic(folder, fs::path(name) / "trainer_state.json", state);
  } else {
    StagingFolder staging(folder, name);
    TensorMap training = parts.objective.state();
    {
      const AverageInPlace averaged(parts.average);
      save_model(parts.model, staging.path());
      if (parts.average != nullptr) training.merge(parts.average->online());
      save_tensors(staging.path() / "trainer.safetensors", training);
    }
    save_tensors(staging.path() / "optimizer.safetensors", parts.optimizer.state());
    write_file_atomic(staging.path() / "trainer_state.json", state);
    staging.keep();
  }
  folder.point_link("latest", name);
  if (parts.state.best_step == parts.state.global_step) folder.point_link("best", name);
  delete_old(folder, name, parts.state.best_step, keep, kept_steps);
}

std::optional<fs::path> latest_checkpoint(const fs::path& run) {
  const auto found = GuardedFolder(run).find("checkpoints");
  if (!found) return std::nullopt;
  const GuardedFolder& folder = *found;
  std::vector<std::string> names = checkpoint_names(folder);
  // What was saved last counts, not what has the highest number: they differ only where somebody moved folders by hand.
  const std::string linked = linked_checkpoint(folder, "latest").value_or("");
  if (const auto latest = std::find(names.begin(), names.end(), linked); latest != names.end()) names.erase(names.begin(), latest);
  std::string broken;
  for (const std::string& name : names) {
    const fs::path path = folder.path() / name;
    check_checkpoint_format(path);
    try {
      check_whole(path);
    } catch (const Error& problem) {
      log_warning("{}: the checkpoint is broken and moved aside: {}", path.string(), problem.what());
      broken = problem.what();
      folder.remove(name + kBroken);
      folder.rename(name, name + kBroken);
      continue;
    }
    point_links_back(folder, name);  // a kill between a checkpoint's renaming and its links leaves those behind
    return fs::canonical(path);
  }
  if (!broken.empty()) {
    throw CheckpointError(
        fmt::format("{}: no checkpoint is whole: {}; start the run anew in another --output-dir", folder.path().string(), broken));
  }
  return std::nullopt;
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
  for (const auto& [key, value] : mine.items()) {
    if (!theirs.contains(key) || theirs[key] == value) continue;
    std::string dotted = key.substr(1);
    std::replace(dotted.begin(), dotted.end(), '/', '.');
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

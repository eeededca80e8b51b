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

std::string step_name(int64_t step) { return fmt::format("step-{:06}", step); }

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

void delete_old(const fs::path& folder, const std::string& latest, int64_t best_step, int64_t keep) {
  int64_t kept = 0;
  for (const auto& name : checkpoint_names(folder)) {
    const bool best = best_step >= 0 && name == step_name(best_step);
    if (best) continue;
    if (kept++ < keep || name == latest) continue;
    std::error_code ignored;
    fs::remove_all(folder / name, ignored);
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

// `latest` and `best` as the checkpoint `name` knows them.
void point_links_back(const fs::path& folder, const std::string& name) {
  point_link(folder / "latest", name);
  const int64_t best = read_trainer_state(folder / name).best_step;
  if (best >= 0 && fs::exists(folder / step_name(best))) {
    point_link(folder / "best", step_name(best));
  } else {
    std::error_code ignored;
    fs::remove(folder / "best", ignored);
  }
}

}  // namespace

json TrainerState::to_json() const {
  return {{"global_step", global_step},
          {"epoch", epoch},
          {"batch_in_epoch", batch_in_epoch},
          {"best_metric", best_metric},
          {"best_f1_weighted", best_f1_weighted},
          {"best_step", best_step},
          {"best_model_checkpoint", best_step >= 0 ? json("checkpoints/" + step_name(best_step)) : json()},
          {"evaluations_without_gain", evaluations_without_gain},
          {"skipped_steps", skipped_steps},
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
    state.finished = stored.at("finished");
    state.window = stored.at("window");
    state.log_history = stored.at("log_history");
    return state;
  } catch (const json::exception& problem) {
    throw CheckpointError(fmt::format("{}: not the state of a run: {}", where, problem.what()));
  }
}

void save_checkpoint(const fs::path& run, const CheckpointParts& parts, int64_t keep) {
  const fs::path folder = run / "checkpoints";
  make_folder(folder);
  const std::string name = step_name(parts.state.global_step);
  if (fs::exists(folder / name)) {  // saved at this step already, as by an interrupt right after an evaluation
    write_file_atomic(folder / name / "trainer_state.json", parts.state.to_json().dump(2) + "\n");
  } else {
    StagingFolder staging(folder / name);
    TensorMap training = parts.objective.state();
    {
      const AverageInPlace averaged(parts.average);
      save_model(parts.model, parts.tokenizer, parts.labels, staging.path());
      if (parts.average != nullptr) training.merge(parts.average->online());
      save_tensors(staging.path() / "trainer.safetensors", training);
    }
    save_tensors(staging.path() / "optimizer.safetensors", parts.optimizer.state());
    write_file_atomic(staging.path() / "trainer_state.json", parts.state.to_json().dump(2) + "\n");
    staging.keep();
  }
  point_link(folder / "latest", name);
  if (parts.state.best_step == parts.state.global_step) point_link(folder / "best", name);
  delete_old(folder, name, parts.state.best_step, keep);
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

void load_checkpoint(const fs::path& checkpoint, InfigModel& model, Optimizer& optimizer, Objective& objective, WeightAverage* average) {
  const auto file = [&](const char* name) { return (checkpoint / name).string(); };
  load_state_dict(*model, load_tensors(file("model.safetensors")), file("model.safetensors"));
  optimizer.restore(load_tensors(file("optimizer.safetensors")), file("optimizer.safetensors"));
  const TensorMap training = load_tensors(file("trainer.safetensors"));
  objective.restore(training, file("trainer.safetensors"));
  if (average != nullptr) average->restore(training, file("trainer.safetensors"));
}

}  // namespace infig

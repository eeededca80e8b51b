#include "training/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"

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

void delete_old(const fs::path& folder, const std::string& latest, int64_t best_step, int64_t keep) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_symlink() && name.rfind("step-", 0) == 0 && name.find(".partial") == std::string::npos) names.push_back(name);
  }
  const auto number = [](const std::string& name) { return std::stoll(name.substr(5)); };
  std::sort(names.begin(), names.end(), [&](const auto& a, const auto& b) { return number(a) > number(b); });
  int64_t kept = 0;
  for (const auto& name : names) {
    const bool best = best_step >= 0 && name == step_name(best_step);
    if (best) continue;
    if (kept++ < keep || name == latest) continue;
    std::error_code ignored;
    fs::remove_all(folder / name, ignored);
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
    save_model(parts.model, parts.tokenizer, parts.labels, staging.path());
    save_tensors(staging.path() / "optimizer.safetensors", parts.optimizer.state());
    save_tensors(staging.path() / "trainer.safetensors", parts.objective.state());
    write_file_atomic(staging.path() / "trainer_state.json", parts.state.to_json().dump(2) + "\n");
    staging.keep();
  }
  point_link(folder / "latest", name);
  if (parts.state.best_step == parts.state.global_step) point_link(folder / "best", name);
  delete_old(folder, name, parts.state.best_step, keep);
}

std::optional<fs::path> latest_checkpoint(const fs::path& run) {
  const fs::path latest = run / "checkpoints" / "latest";
  if (!fs::exists(latest / "trainer_state.json")) return std::nullopt;
  return fs::canonical(latest);
}

TrainerState read_trainer_state(const fs::path& checkpoint) {
  const fs::path path = checkpoint / "trainer_state.json";
  const json parsed = json::parse(read_file(path), nullptr, false);
  if (parsed.is_discarded()) throw CheckpointError(fmt::format("{}: not JSON; the checkpoint is broken", path.string()));
  return TrainerState::from_json(parsed, path.string());
}

void load_checkpoint(const fs::path& checkpoint, InfigModel& model, Optimizer& optimizer, Objective& objective) {
  const auto file = [&](const char* name) { return (checkpoint / name).string(); };
  load_state_dict(*model, load_tensors(file("model.safetensors")), file("model.safetensors"));
  optimizer.restore(load_tensors(file("optimizer.safetensors")), file("optimizer.safetensors"));
  objective.restore(load_tensors(file("trainer.safetensors")), file("trainer.safetensors"));
}

}  // namespace infig

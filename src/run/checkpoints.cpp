#include "run/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <system_error>

#include "core/error.h"
#include "run/run_lock.h"
#include "run/seeds.h"
#include "run/stored_model.h"
#include "run/trainer_state.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

using Kind = GuardedFolder::Kind;

constexpr std::string_view kStep = "step-";
constexpr std::array<const char*, 4> kFolders = {"cache", "checkpoints", "eval", "tensorboard"};
constexpr std::array<const char*, 9> kFiles = {".lock",         "config.yaml",      "description.json", "train.log",    "metrics.jsonl",
                                               "timings.jsonl", "bad-pictures.csv", "report.html",      "model-card.md"};

// -1 for what is no number of a step.
int64_t step_of(const std::string& name) {
  if (!name.starts_with(kStep) || name.size() == kStep.size()) return -1;
  int64_t step = 0;
  const char *begin = name.data() + kStep.size(), *end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, step);
  return error == std::errc() && stop == end && *begin != '-' ? step : -1;
}

// A link that leads to itself is not there, where exists() alone would throw.
bool there(const fs::path& path) {
  std::error_code code;
  return fs::exists(path, code);
}

std::optional<GuardedFolder> checkpoints_of(const fs::path& run) {
  std::error_code code;
  if (!fs::is_directory(run, code)) throw CheckpointError(fmt::format("{}: is no folder; give the folder of a run", run.string()));
  return GuardedFolder(run).find("checkpoints");
}

// Names of the checkpoints that evaluate and predict could load, the newest first.
std::vector<std::string> loadable_names(const GuardedFolder& checkpoints) {
  std::vector<std::string> names = checkpoint_names(checkpoints);
  std::erase_if(names, [&](const std::string& name) {
    return !there(checkpoints.path() / name / "model.safetensors") || !there(checkpoints.path() / name / "config.json");
  });
  return names;
}

// Whether metrics.jsonl holds the line of an evaluation.
bool was_evaluated(const fs::path& run) {
  std::ifstream file(run / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    if (line.find("\"eval_loss\"") != std::string::npos) return true;
  }
  return false;
}

std::string flag_with(const std::string& flag, const fs::path& run, const std::string& checkpoint) {
  return fmt::format("{} {}", flag, (run / "checkpoints" / checkpoint).lexically_normal().string());
}

// What the newest checkpoint records; nothing where it cannot be read.
std::optional<TrainerState> last_state(const GuardedFolder& checkpoints) {
  const std::vector<std::string> names = checkpoint_names(checkpoints);
  const std::string latest = linked_checkpoint(checkpoints, "latest").value_or("");
  const bool linked = std::find(names.begin(), names.end(), latest) != names.end();
  if (!linked && names.empty()) return std::nullopt;
  try {
    return read_trainer_state(checkpoints.path() / (linked ? latest : names.front()));
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Of a run without checkpoints/best.
std::string lacks_best(const fs::path& run) {
  if (is_locked(run)) return "holds no checkpoints/best yet; it is being trained now: wait for its first evaluation";
  if (was_evaluated(run)) return "holds no checkpoints/best any more: the link was deleted; train --resume latest continues the run";
  return "holds no checkpoints/best; the run was stopped before its first evaluation: continue it with train --resume latest";
}

// The same of a run that has checkpoints, of which `loadable` could be used. Resuming brings the link back where its checkpoint is there;
// else a run that is not finished goes on with another, and one that is finished is refused.
std::string lacks_link(const fs::path& run, const GuardedFolder& checkpoints, const std::vector<std::string>& loadable,
                       const std::string& flag) {
  const std::string other = loadable.empty() ? "" : flag_with(flag, run, loadable.front());
  const auto state = is_locked(run) || !was_evaluated(run) ? std::nullopt : last_state(checkpoints);
  if (!state || state->best_step < 0) return lacks_best(run) + (other.empty() ? "" : ", or use what it has learnt so far: " + other);
  const std::string best = checkpoint_name(state->best_step);
  const std::string lost = "holds no checkpoints/best any more";
  if (std::find(loadable.begin(), loadable.end(), best) != loadable.end()) {
    return fmt::format("{}: the link was deleted; train --resume latest sets it again, or use the checkpoint that it named: {}", lost,
                       flag_with(flag, run, best));
  }
  return fmt::format("{}, and the best checkpoint, {}, is gone or damaged: put it back{}{}", lost, best,
                     state->finished ? "" : ", continue the run without it (train --resume latest)",
                     other.empty() ? "" : ", or use another checkpoint of the run: " + other);
}

// What a run with a folder of checkpoints lacks, and what can be done about it.
std::string why_no_best(const fs::path& run, const GuardedFolder& checkpoints, const std::string& flag) {
  const std::string best = linked_checkpoint(checkpoints, "best").value_or("");
  const std::vector<std::string> loadable = loadable_names(checkpoints);
  const std::string other = loadable.empty() ? "" : flag_with(flag, run, loadable.front());
  const bool gone = !best.empty() || checkpoints.kind("best") == Kind::kFolder;
  if (gone || (loadable.empty() && !checkpoint_names(checkpoints).empty())) {
    const std::string what = !best.empty() ? fmt::format("checkpoints/best is {}, which lacks model.safetensors", best)
                             : gone        ? "checkpoints/best lacks model.safetensors"
                                           : "holds no checkpoints/best, and none of its checkpoints is whole";
    return loadable.empty() ? what + "; no other checkpoint can be used: put the file back, or train the run anew in another --output-dir"
                            : fmt::format("{}; put the file back, or use another checkpoint of the run: {}", what, other);
  }
  return lacks_link(run, checkpoints, loadable, flag);
}

std::string why_no_checkpoints(const fs::path& run, const std::string& flag) {
  if (there(run / "config.yaml")) {
    return was_evaluated(run)
               ? "its checkpoints are gone (metrics.jsonl tells of evaluations): put them back, or train anew in another --output-dir"
               : lacks_best(run);
  }
  std::string inside = runs_inside(run, flag);
  if (!inside.empty()) return inside;
  if (there(run / "posts.jsonl")) return "is a data set folder; expected a run, the folder that train --output-dir wrote";
  return "holds no checkpoints/best; give the folder that train --output-dir wrote";
}

}  // namespace

std::string checkpoint_name(int64_t step) { return fmt::format("step-{:06}", step); }

bool is_checkpoint_name(const std::string& name) { return step_of(name) >= 0; }

std::vector<std::string> checkpoint_names(const GuardedFolder& checkpoints) {
  std::vector<std::string> names;
  for (const std::string& name : checkpoints.names()) {
    if (!is_checkpoint_name(name)) continue;
    const Kind kind = checkpoints.kind(name);
    if (kind == Kind::kLink) refuse_link(checkpoints.path() / name);
    if (kind == Kind::kFolder) names.push_back(name);
  }
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return step_of(a) > step_of(b); });
  return names;
}

std::optional<std::string> linked_checkpoint(const GuardedFolder& checkpoints, const std::string& name) {
  if (checkpoints.kind(name) != Kind::kLink) return std::nullopt;
  std::string target = checkpoints.link_target(name);
  const bool plain = is_checkpoint_name(target);
  if (!plain || checkpoints.kind(target) == Kind::kLink) {
    throw CheckpointError(fmt::format(
        "{}: leads to {}{}; expected the name of a checkpoint's folder beside it, as step-000500; delete the link, or set it anew",
        (checkpoints.path() / name).string(), target, plain ? ", which is itself a link" : ""));
  }
  return target;
}

fs::path find_checkpoint(const fs::path& run, const std::string& flag) {
  if (!there(run)) throw CheckpointError(fmt::format("{}: no such run folder", run.string()));
  if (there(run / "model.safetensors")) return run;
  const auto checkpoints = checkpoints_of(run);
  if (checkpoints) {
    // An archive may have turned the link into a folder of its own.
    const std::string best = linked_checkpoint(*checkpoints, "best").value_or("best");
    if (checkpoints->kind(best) == Kind::kFolder && there(checkpoints->path() / best / "model.safetensors"))
      return checkpoints->path() / best;
  }
  throw CheckpointError(
      fmt::format("{}: {}", run.string(), checkpoints ? why_no_best(run, *checkpoints, flag) : why_no_checkpoints(run, flag)));
}

std::string checkpoint_fault(const fs::path& checkpoint) {
  if (!there(checkpoint)) return "the folder is gone";
  if (!there(checkpoint / "model.safetensors")) return "it has no model.safetensors";
  try {
    read_checked_model(checkpoint);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string advice_for_broken_best(const fs::path& run) {
  const auto checkpoints = checkpoints_of(run);
  if (!checkpoints) return "";
  const std::string best = linked_checkpoint(*checkpoints, "best").value_or("best");
  for (const std::string& name : checkpoint_names(*checkpoints)) {
    if (name == best || !checkpoint_fault(checkpoints->path() / name).empty()) continue;
    return "; put back what is damaged, or use another checkpoint of the run: " + flag_with("--run", run, name);
  }
  return "; no other checkpoint of the run can be used: put back what is damaged, or train the run anew in another --output-dir";
}

GuardedFolder open_checkpoint(const fs::path& run) {
  const fs::path found = find_checkpoint(run);
  if (found == run) return GuardedFolder(run);
  return GuardedFolder(run).folder(fs::path("checkpoints") / found.filename());
}

void check_no_links(const GuardedFolder& run) {
  for (const char* name : kFolders) {
    if (run.kind(name) == Kind::kLink) refuse_link(run.path() / name);
  }
  for (const char* name : kFiles) {
    const Kind kind = run.kind(name);
    if (kind == Kind::kLink) refuse_link(run.path() / name);
    if (kind == Kind::kFolder || kind == Kind::kOther)
      throw ResourceError(fmt::format("{}: is no regular file; delete it, or move it away", (run.path() / name).string()));
  }
  const auto checkpoints = run.find("checkpoints");
  if (!checkpoints) return;
  checkpoint_names(*checkpoints);
  linked_checkpoint(*checkpoints, "latest");
  linked_checkpoint(*checkpoints, "best");
  if (checkpoints->kind("average") == Kind::kLink) refuse_link(checkpoints->path() / "average");
}

}  // namespace infig

#include "experiments/leaderboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "evaluation/reports.h"
#include "evaluation/run_record.h"
#include "experiments/run_cost.h"
#include "run/checkpoints.h"
#include "run/run_lock.h"
#include "run/seeds.h"
#include "run/stored_model.h"
#include "run/trainer_state.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

// One run folder, before the seeds of an experiment are combined.
struct FoundRun {
  fs::path folder;
  BoardLine line;  // without scores
  std::vector<std::pair<StoredEvaluation, EvaluationResult>> evaluations;
};

bool there(const fs::path& path) {
  std::error_code code;
  return fs::exists(path, code);
}

bool is_run(const fs::path& folder) {
  return there(folder / "config.yaml") || there(folder / "description.json") || fs::is_directory(folder / "checkpoints");
}

void search(const fs::path& folder, std::vector<fs::path>& runs) {
  if (is_run(folder)) {
    runs.push_back(folder);
    return;
  }
  if (there(folder / "posts.jsonl")) return;
  std::error_code code;
  std::vector<fs::path> inner;
  for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied, code)) {
    if (entry.symlink_status(code).type() == fs::file_type::directory && !entry.path().filename().string().starts_with('.'))
      inner.push_back(entry.path());
  }
  std::sort(inner.begin(), inner.end());
  for (const fs::path& one : inner) search(one, runs);
}

// The progress of the run by its newest checkpoint; empty if it is finished.
std::string progress_of(const fs::path& run, const RunRecord& record) {
  const auto checkpoints = GuardedFolder(run).find("checkpoints");
  const std::string latest = checkpoints ? linked_checkpoint(*checkpoints, "latest").value_or("") : "";
  if (latest.empty()) return there(run / "checkpoints" / "best") ? "" : is_locked(run) ? "running; no checkpoint yet" : "no checkpoint yet";
  // A run that kept only its best weights is finished.
  if (!there(run / "checkpoints" / latest / "trainer_state.json")) return "";
  const TrainerState state = read_trainer_state(run / "checkpoints" / latest);
  if (state.finished) return "";
  return fmt::format("{} step {}, {} of {}", is_locked(run) ? "running; saved at" : "stopped at", state.global_step, epoch_words(state),
                     record.setting("train.epochs"));
}

void mark(BoardLine& line, RunState state, const std::string& note) {
  line.state = std::max(line.state, state);
  if (!note.empty()) line.note += (line.note.empty() ? "" : "; ") + note;
}

// The error's message without the run folder, which the line already names.
std::string short_message(const std::exception& error, const fs::path& run) {
  std::string text = error.what();
  const std::string prefix = run.string();
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  while (!text.empty() && (text.front() == '/' || text.front() == ':' || text.front() == ' ')) text.erase(0, 1);
  return text;
}

// What the table calls a folder: seen from the one that is searched, which itself has its own name.
std::string name_below(const fs::path& folder, const fs::path& root) {
  return folder == root ? last_name(fs::weakly_canonical(folder)) : folder.lexically_relative(root).generic_string();
}

// Reads a run folder. Any error becomes a note of its line.
FoundRun look_into(const fs::path& run, const fs::path& root) {
  FoundRun found{.folder = run, .line = {}, .evaluations = {}};
  BoardLine& line = found.line;
  line.name = name_below(run, root);
  const auto attempt = [&](auto&& work) {
    try {
      work();
    } catch (const std::exception& error) {
      mark(line, RunState::kBroken, short_message(error, run));
    }
  };
  attempt([&] {
    const RunRecord record = read_run_record(run);
    line.preset = record.preset;
    line.seeds = {record.seed};
    line.marks = record.marks;
    line.settings.insert(record.config.begin(), record.config.end());
    line.train_seconds = train_seconds_of(run);
    if (const std::string limit = record.setting("data.limit"); !limit.empty() && limit != "0")
      mark(line, RunState::kFinished, "data.limit=" + limit);
    const std::string progress = progress_of(run, record);
    if (!progress.empty()) mark(line, RunState::kUnfinished, progress);
  });
  if (line.state == RunState::kFinished || there(run / "checkpoints" / "best")) {
    attempt([&] {
      const fs::path best = find_checkpoint(run);
      line.precision = read_stored_model(best).precision;
      line.parameters = parameters_of(best);
    });
  }
  std::vector<StoredEvaluation> stored;
  attempt([&] { stored = stored_evaluations(run); });
  for (const StoredEvaluation& one : stored) {
    if (!one.without.empty()) continue;
    attempt([&] {
      found.evaluations.emplace_back(one, read_evaluation(run, one));
      const std::string best = outdated_by(run, one);
      if (!best.empty()) mark(line, RunState::kFinished, fmt::format("{} is of {}, best is {} now", one.split, one.checkpoint, best));
    });
  }
  return found;
}

Summary over(const std::vector<const EvaluationResult*>& results, const Interval& possible, double (*score)(const EvaluationResult&)) {
  std::vector<double> values;
  for (const EvaluationResult* one : results) values.push_back(score(*one));
  const bool finite = std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  return finite ? summarize(values, possible) : Summary{};
}

void add_scores(BoardLine& line, const StoredEvaluation& stored, const std::vector<const EvaluationResult*>& results) {
  constexpr Interval kShare{.low = 0, .high = 1}, kCorrelation{.low = -1, .high = 1}, kLoss{.low = 0, .high = INFINITY};
  line.data = stored.data;
  line.data_sha256 = stored.data_sha256;
  line.split = stored.split;
  line.posts = results.front()->scores.count;
  line.accuracy = over(results, kShare, [](const EvaluationResult& one) { return one.scores.accuracy; });
  line.f1_macro = over(results, kShare, [](const EvaluationResult& one) { return one.scores.f1_macro; });
  line.f1_weighted = over(results, kShare, [](const EvaluationResult& one) { return one.scores.f1_weighted; });
  line.mcc = over(results, kCorrelation, [](const EvaluationResult& one) { return one.scores.mcc; });
  line.ece = over(results, kShare, [](const EvaluationResult& one) { return one.scores.ece; });
  line.loss = over(results, kLoss, [](const EvaluationResult& one) { return one.loss; });
  line.interval = results.size() > 1 ? line.accuracy.interval
                                     : Interval{.low = results.front()->scores.accuracy_low, .high = results.front()->scores.accuracy_high};
}

// Seeds and training time of these runs, into a line.
void set_cost(BoardLine& line, const std::vector<const FoundRun*>& runs) {
  line.seeds.clear();
  line.train_seconds = 0;
  for (const FoundRun* one : runs) {
    line.seeds.insert(line.seeds.end(), one->line.seeds.begin(), one->line.seeds.end());
    line.train_seconds += one->line.train_seconds;
  }
}

// The line of several seeds, without scores: the sum of their costs, and the notes of all of them.
BoardLine joined(const std::vector<const FoundRun*>& runs, const fs::path& root) {
  BoardLine line = runs.front()->line;
  if (runs.size() == 1) return line;
  line.name = name_below(runs.front()->folder.parent_path(), root);
  line.note.clear();
  set_cost(line, runs);
  for (const FoundRun* one : runs) {
    for (const std::string& word : one->line.marks) {
      if (std::find(line.marks.begin(), line.marks.end(), word) == line.marks.end()) line.marks.push_back(word);
    }
    mark(line, one->line.state, one->line.note.empty() ? "" : last_name(one->folder) + ": " + one->line.note);
  }
  return line;
}

// Evaluations of one split of one data set: the first of them, and the runs with their results.
struct Scored {
  StoredEvaluation stored;
  std::vector<const FoundRun*> runs;
  std::vector<const EvaluationResult*> results;
};

// A run stands in a group once: a second evaluation of the same posts, in another folder of its eval/, is of a run whose description was
// lost for a while. That of the run's own data set is taken.
std::vector<Scored> scored_groups(const std::vector<const FoundRun*>& runs, const std::string& split) {
  std::vector<Scored> groups;
  for (const FoundRun* run : runs) {
    for (const auto& [stored, result] : run->evaluations) {
      if (split != "all" && stored.split != split) continue;
      const auto same = std::find_if(groups.begin(), groups.end(), [&one = stored](const Scored& group) {
        const bool same_data = one.data_sha256.empty() || group.stored.data_sha256.empty() ? group.stored.folder == one.folder
                                                                                           : group.stored.data_sha256 == one.data_sha256;
        return same_data && group.stored.split == one.split;
      });
      if (same == groups.end()) {
        groups.push_back({.stored = stored, .runs = {run}, .results = {&result}});
      } else if (same->runs.back() != run) {
        same->runs.push_back(run);
        same->results.push_back(&result);
      } else if (stored.own()) {
        same->results.back() = &result;
      }
    }
  }
  return groups;
}

// Adds a line for each data set and split that the runs were evaluated on, or one line without scores.
void add_lines(const std::vector<const FoundRun*>& runs, const fs::path& root, const BoardOptions& options, std::vector<BoardLine>& lines) {
  const BoardLine whole = joined(runs, root);
  const std::vector<Scored> groups = scored_groups(runs, options.split);
  for (const auto& [stored, scored_runs, results] : groups) {
    BoardLine line = whole;
    set_cost(line, scored_runs);
    add_scores(line, stored, results);
    if (results.size() < runs.size())
      mark(line, RunState::kFinished, fmt::format("{} of {} seeds were evaluated", results.size(), runs.size()));
    if (std::any_of(results.begin(), results.end(), [](const EvaluationResult* one) { return one->temperature != 1; }))
      mark(line, RunState::kFinished, "loss and ECE with the fitted temperature");
    lines.push_back(std::move(line));
  }
  if (!groups.empty()) return;
  BoardLine line = whole;
  mark(line, RunState::kFinished, options.split == "all" ? "not evaluated" : "not evaluated on " + options.split);
  lines.push_back(std::move(line));
}

}  // namespace

std::vector<BoardLine> find_runs(const fs::path& folder, const BoardOptions& options) {
  if (!fs::is_directory(folder)) throw DataError(fmt::format("{}: no such folder", folder.string()));
  const fs::path root = fs::path(folder / "").lexically_normal().parent_path();
  std::vector<fs::path> folders;
  search(root.empty() ? fs::path(".") : root, folders);
  std::vector<FoundRun> runs;
  runs.reserve(folders.size());
  for (const fs::path& one : folders) runs.push_back(look_into(one, root.empty() ? fs::path(".") : root));
  std::vector<BoardLine> lines;
  std::set<fs::path> done;
  for (const FoundRun& run : runs) {
    std::vector<const FoundRun*> together = {&run};
    const fs::path parent = run.folder.parent_path();
    if (!options.each && seed_of_folder(run.folder)) {
      if (!done.insert(parent).second) continue;
      together.clear();
      for (const FoundRun& other : runs) {
        if (other.folder.parent_path() == parent && seed_of_folder(other.folder)) together.push_back(&other);
      }
    }
    add_lines(together, root.empty() ? fs::path(".") : root, options, lines);
  }
  return lines;
}

}  // namespace infig

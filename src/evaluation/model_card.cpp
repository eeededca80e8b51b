#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "evaluation/leak_counts.h"
#include "evaluation/reports.h"
#include "evaluation/run_record.h"
#include "pages/html.h"

namespace infig {
namespace {

// Text inside a cell of a Markdown table or a paragraph: nothing in it may start markup.
std::string markdown(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      safe += ' ';
    } else {
      if (std::string_view("\\`*_[]<>|#").find(c) != std::string_view::npos) safe += '\\';
      safe += c;
    }
  }
  return safe;
}

// JSON strings are YAML strings.
std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

std::string metadata(const RunRecord& run, const DataSet& data, const EvaluationResult& result) {
  const auto metric = [](const char* type, const char* name, double value) {
    return fmt::format("          - {{type: {}, name: {}, value: {:.6f}}}\n", type, name, value);
  };
  return fmt::format(
             "---\nlibrary_name: infig\ntags: [sentiment-analysis, multimodal, image-text-classification]\nmetrics: [accuracy, "
             "f1]\nmodel-index:\n"
             "  - name: {}\n    results:\n      - task: {{type: image-text-classification, name: Sentiment of posts with picture and "
             "text}}\n"
             "        dataset: {{type: {}, name: {}, split: {}}}\n        metrics:\n",
             quoted(run.name), quoted(data.name), quoted(data.name), result.split) +
         metric("accuracy", "Accuracy", result.scores.accuracy) + metric("f1", "Macro F1", result.scores.f1_macro) +
         metric("f1", "Weighted F1", result.scores.f1_weighted) + "---\n\n";
}

std::string data_part(const RunRecord& run, const DataSet& data) {
  std::string text = fmt::format("## Data\n\n{}", markdown(data.name));
  if (!data.sha256.empty()) text += fmt::format(", SHA-256 of its posts `{}`", data.sha256);
  text += ".\n\n| split | posts |";
  for (const auto& label : data.labels) text += " " + markdown(label) + " |";
  text += "\n|---|---:|";
  for (size_t i = 0; i < data.labels.size(); ++i) text += "---:|";
  for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
    std::vector<int64_t> counts(data.labels.size(), 0);
    const auto rows = data.rows_of(split);
    for (const int64_t row : rows) {
      if (data.posts[row].label_id >= 0) ++counts.at(data.posts[row].label_id);
    }
    text += fmt::format("\n| {} | {} |", split_name(split), rows.size());
    for (const int64_t count : counts) text += fmt::format(" {} |", count);
  }
  text += "\n\n";
  if (data.rows_of(Split::kDev).empty()) text += "There was no dev split: the weights are those of the last step, chosen by nothing.\n\n";
  if (!run.data_sha256.empty() && !data.sha256.empty() && run.data_sha256 != data.sha256) {
    text += "The model was trained on another data set (SHA-256 `" + run.data_sha256 + "`); the scores below are of the one above.\n\n";
  }
  return text;
}

// What verify-data found, where it was asked.
std::string leaks_part(const DataSet& data) {
  const std::vector<LeakLine> leaks = read_leak_counts(data.folder);
  if (!std::filesystem::is_regular_file(data.folder / "leaks.csv"))
    return "### Leaks\n\nNot looked for: the data set has no `leaks.csv`; `infig verify-data` writes it.\n\n";
  if (leaks.empty()) return "### Leaks\n\n`leaks.csv` lists no post that occurs twice.\n\n";
  std::string text =
      "### Leaks\n\nPosts whose twin stands in another place of the data (`leaks.csv`); a model can know the answer of those whose twin it "
      "was "
      "trained on.\n\n| alike in | post in | twin in | posts | with another label |\n|---|---|---|---:|---:|\n";
  for (const LeakLine& line : leaks)
    text += fmt::format("| {} | {} | {} | {} | {} |\n", markdown(line.kind), markdown(line.split), markdown(line.other), line.posts,
                        line.other_label);
  return text + "\n";
}

// Seeds of the runs beside this one, where it lies in an experiment's RUNS/seed-S.
std::vector<uint64_t> seeds_beside(const std::filesystem::path& run_folder) {
  std::vector<uint64_t> seeds;
  const auto seed_of = [](const std::filesystem::path& folder) -> std::optional<uint64_t> {
    const std::string name = last_name(folder);
    uint64_t seed = 0;
    if (!name.starts_with("seed-")) return std::nullopt;
    const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), seed);
    if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
    return seed;
  };
  const std::filesystem::path run = std::filesystem::weakly_canonical(run_folder);
  if (!seed_of(run)) return seeds;
  for (const auto& entry : std::filesystem::directory_iterator(run.parent_path())) {
    const auto seed = seed_of(entry.path());
    if (seed && std::filesystem::exists(entry.path() / "description.json")) seeds.push_back(*seed);
  }
  std::sort(seeds.begin(), seeds.end());
  return seeds;
}

std::string training_part(const RunRecord& run, const std::vector<uint64_t>& beside) {
  if (run.command.empty() && beside.size() < 2) return "";
  std::string text = "## Training\n\n";
  if (!run.command.empty()) {
    std::string command = run.command;  // an indented block ends with its line
    std::replace(command.begin(), command.end(), '\n', ' ');
    text += "    " + command + "\n\n";
  }
  if (beside.size() > 1)
    text += fmt::format(
        "One of {} runs of the same config with the seeds {}; this one has {}. The experiment's table says how far they lie apart.\n\n",
        beside.size(), fmt::join(beside, ", "), run.seed);
  return text;
}

std::string settings_part(const RunRecord& run) {
  // What decides the most about a model; the whole of config.yaml lies beside this card.
  static const std::vector<std::string> kMain = {"text.model",    "image.model",   "image.augment",    "image.finetune", "clip.model",
                                                 "gam.enabled",   "gam.layer",     "gam.queue_size",   "hfam.enabled",   "hfam.top_j",
                                                 "loss.lambda_g", "loss.lambda_f", "optim.name",       "optim.lr",       "optim.lr_new",
                                                 "optim.warmup",  "train.epochs",  "train.batch_size", "train.patience", "precision"};
  std::string text = "## Settings\n\n";
  if (!run.preset.empty()) text += "Preset `" + run.preset + "`. ";
  text += "Every key stands in `config.yaml`.\n\n| key | value |\n|---|---|\n";
  if (!run.seed.empty()) text += "| seed | " + markdown(run.seed) + " |\n";
  for (const auto& key : kMain) {
    const std::string value = run.setting(key);
    if (!value.empty()) text += fmt::format("| {} | {} |\n", key, value == "\"\"" ? "(none: from scratch)" : markdown(value));
  }
  return text + "\n";
}

std::string interval_cell(const Interval* interval) {
  return interval == nullptr ? "" : fmt::format("{:.4f} to {:.4f}", interval->low, interval->high);
}

std::string scores_part(const EvaluationResult& result) {
  const auto& s = result.scores;
  const ScoreIntervals* all = result.intervals ? &*result.intervals : nullptr;
  std::string text = fmt::format("## Scores on {}\n\n{} posts. ", result.split, with_thousands(s.count));
  text += all == nullptr ? "The interval is Wilson's, 95 %.\n\n" : "Intervals: 95 %, percentile bootstrap over the posts, 2,000 draws.\n\n";
  text += "| score | value | 95 % interval |\n|---|---:|---|\n";
  const auto row = [&](const char* name, double value, Interval ScoreIntervals::* interval) {
    text += fmt::format("| {} | {:.4f} | {} |\n", name, value,
                        interval_cell(all != nullptr && interval != nullptr ? &(all->*interval) : nullptr));
  };
  const Interval wilson{.low = s.accuracy_low, .high = s.accuracy_high};
  text += fmt::format("| accuracy | {:.4f} | {} |\n", s.accuracy, interval_cell(all == nullptr ? &wilson : &all->accuracy));
  row("accuracy of always answering the largest class", majority_accuracy(s), nullptr);
  row("macro F1", s.f1_macro, &ScoreIntervals::f1_macro);
  row("weighted F1", s.f1_weighted, &ScoreIntervals::f1_weighted);
  row("macro precision", s.precision_macro, &ScoreIntervals::precision_macro);
  row("macro recall", s.recall_macro, &ScoreIntervals::recall_macro);
  row("weighted precision", s.precision_weighted, &ScoreIntervals::precision_weighted);
  row("Matthews correlation", s.mcc, &ScoreIntervals::mcc);
  row("expected calibration error (15 bins)", s.ece, &ScoreIntervals::ece);
  row("cross-entropy, nats", result.loss, nullptr);
  if (result.temperature != 1) text += fmt::format("\nProbabilities scaled by the fitted temperature {:.4f}.\n", result.temperature);
  text += "\n| class | F1 | 95 % interval | precision | recall | support |\n|---|---:|---|---:|---:|---:|\n";
  for (size_t i = 0; i < result.labels.size(); ++i) {
    const auto& own = s.classes[i];
    text += fmt::format("| {} | {:.4f} | {} | {:.4f} | {:.4f} | {} |\n", markdown(result.labels[i]), own.f1,
                        interval_cell(all == nullptr ? nullptr : &all->classes.at(i).f1), own.precision, own.recall, own.support);
  }
  return text + "\n";
}

std::string limits_part(const EvaluationResult& result) {
  const auto& scores = result.scores;
  std::string text = "## Limits\n\n";
  text += fmt::format(
      "- The scores come from {} posts of one data set and one seed. The interval covers the choice of those posts alone, not another "
      "seed, another time or another platform.\n",
      with_thousands(scores.count));
  if (scores.accuracy_low <= majority_accuracy(scores)) {
    text +=
        "- The interval of accuracy does not lie above what always answering the largest class scores: on this split the model is not "
        "shown to be better.\n";
  }
  text += fmt::format("- A probability is not a promise: on this split confidence and accuracy lie {:.1f} points apart on average.\n",
                      100 * scores.ece);
  const int64_t incomplete = result.images_missing + result.texts_missing;
  if (incomplete > 0 || result.images_skipped > 0 || result.images_truncated > 0) {
    text +=
        fmt::format("- Of the posts scored, {} had no readable picture, {} a truncated one, {} no text; {} further posts were left out.\n",
                    result.images_missing, result.images_truncated, result.texts_missing, result.images_skipped);
  }
  return text +
         "- Labels are what annotators read into a post, not what its author felt. Irony, other languages and subjects than the data's, "
         "and "
         "pictures with much text are where such models fail. It is no ground for a decision about a person.\n";
}

}  // namespace

void write_model_card(const std::filesystem::path& run_folder, const DataSet& data, const std::string& split) {
  const RunRecord run = read_run_record(run_folder);
  const EvaluationResult result = read_evaluation(run_folder, split);
  if (result.labels != data.labels) {
    throw DataError(fmt::format("{}: its labels are not those of data set {}; give the data set that the run was evaluated on",
                                evaluation_path(run_folder, split, "", ".json").string(), data.name));
  }
  std::string text = metadata(run, data, result) + "# " + markdown(run.name) + "\n\n";
  std::string labels;
  for (const auto& label : result.labels) labels += (labels.empty() ? "" : ", ") + markdown(label);
  text += fmt::format(
      "A classifier of the sentiment of social posts with a picture and a text, after INFIG: given a post, it answers with probabilities "
      "of "
      "the classes {}. A post may lack its picture or its text. The weights are in `checkpoints/best`; "
      "`infig predict --run FOLDER --text T --image F` uses them.\n\n",
      labels);
  if (!run.version.empty()) text += "Trained with infig " + markdown(run.version) + (run.git.empty() ? "" : " (" + run.git + ")") + ".\n\n";
  write_file_atomic(GuardedFolder(run_folder), "model-card.md",
                    text + training_part(run, seeds_beside(run_folder)) + data_part(run, data) + leaks_part(data) + settings_part(run) +
                        scores_part(result) + limits_part(result));
}

}  // namespace infig

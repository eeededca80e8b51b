#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "evaluation/leak_counts.h"
#include "evaluation/reports.h"
#include "evaluation/run_record.h"
#include "evaluation/verdict.h"
#include "pages/html.h"
#include "run/seeds.h"

namespace infig {
namespace {

// Escapes text for a paragraph or table cell in Markdown.
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

// Returns a YAML string: every JSON string is one.
std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

// The contents of the card. Scores are only those on the run's own data set, whatever was evaluated last.
struct CardInput {
  RunRecord run;
  const DataSet& data;                        // the data set passed to write_model_card()
  bool own = false;                           // whether the run was trained on `data`
  std::optional<EvaluationResult> test, dev;  // if evaluated; dev only if test is missing
  std::string outdated = {};                  // the best checkpoint, if the scores are of another one
};

std::string metadata(const CardInput& card) {
  std::string text =
      fmt::format("---\nlibrary_name: infig\ntags: [sentiment-analysis, multimodal, image-text-classification]\nmetrics: [accuracy, f1]\n");
  if (!card.test) return text + "---\n\n";  // a dev score must not be mistaken for a test score
  const EvaluationResult& result = *card.test;
  const std::string name = quoted(result.data.empty() ? card.run.data : result.data);
  const auto metric = [](const char* type, const char* title, double value) {
    return fmt::format("          - {{type: {}, name: {}, value: {:.6f}}}\n", type, title, value);
  };
  text += fmt::format(
      "model-index:\n  - name: {}\n    results:\n      - task: {{type: image-text-classification, name: Sentiment of posts with picture "
      "and text}}\n        dataset: {{type: {}, name: {}, split: {}}}\n        metrics:\n",
      quoted(card.run.name), name, name, result.split);
  return text + metric("accuracy", "Accuracy", result.scores.accuracy) + metric("f1", "Macro F1", result.scores.f1_macro) +
         metric("f1", "Weighted F1", result.scores.f1_weighted) + "---\n\n";
}

std::string data_part(const CardInput& card) {
  if (!card.own) {
    return fmt::format("## Data\n\nTrained on {}, SHA-256 of its posts `{}`. Its posts were not at hand when this card was written.\n\n",
                       markdown(card.run.data.empty() ? "a data set without a name" : card.run.data), card.run.data_sha256);
  }
  std::string text = fmt::format("## Data\n\n{}", markdown(card.data.name));
  if (!card.data.sha256.empty()) text += fmt::format(", SHA-256 of its posts `{}`", card.data.sha256);
  text += ".\n\n| split | posts |";
  for (const auto& label : card.data.labels) text += " " + markdown(label) + " |";
  text += "\n|---|---:|";
  for (size_t i = 0; i < card.data.labels.size(); ++i) text += "---:|";
  for (const SplitCount& one : count_splits(card.data)) {
    text += fmt::format("\n| {} | {} |", one.split, one.posts);
    for (const int64_t count : one.of_label) text += fmt::format(" {} |", count);
  }
  text += "\n\n";
  if (const std::string limit = card.run.setting("data.limit"); !limit.empty() && limit != "0") {
    text += fmt::format("Training saw at most {} posts of train and {} of dev, drawn at random (`data.limit`); the table counts all.\n\n",
                        limit, limit);
  }
  if (card.data.rows_of(Split::kDev).empty())
    text += "There was no dev split: the weights are those of the last step, chosen by nothing.\n\n";
  return text;
}

// The leaks that verify-data found, if it was run.
std::string leaks_part(const DataSet& data) {
  const std::vector<LeakLine> leaks = read_leak_counts(data.folder);
  if (!std::filesystem::is_regular_file(data.folder / "leaks.csv"))
    return "### Leaks\n\nNot looked for: the data set has no `leaks.csv`; `infig verify-data` writes it.\n\n";
  if (leaks.empty()) return "### Leaks\n\n`leaks.csv` lists no post that occurs twice.\n\n";
  std::string text =
      "### Leaks\n\nPosts that have a twin elsewhere in the data (`leaks.csv`); a model may know the answer of a post whose twin it was "
      "trained on.\n\n| alike in | post in | twin in | posts | with another label |\n|---|---|---|---:|---:|\n";
  for (const LeakLine& line : leaks)
    text += fmt::format("| {} | {} | {} | {} | {} |\n", markdown(line.kind), markdown(line.split), markdown(line.other), line.posts,
                        line.other_label);
  return text + "\n";
}

// Returns the seeds of all runs of the experiment, if the run folder is named seed-S.
std::vector<uint64_t> seeds_beside(const std::filesystem::path& run_folder) {
  std::vector<uint64_t> seeds;
  const std::filesystem::path run = std::filesystem::weakly_canonical(run_folder);
  if (!seed_of_folder(run)) return seeds;
  for (const auto& one : seed_runs(run.parent_path())) {
    if (std::filesystem::exists(one / "description.json")) seeds.push_back(*seed_of_folder(one));
  }
  return seeds;
}

std::string training_part(const RunRecord& run, const std::vector<uint64_t>& beside) {
  if (run.commands.empty() && beside.size() < 2) return "";
  std::string text = "## Training\n\n";
  for (std::string command : run.commands) {
    std::replace(command.begin(), command.end(), '\n', ' ');  // a line break would end the indented block
    text += "    " + command + "\n";
  }
  if (!run.commands.empty()) text += "\n";
  if (beside.size() > 1)
    text += fmt::format(
        "One of {} runs of the same config with the seeds {}; this one has {}. The experiment's table says how far they lie apart.\n\n",
        beside.size(), fmt::join(beside, ", "), run.seed);
  return text;
}

// What a value that stands for nothing means.
std::string settings_cell(const std::string& key, const std::string& value) {
  const bool none = value == "\"\"";
  if (none && key == "clip.model") return "(none: without CLIP)";
  if (none && key == "words.vectors") return "(none: random)";
  if (none && key == "scene.model") return "(none: image.model)";
  if (none && key.ends_with(".model")) return "(none: from scratch)";
  if (key == "optim.lr_new" && value == "0") return "0 (as optim.lr)";
  return none ? "(none)" : markdown(value);
}

// What a size became that the training split is too small for; empty where it holds, or where the split is not at hand.
std::string in_effect(const CardInput& card, const std::string& key) {
  const auto number = [&](const char* name) { return std::strtoll(card.run.setting(name).c_str(), nullptr, 10); };
  int64_t posts = static_cast<int64_t>(card.data.rows_of(Split::kTrain).size());
  if (!card.own || posts == 0) return "";
  if (const int64_t limit = number("data.limit"); limit > 0) posts = std::min(posts, limit);
  const int64_t batch = std::min(posts, static_cast<int64_t>(number("train.batch_size")));
  const int64_t value = key == "train.batch_size" ? batch : key == "gam.queue_size" ? std::max<int64_t>(0, posts - batch) : -1;
  if (value < 0 || value >= number(key.c_str())) return "";
  return fmt::format(" (in effect {}: the training split has {})", value, counted(posts, "post"));
}

std::string settings_part(const CardInput& card) {
  const RunRecord& run = card.run;
  // The most important settings; config.yaml has all of them.
  static const std::vector<std::string> kMain = {
      "model.name",           "words.vectors", "words.clean",   "captions.from",    "attributes.from", "scene.model", "text.model",
      "text.special_in_text", "image.model",   "image.augment", "image.finetune",   "clip.model",      "gam.enabled", "gam.layer",
      "gam.queue_size",       "hfam.enabled",  "hfam.top_j",    "loss.lambda_g",    "loss.lambda_f",   "optim.name",  "optim.lr",
      "optim.lr_new",         "optim.warmup",  "train.epochs",  "train.batch_size", "train.patience",  "precision"};
  std::string text = "## Settings\n\n";
  if (!run.preset.empty()) text += "Preset `" + run.preset + "`. ";
  text += "Every key stands in `config.yaml`.\n\n| key | value |\n|---|---|\n";
  if (!run.seed.empty()) text += "| seed | " + markdown(run.seed) + " |\n";
  if (!run.tokenizer.empty()) text += "| tokenizer | " + markdown(run.tokenizer) + " |\n";
  for (const auto& key : kMain) {
    const std::string value = run.setting(key);
    if (!value.empty()) text += fmt::format("| {} | {}{} |\n", key, settings_cell(key, value), in_effect(card, key));
  }
  return text + "\n";
}

// What the model is not, above everything that it scores.
std::string marks_part(const RunRecord& run) {
  if (run.marks.empty()) return "";
  std::string text = "## Marks\n\n";
  for (const std::string& mark : run.marks) text += "- " + markdown(mark) + "\n";
  return text +
         "\n`docs/models.md` says what each means: what stood in for an input of the published model, or was decided without it.\n\n";
}

std::string interval_cell(const Interval* interval) {
  if (interval != nullptr && interval->low == interval->high) return "\u2013";  // all bootstrap draws are equal
  return interval == nullptr ? "" : fmt::format("{:.4f} to {:.4f}", interval->low, interval->high);
}

std::string scores_part(const EvaluationResult& result) {
  const auto& s = result.scores;
  const ScoreIntervals* all = result.intervals ? &*result.intervals : nullptr;
  std::string text = fmt::format("## Scores on {}\n\n{}. ", result.split, counted(s.count, "post"));
  text += all == nullptr ? "The interval is Wilson's, 95 %.\n\n" : fmt::format("Intervals are 95 %. {}.\n\n", kIntervalMethods);
  if (result.data_sha256.empty())
    text += "These figures were written by an older infig, which did not record the data set; evaluate the run again to be sure of it.\n\n";
  text += markdown(verdict_of(result).sentence) + "\n\n";
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
  row("weighted recall", s.recall_weighted, &ScoreIntervals::recall_weighted);
  row("Matthews correlation", s.mcc, &ScoreIntervals::mcc);
  row("expected calibration error (15 bins)", s.ece, &ScoreIntervals::ece);
  row("cross-entropy, nats", result.loss, nullptr);
  if (text.find("| \u2013 |") != std::string::npos) text += fmt::format("\n\u2013: {}.\n", kNoSpread);
  if (result.pictures.named > 0 || result.pictures.lost.absent + result.pictures.lost.bad > 0)
    text += fmt::format("\nOf the split's {}.\n", result.pictures.words());
  if (result.temperature != 1) text += fmt::format("\nProbabilities scaled by the fitted temperature {:.4f}.\n", result.temperature);
  text += "\n| class | F1 | 95 % interval | precision | recall | support |\n|---|---:|---|---:|---:|---:|\n";
  for (size_t i = 0; i < result.labels.size(); ++i) {
    const auto& own = s.classes[i];
    text += fmt::format("| {} | {:.4f} | {} | {:.4f} | {:.4f} | {} |\n", markdown(result.labels[i]), own.f1,
                        interval_cell(all == nullptr ? nullptr : &all->classes.at(i).f1), own.precision, own.recall, own.support);
  }
  return text + "\n";
}

std::string scores_of_card(const CardInput& card) {
  const std::string outdated =
      card.outdated.empty()
          ? ""
          : fmt::format("The scores below are of an earlier checkpoint; the best is {} now. Evaluate the run again.\n\n", card.outdated);
  if (card.test) return outdated + scores_part(*card.test);
  std::string text = "## Scores on test\n\nThis run was never evaluated on the test split of its data set";
  text += card.own && card.data.rows_of(Split::kTest).empty()
              ? ", which has none.\n\n"
              : "; `infig evaluate --run FOLDER --data DATA --split test` does, and writes this card anew.\n\n";
  if (!card.dev) return text;
  return text + "The split dev chose the checkpoint, so that its scores are too good to stand for new posts.\n\n" + outdated +
         scores_part(*card.dev);
}

std::string limits_part(const EvaluationResult& result) {
  std::string text = "## Limits\n\n";
  text += fmt::format(
      "- The scores come from {} of one data set and one seed. The intervals cover the choice of those posts alone, not another "
      "seed, another time or another platform.\n",
      counted(result.scores.count, "post"));
  text += fmt::format("- A probability is not a promise: on this split confidence and accuracy lie {:.1f} points apart on average.\n",
                      100 * result.scores.ece);
  const int64_t incomplete = result.images_missing + result.texts_missing;
  const int64_t left_out = result.images_skipped + result.posts_empty + result.rows_left_out;
  if (incomplete > 0 || left_out > 0 || result.images_truncated > 0) {
    text +=
        fmt::format("- Of the posts scored, {} had no readable picture, {} a truncated one, {} no text; {} further posts were left out.\n",
                    result.images_missing, result.images_truncated, result.texts_missing, left_out);
  }
  return text;
}

const char* const kLimitsOfLabels =
    "- Labels are what annotators read into a post, not what its author felt. Irony, other languages and subjects than the data's, "
    "and "
    "pictures with much text are where such models fail. It is no ground for a decision about a person.\n";

void check_labels(const EvaluationResult& result, const DataSet& data, const std::filesystem::path& run_folder) {
  for (const auto& label : data.labels) {
    if (std::find(result.labels.begin(), result.labels.end(), label) != result.labels.end()) continue;
    throw DataError(fmt::format("{}: its labels are not those of data set {}; give the data set that the run was evaluated on",
                                StoredEvaluation{.split = result.split}.path(run_folder, ".json").string(), data.name));
  }
}

}  // namespace

bool write_model_card(const std::filesystem::path& run_folder, const DataSet& data) {
  CardInput card{.run = read_run_record(run_folder), .data = data, .own = false, .test = {}, .dev = {}};
  card.own = evaluation_folder(run_folder, data.name, data.sha256) == "eval";
  if (!card.own && std::filesystem::exists(run_folder / "model-card.md")) return false;
  for (const StoredEvaluation& one : stored_evaluations(run_folder)) {
    if (!one.own() || !one.without.empty()) continue;
    if (one.split == "train" || card.test) continue;
    (one.split == "test" ? card.test : card.dev) = read_evaluation(run_folder, one);
    card.outdated = outdated_by(run_folder, one);
  }
  const EvaluationResult* scored = card.test ? &*card.test : card.dev ? &*card.dev : nullptr;
  if (scored != nullptr && card.own) check_labels(*scored, data, run_folder);
  std::string labels;
  for (const auto& label : scored != nullptr ? scored->labels : data.labels) labels += (labels.empty() ? "" : ", ") + markdown(label);
  const RunRecord& run = card.run;
  std::string text = metadata(card) + "# " + markdown(run.name) + "\n\n";
  text += fmt::format(
      "A classifier of the sentiment of social posts with a picture and a text, after INFIG: given a post, it answers with probabilities "
      "of "
      "the classes {}. A post may lack its picture or its text. The weights are in `checkpoints/best`; "
      "`infig predict --run FOLDER --text T --image F` uses them.\n\n",
      labels);
  if (!run.version.empty()) text += "Trained with infig " + markdown(run.version) + (run.git.empty() ? "" : " (" + run.git + ")") + ".\n\n";
  text += training_part(run, seeds_beside(run_folder)) + data_part(card) + (card.own ? leaks_part(data) : "") + settings_part(card) +
          marks_part(run) + scores_of_card(card) + (scored != nullptr ? limits_part(*scored) : "## Limits\n\n") + kLimitsOfLabels;
  write_file_atomic(GuardedFolder(run_folder), "model-card.md", text);
  return true;
}

}  // namespace infig

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
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
  if (!run.data_sha256.empty() && !data.sha256.empty() && run.data_sha256 != data.sha256) {
    text += "The model was trained on another data set (SHA-256 `" + run.data_sha256 + "`); the scores below are of the one above.\n\n";
  }
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

std::string scores_part(const EvaluationResult& result) {
  const auto& scores = result.scores;
  std::string text = fmt::format("## Scores on {}\n\n| score | value |\n|---|---|\n", result.split);
  text += fmt::format("| posts | {} |\n", with_thousands(scores.count));
  text +=
      fmt::format("| accuracy | {:.4f} (95 % interval {:.4f} to {:.4f}) |\n", scores.accuracy, scores.accuracy_low, scores.accuracy_high);
  text += fmt::format("| accuracy of always answering the largest class | {:.4f} |\n", majority_accuracy(scores));
  text += fmt::format("| macro F1 | {:.4f} |\n| weighted F1 | {:.4f} |\n", scores.f1_macro, scores.f1_weighted);
  text += fmt::format("| expected calibration error (15 bins) | {:.4f} |\n| cross-entropy, nats | {:.4f} |\n\n", scores.ece, result.loss);
  text += "| class | F1 | precision | recall | support |\n|---|---:|---:|---:|---:|\n";
  for (size_t i = 0; i < result.labels.size(); ++i) {
    const auto& own = scores.classes[i];
    text +=
        fmt::format("| {} | {:.4f} | {:.4f} | {:.4f} | {} |\n", markdown(result.labels[i]), own.f1, own.precision, own.recall, own.support);
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
  write_file_atomic(run_folder / "model-card.md",
                    text + data_part(run, data) + settings_part(run) + scores_part(result) + limits_part(result));
}

}  // namespace infig

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/device_flags.h"
#include "apps/ranks_of_verb.h"
#include "apps/reading_flags.h"
#include "apps/signals.h"
#include "apps/validators.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/words.h"
#include "data/data_set.h"
#include "data/label_words.h"
#include "evaluation/evaluate.h"
#include "evaluation/reports.h"
#include "evaluation/run_record.h"
#include "evaluation/temperature.h"
#include "evaluation/verdict.h"
#include "experiments/tables.h"
#include "model/baselines/anchors.h"
#include "predict/calibration.h"
#include "quality/clean_test.h"
#include "run/checkpoints.h"
#include "run/seeds.h"
#include "training/run_inputs.h"

namespace infig {
namespace {

struct EvaluateFlags {
  std::string run, data, captions, split = "test", clean_test, without, bad_image = "missing";
  std::string temperature = "none";
  DeviceFlags device;
  ReadingFlags reading;
  int64_t batch_size = 64, workers = 2, limit = 0;
  double min_confidence = 0;
  bool fit_temperature = false, no_report = false, modalities = false, may_lose_pictures = false;
};

void print_selective(const SelectiveScores& selective) {
  std::printf("  at confidence %g and more: coverage %.4f (%lld of %s)", selective.min_confidence, selective.coverage(),
              static_cast<long long>(selective.answered), counted(selective.posts, "post").c_str());
  if (const auto accuracy = selective.accuracy())
    std::printf(", accuracy %.4f (95 %% Wilson interval %.4f to %.4f)", accuracy->value, accuracy->low, accuracy->high);
  std::printf("\n");
}

// What the posts' texts and pictures were.
void print_counts(const EvaluationResult& result) {
  if (!result.marks.empty()) std::printf("  marks: %s\n", fmt::format("{}", fmt::join(result.marks, ", ")).c_str());
  if (!result.trained_without.empty()) {
    std::printf("  %s not read: the run was trained with data.without=%s\n",
                result.trained_without == "image" ? "pictures are" : "texts are", result.trained_without.c_str());
  }
  if (result.without != "image" && result.trained_without != "image") std::printf("  %s\n", result.pictures.words().c_str());
  if (result.images_skipped > 0)
    std::printf("  %s left out: their picture cannot be used\n", counted(result.images_skipped, "post").c_str());
  if (result.posts_empty > 0)
    std::printf("  %s with neither a text nor a picture that can be used left out\n", counted(result.posts_empty, "post").c_str());
  if (result.rows_left_out > 0) std::printf("  %s with neither text nor picture left out\n", counted(result.rows_left_out, "row").c_str());
}

void print_scores(const EvaluationResult& result) {
  const auto& s = result.scores;
  std::printf("%s, %s%s%s: %s\n", result.data.c_str(), result.split.c_str(), result.without.empty() ? "" : " without ",
              result.without.c_str(), counted(s.count, "post").c_str());
  if (const auto unlabelled = static_cast<int64_t>(result.predictions.size()) - s.count; unlabelled > 0)
    std::printf("  %lld more without label: predicted, not scored\n", static_cast<long long>(unlabelled));
  std::printf("  accuracy     %.4f  (95 %% Wilson interval %.4f to %.4f; majority class %.4f)\n", s.accuracy, s.accuracy_low,
              s.accuracy_high, majority_accuracy(s));
  std::printf("  macro F1     %.4f\n  weighted F1  %.4f\n  MCC          %.4f\n  ECE          %.4f\n  loss         %.4f\n", s.f1_macro,
              s.f1_weighted, s.mcc, s.ece, result.loss);
  if (result.selective) print_selective(*result.selective);
  if (result.temperature != 1) std::printf("  probabilities scaled by the fitted temperature %.4f\n", result.temperature);
  std::printf("  %-16s precision  recall      f1  posts   confusion (row = truth)\n", "class");
  for (size_t c = 0; c < result.labels.size(); ++c) {
    const auto& scores = s.classes[c];
    std::printf("  %-16s    %.4f  %.4f  %.4f  %5lld  ", shown_label(result.labels[c]).c_str(), scores.precision, scores.recall, scores.f1,
                static_cast<long long>(scores.support));
    for (const int64_t count : s.confusion[c]) std::printf(" %5lld", static_cast<long long>(count));
    std::printf("\n");
  }
}

// What infig anchors has found for this data set, if it was asked.
std::vector<AnchorLine> anchor_lines(const std::string& data_path, const DataSet& data, const std::string& split) {
  std::vector<AnchorLine> lines;
  const auto table = read_anchors(anchors_path(data_path), data.sha256);
  if (!table) return lines;
  for (const auto& row : table->rows) {
    const auto scores = row.splits.find(split);
    if (scores == row.splits.end()) continue;
    lines.push_back({row.name, scores->second.accuracy, scores->second.f1_macro, scores->second.f1_weighted});
  }
  return lines;
}

// The score without the posts that train or dev hold as well, where their list is there (verify-data --write-clean-test) or given.
void score_without_leaks(const EvaluateFlags& flags, const DataSet& data, EvaluationResult& result) {
  const bool given = !flags.clean_test.empty();
  const std::filesystem::path path = given ? std::filesystem::path(flags.clean_test) : clean_test_path(flags.data);
  if (given && result.split != "test") throw ConfigError(fmt::format("--clean-test lists test posts, but --split is {}", result.split));
  if (result.split != "test" || (!given && !std::filesystem::exists(path))) return;
  const CleanTest clean = read_clean_test(path);
  if (clean.data_sha256 != data.sha256) {
    const std::string message =
        fmt::format("{}: was made of other posts (SHA-256 {}, these have {}); write it anew with infig verify-data {} --write-clean-test",
                    path.string(), clean.data_sha256, data.sha256, flags.data);
    if (given) throw DataError(message);
    log_warning("{}", message);
    return;
  }
  result.clean = score_clean(result, clean.ids);
}

void print_clean(const EvaluationResult& result) {
  if (!result.clean) return;
  const CleanScores& c = *result.clean;
  std::printf(
      "  without leaked posts: %s\n  accuracy     %.4f  (95 %% Wilson interval %.4f to %.4f)\n  macro F1     %.4f\n  weighted F1  %.4f\n",
      counted(c.posts, "post").c_str(), c.accuracy, c.accuracy_low, c.accuracy_high, c.f1_macro, c.f1_weighted);
}

void print_anchors(const EvaluationResult& result) {
  if (result.anchors.empty()) return;
  std::printf("  anchors            accuracy  macro F1  weighted F1\n");
  for (const auto& anchor : result.anchors)
    std::printf("  %-18s   %.4f    %.4f       %.4f\n", anchor.name.c_str(), anchor.accuracy, anchor.f1_macro, anchor.f1_weighted);
}

// What is computed, by all ranks; the first one prints and writes it.
struct Evaluations {
  EvaluationResult result;
  std::optional<EvaluationResult> dev;                        // --fit-temperature, where the split is another one
  std::optional<EvaluationResult> text_alone, picture_alone;  // --modalities
};

// With captions, then --limit.
DataSet seen_posts(const Predictor& predictor, const DataSet& whole, const EvaluateFlags& flags) {
  const DataSet own = completed(predictor, whole, flags.captions);
  return flags.limit > 0 ? limited(own, flags.limit, kLimitSeed) : own;
}

// Where the run's training keeps features of frozen networks.
std::filesystem::path cache_of_run(const std::filesystem::path& run) {
  const std::string named = find_config_value(run / "config.yaml", {}, "data.feature_cache").value_or("");
  return named.empty() ? run / "cache" : std::filesystem::path(named);
}

Evaluations evaluate_all(const EvaluateFlags& flags, const std::string& run, const DataSet& whole, EvaluateOptions options) {
  options.feature_cache = cache_of_run(run);
  Evaluations all;
  const Split split = parse_split(flags.split);
  const Predictor predictor(run, options.predictor);
  const DataSet data = seen_posts(predictor, whole, flags);
  if (flags.modalities && predictor.trained_without() != Without::kNothing) {
    throw ConfigError(fmt::format("--modalities: {} was trained with data.without={} and has one side alone; leave the flag out", run,
                                  side_name(predictor.trained_without())));
  }
  all.result = evaluate(predictor, data, split, options);
  if (flags.fit_temperature && split != Split::kDev) all.dev = evaluate(predictor, data, Split::kDev, options);
  if (!flags.modalities) return all;
  EvaluateOptions one = options;
  one.loader.without = Without::kImage;
  all.text_alone = evaluate(predictor, data, split, one);
  one.loader.without = Without::kText;
  all.picture_alone = evaluate(predictor, data, split, one);
  return all;
}

// The same posts with their text alone and with their picture alone, each with files of its own.
void show_sides(const std::string& run, const Evaluations& all, EvaluationResult& both) {
  std::printf("  model sees         accuracy  macro F1  weighted F1\n");
  const auto line = [](const char* title, const ClassificationScores& s) {
    std::printf("  %-18s   %.4f    %.4f       %.4f\n", title, s.accuracy, s.f1_macro, s.f1_weighted);
  };
  line("picture and text", both.scores);
  for (const bool text_only : {true, false}) {
    const EvaluationResult& result = text_only ? *all.text_alone : *all.picture_alone;
    write_evaluation(result, run);
    line(text_only ? "text alone" : "picture alone", result.scores);
    both.sides.push_back(
        {text_only ? "text_only" : "image_only", result.scores.accuracy, result.scores.f1_macro, result.scores.f1_weighted});
  }
}

// --fit-temperature, then --temperature: what is fitted now can be used now.
void calibrate(const EvaluateFlags& flags, const std::string& run, const DataSet& data, const Evaluations& all, EvaluationResult& result) {
  if (flags.fit_temperature) {
    const Calibration fitted = fit_calibration(all.dev ? *all.dev : result, data.sha256);
    write_calibration(run, fitted);
    std::printf("temperature %.4f, fitted on %s of dev: loss %.4f -> %.4f, ECE %.4f -> %.4f there\n", fitted.temperature,
                counted(fitted.posts, "post").c_str(), fitted.loss_before, fitted.loss_after, fitted.ece_before, fitted.ece_after);
  }
  scale_by_temperature(result, chosen_temperature(run, flags.temperature));
  if (flags.min_confidence > 0) result.selective = score_selective(result, flags.min_confidence);
}

// The report and the card, where `run` is a run and not the folder of a checkpoint alone.
void write_pages(const EvaluateFlags& flags, const std::string& run, const DataSet& data, const StoredEvaluation& stored) {
  const std::filesystem::path folder(run);
  std::string wrote = stored.path(run, ".json").string();
  if (flags.no_report || !stored.without.empty()) {
    std::printf("wrote %s\n", wrote.c_str());
    return;
  }
  if (!std::filesystem::exists(folder / "description.json")) {
    std::printf("wrote %s; no report.html and no model-card.md, which belong to a run: %s is a checkpoint\n", wrote.c_str(), run.c_str());
    return;
  }
  write_report(run, data, stored, {.threads = flags.workers});
  wrote += " and " + (folder / "report.html").string();
  if (write_model_card(run, data)) {
    std::printf("wrote %s; %s states the run's own test split\n", wrote.c_str(), (folder / "model-card.md").c_str());
  } else {
    std::printf("wrote %s; model-card.md stays as it is: it is of %s's own data set\n", wrote.c_str(), run.c_str());
  }
}

// What was typed, as the name of the split that it means ("valid" is dev); returns what is wrong with it.
std::string read_split(std::string& word) {
  try {
    word = split_name(parse_split(word));
    return "";
  } catch (const DataError&) {
    return fmt::format("expected train, dev or test, found {}", word);
  }
}

// One run, evaluated, printed and written by the first rank.
EvaluationResult evaluate_run(const EvaluateFlags& flags, const std::string& run, const DataSet& whole, const EvaluateOptions& options) {
  Evaluations all = evaluate_all(flags, run, whole, options);
  EvaluationResult& result = all.result;
  if (!options.ranks->first()) return std::move(result);
  calibrate(flags, run, whole, all, result);
  result.anchors = anchor_lines(flags.data, whole, result.split);
  score_without_leaks(flags, whole, result);
  print_scores(result);
  print_clean(result);
  print_anchors(result);
  std::printf("  %s\n", verdict_of(result).sentence.c_str());
  print_counts(result);
  if (flags.limit > 0) {
    std::printf("nothing is written: --limit %lld leaves a part of the split\n", static_cast<long long>(flags.limit));
    return std::move(result);
  }
  if (flags.modalities) show_sides(run, all, result);
  write_pages(flags, run, whole, write_evaluation(result, run));
  return std::move(result);
}

nlohmann::ordered_json to_json(const Summary& summary) {
  nlohmann::ordered_json json = {{"mean", summary.mean}, {"deviation", summary.deviation}, {"values", summary.values}};
  if (summary.interval) json.update({{"low", summary.interval->low}, {"high", summary.interval->high}});
  return json;
}

// Mean and spread over the seeds of a folder: on the screen, and kept in FOLDER/mean-[NAME-HASH8-]SPLIT[-without-SIDE].json.
void show_mean(const std::vector<EvaluationResult>& results, const std::vector<std::string>& runs, const EvaluateFlags& flags) {
  const EvaluationResult& first = results.front();
  nlohmann::ordered_json json = {{"data", first.data}, {"data_sha256", first.data_sha256}, {"split", first.split}, {"runs", runs}};
  if (!first.without.empty()) json["without"] = first.without;
  const auto line = [&](const char* title, const char* key, double least, const auto& value) {
    std::vector<double> values;
    for (const EvaluationResult& one : results) values.push_back(value(one.scores));
    const Summary summary = summarize(values, {.low = least, .high = 1});
    std::printf("  %-12s %s\n", title, score_cell(summary).c_str());
    json[key] = to_json(summary);
  };
  std::printf("%s, %s of %s: %s\n", first.data.c_str(), first.split.c_str(), flags.run.c_str(), summary_words(results.size()).c_str());
  line("accuracy", "eval_accuracy", 0, [](const ClassificationScores& s) { return s.accuracy; });
  line("macro F1", "eval_f1_macro", 0, [](const ClassificationScores& s) { return s.f1_macro; });
  line("weighted F1", "eval_f1_weighted", 0, [](const ClassificationScores& s) { return s.f1_weighted; });
  line("MCC", "eval_mcc", -1, [](const ClassificationScores& s) { return s.mcc; });
  if (!first.marks.empty()) {
    std::printf("  marks: %s\n", fmt::format("{}", fmt::join(first.marks, ", ")).c_str());
    json["marks"] = first.marks;
  }
  if (flags.limit > 0) return;
  const std::filesystem::path folder = evaluation_folder(runs.front(), first.data, first.data_sha256);
  const std::string other = folder == "eval" ? "" : folder.filename().string() + "-",
                    side = first.without.empty() ? "" : "-without-" + first.without;
  const std::filesystem::path path = std::filesystem::path(flags.run) / fmt::format("mean-{}{}{}.json", other, first.split, side);
  write_file_atomic(path, json.dump(2) + "\n");
  std::printf("wrote %s\n", path.c_str());
}

// The run itself, or, where it is a folder of seeds, each of them.
std::vector<std::string> runs_of(const std::string& run) {
  const std::filesystem::path folder(run);
  std::error_code code;
  const auto there = [&](const char* name) { return std::filesystem::exists(folder / name, code); };
  std::vector<std::string> runs;
  if (!there("checkpoints") && !there("config.yaml") && !there("model.safetensors")) {
    for (const auto& one : seed_runs(folder)) runs.push_back(one.string());
  }
  return runs.empty() ? std::vector<std::string>{run} : runs;
}

void evaluate_verb(const EvaluateFlags& flags) {
  if (flags.modalities && !flags.without.empty())
    throw ConfigError("--modalities: shows both sides and each alone; --without hides one; use one of the two");
  if (flags.fit_temperature && !flags.without.empty())
    throw ConfigError("--fit-temperature: fits the model as it is used; leave out --without");
  if (flags.limit > 0 && flags.fit_temperature) throw ConfigError("--fit-temperature: fits on the whole of dev; leave out --limit");
  if (flags.limit > 0 && flags.modalities)
    throw ConfigError("--modalities: keeps what each side scores; leave out --limit, which keeps nothing");
  const std::vector<std::string> runs = runs_of(flags.run);
  for (const std::string& run : runs) {  // said before the work
    find_checkpoint(run);
    if (flags.limit == 0) check_run_record(run, !flags.no_report && flags.without.empty());
    if (!flags.fit_temperature) chosen_temperature(run, flags.temperature);
  }
  Ranks& ranks = ranks_of_verb();
  EvaluateOptions options;
  options.predictor = use_device_flags(flags.device);
  const DataSet whole = read_data_set(flags.data, flags.reading.reading());
  ConfigBinder binder;
  bind_options(binder, options);
  std::vector<std::string> settings = {"bad_image=" + flags.bad_image, fmt::format("batch_size={}", flags.batch_size),
                                       fmt::format("workers={}", flags.workers)};
  if (!flags.without.empty()) settings.push_back("without=" + flags.without);
  for (const auto& setting : settings) apply_override(binder, setting);
  if (flags.fit_temperature) {
    for (const std::string& run : runs) check_fitted_on(run, whole.name, whole.sha256);
  }
  options.ranks = &ranks;
  options.stop = watch_signals();
  options.may_lose_pictures = flags.may_lose_pictures;
  std::vector<EvaluationResult> results;
  for (const std::string& run : runs) {
    if (runs.size() > 1 && ranks.first()) std::printf("%s:\n", run.c_str());
    results.push_back(evaluate_run(flags, run, whole, options));
  }
  if (results.size() > 1 && ranks.first()) show_mean(results, runs, flags);
}

}  // namespace

void add_evaluate(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("evaluate", "score a run's best checkpoint on a split; write eval/, report.html and model-card.md");
  auto flags = std::make_shared<EvaluateFlags>();
  verb->add_option("--run", flags->run, "run folder that train wrote, or a folder of seeds (seed-1, ...): each of them, and their mean")
      ->required();
  add_data_flag(*verb, flags->data);
  add_reading_flags(*verb, flags->reading);
  verb->add_option("--captions", flags->captions,
                   "captions of this data set's pictures, id<TAB>caption, for a model that reads them (default: the run's captions.file)");
  verb->add_option("--split", flags->split, "train | dev | test")->capture_default_str()->transform(CLI::Validator(read_split, ""));
  verb->add_option(
      "--clean-test", flags->clean_test,
      "list of test posts without leaks, scored as well (default: the data set's clean-test.json, where verify-data wrote one)");
  verb->add_option("--without", flags->without, "hide one side of every post: image | text")->check(CLI::IsMember({"image", "text"}));
  verb->add_flag("--modalities", flags->modalities, "also with the text alone and with the picture alone, side by side");
  verb->add_option("--bad-image", flags->bad_image,
                   "posts that name a picture that cannot be used: missing | skip | error; that none can be is an error unless missing is "
                   "typed")
      ->capture_default_str()
      ->check(CLI::IsMember({"missing", "skip", "error"}));
  verb->add_option("--min-confidence", flags->min_confidence,
                   "also how many posts have an answer of at least this probability, and how accurate those are")
      ->capture_default_str()
      ->check(number_between(0, 1));
  add_device_flags(*verb, flags->device);
  add_compute_flags(*verb, {.batch_size = flags->batch_size, .threads = flags->device.threads, .workers = flags->workers});
  add_limit_flag(*verb, flags->limit, "score at most so many posts of the split, drawn at random, to try things; nothing is then written");
  verb->add_flag(
      "--fit-temperature", flags->fit_temperature,
      "fit the temperature that makes the probabilities of dev most likely; keep it beside the best checkpoint (calibration.json)");
  verb->add_option("--temperature", flags->temperature, "scale the probabilities: fitted | none")
      ->capture_default_str()
      ->check(CLI::IsMember({"fitted", "none"}));
  verb->add_flag("--no-report", flags->no_report, "leave report.html and model-card.md alone");
  verb->footer(
      "Examples:\n  infig evaluate --run runs/demo --data runs/postcards --split test\n"
      "  infig evaluate --run runs/demo --data runs/postcards --split test --without image\n"
      "  infig evaluate --run runs/demo --data runs/postcards --split dev --modalities\n"
      "  infig evaluate --run runs/demo --data runs/postcards --split test --fit-temperature --temperature fitted\n"
      "  infig evaluate --run runs/seeds --data runs/postcards --split test\n"
      "  mpirun -n 4 infig evaluate --run runs/demo --data runs/postcards --split test");
  verb->callback([flags, verb] {
    flags->may_lose_pictures = verb->get_option("--bad-image")->count() > 0 && flags->bad_image == "missing";
    evaluate_verb(*flags);
  });
}

}  // namespace infig

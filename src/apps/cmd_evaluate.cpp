#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/device_flags.h"
#include "apps/ranks_of_verb.h"
#include "core/error.h"
#include "core/log.h"
#include "data/data_set.h"
#include "evaluation/evaluate.h"
#include "evaluation/reports.h"
#include "evaluation/temperature.h"
#include "model/baselines/anchors.h"
#include "predict/calibration.h"
#include "quality/clean_test.h"
#include "training/run_inputs.h"

namespace infig {
namespace {

struct EvaluateFlags {
  std::string run, data, split = "test", clean_test, without, bad_image = "missing";
  std::string temperature = "none";
  DeviceFlags device;
  int64_t batch_size = 64, workers = 2, limit = 0;
  bool fit_temperature = false, no_report = false, modalities = false;
};

void print_scores(const EvaluationResult& result) {
  const auto& s = result.scores;
  std::printf("%s%s%s: %lld posts\n", result.split.c_str(), result.without.empty() ? "" : " without ", result.without.c_str(),
              static_cast<long long>(s.count));
  std::printf("  accuracy     %.4f  (95 %% interval %.4f to %.4f; majority class %.4f)\n", s.accuracy, s.accuracy_low, s.accuracy_high,
              majority_accuracy(s));
  std::printf("  macro F1     %.4f\n  weighted F1  %.4f\n  MCC          %.4f\n  ECE          %.4f\n  loss         %.4f\n", s.f1_macro,
              s.f1_weighted, s.mcc, s.ece, result.loss);
  if (result.temperature != 1) std::printf("  probabilities scaled by the fitted temperature %.4f\n", result.temperature);
  std::printf("  %-16s precision  recall      f1  posts   confusion (row = truth)\n", "class");
  for (size_t c = 0; c < result.labels.size(); ++c) {
    const auto& scores = s.classes[c];
    std::printf("  %-16s    %.4f  %.4f  %.4f  %5lld  ", result.labels[c].c_str(), scores.precision, scores.recall, scores.f1,
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
      "  without leaked posts: %lld posts\n  accuracy     %.4f  (95 %% interval %.4f to %.4f)\n  macro F1     %.4f\n  weighted F1  %.4f\n",
      static_cast<long long>(c.posts), c.accuracy, c.accuracy_low, c.accuracy_high, c.f1_macro, c.f1_weighted);
}

void print_anchors(const EvaluationResult& result) {
  if (result.anchors.empty()) return;
  std::printf("  anchors            accuracy  macro F1  weighted F1\n");
  for (const auto& anchor : result.anchors)
    std::printf("  %-18s   %.4f    %.4f       %.4f\n", anchor.name.c_str(), anchor.accuracy, anchor.f1_macro, anchor.f1_weighted);
  const auto best =
      std::max_element(result.anchors.begin(), result.anchors.end(), [](const auto& a, const auto& b) { return a.accuracy < b.accuracy; });
  std::printf("  the model is %s the best of them (%s)\n", result.scores.accuracy > best->accuracy ? "above" : "NOT above",
              best->name.c_str());
}

// What is computed, by all ranks; the first one prints and writes it.
struct Evaluations {
  EvaluationResult result;
  std::optional<EvaluationResult> dev;                        // --fit-temperature, where the split is another one
  std::optional<EvaluationResult> text_alone, picture_alone;  // --modalities
};

Evaluations evaluate_all(const EvaluateFlags& flags, const DataSet& data, const EvaluateOptions& options) {
  Evaluations all;
  const Split split = parse_split(flags.split);
  const Predictor predictor(flags.run, options.predictor);
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
void show_sides(const EvaluateFlags& flags, const Evaluations& all, EvaluationResult& both) {
  std::printf("  model sees         accuracy  macro F1  weighted F1\n");
  const auto line = [](const char* title, const ClassificationScores& s) {
    std::printf("  %-18s   %.4f    %.4f       %.4f\n", title, s.accuracy, s.f1_macro, s.f1_weighted);
  };
  line("picture and text", both.scores);
  for (const bool text_only : {true, false}) {
    const EvaluationResult& result = text_only ? *all.text_alone : *all.picture_alone;
    write_evaluation(result, flags.run);
    line(text_only ? "text alone" : "picture alone", result.scores);
    both.sides.push_back(
        {text_only ? "text_only" : "image_only", result.scores.accuracy, result.scores.f1_macro, result.scores.f1_weighted});
  }
}

// --fit-temperature, then --temperature: what is fitted now can be used now.
void calibrate(const EvaluateFlags& flags, const DataSet& data, const Evaluations& all, EvaluationResult& result) {
  if (flags.fit_temperature) {
    const Calibration fitted = fit_calibration(all.dev ? *all.dev : result, data.sha256);
    write_calibration(flags.run, fitted);
    std::printf("temperature %.4f, fitted on %lld posts of dev: loss %.4f -> %.4f, ECE %.4f -> %.4f there\n", fitted.temperature,
                static_cast<long long>(fitted.posts), fitted.loss_before, fitted.loss_after, fitted.ece_before, fitted.ece_after);
  }
  scale_by_temperature(result, chosen_temperature(flags.run, flags.temperature));
}

void evaluate_verb(const EvaluateFlags& flags) {
  if (flags.modalities && !flags.without.empty())
    throw ConfigError("--modalities: shows both sides and each alone; --without hides one; use one of the two");
  if (flags.fit_temperature && !flags.without.empty())
    throw ConfigError("--fit-temperature: fits the model as it is used; leave out --without");
  if (flags.limit > 0 && flags.fit_temperature) throw ConfigError("--fit-temperature: fits on the whole of dev; leave out --limit");
  if (flags.limit > 0 && flags.modalities)
    throw ConfigError("--modalities: keeps what each side scores; leave out --limit, which keeps nothing");
  if (!flags.fit_temperature) chosen_temperature(flags.run, flags.temperature);  // said before the work
  Ranks& ranks = ranks_of_verb();
  EvaluateOptions options;
  options.predictor = use_device_flags(flags.device);
  const DataSet whole = read_data_set(flags.data), data = flags.limit > 0 ? limited(whole, flags.limit, kLimitSeed) : whole;
  ConfigBinder binder;
  bind_options(binder, options);
  std::vector<std::string> settings = {"bad_image=" + flags.bad_image, fmt::format("batch_size={}", flags.batch_size),
                                       fmt::format("workers={}", flags.workers)};
  if (!flags.without.empty()) settings.push_back("without=" + flags.without);
  for (const auto& setting : settings) apply_override(binder, setting);
  options.ranks = &ranks;
  Evaluations all = evaluate_all(flags, data, options);
  if (!ranks.first()) return;
  EvaluationResult& result = all.result;
  calibrate(flags, data, all, result);
  result.anchors = anchor_lines(flags.data, data, result.split);
  score_without_leaks(flags, data, result);
  print_scores(result);
  print_clean(result);
  print_anchors(result);
  if (flags.limit > 0) {
    std::printf("nothing is written: --limit %lld leaves a part of the split\n", static_cast<long long>(flags.limit));
    return;
  }
  if (flags.modalities) show_sides(flags, all, result);
  write_evaluation(result, flags.run);
  if (result.without.empty() && !flags.no_report) {
    write_report(flags.run, data, result.split, {.threads = flags.workers});
    write_model_card(flags.run, data, result.split);
    std::printf("wrote %s and %s\n", evaluation_path(flags.run, result.split, "", ".json").c_str(),
                (std::filesystem::path(flags.run) / "report.html").c_str());
  } else {
    std::printf("wrote %s\n", evaluation_path(flags.run, result.split, result.without, ".json").c_str());
  }
}

}  // namespace

void add_evaluate(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("evaluate", "score a run's best checkpoint on a split; write eval/, report.html and model-card.md");
  auto flags = std::make_shared<EvaluateFlags>();
  verb->add_option("--run", flags->run, "run folder that train wrote")->required();
  add_data_flag(*verb, flags->data);
  verb->add_option("--split", flags->split, "train | dev | test")->capture_default_str();
  verb->add_option(
      "--clean-test", flags->clean_test,
      "list of test posts without leaks, scored as well (default: the data set's clean-test.json, where verify-data wrote one)");
  verb->add_option("--without", flags->without, "hide one side of every post: image | text");
  verb->add_flag("--modalities", flags->modalities, "also with the text alone and with the picture alone, side by side");
  verb->add_option("--bad-image", flags->bad_image, "posts whose picture cannot be used: missing | skip | error")->capture_default_str();
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
      "  mpirun -n 4 infig evaluate --run runs/demo --data runs/postcards --split test");
  verb->callback([flags] { evaluate_verb(*flags); });
}

}  // namespace infig

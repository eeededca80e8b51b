#include "experiments/runs.h"

#include <fmt/format.h>

#include <chrono>

#include "core/error.h"
#include "core/log.h"
#include "evaluation/reports.h"
#include "experiments/run_cost.h"
#include "training/trainer.h"

namespace infig {

namespace fs = std::filesystem;

namespace {

// Whether the current best checkpoint has been evaluated: the evaluation must be newer than its weights.
bool is_evaluated(const fs::path& run, const std::string& split) {
  std::error_code code;
  const auto evaluated = fs::last_write_time(StoredEvaluation{.split = split}.path(run, ".json"), code);
  if (code) return false;
  const auto saved = fs::last_write_time(run / "checkpoints" / "best" / "model.safetensors", code);
  return !code && evaluated >= saved;
}

std::optional<SeedScores> scores_of(const ExperimentRequest& request, const Variant& variant, uint64_t seed, int64_t& posts) {
  const fs::path run = run_folder(request, variant, seed);
  if (!is_evaluated(run, request.split)) return std::nullopt;
  const EvaluationResult result = read_evaluation(run, request.split);
  posts = result.scores.count;
  return SeedScores{.seed = seed,
                    .run = run,
                    .accuracy = result.scores.accuracy,
                    .f1_macro = result.scores.f1_macro,
                    .f1_weighted = result.scores.f1_weighted,
                    .mcc = result.scores.mcc,
                    .intervals = result.intervals,
                    .marks = result.marks};
}

Summary summary_of(const std::vector<SeedScores>& seeds, double SeedScores::* score, double least = 0) {
  std::vector<double> values;
  for (const auto& one : seeds) values.push_back(one.*score);
  return values.empty() ? Summary() : summarize(values, {.low = least, .high = 1});
}

ComparedSide side_of(const VariantScores& scores) {
  ComparedSide side{.name = scores.variant.title, .runs = {}};
  for (const auto& one : scores.seeds) side.runs.push_back(one.run);
  return side;
}

}  // namespace

fs::path run_folder(const ExperimentRequest& request, const Variant& variant, uint64_t seed) {
  return request.output / variant.name / fmt::format("seed-{}", seed);
}

RunConfig config_of(const ExperimentRequest& request, const Variant& variant, uint64_t seed) {
  std::vector<std::string> overrides = request.overrides;
  overrides.insert(overrides.end(), variant.overrides.begin(), variant.overrides.end());
  overrides.push_back(fmt::format("seed={}", seed));
  RunConfig config = load_run_config({.file = variant.config.empty() ? request.config : variant.config,
                                      .overrides = overrides,
                                      .run = run_folder(request, variant, seed)});
  // Frozen encoders give the same features in every run.
  if (config.data.feature_cache.empty()) config.data.feature_cache = (request.output / "cache").string();
  return config;
}

void train_run(const ExperimentRequest& request, const Variant& variant, uint64_t seed, const DataSet& data, int64_t pause_after_epochs) {
  TrainRequest one;
  one.config = config_of(request, variant, seed);
  one.run = run_folder(request, variant, seed);
  one.resume = true;
  one.own_resume = true;
  one.pause_after_epochs = pause_after_epochs;
  one.description_json = request.description_json;
  one.stop = request.stop;
  train(one, data);
  log_to_file("");
}

void score_run(const ExperimentRequest& request, const Variant& variant, uint64_t seed, const DataSet& data) {
  const fs::path run = run_folder(request, variant, seed);
  if (is_evaluated(run, request.split)) return;
  EvaluateOptions how = request.evaluate;
  const RunConfig config = config_of(request, variant, seed);
  how.may_lose_pictures = config.may_lose_pictures || config.data.loader.without == Without::kImage;
  how.feature_cache = config.data.feature_cache;
  const auto start = std::chrono::steady_clock::now();
  const EvaluationResult result = evaluate(run, data, parse_split(request.split), how);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  write_evaluation(result, run);
  write_speed(run, request.split, std::ssize(result.predictions), taken.count());
}

ExperimentScores collect(const ExperimentRequest& request, const DataSet& data, const HalvingRecord* halving) {
  ExperimentScores all{.title = request.title,
                       .data = data.name,
                       .split = request.split,
                       .data_sha256 = data.sha256,
                       .posts = 0,
                       .seeds = request.seeds,
                       .variants = {}};
  if (halving != nullptr) all.halving = *halving;
  for (size_t v = 0; v < request.variants.size(); ++v) {
    VariantScores scores;
    scores.variant = request.variants[v];
    if (halving != nullptr) scores.dropped_after = halving->dropped_after[v];
    for (const uint64_t seed : request.seeds) {
      if (auto one = scores_of(request, request.variants[v], seed, all.posts)) scores.seeds.push_back(std::move(*one));
    }
    for (const SeedScores& one : scores.seeds) write_model_card(one.run, data);
    scores.accuracy = summary_of(scores.seeds, &SeedScores::accuracy);
    scores.f1_macro = summary_of(scores.seeds, &SeedScores::f1_macro);
    scores.f1_weighted = summary_of(scores.seeds, &SeedScores::f1_weighted);
    scores.mcc = summary_of(scores.seeds, &SeedScores::mcc, -1);
    all.variants.push_back(std::move(scores));
  }
  // The reference is the variant of that name, else the first that was not dropped; without halving, the first of all.
  for (size_t v = 0; v < all.variants.size(); ++v) {
    if (!request.reference.empty() && all.variants[v].variant.name == request.reference) all.reference = v;
  }
  while (all.reference + 1 < all.variants.size() && all.variants[all.reference].dropped_after > 0) ++all.reference;
  const VariantScores& reference = all.variants[all.reference];
  for (VariantScores& one : all.variants) {
    if (&one != &reference && one.dropped_after == 0 && !one.seeds.empty() && !reference.seeds.empty())
      one.against_first = compare_runs(side_of(reference), side_of(one), {.split = request.split});
  }
  return all;
}

}  // namespace infig

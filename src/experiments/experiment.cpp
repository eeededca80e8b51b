#include "experiments/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "evaluation/reports.h"
#include "experiments/tables.h"
#include "training/trainer.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

fs::path run_folder(const ExperimentRequest& request, const Variant& variant, uint64_t seed) {
  return request.output / variant.name / fmt::format("seed-{}", seed);
}

bool is_folder_name(const std::string& name) {
  constexpr std::string_view kOthers = "-_=.+";
  return !name.empty() && name.front() != '.' && name.size() <= 200 && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kOthers.find(c) != std::string_view::npos;
  });
}

// The evaluation of the best checkpoint, unless the run went on since.
bool is_evaluated(const fs::path& run, const std::string& split) {
  std::error_code code;
  const auto evaluated = fs::last_write_time(evaluation_path(run, split, "", ".json"), code);
  if (code) return false;
  const auto saved = fs::last_write_time(run / "checkpoints" / "best" / "model.safetensors", code);
  return !code && evaluated >= saved;
}

void train_one(const ExperimentRequest& request, const Variant& variant, uint64_t seed, const DataSet& data) {
  TrainRequest one;
  std::vector<std::string> overrides = request.overrides;
  overrides.insert(overrides.end(), variant.overrides.begin(), variant.overrides.end());
  overrides.push_back(fmt::format("seed={}", seed));
  one.config = load_run_config(request.config, overrides);
  // What is frozen gives the same features in every run.
  if (one.config.data.feature_cache.empty()) one.config.data.feature_cache = (request.output / "cache").string();
  one.run = run_folder(request, variant, seed);
  one.resume = true;
  one.description_json = request.description_json;
  one.stop = request.stop;
  train(one, data);
  if (!is_evaluated(one.run, request.split))
    write_evaluation(evaluate(one.run, data, parse_split(request.split), request.evaluate), one.run);
  log_to_file("");
}

std::optional<SeedScores> scores_of(const ExperimentRequest& request, const Variant& variant, uint64_t seed, int64_t& posts) {
  const fs::path run = run_folder(request, variant, seed);
  if (!is_evaluated(run, request.split)) return std::nullopt;
  const ClassificationScores scores = score_confusion(read_evaluation(run, request.split).scores.confusion);
  posts = scores.count;
  return SeedScores{.seed = seed,
                    .run = run,
                    .accuracy = scores.accuracy,
                    .f1_macro = scores.f1_macro,
                    .f1_weighted = scores.f1_weighted,
                    .mcc = scores.mcc};
}

Summary summary_of(const std::vector<SeedScores>& seeds, double SeedScores::* score) {
  std::vector<double> values;
  for (const auto& one : seeds) values.push_back(one.*score);
  return values.empty() ? Summary() : summarize(values);
}

ComparedSide side_of(const VariantScores& scores) {
  ComparedSide side{.name = scores.variant.title, .runs = {}};
  for (const auto& one : scores.seeds) side.runs.push_back(one.run);
  return side;
}

ExperimentScores collect(const ExperimentRequest& request, const DataSet& data) {
  ExperimentScores all{
      .title = request.title, .data = data.name, .split = request.split, .posts = 0, .seeds = request.seeds, .variants = {}};
  for (const Variant& variant : request.variants) {
    VariantScores scores;
    scores.variant = variant;
    for (const uint64_t seed : request.seeds) {
      if (auto one = scores_of(request, variant, seed, all.posts)) scores.seeds.push_back(std::move(*one));
    }
    scores.accuracy = summary_of(scores.seeds, &SeedScores::accuracy);
    scores.f1_macro = summary_of(scores.seeds, &SeedScores::f1_macro);
    scores.f1_weighted = summary_of(scores.seeds, &SeedScores::f1_weighted);
    scores.mcc = summary_of(scores.seeds, &SeedScores::mcc);
    if (!all.variants.empty() && !scores.seeds.empty() && !all.variants.front().seeds.empty())
      scores.against_first = compare_runs(side_of(all.variants.front()), side_of(scores), {.split = request.split});
    all.variants.push_back(std::move(scores));
  }
  return all;
}

}  // namespace

void ExperimentRequest::validate() const {
  if (variants.empty()) throw ConfigError("experiment: no variant");
  if (seeds.empty()) throw ConfigError("experiment: no seed");
  if (split == "train") throw ConfigError("experiment: the split train is what models are fitted to; expected dev or test");
  std::set<uint64_t> distinct(seeds.begin(), seeds.end());
  if (distinct.size() != seeds.size()) throw ConfigError("experiment: a seed occurs twice; every run must be its own");
  std::set<std::string> names;
  for (const Variant& variant : variants) {
    if (!is_folder_name(variant.name) && !(variant.name.empty() && variants.size() == 1))
      throw ConfigError(fmt::format("experiment: \"{}\" cannot be the name of a variant's folder", variant.name));
    if (!names.insert(variant.name).second) throw ConfigError(fmt::format("experiment: the variant {} occurs twice", variant.name));
  }
}

std::vector<uint64_t> parse_seeds(const std::string& word) {
  std::vector<uint64_t> seeds;
  for (size_t begin = 0; begin <= word.size();) {
    const size_t end = std::min(word.find(',', begin), word.size());
    uint64_t seed = 0;
    const auto [stop, error] = std::from_chars(word.data() + begin, word.data() + end, seed);
    if (error != std::errc() || stop != word.data() + end || begin == end) {
      throw ConfigError(fmt::format("--seeds: \"{}\": expected a number of seeds (3 is 1,2,3) or a list of them (4,7,1)", word));
    }
    if (std::find(seeds.begin(), seeds.end(), seed) != seeds.end())
      throw ConfigError(fmt::format("--seeds: {} occurs twice; every run must be its own", seed));
    seeds.push_back(seed);
    begin = end + 1;
  }
  if (seeds.size() > 1 || word.find(',') != std::string::npos) return seeds;
  constexpr uint64_t kMost = 1000;
  const uint64_t count = seeds.front();
  if (count < 1 || count > kMost) throw ConfigError(fmt::format("--seeds: {} seeds; allowed is 1 to {}", count, kMost));
  seeds.clear();
  for (uint64_t seed = 1; seed <= count; ++seed) seeds.push_back(seed);
  return seeds;
}

ExperimentScores run_experiment(const ExperimentRequest& request, const DataSet& data) {
  request.validate();
  const size_t runs = request.seeds.size() * request.variants.size();
  size_t number = 0;
  for (const uint64_t seed : request.seeds) {
    for (const Variant& variant : request.variants) {
      log_info("run {} of {}: {}, seed {}", ++number, runs, variant.title, seed);
      train_one(request, variant, seed, data);
      write_tables(collect(request, data), request.output);
    }
  }
  return collect(request, data);
}

}  // namespace infig

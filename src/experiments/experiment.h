// Several trainings that belong together: variants of one config, each over several seeds, on one data set.
//   OUT/VARIANT/seed-S/   run folders, as train writes them
//   OUT/VARIANT/seed-S/model-card.md
//   OUT/experiment.json, table.md, table.csv, table.tex, report.html   rewritten after every run; experiment_folder.h says whose they are
// A finished run is not repeated and an interrupted one is resumed, so the same command line starts, resumes and repeats an experiment.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/post.h"
#include "evaluation/compare.h"
#include "evaluation/evaluate.h"
#include "metrics/summary.h"

namespace infig {

struct Variant {
  std::string name;   // of its folder: letters, digits, '-', '_', '=', '.', '+'; empty where there is one variant: OUT/seed-S
  std::string title;  // what tables call it
  std::vector<std::string> overrides;                          // over those of the experiment
  std::vector<std::pair<std::string, std::string>> axes = {};  // of a sweep: key and value
};

// Early dropping of poor variants, as halving.h says.
struct HalvingOptions {
  int64_t eta = 3;         // one in this many variants continues; >= 2
  int64_t min_epochs = 1;  // before the first are dropped; >= 1
  void validate() const;   // throws ConfigError
};

struct DevScore {
  double value = 0;        // of train.best_metric, the best so far
  double f1_weighted = 0;  // breaks ties
};

struct HalvingRung {
  int64_t epochs = 0;
  std::vector<size_t> variants;  // that took part
  std::vector<DevScore> scores;  // of each, the mean over the seeds
  std::vector<size_t> kept;      // those that went on
};

struct HalvingRecord {
  std::string metric;  // train.best_metric
  std::vector<HalvingRung> rungs;
  std::vector<int64_t> dropped_after;  // of every variant: epochs; 0: not dropped
};

struct ExperimentScores;

struct ExperimentRequest {
  std::string title;
  std::filesystem::path config;
  std::vector<std::string> overrides;
  std::vector<Variant> variants;  // differences are against the first, with halving the first that trained to the end
  std::vector<uint64_t> seeds;
  std::filesystem::path output;
  std::filesystem::path tables = {};  // where tables go; empty: output
  std::optional<HalvingOptions> halving = {};
  std::function<void(const ExperimentScores&)> on_update = {};  // after every run
  std::string split = "dev";                                    // that is scored: never "train"
  EvaluateOptions evaluate;
  std::string description_json;  // of every run, as TrainRequest has it
  const std::atomic<int>* stop = nullptr;
  void validate() const;  // throws ConfigError: no variant, no seed, a seed or a name twice, a name that is no folder's
};

struct SeedScores {
  uint64_t seed = 0;
  std::filesystem::path run;
  double accuracy = 0, f1_macro = 0, f1_weighted = 0, mcc = 0;
  std::optional<ScoreIntervals> intervals = {};  // over the posts, where the evaluation holds them
};

struct VariantScores {
  Variant variant;
  std::vector<SeedScores> seeds;  // those that are done
  Summary accuracy, f1_macro, f1_weighted, mcc;
  std::optional<Comparison> against_first;  // against the reference; absent for itself, for a dropped one, and where either has no run yet
  int64_t dropped_after = 0;                // epochs after which halving dropped it; 0: trained to the end
};

struct ExperimentScores {
  std::string title, data, split;
  std::string data_sha256;
  int64_t posts = 0;
  std::vector<uint64_t> seeds;
  std::vector<VariantScores> variants;  // all of them, in order
  std::filesystem::path tables = {};    // where they were written
  size_t reference = 0;                 // the variant that others are compared with: the first that was not dropped
  std::optional<HalvingRecord> halving = {};
};

// Trains and scores every variant with every seed, the first seed of all variants before the second of any. Throws what train() and
// evaluate() throw, naming variant and seed; what is done by then stays.
ExperimentScores run_experiment(const ExperimentRequest& request, const DataSet& data);

// "3" is 1,2,3; "4,7,1" is these. Throws ConfigError for anything else, and for a seed twice.
std::vector<uint64_t> parse_seeds(const std::string& word);

}  // namespace infig

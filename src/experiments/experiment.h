// An experiment trains several runs on one data set: variants of one config, each with several seeds.
//   OUT/VARIANT/seed-S/   run folders, as train writes them
//   OUT/VARIANT/seed-S/model-card.md
//   OUT/experiment.json, table.md, table.csv, table.tex, report.html   rewritten after every run; see experiment_folder.h
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
  std::string name;                    // folder name: letters, digits, '-', '_', '=', '.', '+'; empty for the only variant: OUT/seed-S
  std::string title;                   // name in tables
  std::vector<std::string> overrides;  // applied after those of the experiment
  std::vector<std::pair<std::string, std::string>> axes = {};  // keys and values of a sweep
  std::filesystem::path config = {};                           // a config of its own; empty: the experiment's
};

// Options of successive halving, which drops poor variants early (halving.h).
struct HalvingOptions {
  int64_t eta = 3;         // one in `eta` variants continues; >= 2
  int64_t min_epochs = 1;  // epochs before variants are dropped for the first time; >= 1
  void validate() const;   // throws ConfigError
};

struct DevScore {
  double value = 0;        // best value of train.best_metric so far
  double f1_weighted = 0;  // breaks ties
};

struct HalvingRung {
  int64_t epochs = 0;
  std::vector<size_t> variants;  // that took part
  std::vector<DevScore> scores;  // of each of these, the mean over the seeds
  std::vector<size_t> kept;      // variants that continue
  std::string tie = {};          // what decided between variants of the same dev score, if that was needed: "weighted_f1" or "order"
};

struct HalvingRecord {
  std::string metric;  // train.best_metric
  std::vector<HalvingRung> rungs;
  std::vector<int64_t> dropped_after;  // for every variant: epochs after which it was dropped; 0: not dropped
};

struct ExperimentScores;

struct ExperimentRequest {
  std::string title;
  std::filesystem::path config;
  std::vector<std::string> overrides;
  std::vector<size_t> order = {};  // in which the variants are trained, by their places; empty: as they stand
  std::vector<Variant> variants;   // compared with `reference`, or with halving the first that trained to the end
  std::string reference = {};      // name of the variant that the others are compared with; empty, or not among them: the first
  std::vector<uint64_t> seeds;
  std::filesystem::path output;
  std::filesystem::path tables = {};  // folder for tables; empty: output
  std::optional<HalvingOptions> halving = {};
  std::function<void(const ExperimentScores&)> on_update = {};  // called after every run
  std::string split = "dev";                                    // split to evaluate on; not "train"
  EvaluateOptions evaluate;
  std::string description_json;  // for every run, see TrainRequest
  const std::atomic<int>* stop = nullptr;
  void validate() const;  // throws ConfigError: no variant or seed, a seed or name twice, a name unfit for a folder
};

struct SeedScores {
  uint64_t seed = 0;
  std::filesystem::path run;
  double accuracy = 0, f1_macro = 0, f1_weighted = 0, mcc = 0;
  std::optional<ScoreIntervals> intervals = {};  // bootstrap over the posts, if the evaluation has it
  std::vector<std::string> marks = {};           // what stands in for something in the model (Model::marks)
};

struct VariantScores {
  Variant variant;
  std::vector<SeedScores> seeds;  // those that are finished
  Summary accuracy, f1_macro, f1_weighted, mcc;
  std::optional<Comparison> against_first;  // with the reference; none for the reference itself, for a dropped variant, or without runs
  int64_t dropped_after = 0;                // epochs after which halving dropped it; 0: trained to the end
};

struct ExperimentScores {
  std::string title, data, split;
  std::string data_sha256;
  int64_t posts = 0;
  std::vector<uint64_t> seeds;
  std::vector<VariantScores> variants;  // all of them, in order
  std::filesystem::path tables = {};    // folder that they were written to
  size_t reference = 0;                 // variant that the others are compared with
  std::optional<HalvingRecord> halving = {};
};

// Trains and evaluates every variant with every seed: the first seed of all variants, then the second, and so on. Throws what train() and
// evaluate() throw, naming variant and seed; runs that are finished by then are kept.
ExperimentScores run_experiment(const ExperimentRequest& request, const DataSet& data);

// "3" means seeds 1, 2, 3; "4,7,1" means these seeds. Throws ConfigError for anything else and for a repeated seed.
std::vector<uint64_t> parse_seeds(const std::string& word);

}  // namespace infig

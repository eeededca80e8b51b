// Several trainings that belong together: variants of one config, each over several seeds, on one data set.
//   OUT/VARIANT/seed-S/   run folders, as train writes them
//   OUT/experiment.json, table.md, table.csv, table.tex, report.html   written anew after every run, from what is there
// A run that is finished is not run again, one that was stopped continues; the same command line thus starts, continues and repeats.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
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

struct ExperimentRequest {
  std::string title;
  std::filesystem::path config;
  std::vector<std::string> overrides;
  std::vector<Variant> variants;  // differences are against the first
  std::vector<uint64_t> seeds;
  std::filesystem::path output;
  std::string split = "dev";  // that is scored: never "train"
  EvaluateOptions evaluate;
  std::string description_json;  // of every run, as TrainRequest has it
  const std::atomic<int>* stop = nullptr;
  void validate() const;  // throws ConfigError: no variant, no seed, a seed or a name twice, a name that is no folder's
};

struct SeedScores {
  uint64_t seed = 0;
  std::filesystem::path run;
  double accuracy = 0, f1_macro = 0, f1_weighted = 0, mcc = 0;
};

struct VariantScores {
  Variant variant;
  std::vector<SeedScores> seeds;  // those that are done
  Summary accuracy, f1_macro, f1_weighted, mcc;
  std::optional<Comparison> against_first;  // absent for the first, and where either has no run yet
};

struct ExperimentScores {
  std::string title, data, split;
  int64_t posts = 0;
  std::vector<uint64_t> seeds;
  std::vector<VariantScores> variants;  // all of them, in order
};

// Trains and scores every variant with every seed, the first seed of all variants before the second of any. Throws what train() and
// evaluate() throw, naming variant and seed; what is done by then stays.
ExperimentScores run_experiment(const ExperimentRequest& request, const DataSet& data);

// "3" is 1,2,3; "4,7,1" is these. Throws ConfigError for anything else, and for a seed twice.
std::vector<uint64_t> parse_seeds(const std::string& word);

}  // namespace infig

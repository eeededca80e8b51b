// Compares two models on the same posts: which is better, by how much, and with what certainty.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "metrics/resampling.h"

namespace infig {

struct CompareOptions {
  std::string split = "test";
  std::string without = {};     // "", "image" or "text": the evaluation with that side withheld
  std::string data = {};        // data set of the evaluations, as in find_evaluations(); empty: each run's own
  std::string data_title = {};  // its name in messages; empty: `data`
  BootstrapOptions bootstrap = {.replicates = 10000};
};

struct ComparedSide {
  std::string name;
  std::vector<std::filesystem::path> runs;  // one per seed
  std::vector<std::string> marks = {};      // of any of them, set by compare_runs(): what stands in for something (docs/models.md)
};

struct Comparison {
  ComparedSide first, second;
  std::string split, without;
  std::string data, data_sha256;  // the data set of both sides; the hash is empty if an older file lacks it
  double level = 0.95;
  int64_t posts = 0;  // posts with a label
  PairedDifferences scores;
  std::vector<McNemar> mcnemar;  // run i of one side against run i of the other; empty if the sides have different numbers of runs
};

// Parses one side of a comparison: folders separated by commas. Each is a run, or a folder of seeds (RUN/seed-1, RUN/seed-2, ...), which
// stands for all of them in numerical order. The side is named after the first folder. Throws ConfigError for an empty word or a run named
// twice; DataError for a folder that does not exist or is neither.
ComparedSide parse_side(const std::string& word);

// Compares the evaluations of all runs, each on its own data set or on `options.data`. Throws DataError naming the run if an evaluation is
// missing (and lists those that exist), if two are of different data sets (by the hash of the posts; ids do not count), or if labels, posts
// or truths differ. Files of older versions have no hash: their posts are matched by id and truth, with a warning in the log.
Comparison compare_runs(const ComparedSide& first, const ComparedSide& second, const CompareOptions& options);

// Whether the confidence interval of the difference excludes 0.
bool is_shown(const ScoreDifference& score);

// "B is better than A by 1.1 points of accuracy, 95 % interval -0.4 to 2.6: not shown".
std::string conclusion(const Comparison& comparison);

nlohmann::ordered_json to_json(const Comparison& comparison);

}  // namespace infig

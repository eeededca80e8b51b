// Two models on the same posts: which one is better, by how much, and how sure that is.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "metrics/resampling.h"

namespace infig {

struct CompareOptions {
  std::string split = "test";
  std::string without = {};     // "", "image" or "text": the evaluation with that part withheld
  std::string data = {};        // the data set whose evaluations are compared, as find_evaluations() takes it; empty: each run's own
  std::string data_title = {};  // what messages call it; empty: `data`
  BootstrapOptions bootstrap = {.replicates = 10000};
};

struct ComparedSide {
  std::string name;
  std::vector<std::filesystem::path> runs;  // one a seed
};

struct Comparison {
  ComparedSide first, second;
  std::string split, without;
  std::string data, data_sha256;  // that both sides were evaluated on; the hash is empty where an older file does not say
  double level = 0.95;
  int64_t posts = 0;  // with a label
  PairedDifferences scores;
  std::vector<McNemar> mcnemar;  // run i of one side against run i of the other; empty where the sides have different numbers of runs
};

// The runs that a word of the command line names: folders joined by commas, each one run, or a folder of seeds (RUN/seed-1, RUN/seed-2,
// ...), which stands for all of them in numerical order. The side's name is the last name of the first folder. Throws ConfigError for an
// empty word or a run named twice, DataError for a folder that is absent or is neither.
ComparedSide parse_side(const std::string& word);

// Reads the evaluation of every run, of its own data set or of `options.data`. Throws DataError naming the run where one is absent (saying
// which there are), where two are of different data sets (by the hash of their posts, whatever their ids), or where labels, posts or truths
// are not the same in all of them. Files of older versions do not record a hash: their posts are matched by id and truth alone, with a
// warning in the log.
Comparison compare_runs(const ComparedSide& first, const ComparedSide& second, const CompareOptions& options);

// Whether the interval of the difference leaves out 0.
bool is_shown(const ScoreDifference& score);

// "B is better than A by 1.1 points of accuracy, 95 % interval -0.4 to 2.6: not shown".
std::string conclusion(const Comparison& comparison);

nlohmann::ordered_json to_json(const Comparison& comparison);

}  // namespace infig

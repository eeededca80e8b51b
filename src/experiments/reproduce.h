// Reproduces the paper's tables on the available data sets: runs their experiments in sequence and compares the scores with the paper's.
//   OUT/runs/DATASET/VARIANT/seed-S/   run folders; Table 2, Table 3 and Figure 3 share them
//   OUT/PART/DATASET/                  tables of one data set, see experiment.h
//   OUT/PART/{table.md,table.csv,table.tex,reproduction.json,report.html}   of all data sets, rewritten after every run
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/disagreements.h"
#include "experiments/experiment.h"
#include "experiments/run_cost.h"

namespace infig {

enum class PaperPart { kTable2, kTable3, kFigure3 };
PaperPart parse_paper_part(const std::string& word);  // "table2", "table3", "figure3"; throws ConfigError
const char* paper_part_name(PaperPart part);

struct ReproduceRequest {
  PaperPart part = PaperPart::kTable2;
  std::filesystem::path data_root;   // contains mvsa-single, mvsa-multiple, hfm, tumemo, made by `prepare`
  std::filesystem::path config_dir;  // contains the presets
  std::string preset = "paper";      // "paper": paper-DATASET.yaml; else PRESET.yaml for all data sets
  std::filesystem::path output;
  std::vector<uint64_t> seeds;
  std::string split = "test";
  std::vector<std::string> overrides;
  std::vector<std::string> models = {};  // kTable2: rows to run, by model.name; empty: all that the paper has for the data set
  EvaluateOptions evaluate;
  std::string description_json;
  const std::atomic<int>* stop = nullptr;
};

struct MissingSet {
  size_t data_set = 0;  // index into paper_data_sets()
  std::string what;     // the missing data set or weights, and where they were expected
  std::string how;      // how to get them
};

// A model of Table 2 that is not run, and why, as MissingSet.
struct MissingModel {
  std::string model;  // as the paper calls it
  std::string what, how;
};

struct ReproducedSet {
  size_t data_set = 0;
  ExperimentScores scores;
  std::vector<std::string> notes;             // differences from the paper's setting
  std::vector<MissingModel> missing = {};     // kTable2
  std::map<std::string, RunCost> costs = {};  // kTable2: by variant, the means over its finished seeds
  Disagreements disagreements = {};           // kTable2: once all runs are there
};

struct Reproduction {
  PaperPart part = PaperPart::kTable2;
  std::string preset, split;
  std::vector<uint64_t> seeds;
  std::vector<ReproducedSet> sets;
  std::vector<MissingSet> missing;
  std::filesystem::path tables = {};  // folder that they were written to
};

// OUT belongs to the first experiment written to it (experiment_folder.h): throws ConfigError if scores in its tables would be lost or if
// they are of another preset; tables of another split go to OUT/PART/SPLIT. Everything is checked before the first run. Throws DataError if
// no data set can be trained on, listing what is missing, and for a broken data set; ConfigError for an invalid preset, key or value; and
// what run_experiment() throws. Runs that are finished by then are kept. Table 2 trains INFIG and every other model of the data set's
// column that has a preset (configs/MODEL-DATASET.yaml) and whose weights are there, cheapest first by a measurement of a few steps; the
// estimate of the hours is logged before the first run.
Reproduction reproduce(const ReproduceRequest& request);

}  // namespace infig

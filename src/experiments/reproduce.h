// The paper's tables on the available data sets: their experiments in sequence, and the paper's figures beside ours.
//   OUT/runs/DATASET/VARIANT/seed-S/   run folders; Table 2, Table 3 and Figure 3 share them
//   OUT/PART/DATASET/                  tables of one data set, as experiment.h says
//   OUT/PART/{table.md,table.csv,table.tex,reproduction.json,report.html}   all of them, rewritten after every run
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/experiment.h"

namespace infig {

enum class PaperPart { kTable2, kTable3, kFigure3 };
PaperPart parse_paper_part(const std::string& word);  // "table2", "table3", "figure3"; throws ConfigError
const char* paper_part_name(PaperPart part);

struct ReproduceRequest {
  PaperPart part = PaperPart::kTable2;
  std::filesystem::path data_root;   // holds mvsa-single, mvsa-multiple, hfm, tumemo as `prepare` writes them
  std::filesystem::path config_dir;  // holds the presets
  std::string preset = "paper";      // "paper": paper-DATASET.yaml; else PRESET.yaml for all data sets
  std::filesystem::path output;
  std::vector<uint64_t> seeds;
  std::string split = "test";
  std::vector<std::string> overrides;
  EvaluateOptions evaluate;
  std::string description_json;
  const std::atomic<int>* stop = nullptr;
};

struct MissingSet {
  size_t data_set = 0;  // place in paper_data_sets()
  std::string what;     // data set or weights, and where they were looked for
  std::string how;      // to get them
};

struct ReproducedSet {
  size_t data_set = 0;
  ExperimentScores scores;
  std::vector<std::string> notes;  // what differs from the paper's setting
};

struct Reproduction {
  PaperPart part = PaperPart::kTable2;
  std::string preset, split;
  std::vector<uint64_t> seeds;
  std::vector<ReproducedSet> sets;
  std::vector<MissingSet> missing;
  std::filesystem::path tables = {};  // where they were written
};

// OUT belongs to what was first written into it (experiment_folder.h): ConfigError where its tables would lose figures, or are of another
// preset; those of another split go to OUT/PART/SPLIT. Everything that can be trained is checked before the first run. Throws DataError
// listing what is missing where nothing is there, DataError for a broken data set, ConfigError for a preset, key or value that is not
// allowed, and what run_experiment() throws; what is done by then stays.
Reproduction reproduce(const ReproduceRequest& request);

}  // namespace infig

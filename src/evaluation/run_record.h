// Reads what a run folder records about its training (description.json, config.yaml, metrics.jsonl), for the report and the model card.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace infig {

// One metric over training, in order of steps. All vectors have the same length; values are finite.
struct MetricSeries {
  std::vector<double> step;
  std::vector<double> epoch;
  std::vector<double> value;
};

struct RunRecord {
  std::string name;                                         // name of the run folder
  std::string preset;                                       // "" if description.json has no `preset`
  std::string seed;                                         // "" if neither description.json nor config.yaml has one
  std::string version;                                      // of infig: description.json's `infig_version` or `version`
  std::vector<std::string> commands;                        // that trained it, in order; empty if unknown
  std::string git;                                          // commit; "" if unknown
  std::string data;                                         // name of the training data set; "" if unknown
  std::string data_sha256;                                  // hash of its posts; "" if unknown
  std::string tokenizer;                                    // its files, and by whose rules they are read; "" if unknown
  std::vector<std::string> marks;                           // what stands in for something in the model (Model::marks)
  std::string config_yaml;                                  // contents of config.yaml
  std::vector<std::pair<std::string, std::string>> config;  // its leaves in file order: dotted key, value as YAML
  std::map<std::string, MetricSeries> metrics;              // by key of metrics.jsonl: "loss_gam", "eval_accuracy"

  // Returns the value of a dotted key; "" if the config does not have it.
  std::string setting(const std::string& key) const;
};

// Throws DataError naming the file, and the row or key, if description.json or config.yaml is missing or broken, or if a line of
// metrics.jsonl is broken. metrics.jsonl may be missing (a model without training), and its last line may be cut off (a run that was
// killed). If a step occurs twice, as after a crash and a resume, the later line counts.
RunRecord read_run_record(const std::filesystem::path& run_folder);

// Before anything is computed: whether a run folder holds what evaluate needs to write its results, with what to do where it does not. A
// run without description.json cannot tell its own data set from another one; `pages`: the report and the card read the whole record. The
// folder of a checkpoint has no record and needs none. Throws DataError; CheckpointError where there is no checkpoint.
void check_run_record(const std::filesystem::path& run_folder, bool pages);

// Reads metrics.jsonl: every numeric key except step and epoch. Values that are not finite numbers are left out.
std::map<std::string, MetricSeries> read_metrics(const std::filesystem::path& path);

}  // namespace infig

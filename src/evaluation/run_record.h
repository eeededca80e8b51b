// What a run folder says about its training: description.json, config.yaml and metrics.jsonl, read for the report and the model card.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace infig {

// One quantity over training, in order of steps. All vectors have the same length; values are finite.
struct MetricSeries {
  std::vector<double> step;
  std::vector<double> epoch;
  std::vector<double> value;
};

struct RunRecord {
  std::string name;                                         // of the run folder
  std::string preset;                                       // "" where description.json has no `preset`
  std::string seed;                                         // "" where neither description.json nor config.yaml has one
  std::string version;                                      // of infig: description.json's `infig_version` or `version`
  std::string command;                                      // that was typed, "" where unknown
  std::string git;                                          // commit, "" where unknown
  std::string data;                                         // name of the data set trained on, "" where unknown
  std::string data_sha256;                                  // of its posts, likewise
  std::string config_yaml;                                  // config.yaml as it is
  std::vector<std::pair<std::string, std::string>> config;  // its leaves: dotted key, value in YAML, in file order
  std::map<std::string, MetricSeries> metrics;              // by key of metrics.jsonl: "loss_gam", "eval_accuracy"

  // The value of a dotted key, "" where the config has none.
  std::string setting(const std::string& key) const;
};

// Throws DataError naming the file, and the row or key, for an absent or broken description.json or config.yaml, and for a broken line of
// metrics.jsonl. The last line of metrics.jsonl may be cut short (a run that was killed); the file may be absent (a model that has nothing
// to train). Where a step comes twice, as after a crash and a resume, what was written later stands.
RunRecord read_run_record(const std::filesystem::path& run_folder);

// Part of it: every numeric key of every line except step and epoch; values that are no finite numbers are left out.
std::map<std::string, MetricSeries> read_metrics(const std::filesystem::path& path);

}  // namespace infig

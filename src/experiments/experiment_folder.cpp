#include "experiments/experiment_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "evaluation/stored.h"
#include "experiments/runs.h"
#include "run/description.h"
#include "training/run_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

// The contents of experiment.json; keys that files of older versions lack are empty.
struct RecordedExperiment {
  std::string title, data, data_sha256, split;
  std::vector<uint64_t> seeds;
  std::vector<Variant> variants;  // name, title and overrides
};

std::optional<RecordedExperiment> read_record(const fs::path& folder) {
  const fs::path path = folder / "experiment.json";
  if (!fs::exists(path)) return std::nullopt;
  const std::string bytes = read_file(path);
  const nlohmann::json json = parse_foreign_json(bytes);
  try {
    if (json.is_discarded()) throw DataError(foreign_json_fault(bytes));
    RecordedExperiment record{.title = json.at("title").get<std::string>(),
                              .data = json.value("data", ""),
                              .data_sha256 = json.value("data_sha256", ""),
                              .split = json.at("split").get<std::string>(),
                              .seeds = json.at("seeds").get<std::vector<uint64_t>>(),
                              .variants = {}};
    for (const auto& one : json.at("variants"))
      record.variants.push_back({.name = one.at("name").get<std::string>(),
                                 .title = one.at("title").get<std::string>(),
                                 .overrides = one.at("overrides").get<std::vector<std::string>>()});
    return record;
  } catch (const std::exception& error) {
    throw ConfigError(
        fmt::format("{}: does not describe the experiment that the folder belongs to ({}); choose another --output-dir, or "
                    "delete the file if its tables may be replaced",
                    path.string(), error.what()));
  }
}

std::string titles(const std::vector<Variant>& variants) {
  std::vector<std::string> words;
  for (const Variant& one : variants) words.push_back(one.title);
  return fmt::format("{}", fmt::join(words, "; "));
}

// Describes what this experiment lacks or changes compared with the recorded one; empty if it is the same or extends it.
std::string difference(const RecordedExperiment& record, const ExperimentRequest& request, const DataSet& data) {
  const bool other_data = record.data_sha256.empty() ? !record.data.empty() && record.data != data.name : record.data_sha256 != data.sha256;
  if (other_data)
    return fmt::format("its data set is {}, this one's {}", data_words(record.data, record.data_sha256),
                       data_words(data.name, data.sha256));
  std::vector<Variant> missing;
  for (const Variant& one : record.variants) {
    const auto same =
        std::find_if(request.variants.begin(), request.variants.end(), [&](const Variant& other) { return other.name == one.name; });
    if (same == request.variants.end()) {
      missing.push_back(one);
      continue;
    }
    if (same->overrides != one.overrides)
      return fmt::format("its {} is {}, this one's {}", one.title, fmt::join(one.overrides, " "), fmt::join(same->overrides, " "));
  }
  if (!missing.empty())
    return fmt::format("its variants are {}, and this one's ({}) leave out {}", titles(record.variants), titles(request.variants),
                       titles(missing));
  std::vector<uint64_t> seeds;
  std::copy_if(record.seeds.begin(), record.seeds.end(), std::back_inserter(seeds),
               [&](uint64_t seed) { return std::find(request.seeds.begin(), request.seeds.end(), seed) == request.seeds.end(); });
  if (!seeds.empty())
    return fmt::format("its seeds are {}, and this one's ({}) leave out {}", fmt::join(record.seeds, ","), fmt::join(request.seeds, ","),
                       fmt::join(seeds, ","));
  return "";
}

void refuse_another(const fs::path& folder, const RecordedExperiment& record, const ExperimentRequest& request, const DataSet& data) {
  const std::string differs = difference(record, request, data);
  if (differs.empty()) return;
  throw ConfigError(
      fmt::format("{}: belongs to the experiment \"{}\": {}. Its tables would be replaced; choose another --output-dir, or give all that "
                  "it had and more",
                  folder.string(), record.title, differs));
}

}  // namespace

fs::path check_experiment_folder(const ExperimentRequest& request, const DataSet& data) {
  if (fs::exists(request.output / "config.yaml") || fs::exists(request.output / "checkpoints"))
    throw ConfigError(fmt::format("{}: is the folder of a single run; choose another --output-dir", request.output.string()));
  fs::path tables = request.tables.empty() ? request.output : request.tables;
  if (const auto record = read_record(tables)) {
    refuse_another(tables, *record, request, data);
    if (record->split != request.split) {
      tables /= request.split;
      if (const auto other = read_record(tables)) refuse_another(tables, *other, request, data);
    }
  }
  for (const uint64_t seed : request.seeds) {
    for (const Variant& variant : request.variants) {
      const fs::path run = run_folder(request, variant, seed);
      if (!fs::exists(run / "config.yaml")) continue;
      const bool described = fs::exists(run / "description.json");
      check_same_config(run / "config.yaml", config_of(request, variant, seed),
                        described ? read_run_description(run).weights : nlohmann::json());
    }
  }
  return tables;
}

}  // namespace infig

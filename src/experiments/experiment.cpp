#include "experiments/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "experiments/experiment_folder.h"
#include "experiments/halving.h"
#include "experiments/runs.h"
#include "experiments/tables.h"

namespace infig {
namespace {

bool is_folder_name(const std::string& name) {
  constexpr std::string_view kOthers = "-_=.+";
  return !name.empty() && name.front() != '.' && name.size() <= 200 && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kOthers.find(c) != std::string_view::npos;
  });
}

// Rewrites the tables and notifies the caller.
ExperimentScores publish(const ExperimentRequest& request, const std::filesystem::path& tables, const DataSet& data,
                         const HalvingRecord* halving) {
  ExperimentScores scores = collect(request, data, halving);
  scores.tables = tables;
  write_tables(scores, tables);
  if (request.on_update) request.on_update(scores);
  return scores;
}

// Writes experiment.json, if there is none, to record the owner of the folder before the first run is finished.
void sign_folder(const ExperimentRequest& request, const std::filesystem::path& tables, const DataSet& data) {
  if (!std::filesystem::exists(tables / "experiment.json")) write_record(collect(request, data, nullptr), tables);
}

}  // namespace

void ExperimentRequest::validate() const {
  if (variants.empty()) throw ConfigError("experiment: no variant");
  if (seeds.empty()) throw ConfigError("experiment: no seed");
  if (halving) halving->validate();
  if (split == "train") throw ConfigError("experiment: the split train is what models are fitted to; expected dev or test");
  std::set<uint64_t> distinct(seeds.begin(), seeds.end());
  if (distinct.size() != seeds.size()) throw ConfigError("experiment: a seed occurs twice; every run needs another seed");
  std::set<std::string> names;
  for (const Variant& variant : variants) {
    if (!is_folder_name(variant.name) && !(variant.name.empty() && variants.size() == 1))
      throw ConfigError(fmt::format("experiment: \"{}\" cannot be the name of a variant's folder", variant.name));
    if (!names.insert(variant.name).second) throw ConfigError(fmt::format("experiment: the variant {} occurs twice", variant.name));
  }
}

std::vector<uint64_t> parse_seeds(const std::string& word) {
  std::vector<uint64_t> seeds;
  for (size_t begin = 0; begin <= word.size();) {
    const size_t end = std::min(word.find(',', begin), word.size());
    uint64_t seed = 0;
    const auto [stop, error] = std::from_chars(word.data() + begin, word.data() + end, seed);
    if (error != std::errc() || stop != word.data() + end || begin == end) {
      throw ConfigError(fmt::format("--seeds: \"{}\": expected a number of seeds (3 is 1,2,3) or a list of them (4,7,1)", word));
    }
    if (std::find(seeds.begin(), seeds.end(), seed) != seeds.end())
      throw ConfigError(fmt::format("--seeds: {} occurs twice; every run needs another seed", seed));
    seeds.push_back(seed);
    begin = end + 1;
  }
  if (seeds.size() > 1 || word.find(',') != std::string::npos) return seeds;
  constexpr uint64_t kMost = 1000;
  const uint64_t count = seeds.front();
  if (count < 1 || count > kMost) throw ConfigError(fmt::format("--seeds: {} seeds; allowed is 1 to {}", count, kMost));
  seeds.clear();
  for (uint64_t seed = 1; seed <= count; ++seed) seeds.push_back(seed);
  return seeds;
}

ExperimentScores run_experiment(const ExperimentRequest& request, const DataSet& data) {
  request.validate();
  if (data.rows_of(parse_split(request.split)).empty())
    throw DataError(fmt::format("{}: no post of the split {}, on which the runs are to be scored; give some posts that split",
                                data.called(), request.split));
  const std::filesystem::path tables = check_experiment_folder(request, data);
  if (request.halving) {
    check_halving(request, data);
    sign_folder(request, tables, data);
    const HalvingRecord record = run_halving(request, data, [&](const HalvingRecord& now) { publish(request, tables, data, &now); });
    return publish(request, tables, data, &record);
  }
  sign_folder(request, tables, data);
  const size_t runs = request.seeds.size() * request.variants.size();
  size_t number = 0;
  std::vector<size_t> order = request.order;
  for (size_t v = 0; order.size() < request.variants.size(); ++v) order.push_back(v);
  for (const uint64_t seed : request.seeds) {
    for (const size_t place : order) {
      const Variant& variant = request.variants.at(place);
      log_info("run {} of {}: {}, seed {}", ++number, runs, variant.title, seed);
      train_run(request, variant, seed, data, 0);
      score_run(request, variant, seed, data);
      publish(request, tables, data, nullptr);
    }
  }
  return publish(request, tables, data, nullptr);
}

}  // namespace infig

#include "experiments/halving.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "evaluation/run_record.h"
#include "experiments/runs.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

std::string setting(RunConfig config, const std::string& key) {
  ConfigBinder binder;
  bind_options(binder, config);
  for (const auto& field : binder.fields()) {
    if (field.key == key) return field.get();
  }
  throw ConfigError(fmt::format("{}: no such key", key));
}

// Returns the value of a key that must be equal in all variants, so that their scores are comparable. Throws ConfigError if it is not.
std::string common_setting(const ExperimentRequest& request, const std::string& key) {
  std::string common;
  for (const Variant& variant : request.variants) {
    const std::string value = setting(config_of(request, variant, request.seeds.front()), key);
    if (!common.empty() && value != common)
      throw ConfigError(fmt::format(
          "--halving: the variants differ in {} ({} and {}); it decides which variants continue, so it must be the same for all", key,
          common, value));
    common = value;
  }
  return common;
}

DevScore mean_score(const ExperimentRequest& request, const Variant& variant, const std::string& metric, int64_t epochs) {
  DevScore mean{.value = 0, .f1_weighted = 0};
  for (const uint64_t seed : request.seeds) {
    const DevScore one = best_until(run_folder(request, variant, seed), metric, epochs);
    mean.value += one.value / static_cast<double>(request.seeds.size());
    mean.f1_weighted += one.f1_weighted / static_cast<double>(request.seeds.size());
  }
  return mean;
}

// One rung: trains the remaining variants and returns the best ones.
std::vector<size_t> climb(const ExperimentRequest& request, const DataSet& data, const std::vector<size_t>& live, int64_t epochs,
                          HalvingRecord& record) {
  for (const uint64_t seed : request.seeds) {
    for (const size_t v : live) {
      log_info("{} epochs of {}, seed {} ({} variants are left)", epochs, request.variants[v].title, seed, live.size());
      train_run(request, request.variants[v], seed, data, epochs);
    }
  }
  HalvingRung rung{.epochs = epochs, .variants = live, .scores = {}, .kept = {}, .tie = {}};
  for (const size_t v : live) rung.scores.push_back(mean_score(request, request.variants[v], record.metric, epochs));
  const std::vector<size_t> kept = best_of(rung.scores, survivors(live.size(), request.halving->eta), is_lower_better(record.metric));
  for (const size_t place : kept) rung.kept.push_back(live[place]);
  rung.tie = tie_broken_by(rung.scores, kept);
  for (const size_t v : live) {
    if (std::find(rung.kept.begin(), rung.kept.end(), v) != rung.kept.end()) continue;
    record.dropped_after[v] = epochs;
    for (const uint64_t seed : request.seeds) score_run(request, request.variants[v], seed, data);
  }
  record.rungs.push_back(rung);
  return rung.kept;
}

}  // namespace

bool is_lower_better(const std::string& metric) { return metric == "loss" || metric == "ece"; }

void HalvingOptions::validate() const {
  if (eta < 2) throw ConfigError(fmt::format("--eta: {}, expected at least 2: one in this many variants continues", eta));
  if (min_epochs < 1) throw ConfigError(fmt::format("--min-epochs: {}, expected at least 1", min_epochs));
}

std::vector<int64_t> rung_epochs(const HalvingOptions& options, int64_t epochs) {
  std::vector<int64_t> rungs;
  for (int64_t budget = options.min_epochs; budget < epochs; budget *= options.eta) rungs.push_back(budget);
  return rungs;
}

size_t survivors(size_t count, int64_t eta) { return std::max<size_t>(1, count / static_cast<size_t>(eta)); }

DevScore best_until(const fs::path& run, const std::string& metric, int64_t epochs) {
  const auto metrics = read_metrics(run / "metrics.jsonl");
  const auto values = metrics.find("eval_" + metric), weighted = metrics.find("eval_f1_weighted");
  DevScore best;
  bool found = false;
  for (size_t i = 0; values != metrics.end() && i < values->second.step.size(); ++i) {
    if (values->second.epoch[i] > static_cast<double>(epochs)) break;
    DevScore one{.value = values->second.value[i], .f1_weighted = 0};
    if (weighted != metrics.end()) {
      const auto& steps = weighted->second.step;
      const auto same = std::find(steps.begin(), steps.end(), values->second.step[i]);
      if (same != steps.end()) one.f1_weighted = weighted->second.value[static_cast<size_t>(same - steps.begin())];
    }
    const bool gain = is_lower_better(metric) ? one.value < best.value : one.value > best.value;
    if (!found || gain || (one.value == best.value && one.f1_weighted > best.f1_weighted)) best = one;
    found = true;
  }
  if (!found) {
    throw DataError(
        fmt::format("{}: no evaluation of {} on dev within {} epochs, so there is no basis for continuing; a larger --min-epochs or "
                    "evaluations more often (train.eval_every) give one",
                    (run / "metrics.jsonl").string(), metric, epochs));
  }
  return best;
}

std::vector<size_t> best_of(const std::vector<DevScore>& scores, size_t keep, bool lower_is_better) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (scores[a].value != scores[b].value) return (scores[a].value < scores[b].value) == lower_is_better;
    return scores[a].f1_weighted > scores[b].f1_weighted;
  });
  order.resize(std::min(keep, order.size()));
  std::sort(order.begin(), order.end());
  return order;
}

std::string tie_broken_by(const std::vector<DevScore>& scores, const std::vector<size_t>& kept) {
  std::string by;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::binary_search(kept.begin(), kept.end(), i)) continue;
    for (const size_t place : kept) {
      if (scores[place].value != scores[i].value) continue;
      if (scores[place].f1_weighted == scores[i].f1_weighted) return "order";
      by = "weighted_f1";
    }
  }
  return by;
}

std::string tie_words(const HalvingRung& rung, const std::string& metric) {
  if (rung.tie.empty()) return "";
  const std::string start = fmt::format("After {} variants had the same {}", counted(rung.epochs, "epoch"), metric);
  return rung.tie == "order" ? start + " and the same weighted F1: of these the ones named first continue."
                             : start + ": of these the ones with the higher weighted F1 continue.";
}

void check_halving(const ExperimentRequest& request, const DataSet& data) {
  if (data.rows_of(Split::kDev).empty())
    throw DataError(fmt::format("{}: no dev posts, whose scores decide which variants continue", data.called()));
  common_setting(request, "train.best_metric");
  common_setting(request, "train.epochs");
}

HalvingRecord run_halving(const ExperimentRequest& request, const DataSet& data, const std::function<void(const HalvingRecord&)>& update) {
  check_halving(request, data);
  HalvingRecord record{.metric = common_setting(request, "train.best_metric"),
                       .rungs = {},
                       .dropped_after = std::vector<int64_t>(request.variants.size(), 0)};
  const int64_t epochs = std::stoll(common_setting(request, "train.epochs"));
  std::vector<size_t> live(request.variants.size());
  std::iota(live.begin(), live.end(), size_t{0});
  for (const int64_t budget : rung_epochs(*request.halving, epochs)) {
    if (live.size() < 2) break;
    live = climb(request, data, live, budget, record);
    update(record);
  }
  for (const uint64_t seed : request.seeds) {
    for (const size_t v : live) {
      log_info("{}, seed {}, to the end", request.variants[v].title, seed);
      train_run(request, request.variants[v], seed, data, 0);
      score_run(request, request.variants[v], seed, data);
      update(record);
    }
  }
  return record;
}

}  // namespace infig

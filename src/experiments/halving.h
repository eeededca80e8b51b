// Early dropping of poor variants: successive halving (Jamieson & Talwalkar 2016). All variants train for a few epochs, the best 1/eta of
// them continue to eta times as many, and so on; the survivors train to the end. Decisions depend only on the runs' dev scores,
// so that a resumed experiment makes the same ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "experiments/experiment.h"

namespace infig {

// Epochs after which variants are dropped: min_epochs, eta min_epochs, ... as far as they lie below `epochs`.
std::vector<int64_t> rung_epochs(const HalvingOptions& options, int64_t epochs);

// How many of `count` continue: count / eta, rounded down, at least 1.
size_t survivors(size_t count, int64_t eta);

// The best evaluation on dev that metrics.jsonl of `run` holds up to the end of `epochs`, by `metric` ("accuracy", "loss", ...), ties by
// weighted F1: what train would have called the best checkpoint had it stopped there. Throws DataError where there is none by then.
DevScore best_until(const std::filesystem::path& run, const std::string& metric, int64_t epochs);

// Places of the `keep` best scores, ascending. Of equal ones the first are kept.
std::vector<size_t> best_of(const std::vector<DevScore>& scores, size_t keep, bool lower_is_better);

// What run_halving() throws before it trains.
void check_halving(const ExperimentRequest& request, const DataSet& data);

// Trains rung by rung, then the survivors to the end, and tells `update` after everything that changes a table. Throws ConfigError where
// variants differ in train.epochs or train.best_metric, DataError where there are no dev posts.
HalvingRecord run_halving(const ExperimentRequest& request, const DataSet& data, const std::function<void(const HalvingRecord&)>& update);

}  // namespace infig

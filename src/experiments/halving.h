// Successive halving (Jamieson & Talwalkar 2016): all variants train for a few epochs, the best 1/eta of them continue to eta times as many
// epochs, and so on; the survivors train to the end. Decisions depend only on dev scores, so a resumed experiment makes the same ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "experiments/experiment.h"

namespace infig {

// Epochs after which variants are dropped: min_epochs, eta min_epochs, eta^2 min_epochs, ..., as long as they are below `epochs`.
std::vector<int64_t> rung_epochs(const HalvingOptions& options, int64_t epochs);

// How many of `count` variants continue: count / eta, rounded down, at least 1.
size_t survivors(size_t count, int64_t eta);

// Returns the best dev evaluation in the run's metrics.jsonl within the first `epochs` epochs, by `metric` ("accuracy", "loss", ...), ties
// by weighted F1. This is the checkpoint that train would have called best if it had stopped there. Throws DataError if there is none.
DevScore best_until(const std::filesystem::path& run, const std::string& metric, int64_t epochs);

// Returns the indices of the `keep` best scores, ascending. On ties the first ones are kept.
std::vector<size_t> best_of(const std::vector<DevScore>& scores, size_t keep, bool lower_is_better);

// What decided between the best variant that is dropped and one with the same score that is kept: "weighted_f1", or "order" where that is
// the same too; empty where the score itself did. kept: indices of scores, ascending.
std::string tie_broken_by(const std::vector<DevScore>& scores, const std::vector<size_t>& kept);

// The same of a rung as a sentence for tables and pages; empty without a tie.
std::string tie_words(const HalvingRung& rung, const std::string& metric);

// Throws what run_halving() throws before it trains.
void check_halving(const ExperimentRequest& request, const DataSet& data);

// Trains rung by rung and then the survivors to the end. Calls `update` after everything that changes a table. Throws ConfigError if the
// variants differ in train.epochs or train.best_metric, DataError if there are no dev posts.
HalvingRecord run_halving(const ExperimentRequest& request, const DataSet& data, const std::function<void(const HalvingRecord&)>& update);

}  // namespace infig

// Runs a model over many posts and returns their class probabilities.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "distributed/ranks.h"
#include "model/model.h"
#include "tensor/loader.h"

namespace infig {

// What is known of the rows of one call already, by their place in `rows`: probabilities, in the order of the labels. The batches are
// those of a whole call, so that a call that goes on where another one was stopped gives the same bytes.
using KnownRows = std::map<int64_t, std::vector<double>>;

struct InferenceOptions {
  int64_t batch_size = 64;
  Precision precision = Precision::kFp32;           // resolved: never kAuto
  std::string title = {};                           // title of the progress bar; empty: no bar
  std::function<void(int64_t done)> on_batch = {};  // called after each batch with the rows that this rank has done
  const std::atomic<int>* stop = nullptr;           // holds a signal's number once the work is to stop: throws Interrupted after the batch
  Ranks* ranks = &Ranks::alone();                   // the ranks that share the batches; every rank gets all results
  // If not null: batches all of whose rows are in it are not computed (they count as done, without a loss), and every batch that is
  // computed is added, before on_batch is called. For one rank alone.
  KnownRows* known = nullptr;
};

struct ScoredRows {
  std::vector<double> probabilities;  // [N, C] in the order of `rows`: softmax of the logits, in double
  double loss = 0;                    // mean cross-entropy over the rows that have a label; 0 if none has one
};

// Mean of -ln p of the true class over the posts with a label, in nats; 0 without any. probabilities: [N, C]; labels: [N], -1 without.
double mean_cross_entropy(const std::vector<double>& probabilities, const std::vector<int64_t>& labels);

// Scores the posts `rows` on the model's device, without gradients and dropout. Batches group texts of similar length and are the same for
// any number of ranks. Collective.
ScoredRows score_rows(Model& model, const PostLoader& loader, const std::vector<int64_t>& rows, const InferenceOptions& options);

}  // namespace infig

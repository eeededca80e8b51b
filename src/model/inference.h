// A model over many posts: probabilities in the order of the rows asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "distributed/ranks.h"
#include "model/model.h"
#include "tensor/loader.h"

namespace infig {

struct InferenceOptions {
  int64_t batch_size = 64;
  Precision precision = Precision::kFp32;           // resolved
  std::string title = {};                           // of the progress bar; empty: no bar
  std::function<void(int64_t done)> on_batch = {};  // after each batch: rows done so far
  Ranks* ranks = &Ranks::alone();                   // share the batches; every rank gets all results; collective
};

struct ScoredRows {
  std::vector<double> probabilities;  // [N, C], softmax of the logits in double
  double loss = 0;                    // mean cross-entropy over the rows that have a label; 0 where none has
};

// Batches by length; no gradient, no dropout. The model's device is used. Several ranks compute the same batches as one would.
ScoredRows score_rows(Model& model, const PostLoader& loader, const std::vector<int64_t>& rows, const InferenceOptions& options);

}  // namespace infig

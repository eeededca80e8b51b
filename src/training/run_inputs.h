// What a run is made from: the posts that data.limit leaves, and the weights it starts with.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "data/post.h"
#include "training/run_config.h"

namespace infig {

// At most `limit` posts of every split, drawn by the seed (stream ("limit", split)), in file order.
DataSet limited(const DataSet& data, int64_t limit, uint64_t seed);

// The SHA-256 of every file of weights, by the key that names it: {"text.model": {"model.safetensors": "..."}, ...}. For description.json.
// Throws CheckpointError where one is absent.
nlohmann::json starting_weights(const RunConfig& config);

}  // namespace infig

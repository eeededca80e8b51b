// What a run is made from: the posts that data.limit leaves, and the weights it starts with.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data/post.h"
#include "training/run_config.h"

namespace infig {

// At most `limit` posts of every split, drawn by the seed (stream ("limit", split)), in file order.
DataSet limited(const DataSet& data, int64_t limit, uint64_t seed);

// The SHA-256 of every file of weights of one folder or file: {"model.safetensors": "...", ...}. Throws CheckpointError where it is absent.
nlohmann::json weights_hashes(const std::filesystem::path& path);

// The folders or files of weights that a run starts from, by the key that names them, train.init_from among them.
std::vector<std::pair<std::string, std::filesystem::path>> weights_paths(const RunConfig& config);

// The SHA-256 of every file of weights, by the key that names it: {"text.model": {"model.safetensors": "..."}, ...}. For description.json.
// Throws CheckpointError where one is absent.
nlohmann::json starting_weights(const RunConfig& config);

}  // namespace infig

// The inputs of a run: the posts that data.limit selects, and the weights that it starts from.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data/post.h"
#include "training/run_config.h"

namespace infig {

// Returns at most `limit` posts of each split, drawn by the seed (stream ("limit", split)), in file order.
DataSet limited(const DataSet& data, int64_t limit, uint64_t seed);

// The posts that a run of this config sees: with what its keys add to them (ModelOptions::complete_posts), then data.limit.
DataSet posts_of_run(const DataSet& data, const RunConfig& config);

// Returns the SHA-256 of each file of weights that a key names (a folder, a file, a run, a file of word vectors): {"model.safetensors":
// "...", ...}. Throws CheckpointError if absent.
nlohmann::json weights_hashes(const std::string& key, const std::filesystem::path& named);

// Returns the folders or files of weights that a run starts from, train.init_from included, each with the key that names it.
std::vector<std::pair<std::string, std::filesystem::path>> weights_paths(const RunConfig& config);

// Returns the SHA-256 of each of these files by key, for description.json: {"text.model": {"model.safetensors": "..."}, ...}. Throws
// CheckpointError if one is missing.
nlohmann::json starting_weights(const RunConfig& config);

}  // namespace infig

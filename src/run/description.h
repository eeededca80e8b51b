// description.json of a run folder: what was known when the run was started. Free of torch.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infig {

struct RunDescription {
  std::string data_sha256;                      // of the posts; empty where it says nothing
  std::map<std::string, std::string> features;  // folders in the cache that the run uses, by what they hold
  std::vector<std::string> commands = {};       // that trained the run, in order: "commands", else "command"
  nlohmann::json weights;  // SHA-256 of the weights that the run started from, by key and file: an object; null where it says nothing
};

// Throws CheckpointError where the file is absent, no JSON, or has another type at one of these keys.
RunDescription read_run_description(const std::filesystem::path& run);

}  // namespace infig

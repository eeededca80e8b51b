#include "training/run_inputs.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "archive/weight_archive.h"
#include "core/files.h"
#include "core/random.h"
#include "model/pretrained.h"

namespace infig {

DataSet limited(const DataSet& data, int64_t limit, uint64_t seed) {
  DataSet part = data;
  std::vector<int64_t> kept;
  for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
    std::vector<int64_t> rows = data.rows_of(split);
    RandomStream stream(seed, "limit", static_cast<uint64_t>(split));
    stream.shuffle(std::span<int64_t>(rows));
    if (static_cast<int64_t>(rows.size()) > limit) rows.resize(static_cast<size_t>(limit));
    kept.insert(kept.end(), rows.begin(), rows.end());
  }
  std::sort(kept.begin(), kept.end());
  part.posts.clear();
  for (const int64_t row : kept) part.posts.push_back(data.posts[static_cast<size_t>(row)]);
  return part;
}

DataSet posts_of_run(const DataSet& data, const RunConfig& config) {
  DataSet own = data;
  config.model->complete_posts(own);
  return config.data.limit > 0 ? limited(own, config.data.limit, config.seed) : own;
}

nlohmann::json weights_hashes(const std::string& key, const std::filesystem::path& named) {
  if (key == "words.vectors") return {{named.filename().string(), sha256_file(named)}};  // text, and no archive of weights
  const std::filesystem::path path = key == "train.init_from" ? find_checkpoint(named, "--init-from") / "model.safetensors" : named;
  nlohmann::json hashes = nlohmann::json::object();
  const auto archive = open_archive(path);
  for (const std::filesystem::path& file : archive.files()) hashes[file.filename().string()] = sha256_file(file);
  return hashes;
}

std::vector<std::pair<std::string, std::filesystem::path>> weights_paths(const RunConfig& config) {
  std::vector<std::pair<std::string, std::filesystem::path>> paths;
  if (!config.random_init) paths = config.model->pretrained_files();
  if (!config.train.init_from.empty()) paths.emplace_back("train.init_from", config.train.init_from);
  return paths;
}

nlohmann::json starting_weights(const RunConfig& config) {
  nlohmann::json hashes = nlohmann::json::object();
  for (const auto& [key, path] : weights_paths(config)) hashes[key] = weights_hashes(key, path);
  return hashes;
}

}  // namespace infig

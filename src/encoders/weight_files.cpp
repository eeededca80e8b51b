#include "encoders/weight_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

// The index maps each key to the shard that holds it.
TensorMap load_shards(const fs::path& index) {
  const nlohmann::json json = nlohmann::json::parse(read_file(index), nullptr, false);
  const auto broken = [&](const std::string& what) { return CheckpointError(fmt::format("{}: {}", index.string(), what)); };
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    throw broken("expected a JSON object with weight_map, which names the file of each key");
  }
  std::set<std::string> shards;
  for (const auto& [key, shard] : json["weight_map"].items()) {
    const bool plain = shard.is_string() && fs::path(shard.get<std::string>()).filename() == shard.get<std::string>();
    if (!plain) throw broken(fmt::format("weight_map: {} stands in {}; expected the name of a file beside the index", key, shard.dump()));
    shards.insert(shard.get<std::string>());
  }
  TensorMap all;
  for (const std::string& shard : shards) {
    for (auto& [key, tensor] : load_tensors(index.parent_path() / shard)) {
      if (!all.emplace(key, tensor).second) throw broken(fmt::format("{} stands in two shards, one of them {}", key, shard));
    }
  }
  for (const auto& [key, shard] : json["weight_map"].items()) {
    if (!all.contains(key)) throw broken(fmt::format("weight_map: {} is not in {}", key, shard.get<std::string>()));
  }
  return all;
}

}  // namespace

TensorMap load_weights(const fs::path& path) {
  if (!fs::is_directory(path)) return load_tensors(path);
  static constexpr std::array<const char*, 4> kNames = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                                        "pytorch_model.bin.index.json"};
  for (const std::string name : kNames) {
    if (!fs::exists(path / name)) continue;
    return name.ends_with(".json") ? load_shards(path / name) : load_tensors(path / name);
  }
  throw CheckpointError(fmt::format("{}: no weights; expected one of {}", path.string(), fmt::join(kNames, ", ")));
}

}  // namespace infig

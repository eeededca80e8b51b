#include "encoders/weight_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace infig {
namespace {

bool belongs_elsewhere(const std::string& key, const WeightNames& names) {
  return std::ranges::any_of(names.other_parts, [&](const std::string& part) { return key.starts_with(part); }) ||
         std::ranges::any_of(names.other_endings, [&](const std::string& ending) { return key.ends_with(ending); });
}

std::string own_name(std::string key, const WeightNames& names) {
  for (const std::string& prefix : names.prefixes) {
    if (key.starts_with(prefix)) {
      key.erase(0, prefix.size());
      break;
    }
  }
  for (const auto& [old, now] : names.endings) {
    if (key.ends_with(old)) return key.substr(0, key.size() - old.size()) + now;
  }
  return key;
}

}  // namespace

TensorMap rename_weights(const TensorMap& tensors, const WeightNames& names, const std::string& where) {
  TensorMap renamed;
  for (const auto& [key, tensor] : tensors) {
    const std::string name = own_name(key, names);
    if (belongs_elsewhere(key, names) || belongs_elsewhere(name, names)) continue;
    if (!renamed.emplace(name, tensor).second) {
      throw CheckpointError(
          fmt::format("{}: two keys stand for {}, one of them is {}; the file must hold the model once", where, name, key));
    }
  }
  return renamed;
}

void load_published(torch::nn::Module& module, const TensorMap& tensors, const WeightNames& names, const std::string& where) {
  load_state_dict(module, rename_weights(tensors, names, where), where, names.other_endings);
}

}  // namespace infig

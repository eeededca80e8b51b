// Tensors from archives of weights, to safetensors, and strict loading of modules.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "archive/safetensors.h"

namespace infig {

using TensorMap = std::map<std::string, at::Tensor>;

at::ScalarType to_scalar_type(DType type);
DType to_dtype(at::ScalarType type);  // throws ShapeError for a type the format does not know

// Copies every tensor out of a safetensors file, a PyTorch archive, an index of shards or a model's folder (archive/weight_archive.h;
// own memory, CPU, dtypes as stored). `metadata` gets safetensors' strings. Throws CheckpointError naming file and tensor.
TensorMap load_tensors(const std::filesystem::path& path, std::map<std::string, std::string>* metadata = nullptr);

// Writes tensors (moved to CPU and made contiguous where they are not). Atomic, deterministic.
void save_tensors(const std::filesystem::path& path, const TensorMap& tensors, const std::map<std::string, std::string>& metadata = {});

// load_state_dict() of the archive `path`, without a second copy of the weights in memory: each tensor is copied from the mapped file
// straight to its place, and its pages are given back.
void load_weights(torch::nn::Module& module, const std::filesystem::path& path);

// Parameters and buffers of a module under their dotted names.
TensorMap state_dict(const torch::nn::Module& module);

// Copies `tensors` into the module's parameters and buffers (converted to their dtype). Strict: throws CheckpointError that lists every
// missing, unexpected and mis-shaped key at once. Keys equal to or ending in one of `ignored` may be missing or unexpected.
void load_state_dict(torch::nn::Module& module, const TensorMap& tensors, const std::string& where,
                     const std::vector<std::string>& ignored = {});

}  // namespace infig

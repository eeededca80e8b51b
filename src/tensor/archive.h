// Reads tensors from weight archives, writes safetensors, and loads weights strictly into modules.
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
DType to_dtype(at::ScalarType type);  // throws ShapeError for a type that the format does not have

// Reads every tensor of a safetensors file, a PyTorch archive, an index of shards or a model folder (archive/weight_archive.h) into its own
// CPU memory, with the stored dtype. `metadata`, if not null, receives the strings of safetensors' metadata. Throws CheckpointError naming
// file and tensor.
TensorMap load_tensors(const std::filesystem::path& path, std::map<std::string, std::string>* metadata = nullptr);

// Writes tensors, moving them to the CPU and making them contiguous if necessary. Atomic; equal tensors give equal files.
void save_tensors(const std::filesystem::path& path, const TensorMap& tensors, const std::map<std::string, std::string>& metadata = {});

// Like load_state_dict() from the archive `path`, but without a second copy of the weights in memory: each tensor is copied directly from
// the mapped file to its destination, and its pages are then released.
void load_weights(torch::nn::Module& module, const std::filesystem::path& path);

// Returns the parameters and buffers of a module by their dotted names.
TensorMap state_dict(const torch::nn::Module& module);

// Copies `tensors` into the module's parameters and buffers, converting them to their dtype. Strict: throws CheckpointError that lists
// every missing, unexpected and mis-shaped key at once, except for missing or unexpected keys that end in one of `ignored`.
void load_state_dict(torch::nn::Module& module, const TensorMap& tensors, const std::string& where,
                     const std::vector<std::string>& ignored = {});

}  // namespace infig

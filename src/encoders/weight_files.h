// The weights of a model on disk.
#pragma once

#include <filesystem>

#include "tensor/archive.h"

namespace infig {

// A file, or a folder as transformers saves it, where the first of these that exists is read: model.safetensors,
// model.safetensors.index.json (sharded), pytorch_model.bin, pytorch_model.bin.index.json. Throws CheckpointError naming what was looked for.
TensorMap load_weights(const std::filesystem::path& path);

}  // namespace infig

// Converts weights of any archive to one safetensors file in a new folder, with the config and tokenizer files beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "archive/weight_archive.h"

namespace infig {

// Files of a model's folder that travel with its weights: config.json, open_clip_config.json, preprocessor_config.json and
// processor_config.json, tokenizers' files, sentence-transformers' modules ("1_Pooling/config.json", "2_Dense/model.safetensors"),
// licences.
bool is_companion_file(std::string_view name);

struct ImportOptions {
  bool to_float32 = false;  // F16, BF16 and F64 become F32; whole numbers and truth values stay
  std::string entry = {};   // of a training checkpoint: the dict under this key; empty: the usual one (archive/torch_archive.h)
  bool overwrite = false;   // replace a folder that holds nothing but what import writes
};

struct ImportReport {
  ArchiveFormat format = ArchiveFormat::kSafetensors;
  size_t tensors = 0;
  int64_t converted = 0;              // to F32
  uint64_t bytes = 0;                 // of the tensors as written
  std::vector<std::string> copied;    // names of the files beside model.safetensors
  std::vector<std::string> left_out;  // entries of a PyTorch archive that are not the weights
  std::string entry;                  // the one that is; empty: the whole object
};

// Writes `output`/model.safetensors and, where `source` is a folder, its companion files. Names and shapes stay; tensors that share
// memory are written under each of their names, so the file is self-contained; metadata are copied from safetensors sources only.
// Equal content is equal bytes. The folder appears whole or not at all. Throws CheckpointError as open_archive does; ConfigError where
// `output` exists and is not empty (or, with overwrite, holds something that import does not write) or is `source` itself.
ImportReport import_weights(const std::filesystem::path& source, const std::filesystem::path& output, const ImportOptions& options);

// Little-endian elements of F16, BF16, F32 or F64 as F32, rounded to nearest even. Throws ShapeError for another dtype.
std::vector<std::byte> to_float32(const TensorView& view);

}  // namespace infig

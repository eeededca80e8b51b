// The object that torch.save pickles, as names, shapes and places in storages. What the storages hold lies elsewhere in the archive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/safetensors.h"

namespace infig {

struct TorchStorage {
  DType dtype = DType::kF32;
  std::string_view key;  // names it in the archive
  uint64_t count = 0;    // elements
  bool mixed = false;    // tensors of other element sizes share it, so only its bytes count
};

struct TorchTensor {
  DType dtype = DType::kF32;
  std::string_view key;         // of its storage
  uint64_t first = 0;           // element of the storage that its view begins at (other than 0 only in files of PyTorch 0.x)
  uint64_t count = 0;           // elements of that view
  uint64_t offset = 0;          // first element of the tensor in the view
  std::vector<int64_t> shape;   // each >= 0
  std::vector<int64_t> stride;  // in elements, each >= 0; as many as the shape has
};

struct TorchStateDict {
  std::map<std::string, TorchTensor> tensors;
  std::vector<TorchStorage> storages;  // every one that the pickle names, also those without a tensor; each key once
  std::vector<std::string> left_out;   // entries that are not the weights, by name; an object's class in brackets
  std::string entry;                   // of a training checkpoint: where the weights were ("state_dict"); empty: the whole object
  std::vector<std::string> others;     // further entries that could have been meant ("ema")
  size_t size = 0;                     // bytes of the pickle
};

// Reads the pickle at the front of `bytes`; the views point into them. Naming, `entry` and what is left out: archive/torch_archive.h.
// Throws CheckpointError naming `where` and the entry.
TorchStateDict read_torch_pickle(std::span<const std::byte> bytes, const std::string& where, const std::string& entry = "");

}  // namespace infig

// What torch.save writes (.bin, .pth, .pt): the zip form, and the older form of consecutive pickles followed by the storages.
// Names: a dict of tensors gives its keys. Dicts, lists and tuples inside it are joined by dots ("optimizer.state.0.exp_avg"). A training
// checkpoint, that is a dict without tensors of its own that holds a dict under one of "state_dict", "model_state_dict", "model" (the
// first one present), gives only that dict's tensors, under their own names; everything else is listed as left out.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "archive/safetensors.h"

namespace infig {

struct TorchArchive {
  std::map<std::string, TensorView> tensors;
  std::deque<std::vector<std::byte>> copies;  // of tensors that are not contiguous in their storage; views point into them
  std::vector<std::string> left_out;          // names of entries without tensors ("epoch", "optimizer")
};

bool is_torch_zip(std::span<const std::byte> bytes);     // a zip archive, to judge by its first bytes
bool is_torch_legacy(std::span<const std::byte> bytes);  // begins with the magic number of the older form

// Reads either form; views point into `bytes` or into `copies`. Everything is checked before it is used: storages inside of the file,
// shapes, strides and offsets inside of their storage, copies at most twice as large as the file; nothing is called or executed.
// Tensors that share memory keep their own names. Throws CheckpointError naming `where` and the tensor, the opcode or the global.
TorchArchive parse_torch_archive(std::span<const std::byte> bytes, const std::string& where);

}  // namespace infig

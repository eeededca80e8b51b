// What torch.save writes (.bin, .pth, .pt): the zip form, and the older form of consecutive pickles followed by the storages.
// Names: a dict of tensors gives its keys. Dicts, lists and tuples inside it are joined by dots ("optimizer.state.0.exp_avg"). A training
// checkpoint, that is a dict that holds a dict of tensors under "state_dict", "model_state_dict", "model_state", "model", "module", "net",
// "network", "weights", "ema", "ema_state_dict", "model_ema", "ema_model" or "state_dict_ema" (the first of them that there is; also one
// inside the other), whatever stands beside it, gives that dict's tensors alone, under their own names. Everything else is listed as left
// out, and further ones of these entries as what could have been meant.
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
  std::vector<std::string> left_out;  // names of entries that are not the weights ("epoch", "optimizer", "args (argparse.Namespace)")
  std::string entry;                  // of a training checkpoint: the one that was read ("state_dict"); else empty
  std::vector<std::string> others;    // ... and those that hold tensors, too, under another of the names above ("ema")
};

bool is_torch_zip(std::span<const std::byte> bytes);     // a zip archive, to judge by its first bytes
bool is_torch_legacy(std::span<const std::byte> bytes);  // begins with the magic number of the older form

// Reads either form; views point into `bytes` or into `copies`. Everything is checked before it is used: storages inside of the file,
// shapes, strides and offsets inside of their storage, copies at most twice as large as the file; nothing is called or executed.
// Tensors that share memory keep their own names. `entry`: read the dict under this key instead of the first one of the list above.
// Throws CheckpointError naming `where` and the tensor, the opcode, the global or the entry.
TorchArchive parse_torch_archive(std::span<const std::byte> bytes, const std::string& where, const std::string& entry = "");

}  // namespace infig

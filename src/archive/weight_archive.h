// Published weights of any archive format as one map of names to views. A file's content decides how it is read, not its name.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "archive/safetensors.h"

namespace infig {

enum class ArchiveFormat {
  kSafetensors,
  kTorchZip,     // torch.save since PyTorch 1.6
  kTorchLegacy,  // torch.save before it
  kIndex,        // a JSON index that names one of the above per tensor
};

const char* archive_format_name(ArchiveFormat format);

class WeightArchive {
 public:
  const std::map<std::string, TensorView>& tensors() const;    // memory-mapped; valid while the archive lives
  const std::map<std::string, std::string>& metadata() const;  // safetensors': strings; of shards what they do not contradict
  const std::vector<std::string>& left_out() const;            // entries of a PyTorch archive that are not the weights ("epoch")
  const std::string& entry() const;                            // of a training checkpoint the one that was read ("state_dict"); else empty
  const std::vector<std::string>& others() const;              // further ones that hold tensors under such a name ("ema")
  const std::vector<std::filesystem::path>& files() const;     // the file; of an index the shards, in order of their names
  ArchiveFormat format() const;                                // kIndex for sharded weights
  ArchiveFormat file_format() const;                           // of the files themselves

  struct Impl;
  explicit WeightArchive(std::unique_ptr<Impl> impl);
  ~WeightArchive();
  WeightArchive(WeightArchive&&) noexcept;
  WeightArchive& operator=(WeightArchive&&) noexcept;

 private:
  std::unique_ptr<Impl> impl_;
};

// The weights of a model's folder: the first existing one of model.safetensors, its index, pytorch_model.bin, its index,
// open_clip_model.safetensors, open_clip_pytorch_model.safetensors, open_clip_pytorch_model.bin, open_clip_pytorch_model.pth,
// pytorch_model.pth, model.pth; where none of them is there, the only file that ends in .safetensors, .bin, .pth, .pt, .ckpt or .tar.
// Throws CheckpointError that names what was looked for, or the files of which none is the only one.
std::filesystem::path find_weights(const std::filesystem::path& folder);
// What open_archive(path) opens, for messages: the file itself, of a folder find_weights().
std::filesystem::path weights_file(const std::filesystem::path& path);

// Opens a safetensors file, a PyTorch archive of either form (archive/torch_archive.h), an index of shards, or a folder that holds one
// (find_weights). `entry`: of a training checkpoint the dict under this key; empty: the usual one, and where more than one could be meant
// both are named in the log. Throws CheckpointError naming file and tensor: for a file that is none of these (a Git LFS pointer, a web page
// and their like are named), a missing shard, a tensor that the index promises and its shard lacks, one that two shards hold or the index
// does not name.
WeightArchive open_archive(const std::filesystem::path& path, const std::string& entry = "");

}  // namespace infig

#include "archive/weight_archive.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "archive/map_archive.h"
#include "archive/pickle.h"
#include "archive/torch_archive.h"
#include "core/error.h"
#include "core/json.h"
#include "core/log.h"

namespace infig {

struct WeightArchive::Impl {
  ArchiveFormat format = ArchiveFormat::kSafetensors;
  ArchiveFormat file_format = ArchiveFormat::kSafetensors;
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> left_out;
  std::string entry;
  std::vector<std::string> others;
  std::vector<std::filesystem::path> files;
  std::deque<MappedFile> mapped;
  std::deque<std::vector<std::byte>> copies;
};

namespace {

namespace fs = std::filesystem;
using Impl = WeightArchive::Impl;

constexpr std::array<const char*, 10> kWeightFiles = {"model.safetensors",           "model.safetensors.index.json",
                                                      "pytorch_model.bin",           "pytorch_model.bin.index.json",
                                                      "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
                                                      "open_clip_pytorch_model.bin", "open_clip_pytorch_model.pth",
                                                      "pytorch_model.pth",           "model.pth"};
constexpr std::array<const char*, 6> kWeightEndings = {".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".tar"};
constexpr size_t kMaxNamed = 20;  // files of a folder in one message
constexpr const char* kExpected = "a safetensors file, a PyTorch archive (.bin, .pth, .pt) or an index of shards";

std::string_view front_of(const MappedFile& file) {
  const auto bytes = file.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 512)};
}

// A safetensors file begins with the length of its header, at most 100 MB, and the header's brace.
bool looks_like_safetensors(std::string_view front) {
  return front.size() >= 9 && front.substr(4, 4) == std::string_view("\0\0\0\0", 4) && front[8] == '{';
}

// What people end up with instead of weights, and what to do about it.
std::string describe_stranger(std::string_view front) {
  if (front.empty()) return "is empty; get it again";
  if (front.starts_with("version https://git-lfs"))
    return "is a Git LFS pointer, not the file itself; run git lfs pull, or infig weights pull";
  if (front.starts_with("<")) return "is a web page; the download went to a login or error page, get the file itself";
  if (front.starts_with("\x89HDF")) return "is HDF5 (Keras); convert it with the original library";
  if (front.starts_with("GGUF")) return "is GGUF; get the model's safetensors instead";
  if (front.starts_with("\x1f\x8b")) return "is compressed with gzip; unpack it first";
  if (front.starts_with("\x80")) return "is a pickle that torch.save did not write; load it where you trust it and save the state_dict()";
  if (front.size() > 262 && front.substr(257, 5) == "ustar")
    return "is a tar archive (PyTorch before 0.1.10, or packed); unpack it, or save it again";
  return "is of an unknown format";
}

void read_whole(MappedFile file, const std::string& entry, Impl& archive) {
  const std::string where = file.path().string();
  const std::string_view front = front_of(file);
  if (is_torch_zip(file.bytes()) || is_torch_legacy(file.bytes())) {
    archive.file_format = is_torch_zip(file.bytes()) ? ArchiveFormat::kTorchZip : ArchiveFormat::kTorchLegacy;
    TorchArchive read = parse_torch_archive(file.bytes(), where, entry);
    archive.tensors = std::move(read.tensors);
    archive.copies = std::move(read.copies);
    archive.left_out = std::move(read.left_out);
    archive.entry = std::move(read.entry);
    archive.others = std::move(read.others);
  } else if (looks_like_safetensors(front) || file.path().extension() == ".safetensors") {
    archive.file_format = ArchiveFormat::kSafetensors;
    try {
      archive.tensors = parse_safetensors(file.bytes(), where, &archive.metadata);
    } catch (const CheckpointError&) {
      if (looks_like_safetensors(front) || describe_stranger(front) == "is of an unknown format") throw;
      throw CheckpointError(fmt::format("{}: {}", where, describe_stranger(front)));
    }
  } else {
    throw CheckpointError(fmt::format("{}: {} (expected {})", where, describe_stranger(front), kExpected));
  }
  if (!entry.empty() && archive.file_format == ArchiveFormat::kSafetensors)
    throw CheckpointError(fmt::format("{}: a safetensors file has no entries, so none called '{}'", where, printable(entry)));
  archive.format = archive.file_format;
  archive.files.push_back(file.path());
  archive.mapped.push_back(std::move(file));
}

// Tensor -> shard, as save_pretrained writes it: {"metadata": {...}, "weight_map": {"name": "file", ...}}.
std::map<std::string, std::string> read_index(std::string_view text, const std::string& where) {
  const nlohmann::json index = parse_foreign_json(text);
  if (index.is_discarded())
    throw CheckpointError(fmt::format(
        "{}: begins like a JSON index of shards, but is not JSON; expected weights or their index, so name another file, or get "
        "the index again",
        where));
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw CheckpointError(fmt::format("{}: holds no object weight_map, expected an index of shards", where));
  }
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string()) throw CheckpointError(fmt::format("{}: weight_map: '{}' names no file", where, name));
    const auto file = shard.get<std::string>();
    // A shard lies beside its index; an index must not be able to open anything else.
    if (file.empty() || file == "." || file == ".." || file.find('/') != std::string::npos || file.find('\0') != std::string::npos) {
      throw CheckpointError(
          fmt::format("{}: weight_map: '{}' is in '{}', expected the name of a file beside the index", where, name, file));
    }
    shards.emplace(name, file);
  }
  return shards;
}

void add_shard(Impl& all, Impl shard, const std::string& file, const std::map<std::string, std::string>& index, const std::string& where) {
  const bool first = all.files.empty();
  for (auto& [name, view] : shard.tensors) {
    const auto promised = index.find(name);
    if (promised == index.end() || promised->second != file) {
      throw CheckpointError(fmt::format("{}: tensor '{}' is in the shard {}, the index {}; get index and shards again, from one revision",
                                        where, name, file, promised == index.end() ? "does not name it" : "says " + promised->second));
    }
    all.tensors.emplace(name, std::move(view));
  }
  if (first) {
    all.file_format = shard.file_format;
    all.metadata = std::move(shard.metadata);
  } else {
    std::erase_if(all.metadata, [&](const auto& item) {
      const auto found = shard.metadata.find(item.first);
      return found == shard.metadata.end() || found->second != item.second;
    });
  }
  for (std::string& name : shard.left_out) all.left_out.push_back(std::move(name));
  all.files.push_back(shard.files.front());
  for (MappedFile& file_of_shard : shard.mapped) all.mapped.push_back(std::move(file_of_shard));
  for (auto& copy : shard.copies) all.copies.push_back(std::move(copy));
}

void read_sharded(const fs::path& path, std::string_view text, Impl& all) {
  const std::string where = path.string();
  const std::map<std::string, std::string> index = read_index(text, where);
  std::map<std::string, size_t> shards;
  for (const auto& [name, file] : index) ++shards[file];
  for (const auto& [file, tensors] : shards) {
    const fs::path shard_path = path.parent_path() / file;
    std::error_code code;
    if (!fs::exists(shard_path, code)) {
      if (code) throw CheckpointError(fmt::format("{}: weight_map: the shard {} cannot be opened: {}", where, file, code.message()));
      throw CheckpointError(fmt::format("{}: the shard {} is missing ({} tensors are in it); get it, or run infig weights pull again",
                                        where, shard_path.string(), tensors));
    }
    Impl shard;
    read_whole(map_archive(shard_path, kExpected), "", shard);
    add_shard(all, std::move(shard), file, index, where);
  }
  for (const auto& [name, file] : index) {
    if (!all.tensors.contains(name)) {
      throw CheckpointError(
          fmt::format("{}: tensor '{}' should be in the shard {}, which does not hold it; get index and shards again, from "
                      "one revision",
                      where, name, file));
    }
  }
  all.format = ArchiveFormat::kIndex;
}

}  // namespace

const char* archive_format_name(ArchiveFormat format) {
  constexpr std::array<const char*, 4> names = {"safetensors", "PyTorch archive (zip)", "PyTorch archive (before 1.6)", "index of shards"};
  return names[static_cast<size_t>(format)];
}

WeightArchive::WeightArchive(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WeightArchive::~WeightArchive() = default;
WeightArchive::WeightArchive(WeightArchive&&) noexcept = default;
WeightArchive& WeightArchive::operator=(WeightArchive&&) noexcept = default;

const std::map<std::string, TensorView>& WeightArchive::tensors() const { return impl_->tensors; }
const std::map<std::string, std::string>& WeightArchive::metadata() const { return impl_->metadata; }
const std::vector<std::string>& WeightArchive::left_out() const { return impl_->left_out; }
const std::string& WeightArchive::entry() const { return impl_->entry; }
const std::vector<std::string>& WeightArchive::others() const { return impl_->others; }
const std::vector<fs::path>& WeightArchive::files() const { return impl_->files; }
ArchiveFormat WeightArchive::format() const { return impl_->format; }
ArchiveFormat WeightArchive::file_format() const { return impl_->file_format; }

fs::path weights_file(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code) ? find_weights(path) : path;
}

fs::path find_weights(const fs::path& folder) {
  for (const char* name : kWeightFiles) {
    if (fs::exists(folder / name)) return folder / name;
  }
  std::vector<std::string> found;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    const bool weights = std::ranges::any_of(kWeightEndings, [&name](const char* ending) { return name.ends_with(ending); });
    if (weights && entry.is_regular_file(code) && found.size() < kMaxNamed) found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return folder / found.front();
  const std::string there = found.empty() ? "" : fmt::format("; there are {}, and which one is meant is not known", fmt::join(found, ", "));
  throw CheckpointError(
      fmt::format("{}: holds no weights, expected {}, {}, {}, {} or open_clip_model.safetensors{}; give the folder of a "
                  "model, or the file itself",
                  folder.string(), kWeightFiles[0], kWeightFiles[1], kWeightFiles[2], kWeightFiles[3], there));
}

WeightArchive open_archive(const fs::path& path, const std::string& entry) {
  const fs::path file_path = weights_file(path);
  MappedFile file = map_archive(file_path, kExpected);
  auto impl = std::make_unique<Impl>();
  const auto bytes = file.bytes();
  const std::string_view front = front_of(file);
  const size_t first = front.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && front[first] == '{' && !looks_like_safetensors(front)) {
    if (!entry.empty()) throw CheckpointError(fmt::format("{}: an index of shards has no entries", file_path.string()));
    read_sharded(file_path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, *impl);
  } else {
    read_whole(std::move(file), entry, *impl);
  }
  if (!impl->others.empty()) {
    std::vector<std::string> others;
    for (const std::string& other : impl->others) others.push_back(printable(other));
    log_warning("{}: {} is read; {} could be meant, too: infig weights import with --entry NAME takes another one", file_path.string(),
                printable(impl->entry), fmt::join(others, ", "));
  }
  return WeightArchive(std::move(impl));
}

}  // namespace infig

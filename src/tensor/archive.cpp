#include "tensor/archive.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstring>
#include <utility>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "core/mapped_file.h"

namespace infig {
namespace {

constexpr std::array<std::pair<DType, at::ScalarType>, 13> kTypes = {{{DType::kBool, at::kBool},
                                                                      {DType::kU8, at::kByte},
                                                                      {DType::kI8, at::kChar},
                                                                      {DType::kI16, at::kShort},
                                                                      {DType::kI32, at::kInt},
                                                                      {DType::kI64, at::kLong},
                                                                      {DType::kF16, at::kHalf},
                                                                      {DType::kBF16, at::kBFloat16},
                                                                      {DType::kF32, at::kFloat},
                                                                      {DType::kF64, at::kDouble},
                                                                      {DType::kU16, at::kUInt16},
                                                                      {DType::kU32, at::kUInt32},
                                                                      {DType::kU64, at::kUInt64}}};

bool may_be_ignored(const std::string& key, const std::vector<std::string>& ignored) {
  for (const std::string& suffix : ignored) {
    if (key.ends_with(suffix)) return true;
  }
  return false;
}

// All lists go into one message, so that a wrong checkpoint can be diagnosed at once.
std::string list_keys(const std::string& title, const std::vector<std::string>& keys) {
  return keys.empty() ? "" : fmt::format("\n  {} ({}): {}", title, keys.size(), fmt::join(keys, ", "));
}

using Shapes = std::map<std::string, std::vector<int64_t>>;

// Throws one error that names every missing, unexpected and mis-shaped tensor.
void check_fit(const TensorMap& own, const Shapes& found, const std::string& where, const std::vector<std::string>& ignored) {
  std::vector<std::string> missing, unexpected, misshaped;
  for (const auto& [name, tensor] : own) {
    const auto there = found.find(name);
    if (there == found.end()) {
      if (!may_be_ignored(name, ignored)) missing.push_back(name);
    } else if (tensor.sizes() != at::IntArrayRef(there->second)) {
      misshaped.push_back(
          fmt::format("{} expected [{}] found [{}]", name, fmt::join(tensor.sizes(), ", "), fmt::join(there->second, ", ")));
    }
  }
  for (const auto& item : found) {
    if (!own.contains(item.first) && !may_be_ignored(item.first, ignored)) unexpected.push_back(item.first);
  }
  if (missing.empty() && unexpected.empty() && misshaped.empty()) return;
  throw CheckpointError(fmt::format("{} does not fit the model:{}{}{}\nUse the checkpoint of a model with the same options.", where,
                                    list_keys("missing", missing), list_keys("unexpected", unexpected),
                                    list_keys("of another shape", misshaped)));
}

}  // namespace

at::ScalarType to_scalar_type(DType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == type) return theirs;
  }
  throw ShapeError(fmt::format("unknown element type {} of an archive", static_cast<int>(type)));
}

DType to_dtype(at::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  throw ShapeError(
      fmt::format("a tensor of type {} cannot be stored: safetensors holds bool, integers of 8 to 64 bits and floats of 16 to "
                  "64 bits; convert it first",
                  c10::toString(type)));
}

TensorMap load_tensors(const std::filesystem::path& path, std::map<std::string, std::string>* metadata) {
  const WeightArchive file = open_archive(path);
  TensorMap tensors;
  for (const auto& [name, view] : file.tensors()) {
    at::Tensor tensor = at::empty(view.shape, at::TensorOptions().dtype(to_scalar_type(view.dtype)));
    if (!view.data.empty()) std::memcpy(tensor.data_ptr(), view.data.data(), view.data.size());
    tensors.emplace(name, std::move(tensor));
  }
  if (metadata != nullptr) *metadata = file.metadata();
  return tensors;
}

void save_tensors(const std::filesystem::path& path, const TensorMap& tensors, const std::map<std::string, std::string>& metadata) {
  TensorMap host;  // keeps the bytes alive until they are written
  std::map<std::string, TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) throw ShapeError(fmt::format("tensor '{}' of {} is undefined and cannot be stored", name, path.string()));
    const at::Tensor& bytes = host[name] = tensor.detach().to(at::kCPU).contiguous();
    views[name] = {.dtype = to_dtype(bytes.scalar_type()),
                   .shape = bytes.sizes().vec(),
                   .data = {static_cast<const std::byte*>(bytes.data_ptr()), bytes.nbytes()}};
  }
  write_safetensors(path, views, metadata);
}

TensorMap state_dict(const torch::nn::Module& module) {
  TensorMap tensors;
  for (const auto& item : module.named_parameters()) tensors.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) tensors.emplace(item.key(), item.value());
  return tensors;
}

void load_state_dict(torch::nn::Module& module, const TensorMap& tensors, const std::string& where,
                     const std::vector<std::string>& ignored) {
  const TensorMap own = state_dict(module);
  Shapes shapes;
  for (const auto& [name, tensor] : tensors) shapes.emplace(name, tensor.sizes().vec());
  check_fit(own, shapes, where, ignored);
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : own) {
    const auto found = tensors.find(name);
    if (found != tensors.end()) at::Tensor(tensor).copy_(found->second);
  }
}

void load_weights(torch::nn::Module& module, const std::filesystem::path& path) {
  const TensorMap own = state_dict(module);
  const WeightArchive archive = open_archive(path);
  Shapes shapes;
  for (const auto& [name, view] : archive.tensors()) shapes.emplace(name, view.shape);
  check_fit(own, shapes, path.string(), {});
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : own) {
    const TensorView& view = archive.tensors().at(name);
    const at::ScalarType type = to_scalar_type(view.dtype);
    const bool direct = tensor.scalar_type() == type && tensor.is_contiguous() && tensor.device().is_cpu();
    const at::Tensor target = direct ? tensor : at::empty(view.shape, type);  // the bytes may be unaligned: copied, never cast
    if (!view.data.empty()) std::memcpy(target.data_ptr(), view.data.data(), view.data.size());
    if (!direct) at::Tensor(tensor).copy_(target);
    give_back(view.data);
  }
}

}  // namespace infig

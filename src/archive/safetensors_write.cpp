#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "archive/safetensors.h"
#include "archive/safetensors_header.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace infig {
namespace {

using Entry = std::pair<const std::string, TensorView>;

// The reference implementation lays tensors out by its dtypes in this order, so that each one is aligned to its element:
// a reader that views the buffer in place (torch's does) refuses anything else.
int layout_rank(DType type) {
  constexpr std::array<DType, 13> order = {DType::kU64, DType::kI64, DType::kF64, DType::kF32, DType::kU32, DType::kI32, DType::kBF16,
                                           DType::kF16, DType::kU16, DType::kI16, DType::kI8,  DType::kU8,  DType::kBool};
  return static_cast<int>(std::find(order.begin(), order.end(), type) - order.begin());
}

void check_view(const std::string& name, const TensorView& view, const std::string& where) {
  if (name == kSafetensorsMetadataKey) throw ShapeError(fmt::format("{}: a tensor cannot be called {}", where, name));
  uint64_t bytes = static_cast<uint64_t>(dtype_size(view.dtype));
  for (const int64_t size : view.shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) {
      throw ShapeError(fmt::format("{}: tensor '{}': impossible shape [{}]", where, name, fmt::join(view.shape, ", ")));
    }
  }
  if (bytes != view.data.size()) {
    throw ShapeError(fmt::format("{}: tensor '{}': shape [{}] of {} needs {} bytes, its data hold {}", where, name,
                                 fmt::join(view.shape, ", "), dtype_name(view.dtype), bytes, view.data.size()));
  }
}

std::string make_header(const std::vector<const Entry*>& entries, const std::map<std::string, std::string>& metadata,
                        const std::string& where) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[std::string(kSafetensorsMetadataKey)] = metadata;
  uint64_t offset = 0;
  for (const Entry* entry : entries) {
    const auto& [name, view] = *entry;
    nlohmann::ordered_json fields;
    fields["dtype"] = dtype_name(view.dtype);
    fields["shape"] = view.shape;
    fields["data_offsets"] = {offset, offset + view.data.size()};
    header[name] = std::move(fields);
    offset += view.data.size();
  }
  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::exception& error) {
    throw ShapeError(fmt::format("{}: a tensor's name or the metadata are not UTF-8: {}", where, json_fault(error)));
  }
  json.resize((json.size() + 7) / 8 * 8, ' ');
  if (json.size() > kSafetensorsMaxHeader) {
    throw ShapeError(fmt::format("{}: the header would take {} bytes, at most {} are allowed; write fewer tensors or less metadata", where,
                                 json.size(), kSafetensorsMaxHeader));
  }
  return json;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string where = path.string();
  std::vector<const Entry*> entries;
  for (const Entry& entry : tensors) {
    check_view(entry.first, entry.second, where);
    entries.push_back(&entry);
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry* a, const Entry* b) { return layout_rank(a->second.dtype) < layout_rank(b->second.dtype); });
  const std::string header = make_header(entries, metadata, where);
  std::array<char, 8> length{};
  for (size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  AtomicFile file(path);
  file.stream().write(length.data(), length.size());
  file.stream().write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const Entry* entry : entries) {
    const std::span<const std::byte> data = entry->second.data;
    file.stream().write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
  }
  file.commit();
}

}  // namespace infig

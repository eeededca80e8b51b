#include "archive/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "archive/map_archive.h"
#include "archive/safetensors_header.h"
#include "core/error.h"

namespace infig {
namespace {

struct DTypeRow {
  DType type;
  const char* name;
  int64_t size;
};

constexpr std::array<DTypeRow, 13> kDTypes = {{
    {DType::kBool, "BOOL", 1},
    {DType::kU8, "U8", 1},
    {DType::kI8, "I8", 1},
    {DType::kI16, "I16", 2},
    {DType::kI32, "I32", 4},
    {DType::kI64, "I64", 8},
    {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2},
    {DType::kF32, "F32", 4},
    {DType::kF64, "F64", 8},
    {DType::kU16, "U16", 2},
    {DType::kU32, "U32", 4},
    {DType::kU64, "U64", 8},
}};

const DTypeRow& row_of(DType type) {
  const auto* found = std::find_if(kDTypes.begin(), kDTypes.end(), [type](const DTypeRow& row) { return row.type == type; });
  if (found == kDTypes.end()) throw ShapeError(fmt::format("dtype number {} is unknown to safetensors", static_cast<int>(type)));
  return *found;
}

std::string known_dtypes() {
  std::string names;
  for (const DTypeRow& row : kDTypes) names += (names.empty() ? "" : " ") + std::string(row.name);
  return names;
}

// Size in bytes that the shape asks for; nothing where it does not fit into 64 bits.
std::optional<uint64_t> bytes_of(const std::vector<int64_t>& shape, int64_t element) {
  uint64_t total = 1;
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(total, static_cast<uint64_t>(size), &total)) return std::nullopt;
  }
  if (__builtin_mul_overflow(total, static_cast<uint64_t>(element), &total)) return std::nullopt;
  return total;
}

// Every byte of the buffer belongs to exactly one tensor.
void check_tiling(const SafetensorsHeader& header, uint64_t buffer_size, const std::string& where) {
  std::vector<std::pair<std::array<uint64_t, 2>, const std::string*>> spans;
  for (const auto& [name, entry] : header.entries) {
    const auto [begin, end] = entry.offsets;
    if (begin > end) throw CheckpointError(fmt::format("{}: tensor '{}': data_offsets [{}, {}] run backwards", where, name, begin, end));
    if (end > buffer_size) {
      throw CheckpointError(
          fmt::format("{}: tensor '{}': data_offsets [{}, {}] lie outside the {} bytes of data; the file is cut off or damaged", where,
                      name, begin, end, buffer_size));
    }
    spans.emplace_back(entry.offsets, &name);
  }
  // Equal spans stay in the order of their names.
  std::stable_sort(spans.begin(), spans.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  uint64_t reached = 0;
  for (const auto& [offsets, name] : spans) {
    if (offsets[0] != reached) {
      throw CheckpointError(fmt::format("{}: tensor '{}': data_offsets begin at {}, expected {}: the data {}", where, *name, offsets[0],
                                        reached, offsets[0] < reached ? "overlap another tensor's" : "leave a hole"));
    }
    reached = offsets[1];
  }
  if (reached != buffer_size) {
    throw CheckpointError(fmt::format("{}: {} bytes of data follow the last tensor, which ends at {}; the file is damaged", where,
                                      buffer_size - reached, reached));
  }
}

TensorPlace place_of(const std::string& name, SafetensorsEntry& entry, uint64_t front, const std::string& where) {
  const auto* row = std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeRow& candidate) { return entry.dtype == candidate.name; });
  if (row == kDTypes.end()) {
    throw CheckpointError(fmt::format("{}: tensor '{}': dtype '{}' is not readable, expected one of {}; convert the tensor and save again",
                                      where, name, entry.dtype, known_dtypes()));
  }
  const auto [begin, end] = entry.offsets;
  const std::optional<uint64_t> wanted = bytes_of(entry.shape, row->size);
  if (!wanted || *wanted != end - begin) {
    throw CheckpointError(fmt::format("{}: tensor '{}': shape [{}] of {} needs {} bytes, data_offsets [{}, {}] hold {}", where, name,
                                      fmt::join(entry.shape, ", "), row->name, wanted ? fmt::format("{}", *wanted) : "over 2^64", begin,
                                      end, end - begin));
  }
  return {.dtype = row->type, .shape = std::move(entry.shape), .begin = front + begin, .end = front + end};
}

}  // namespace

int64_t dtype_size(DType type) { return row_of(type).size; }
const char* dtype_name(DType type) { return row_of(type).name; }

uint64_t safetensors_front(std::span<const std::byte> start, uint64_t size, const std::string& where) {
  if (size < 8 || start.size() < 8) {
    throw CheckpointError(
        fmt::format("{}: {} bytes, expected the 8 bytes of a safetensors header length; the file is cut off or empty", where, size));
  }
  uint64_t length = 0;
  for (size_t i = 8; i-- > 0;) length = length << 8 | std::to_integer<uint64_t>(start[i]);
  if (length > kSafetensorsMaxHeader) {
    throw CheckpointError(fmt::format("{}: the header claims {} bytes, at most {} are allowed; this is not a safetensors file", where,
                                      length, kSafetensorsMaxHeader));
  }
  if (length > size - 8) {
    throw CheckpointError(
        fmt::format("{}: the header claims {} bytes, the file holds {} behind its length; the file is cut off", where, length, size - 8));
  }
  return 8 + length;
}

std::map<std::string, TensorPlace> locate_safetensors(std::span<const std::byte> front, uint64_t size, const std::string& where,
                                                      std::map<std::string, std::string>* metadata) {
  const uint64_t data = safetensors_front(front, size, where);
  if (front.size() < data) throw ShapeError(fmt::format("{}: {} bytes of the front, expected {}", where, front.size(), data));
  SafetensorsHeader header = parse_safetensors_header({reinterpret_cast<const char*>(front.data()) + 8, data - 8}, where);
  check_tiling(header, size - data, where);
  std::map<std::string, TensorPlace> places;
  for (auto& [name, entry] : header.entries) places.emplace(name, place_of(name, entry, data, where));
  if (metadata != nullptr) *metadata = std::move(header.metadata);
  return places;
}

std::map<std::string, TensorView> parse_safetensors(std::span<const std::byte> bytes, const std::string& where,
                                                    std::map<std::string, std::string>* metadata) {
  std::map<std::string, TensorView> tensors;
  for (auto& [name, place] : locate_safetensors(bytes, bytes.size(), where, metadata)) {
    tensors.emplace(
        name,
        TensorView{.dtype = place.dtype, .shape = std::move(place.shape), .data = bytes.subspan(place.begin, place.end - place.begin)});
  }
  return tensors;
}

struct SafetensorsFile::Impl {
  MappedFile file;
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : impl_(new Impl{.file = map_archive(path, "a safetensors file"), .tensors = {}, .metadata = {}}) {
  impl_->tensors = parse_safetensors(impl_->file.bytes(), path.string(), &impl_->metadata);
}

SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;

const std::map<std::string, TensorView>& SafetensorsFile::tensors() const { return impl_->tensors; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return impl_->metadata; }
const std::filesystem::path& SafetensorsFile::path() const { return impl_->file.path(); }

}  // namespace infig

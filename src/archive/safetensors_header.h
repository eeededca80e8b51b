// The JSON header of a safetensors file, read as a stream so that duplicate keys are seen and nothing larger than the header is
// ever allocated.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

struct SafetensorsEntry {
  std::string dtype;                  // as written; not yet known to be a dtype of ours
  std::vector<int64_t> shape;         // each >= 0
  std::array<uint64_t, 2> offsets{};  // [begin, end) in the buffer behind the header
};

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

inline constexpr std::string_view kSafetensorsMetadataKey = "__metadata__";
inline constexpr uint64_t kSafetensorsMaxHeader = 100'000'000;  // bytes; the reference implementation's limit

// Checks the form only: an object of tensors with exactly dtype, shape and data_offsets, and at most one "__metadata__" of strings;
// no key twice. Throws CheckpointError naming `where` and the key.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& where);

}  // namespace infig

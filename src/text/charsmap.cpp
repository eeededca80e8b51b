#include "text/charsmap.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <optional>

namespace infig {
namespace {

// The fields of a protobuf message, one after another. Only what finding two nested byte fields takes.
class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : bytes_(bytes) {}

  struct Field {
    uint64_t number = 0;
    std::string_view bytes;  // of a length-delimited field; empty for others
  };

  // The next field; nothing at the end or where the message is damaged (then broken() holds).
  std::optional<Field> next() {
    if (bytes_.empty() || broken_) return std::nullopt;
    const uint64_t tag = varint();
    Field field{.number = tag >> 3, .bytes = {}};
    switch (tag & 7) {
      case 0:
        varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        take(4);
        break;
      default:
        broken_ = true;
    }
    if (broken_) return std::nullopt;
    return field;
  }
  bool broken() const { return broken_; }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = take(1);
      if (broken_) return 0;
      value |= (static_cast<uint64_t>(static_cast<unsigned char>(byte[0])) & 0x7f) << shift;
      if ((static_cast<unsigned char>(byte[0]) & 0x80) == 0) return value;
    }
    broken_ = true;
    return 0;
  }

  std::string_view take(uint64_t count) {
    if (count > bytes_.size()) {
      broken_ = true;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  std::string_view bytes_;
  bool broken_ = false;
};

uint32_t unit_at(std::string_view bytes, size_t index) {
  uint32_t unit = 0;
  std::memcpy(&unit, bytes.data() + index * sizeof(unit), sizeof(unit));
  return unit;
}

std::string table_fault(std::string_view table) {
  constexpr size_t kBlock = 256;
  if (table.empty()) return "";
  if (table.size() <= sizeof(uint32_t)) return "its normalisation table is cut off";
  const size_t trie_bytes = unit_at(table, 0);
  if (trie_bytes == 0 || trie_bytes % (kBlock * sizeof(uint32_t)) != 0 || trie_bytes >= table.size() - sizeof(uint32_t)) {
    return fmt::format("its normalisation table claims a trie of {} bytes in {}", trie_bytes, table.size());
  }
  const std::string_view trie = table.substr(sizeof(uint32_t), trie_bytes);
  const std::string_view replacements = table.substr(sizeof(uint32_t) + trie_bytes);
  if (replacements.back() != '\0') return "its normalisation table is not closed";
  const size_t units = trie_bytes / sizeof(uint32_t);
  for (size_t i = 0; i < units; ++i) {
    const uint32_t unit = unit_at(trie, i);
    // A value is not a node: its label is not a byte, so a search never enters it. The root is entered without a check.
    if (i > 0 && (unit >> 31) != 0) continue;
    const size_t child = i ^ (static_cast<size_t>(unit >> 10) << ((unit & (1U << 9)) >> 6));
    if (child >= units) return fmt::format("its normalisation table leads to node {} of {}", child, units);
    const bool has_value = (unit >> 8 & 1) != 0;  // then the search takes the first child as the value
    const size_t value = unit_at(trie, child) & 0x7fffffff;
    if (has_value && value >= replacements.size()) {
      return fmt::format("its normalisation table points at replacement {} of {}", value, replacements.size());
    }
  }
  return "";
}

}  // namespace

std::string charsmap_fault(std::string_view model) {
  constexpr uint64_t kNormalizerSpec = 3, kPrecompiledCharsmap = 2;  // field numbers of ModelProto and NormalizerSpec
  const char* damaged = "it is not a sequence of protobuf fields";
  MessageReader fields(model);
  while (const auto field = fields.next()) {
    if (field->number != kNormalizerSpec) continue;
    MessageReader spec(field->bytes);
    while (const auto inner = spec.next()) {
      if (inner->number != kPrecompiledCharsmap) continue;
      if (std::string fault = table_fault(inner->bytes); !fault.empty()) return fault;
    }
    if (spec.broken()) return damaged;
  }
  return fields.broken() ? damaged : "";
}

}  // namespace infig

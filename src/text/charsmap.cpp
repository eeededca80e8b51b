#include "text/charsmap.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

#include "text/message_reader.h"

namespace infig {
namespace {

uint32_t unit_at(std::string_view bytes, size_t index) {
  uint32_t unit = 0;
  std::memcpy(&unit, bytes.data() + index * sizeof(unit), sizeof(unit));
  return unit;
}

}  // namespace

std::string charsmap_table_fault(std::string_view table) {
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

std::string charsmap_fault(std::string_view model) {
  constexpr uint64_t kNormalizerSpec = 3, kPrecompiledCharsmap = 2;  // field numbers of ModelProto and NormalizerSpec
  const char* damaged = "it is not a sequence of protobuf fields";
  MessageReader fields(model);
  while (const auto field = fields.next()) {
    if (field->number != kNormalizerSpec) continue;
    MessageReader spec(field->bytes);
    while (const auto inner = spec.next()) {
      if (inner->number != kPrecompiledCharsmap) continue;
      if (std::string fault = charsmap_table_fault(inner->bytes); !fault.empty()) return fault;
    }
    if (spec.broken()) return damaged;
  }
  return fields.broken() ? damaged : "";
}

}  // namespace infig

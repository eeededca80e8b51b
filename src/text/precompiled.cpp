#include "text/precompiled.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unicode/uchar.h>

#include <cstdint>
#include <cstring>

#include "core/error.h"
#include "text/charsmap.h"
#include "text/late_characters.h"
#include "text/unicode.h"

namespace infig {
namespace {

// Whole groups of four characters; = at the end stands for what is missing.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > (size_t{64} << 20)) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  const size_t missing = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<size_t>(length) - missing);
  return bytes;
}

uint32_t trie_unit(std::string_view trie, size_t index) {
  uint32_t unit = 0;
  std::memcpy(&unit, trie.data() + index * sizeof(unit), sizeof(unit));
  return unit;
}

size_t trie_offset(uint32_t unit) { return static_cast<size_t>(unit >> 10) << ((unit & (1U << 9)) >> 6); }

bool extends(int kind) { return kind == U_GCB_EXTEND || kind == U_GCB_ZWJ || kind == U_GCB_SPACING_MARK; }
bool stands_alone(int kind) { return kind == U_GCB_CONTROL || kind == U_GCB_CR || kind == U_GCB_LF; }

bool hangul_goes_on(int before, int next) {
  if (before == U_GCB_L) return next == U_GCB_L || next == U_GCB_V || next == U_GCB_LV || next == U_GCB_LVT;
  if (before == U_GCB_LV || before == U_GCB_V) return next == U_GCB_V || next == U_GCB_T;
  return (before == U_GCB_LVT || before == U_GCB_T) && next == U_GCB_T;
}

// As Unicode 16 has it.
int break_kind(char32_t code) { return u_getIntPropertyValue(static_cast<UChar32>(older_character(code)), UCHAR_GRAPHEME_CLUSTER_BREAK); }
bool is_pictograph(char32_t code) { return u_hasBinaryProperty(static_cast<UChar32>(code), UCHAR_EXTENDED_PICTOGRAPHIC) != 0; }

}  // namespace

PrecompiledMap::PrecompiledMap(std::string_view base64, const std::string& where) {
  std::optional<std::string> decoded = from_base64(base64);
  if (!decoded) throw CheckpointError(fmt::format("{}: is not base64; copy the file again", where));
  bytes_ = std::move(*decoded);
  if (const std::string fault = charsmap_table_fault(bytes_); !fault.empty() || bytes_.empty()) {
    throw CheckpointError(fmt::format("{}: {}; copy the file again", where, bytes_.empty() ? "is empty" : fault));
  }
  uint32_t trie_bytes = 0;
  std::memcpy(&trie_bytes, bytes_.data(), sizeof(trie_bytes));
  const std::string_view all = bytes_;
  trie_ = all.substr(sizeof(trie_bytes), trie_bytes);
  replacements_ = all.substr(sizeof(trie_bytes) + trie_bytes);
  std::string repaired;
  if (repaired_utf8(replacements_, repaired).data() != replacements_.data())
    throw CheckpointError(fmt::format("{}: its replacements are not UTF-8; copy the file again", where));
  for (size_t i = 0; i * sizeof(uint32_t) < trie_.size(); ++i) {
    const uint32_t unit = trie_unit(trie_, i);
    if (unit >> 31 != 0) continue;
    if ((unit >> 8 & 1) == 0) continue;
    const size_t value = trie_unit(trie_, i ^ trie_offset(unit)) & 0x7fffffff;
    if (value < replacements_.size() && continues_character(replacements_[value]))
      throw CheckpointError(fmt::format("{}: a replacement begins inside a character; copy the file again", where));
  }
}

std::optional<std::string_view> PrecompiledMap::find(std::string_view text) const {
  size_t node = trie_offset(trie_unit(trie_, 0));
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte == 0) return std::nullopt;
    node ^= byte;
    if (node * sizeof(uint32_t) >= trie_.size()) return std::nullopt;
    const uint32_t unit = trie_unit(trie_, node);
    if ((unit & 0x800000FFU) != byte) return std::nullopt;
    node ^= trie_offset(unit);
    if ((unit >> 8 & 1) == 0) continue;
    const size_t value = trie_unit(trie_, node) & 0x7fffffff;
    return replacements_.substr(value, replacements_.find('\0', value) - value);
  }
  return std::nullopt;
}

size_t grapheme_end(std::string_view text, size_t at) {
  Utf8Character character = utf8_at(text, at);
  size_t end = at + character.length;
  if (end >= text.size()) return end;
  if (character.code >= 0x20 && character.code < 0x7F && static_cast<unsigned char>(text[end]) < 0x80) return end;  // by far most
  int before = break_kind(character.code);
  bool emoji = is_pictograph(character.code);  // so far it is a pictograph and what extends it
  size_t flags = before == U_GCB_REGIONAL_INDICATOR ? 1 : 0;
  while (end < text.size()) {
    character = utf8_at(text, end);
    const int next = break_kind(character.code);
    if (before == U_GCB_CR && next == U_GCB_LF) return end + 1;
    if (stands_alone(before) || stands_alone(next)) return end;
    const bool pictograph = is_pictograph(character.code);
    const bool joined = extends(next) || before == U_GCB_PREPEND || hangul_goes_on(before, next) ||
                        (before == U_GCB_ZWJ && emoji && pictograph) || (next == U_GCB_REGIONAL_INDICATOR && flags % 2 == 1);
    if (!joined) return end;
    flags = next == U_GCB_REGIONAL_INDICATOR ? flags + 1 : 0;
    emoji = pictograph || (emoji && (next == U_GCB_EXTEND || next == U_GCB_ZWJ));
    before = next;
    end += character.length;
  }
  return end;
}

}  // namespace infig

#include "core/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace infig {

namespace {

// Brackets out of strings that are open at once, at most; of what is no JSON any number will do. Ten times as fast as the library's own
// look at each value, which tells with files of a million tokens.
bool is_nested_too_deep(std::string_view text) {
  int depth = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    if (inside) {
      if (byte == '\\') ++at;
      if (byte == '"') inside = false;
    } else if (byte == '"') {
      inside = true;
    } else if (byte == '[' || byte == '{') {
      if (++depth > kMaxJsonDepth) return true;
    } else if (byte == ']' || byte == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

nlohmann::json parse_foreign_json(std::string_view text) {
  using Json = nlohmann::json;
  if (is_nested_too_deep(text)) return Json(Json::value_t::discarded);
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

namespace {

// The library quotes what it read last: any bytes, and as many as there are.
std::string printable(std::string_view message) {
  constexpr size_t kMost = 240;
  std::string text;
  for (const char byte : message.substr(0, kMost)) {
    const auto code = static_cast<unsigned char>(byte);
    text += code >= 0x20 && code < 0x7F ? std::string(1, byte) : fmt::format("\\x{:02x}", code);
  }
  return message.size() > kMost ? text + "..." : text;
}

}  // namespace

std::string json_fault(const std::exception& error) {
  std::string_view text = error.what();
  const size_t end = text.find("] ");
  if (text.starts_with("[json.exception.") && end != std::string_view::npos) text.remove_prefix(end + 2);
  return std::string(text);
}

std::string foreign_json_fault(std::string_view text) {
  try {
    [[maybe_unused]] const auto value = nlohmann::json::parse(text);  // any depth; it is taken apart without recursion
  } catch (const nlohmann::json::exception& error) {
    return printable(json_fault(error));
  }
  return "nested deeper than " + std::to_string(kMaxJsonDepth);
}

}  // namespace infig

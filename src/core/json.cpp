#include "core/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace infig {

nlohmann::json parse_foreign_json(std::string_view text) {
  using Json = nlohmann::json;
  bool too_deep = false;
  const auto look = [&too_deep](int around, Json::parse_event_t event, Json&) {
    const bool begins = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    too_deep |= begins && around >= kMaxJsonDepth;
    return !too_deep;  // what lies deeper is read over, not kept
  };
  Json value = Json::parse(text, look, /*allow_exceptions=*/false);
  return too_deep ? Json(Json::value_t::discarded) : value;
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

std::string foreign_json_fault(std::string_view text) {
  try {
    [[maybe_unused]] const auto value = nlohmann::json::parse(text);  // any depth; it is taken apart without recursion
  } catch (const nlohmann::json::exception& error) {
    return printable(error.what());
  }
  return "nested deeper than " + std::to_string(kMaxJsonDepth);
}

}  // namespace infig

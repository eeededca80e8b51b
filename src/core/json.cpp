#include "core/json.h"

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

std::string foreign_json_fault(std::string_view text) {
  try {
    [[maybe_unused]] const auto value = nlohmann::json::parse(text);  // any depth; it is taken apart without recursion
  } catch (const nlohmann::json::exception& error) {
    std::string plain;  // it quotes what it read last, which may be no UTF-8
    for (const char* c = error.what(); *c != '\0'; ++c) {
      const auto byte = static_cast<unsigned char>(*c);
      if (byte >= 0x20 && byte < 0x7F) {
        plain += *c;
      } else {
        constexpr std::string_view kDigits = "0123456789ABCDEF";
        plain += {'\\', 'x', kDigits[byte / 16], kDigits[byte % 16]};
      }
    }
    return plain;
  }
  return "nested deeper than " + std::to_string(kMaxJsonDepth);
}

}  // namespace infig

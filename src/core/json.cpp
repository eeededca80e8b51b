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
    return error.what();
  }
  return "nested deeper than " + std::to_string(kMaxJsonDepth);
}

}  // namespace infig

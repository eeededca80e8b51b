#include "text/json_part.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace infig {
namespace {

std::string shown_json(const nlohmann::json& value) {
  constexpr size_t kMost = 60;
  if (value.is_structured()) return value.is_array() ? "a list" : "an object";
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  return text.size() > kMost ? text.substr(0, kMost) + "..." : text;
}

}  // namespace

const nlohmann::json* JsonPart::find(const char* key) const {
  if (!value_->is_object()) refuse(fmt::format("is {}, expected an object", shown_json(*value_)));
  const auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

bool JsonPart::has(const char* key) const { return find(key) != nullptr; }

JsonPart JsonPart::at(const char* key) const {
  const nlohmann::json* found = find(key);
  if (found == nullptr) refuse_value(key, "a value");
  return {*found, file_, key_.empty() ? key : key_ + "." + key};
}

std::vector<JsonPart> JsonPart::items(const char* key) const {
  const nlohmann::json* found = find(key);
  if (found == nullptr || !found->is_array()) refuse_value(key, "a list");
  std::vector<JsonPart> parts;
  for (size_t i = 0; i < found->size(); ++i)
    parts.emplace_back((*found)[i], file_, fmt::format("{}{}{}[{}]", key_, key_.empty() ? "" : ".", key, i));
  return parts;
}

std::string JsonPart::text(const char* key) const {
  const nlohmann::json* found = find(key);
  if (found == nullptr || !found->is_string()) refuse_value(key, "a text");
  return found->get<std::string>();
}

std::string JsonPart::text(const char* key, const std::string& fallback) const { return has(key) ? text(key) : fallback; }

bool JsonPart::flag(const char* key) const {
  const nlohmann::json* found = find(key);
  if (found == nullptr || !found->is_boolean()) refuse_value(key, "true or false");
  return found->get<bool>();
}

bool JsonPart::flag(const char* key, bool fallback) const { return has(key) ? flag(key) : fallback; }

int64_t JsonPart::integer(const char* key, int64_t least, int64_t most) const {
  const nlohmann::json* found = find(key);
  const bool whole = found != nullptr && found->is_number_integer() && !(found->is_number_unsigned() && found->get<uint64_t>() >> 63 != 0);
  if (!whole || found->get<int64_t>() < least || found->get<int64_t>() > most)
    refuse_value(key, fmt::format("a whole number from {} to {}", least, most));
  return found->get<int64_t>();
}

void JsonPart::allow(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, value] : value_->items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    std::string known;
    for (const std::string_view one : keys) known += (known.empty() ? "" : ", ") + std::string(one);
    refuse(fmt::format("has the key '{}', which is not known, so that what it asks for cannot be done; known: {}", key, known));
  }
}

void JsonPart::refuse(const std::string& what) const { throw CheckpointError(fmt::format("{} {}", place(), what)); }

void JsonPart::refuse_value(const char* key, const std::string& expected) const {
  const auto found = value_->is_object() ? value_->find(key) : value_->end();
  const std::string name = key_.empty() ? key : key_ + "." + key;
  const std::string shown = value_->is_object() && found != value_->end() ? "is " + shown_json(*found) : "is missing";
  throw CheckpointError(fmt::format("{}: {} {}, expected {}", file_, name, shown, expected));
}

}  // namespace infig

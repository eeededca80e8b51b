#include "core/json_fields.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace infig {
namespace {

constexpr uintmax_t kMostBytes = uintmax_t{64} << 20;

bool fits(const nlohmann::json& value) {
  if (!value.is_number_integer()) return false;
  return !value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

}  // namespace

JsonFields JsonFields::of_file(const std::filesystem::path& path) {
  const std::string where = path.string();
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) throw CheckpointError(fmt::format("{}: no such file", where));
  if (std::filesystem::file_size(path, code) > kMostBytes)
    throw CheckpointError(fmt::format("{}: has over {} MiB; no such file of infig's is that large", where, kMostBytes >> 20));
  std::string bytes;
  try {
    bytes = read_file(path);
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
  nlohmann::json json = parse_foreign_json(bytes);
  if (json.is_discarded()) throw CheckpointError(fmt::format("{}: not JSON: {}", where, foreign_json_fault(bytes)));
  return {std::move(json), where};
}

JsonFields::JsonFields(nlohmann::json object, std::string where)
    : JsonFields(std::make_shared<const nlohmann::json>(std::move(object)), std::move(where), "") {}

JsonFields::JsonFields(std::shared_ptr<const nlohmann::json> json, std::string where, std::string around)
    : json_(std::move(json)), where_(std::move(where)), around_(std::move(around)) {
  if (!json_->is_object()) throw CheckpointError(fmt::format("{}: is no JSON object", where_));
}

std::string JsonFields::key_of(const std::string& key) const { return around_.empty() ? key : around_ + "." + key; }

void JsonFields::refuse(const std::string& key, const std::string& expected) const {
  const auto found = json_->find(key);
  if (found == json_->end()) throw CheckpointError(fmt::format("{}: key {}: is absent, expected {}", where_, key_of(key), expected));
  constexpr size_t kMost = 60;
  // Whole values may be long, and with `replace` no text fails to print.
  std::string text = found->is_structured() ? found->type_name() : found->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  throw CheckpointError(fmt::format("{}: key {}: is {}, expected {}", where_, key_of(key), text, expected));
}

bool JsonFields::has(const std::string& key) const {
  const auto found = json_->find(key);
  return found != json_->end() && !found->is_null();
}

const nlohmann::json& JsonFields::value(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end()) refuse(key, "a value");
  return *found;
}

int64_t JsonFields::integer(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end() || !fits(*found)) refuse(key, "a whole number");
  return found->get<int64_t>();
}

double JsonFields::number(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end() || !found->is_number()) refuse(key, "a number");
  return found->get<double>();
}

bool JsonFields::flag(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end() || !found->is_boolean()) refuse(key, "true or false");
  return found->get<bool>();
}

std::string JsonFields::text(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end() || !found->is_string()) refuse(key, "a text");
  return found->get<std::string>();
}

std::vector<int64_t> JsonFields::integers(const std::string& key) const {
  std::vector<int64_t> values;
  for (const auto& item : list(key)) {
    if (!fits(item)) refuse(key, "a list of whole numbers");
    values.push_back(item.get<int64_t>());
  }
  return values;
}

const nlohmann::json& JsonFields::list(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end() || !found->is_array()) refuse(key, "a list");
  return *found;
}

JsonFields JsonFields::object(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end() || !found->is_object()) refuse(key, "an object");
  return {std::shared_ptr<const nlohmann::json>(json_, &*found), where_, key_of(key)};  // keeps the whole alive
}

std::optional<int64_t> JsonFields::integer_if(const std::string& key) const {
  return has(key) ? std::optional(integer(key)) : std::nullopt;
}

std::optional<double> JsonFields::number_if(const std::string& key) const { return has(key) ? std::optional(number(key)) : std::nullopt; }

}  // namespace infig

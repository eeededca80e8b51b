#include "encoders/config_reader.h"

#include <fmt/format.h>

#include <cctype>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "core/error.h"

namespace infig {

void fail_config_of(const std::filesystem::path& where, const ConfigError& error) {
  std::string what = error.what();
  constexpr std::string_view kFile = "config.json: ";
  if (const size_t named = what.find(kFile); named != std::string::npos) what.erase(named, kFile.size());
  const std::filesystem::path file = (std::filesystem::is_directory(where) ? where : where.parent_path()) / "config.json";
  throw CheckpointError(fmt::format("{}: {}; docs/encoders.md lists what is supported", file.string(), what));
}

ConfigReader::ConfigReader(const nlohmann::json& json, std::string model) : json_(json), model_(std::move(model)) {
  require(json.is_object(), "config.json: expected an object at the top level");
}

void refuse_quantized(const ConfigReader& reader) {
  reader.require(!reader.has("quantization_config"),
                 "config.json: quantization_config: quantised weights are not supported; save the model in fp32, fp16 or bf16");
}

void ConfigReader::require(bool allowed, const std::string& what) const {
  if (!allowed) throw ConfigError(model_ + ": " + what);
}

void ConfigReader::refuse(const char* key, const nlohmann::json& found, const char* expected) const {
  throw ConfigError(fmt::format("{}: config.json: {} is {}; expected {}", model_, key, found.dump(), expected));
}

const nlohmann::json* ConfigReader::find(const char* key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

int64_t ConfigReader::integer(const char* key, int64_t fallback) const {
  const auto* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_number_integer()) refuse(key, *found, "an integer");
  return found->get<int64_t>();
}

double ConfigReader::number(const char* key, double fallback) const {
  const auto* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_number()) refuse(key, *found, "a number");
  return found->get<double>();
}

bool ConfigReader::flag(const char* key, bool fallback) const {
  const auto* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_boolean()) refuse(key, *found, "true or false");
  return found->get<bool>();
}

std::string ConfigReader::text(const char* key, const std::string& fallback) const {
  const auto* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_string()) refuse(key, *found, "a text");
  return found->get<std::string>();
}

std::vector<int64_t> ConfigReader::integers(const char* key, const std::vector<int64_t>& fallback) const {
  const auto* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_array()) refuse(key, *found, "a list of integers");
  std::vector<int64_t> values;
  for (const auto& item : *found) {
    if (!item.is_number_integer()) refuse(key, *found, "a list of integers");
    values.push_back(item.get<int64_t>());
  }
  return values;
}

std::vector<std::string> ConfigReader::words(const char* key) const {
  const auto* found = find(key);
  if (found == nullptr) return {};
  std::vector<std::string> parts;
  if (found->is_string()) {
    std::istringstream stream(found->get<std::string>());
    for (std::string part; std::getline(stream, part, '|');) parts.push_back(part);
  } else {
    if (!found->is_array()) refuse(key, *found, "a text or a list of texts");
    for (const auto& part : *found) {
      if (!part.is_string()) refuse(key, *found, "a text or a list of texts");
      parts.push_back(part.get<std::string>());
    }
  }
  for (std::string& part : parts) {
    std::erase(part, ' ');
    for (char& c : part) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  std::erase(parts, "");
  return parts;
}

Activation ConfigReader::activation(const char* key, const std::string& fallback) const {
  return parse_activation(text(key, fallback), model_ + ": config.json: " + key);
}

}  // namespace infig

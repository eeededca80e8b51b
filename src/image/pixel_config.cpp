#include "image/pixel_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace infig {
namespace {

using nlohmann::json;

bool is_among_keys(std::span<const std::string_view> keys, std::string_view key) { return std::ranges::find(keys, key) != keys.end(); }

// Names and values come from files of any origin and may be long.
std::string shown_value(const json& value) {
  constexpr size_t kLongest = 80;
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

constexpr const char* kWhatToDo = "write that into the file where the model bears it, else take another model (docs/weights.md)";

bool states_nothing(const json& value) { return value.is_null() || value == false || (value.is_structured() && value.empty()); }

}  // namespace

PixelConfig::PixelConfig(const json& config, std::string where) : config_(config), where_(std::move(where)) {
  if (!config.is_object()) throw CheckpointError(fmt::format("{}: expected a JSON object", where_));
}

const json* PixelConfig::find(const std::string& key) const {
  const auto found = config_.find(key);
  return found == config_.end() || found->is_null() ? nullptr : &*found;
}

void PixelConfig::refuse(const std::string& key, const std::string& expected) const {
  const json* found = find(key);
  throw CheckpointError(fmt::format("{}: {} is {}; supported is {}; {}", where_, key, found == nullptr ? "absent" : shown_value(*found),
                                    expected, kWhatToDo));
}

bool PixelConfig::has(const std::string& key) const { return find(key) != nullptr; }

bool PixelConfig::flag(const std::string& key, bool fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) refuse(key, "true or false");
  return value->get<bool>();
}

double PixelConfig::number(const std::string& key, double fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) refuse(key, "a number");
  return value->get<double>();
}

std::string PixelConfig::text(const std::string& key, const std::string& fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) refuse(key, "a text");
  return value->get<std::string>();
}

int64_t PixelConfig::square(const std::string& key, int64_t fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_number_integer()) return value->get<int64_t>();
  const bool list = value->is_array() && !value->empty() && value->size() <= 2 && (*value)[0].is_number_integer();
  if (!list || (*value)[0] != value->back()) refuse(key, "one whole number, or two equal ones: pictures are squares");
  return (*value)[0].get<int64_t>();
}

std::vector<double> PixelConfig::channels(const std::string& key, const std::vector<double>& fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_number()) return std::vector<double>(3, value->get<double>());
  std::vector<double> numbers;
  if (value->is_array() && value->size() == 3) {
    for (const json& item : *value) {
      if (item.is_number()) numbers.push_back(item.get<double>());
    }
  }
  if (numbers.size() != 3) refuse(key, "a list of three numbers (red, green, blue)");
  return numbers;
}

std::optional<PixelConfig::Sides> PixelConfig::sides(const std::string& key) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer()) return Sides{.pixels = value->get<int64_t>(), .said = Said::kNumber};
  if (value->is_array()) return Sides{.pixels = square(key, 0), .said = Said::kBoth};
  if (value->is_object()) {
    const json given = [&] {  // transformers writes the sides that a processor does not use as null
      json kept = json::object();
      for (const auto& [name, side] : value->items()) {
        if (!side.is_null()) kept[name] = side;
      }
      return kept;
    }();
    const auto whole = [&](const char* name) { return given.contains(name) && given[name].is_number_integer(); };
    if (given.size() == 1 && whole("shortest_edge")) return Sides{.pixels = given["shortest_edge"].get<int64_t>(), .said = Said::kShorter};
    if (given.size() == 2 && whole("height") && whole("width") && given["height"] == given["width"])
      return Sides{.pixels = given["height"].get<int64_t>(), .said = Said::kBoth};
  }
  refuse(key, "a whole number, shortest_edge alone, or equal height and width");
}

void PixelConfig::check_keys(std::span<const std::string_view> read, std::span<const std::string_view> without_effect) const {
  for (const auto& [key, value] : config_.items()) {
    if (states_nothing(value) || is_among_keys(read, key) || is_among_keys(without_effect, key)) continue;
    throw CheckpointError(fmt::format(
        "{}: {} is {}, a key that is not known or not supported here, so what it states would be lost; take it out if it changes nothing",
        where_, shown_value(json(key)), shown_value(value)));
  }
}

Filter filter_named(const std::string& name, const PixelConfig& config, const std::string& key) {
  struct Named {
    const char* name;
    Filter filter;
  };
  constexpr std::array<Named, 6> kNamed = {{{"bicubic", Filter::kBicubic},
                                            {"bilinear", Filter::kBilinear},
                                            {"nearest", Filter::kNearest},
                                            {"lanczos", Filter::kLanczos},
                                            {"hamming", Filter::kHamming},
                                            {"box", Filter::kBox}}};
  for (const Named& one : kNamed) {
    if (name == one.name) return one.filter;
  }
  config.refuse(key, "bicubic, bilinear, nearest, lanczos, hamming or box");
}

void validate_pixels(const ImageOptions& options, const std::string& where) {
  try {
    options.validate();
  } catch (const ConfigError& error) {
    throw CheckpointError(fmt::format("{}: {}; {}", where, error.what(), kWhatToDo));
  }
}

}  // namespace infig

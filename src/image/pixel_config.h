// Typed look-ups in the JSON of a folder that states how pictures become pixels, with messages that name file and key, what was found and
// what can be done. An absent key or null gives the fallback. Everything throws CheckpointError: the user typed none of
// these keys.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "image/transform.h"

namespace infig {

class PixelConfig {
 public:
  // `where` is the file, with the key of the section where it is one. The json must be an object and outlive the reader.
  PixelConfig(const nlohmann::json& config, std::string where);

  [[noreturn]] void refuse(const std::string& key, const std::string& expected) const;
  bool has(const std::string& key) const;  // there, and not null
  bool flag(const std::string& key, bool fallback) const;
  double number(const std::string& key, double fallback) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  // One whole number, or a list of equal ones ([224, 224]): pixels a side.
  int64_t square(const std::string& key, int64_t fallback) const;
  // A list of three numbers, or one for all three.
  std::vector<double> channels(const std::string& key, const std::vector<double>& fallback) const;

  // 224; {"shortest_edge": 224}; {"height": 224, "width": 224} or [224, 224]: pixels, and what was said of them.
  enum class Said { kNumber, kShorter, kBoth };
  struct Sides {
    int64_t pixels = 0;
    Said said = Said::kNumber;
  };
  std::optional<Sides> sides(const std::string& key) const;

  // Refuses every key that is in none of the lists and states something: anything but null, false, {} and [].
  void check_keys(std::span<const std::string_view> read, std::span<const std::string_view> without_effect) const;

  const std::string& where() const { return where_; }

 private:
  const nlohmann::json* find(const std::string& key) const;
  const nlohmann::json& config_;
  std::string where_;
};

// "bicubic", ... as timm and open_clip name them. Throws CheckpointError, `where` and `key` first.
Filter filter_named(const std::string& name, const PixelConfig& config, const std::string& key);

// options.validate() as a CheckpointError, with `where` before what it says.
void validate_pixels(const ImageOptions& options, const std::string& where);

}  // namespace infig

#include "image/preprocessor.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace infig {
namespace {

using nlohmann::json;

class PreprocessorReader {
 public:
  PreprocessorReader(const json& config, std::string where) : config_(config), where_(std::move(where)) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& expected) const {
    throw ConfigError(fmt::format("{}: {} is {}; supported is {}", where_, key, config_.value(key, json()).dump(), expected));
  }
  bool flag(const std::string& key, bool fallback) const {
    const json value = config_.value(key, json());
    if (value.is_null()) return fallback;
    if (!value.is_boolean()) refuse(key, "true or false");
    return value.get<bool>();
  }
  double number(const std::string& key, double fallback) const {
    const json value = config_.value(key, json());
    if (value.is_null()) return fallback;
    if (!value.is_number()) refuse(key, "a number");
    return value.get<double>();
  }
  std::string text(const std::string& key) const {
    const json value = config_.value(key, json());
    return value.is_string() ? value.get<std::string>() : std::string();
  }
  // 224, {"shortest_edge": 224}, {"height": 224, "width": 224}: pixels, and whether both sides were given.
  struct Sides {
    int64_t pixels = 0;
    bool both = false;
  };
  std::optional<Sides> sides(const std::string& key) const {
    const json value = config_.value(key, json());
    if (value.is_null()) return std::nullopt;
    if (value.is_number_integer()) return Sides{.pixels = value.get<int64_t>(), .both = false};
    if (value.is_object() && value.contains("shortest_edge") && value["shortest_edge"].is_number_integer() &&
        !value.contains("longest_edge")) {
      return Sides{.pixels = value["shortest_edge"].get<int64_t>(), .both = false};
    }
    if (value.is_object() && value.contains("height") && value.contains("width") && value["height"].is_number_integer() &&
        value["height"] == value["width"]) {
      return Sides{.pixels = value["height"].get<int64_t>(), .both = true};
    }
    refuse(key, "a whole number, shortest_edge, or equal height and width");
  }
  std::vector<double> channels(const std::string& key, const std::vector<double>& fallback) const {
    const json value = config_.value(key, json());
    if (value.is_null()) return fallback;
    std::vector<double> numbers;
    for (const json& item : value) {
      if (item.is_number()) numbers.push_back(item.get<double>());
    }
    if (!value.is_array() || numbers.size() != 3 || value.size() != 3) refuse(key, "a list of three numbers");
    return numbers;
  }
  Filter filter(Filter fallback) const {
    const json value = config_.value("resample", json());
    if (value.is_null()) return fallback;
    if (value == 0) return Filter::kNearest;
    if (value == 2) return Filter::kBilinear;
    if (value == 3) return Filter::kBicubic;
    refuse("resample", "0 (nearest), 2 (bilinear) or 3 (bicubic)");
  }

 private:
  const json& config_;
  std::string where_;
};

void read_sizes(const PreprocessorReader& reader, bool convnext, ImageOptions& options) {
  const auto size = reader.sides("size"), crop = reader.sides("crop_size");
  if (!reader.flag("do_resize", true)) reader.refuse("do_resize", "true");
  if (convnext) {
    if (size) options.size = size->pixels;
    // Larger ones are squeezed into a square there.
    if (options.size >= 384) reader.refuse("size", "less than 384 for this processor");
    const double share = reader.number("crop_pct", 224.0 / 256.0);
    if (!(share >= 0.01 && share <= 1)) reader.refuse("crop_pct", "a share from 0.01 to 1");
    options.resize = static_cast<int64_t>(static_cast<double>(options.size) / share);
    return;
  }
  if (!reader.flag("do_center_crop", true)) reader.refuse("do_center_crop", "true");
  if (size) {
    if (size->both) reader.refuse("size", "the shorter side: both sides would squeeze the picture");
    options.resize = size->pixels;
    if (!crop) options.size = size->pixels;
  }
  if (crop) {
    options.size = crop->pixels;
    if (!size) options.resize = crop->pixels;
  }
}

}  // namespace

ImageOptions parse_preprocessor(const std::string& text, const ImageOptions& own, const std::string& where) {
  const json config = parse_foreign_json(text);
  if (!config.is_object()) throw ConfigError(fmt::format("{}: expected a JSON object", where));
  const PreprocessorReader reader(config, where);
  const std::string processor = reader.text("image_processor_type") + reader.text("feature_extractor_type");
  const bool convnext = processor.find("ConvNext") != std::string::npos;
  ImageOptions options = own;
  options.augment = Augment::kNone;
  read_sizes(reader, convnext, options);
  options.filter = reader.filter(convnext || processor.find("CLIP") != std::string::npos ? Filter::kBicubic : own.filter);
  // (x f - m) / s in terms of x / 255: both m and s shrink by 255 f.
  const double scale = reader.flag("do_rescale", true) ? 255.0 * reader.number("rescale_factor", 1.0 / 255.0) : 255.0;
  if (!(scale > 0)) reader.refuse("rescale_factor", "a number > 0");
  const bool normalize = reader.flag("do_normalize", true);
  const std::vector<double> mean = normalize ? reader.channels("image_mean", own.mean) : std::vector<double>{0, 0, 0};
  const std::vector<double> deviation = normalize ? reader.channels("image_std", own.std) : std::vector<double>{1, 1, 1};
  // 1/255 is written rounded; a factor equal to it keeps pixel / 255.
  const double divisor = std::abs(scale - 1) < 1e-9 ? 1.0 : scale;
  for (size_t c = 0; c < 3; ++c) {
    options.mean[c] = mean[c] / divisor;
    options.std[c] = deviation[c] / divisor;
  }
  try {
    options.validate();
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}: {}", where, error.what()));
  }
  return options;
}

ImageOptions read_preprocessor(const std::filesystem::path& folder, const ImageOptions& own) {
  const auto path = folder / "preprocessor_config.json";
  return std::filesystem::exists(path) ? parse_preprocessor(read_file(path), own, path.string()) : own;
}

}  // namespace infig

#include "image/preprocessor.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "image/pixel_config.h"

namespace infig {
namespace {

using nlohmann::json;

const std::vector<double> kAllHalves = {0.5, 0.5, 0.5};
const std::vector<double> kClipMean = {0.48145466, 0.4578275, 0.40821073}, kClipStd = {0.26862954, 0.26130258, 0.27577711};

// A processor of transformers: what it does where its file is silent.
struct Processor {
  std::string_view name;  // before ImageProcessor (Fast, Pil) or FeatureExtractor
  bool squash = false;    // `size` is both sides (a number: of both)
  bool crops = true;      // do_center_crop
  int64_t resize = 224;   // `size`
  int64_t crop = 224;     // `crop_size`
  Filter filter = Filter::kBicubic;
  bool clip_mean = false;  // else 0.5 everywhere
  bool convnext = false;   // resizes to size / crop_pct and crops to size; from 384 on it squashes
  bool efficient = false;  // rescale_offset, include_top
};

constexpr std::array<Processor, 14> kProcessors = {{
    {.name = "CLIP", .clip_mean = true},
    {.name = "ChineseCLIP", .clip_mean = true},
    {.name = "Bit", .clip_mean = true},
    {.name = "ViT", .squash = true, .crops = false, .filter = Filter::kBilinear},
    {.name = "DeiT", .squash = true, .resize = 256},
    {.name = "Beit", .squash = true, .crops = false},
    {.name = "Siglip", .squash = true, .crops = false},
    {.name = "Blip", .squash = true, .crops = false, .resize = 384, .clip_mean = true},
    {.name = "MobileNetV1", .resize = 256, .filter = Filter::kBilinear},
    {.name = "MobileNetV2", .resize = 256, .filter = Filter::kBilinear},
    {.name = "ConvNext", .resize = 384, .convnext = true},
    {.name = "ConvNeXT", .resize = 384, .convnext = true},
    {.name = "EfficientNet", .squash = true, .crops = false, .resize = 346, .crop = 289, .efficient = true},
    {.name = ""},  // none is named: as `own`
}};

constexpr std::array<std::string_view, 15> kRead = {
    "image_processor_type", "feature_extractor_type", "do_resize",    "size",       "resample",  "do_center_crop", "crop_size",  "crop_pct",
    "do_rescale",           "rescale_factor",         "do_normalize", "image_mean", "image_std", "rescale_offset", "include_top"};
// Of how a processor is called and saved, and what changes nothing about a picture that is RGB: decoded pictures are.
constexpr std::array<std::string_view, 20> kWithoutEffect = {
    "do_convert_rgb",   "processor_class",   "data_format",     "input_data_format",     "return_tensors",    "device",
    "disable_grouping", "default_to_square", "use_square_size", "_valid_processor_keys", "model_input_names", "transformers_version",
    "_processor_class", "backend",           "is_local",        "local_files_only",      "image_seq_length",  "_name_or_path",
    "name_or_path",     "use_fast"};

std::string_view without_ending(std::string_view name, std::string_view ending) {
  return name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) : name;
}

const Processor& processor_of(const PixelConfig& config) {
  const char* key = config.has("image_processor_type") ? "image_processor_type" : "feature_extractor_type";
  const std::string type = config.text(key, "");
  if (type.empty()) return kProcessors.back();
  std::string_view name = type;
  for (const char* ending : {"Fast", "Pil", "ImageProcessor", "FeatureExtractor"}) name = without_ending(name, ending);
  std::string known;
  for (const Processor& one : kProcessors) {
    if (one.name.empty()) continue;
    if (one.name == name) return one;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
  }
  config.refuse(key, fmt::format("the image processor of {}", known));
}

Filter resample_of(const json& config, const PixelConfig& reader, Filter fallback) {
  if (!reader.has("resample")) return fallback;
  constexpr std::array<Filter, 6> kNumbers = {Filter::kNearest, Filter::kLanczos, Filter::kBilinear,
                                              Filter::kBicubic, Filter::kBox,     Filter::kHamming};  // Pillow's
  const json& value = config["resample"];
  if (!value.is_number_integer() || value < 0 || value > 5) {
    reader.refuse("resample", "0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (hamming)");
  }
  return kNumbers[value.get<size_t>()];
}

void read_convnext(const PixelConfig& reader, const Processor& named, ImageOptions& options) {
  const auto size = reader.sides("size");
  if (size && size->said == PixelConfig::Said::kBoth) reader.refuse("size", "shortest_edge for this processor");
  options.size = size ? size->pixels : named.resize;
  if (options.size >= 384) {
    options.resize_mode = ResizeMode::kSquash;
    options.resize = options.size;
    return;
  }
  const double share = reader.number("crop_pct", 224.0 / 256.0);
  if (!(share >= 0.01 && share <= 1)) reader.refuse("crop_pct", "a share from 0.01 to 1");
  options.resize_mode = ResizeMode::kShortest;
  options.resize = static_cast<int64_t>(static_cast<double>(options.size) / share);
}

void read_sides(const PixelConfig& reader, const Processor& named, ImageOptions& options) {
  using Said = PixelConfig::Said;
  const bool any = named.name.empty();
  const auto size = reader.sides("size"), crop = reader.sides("crop_size");
  if (!reader.flag("do_resize", true)) reader.refuse("do_resize", "true");
  if (reader.has("crop_pct") && !named.convnext) reader.refuse("crop_pct", "no such key for this processor");
  if (named.convnext) return read_convnext(reader, named, options);
  if (!any) options.resize_mode = named.squash ? ResizeMode::kSquash : ResizeMode::kShortest;
  // Siglip's own rule: a bare number would be the shorter side, and its pictures no squares.
  if (size && size->said == Said::kNumber && named.name == "Siglip") reader.refuse("size", "height and width");
  if (size && size->said == Said::kBoth) options.resize_mode = ResizeMode::kSquash;
  if (size && size->said == Said::kShorter) options.resize_mode = ResizeMode::kShortest;
  // Without a named processor: a picture that is squeezed is not cropped unless the file says so.
  const bool crops = reader.flag("do_center_crop", any ? options.resize_mode != ResizeMode::kSquash || crop.has_value() : named.crops);
  if (!any) {
    options.resize = named.resize;
    options.size = named.crop;
  }
  if (size) options.resize = size->pixels;
  if (!crops) {
    if (options.resize_mode != ResizeMode::kSquash) reader.refuse("do_center_crop", "true, or a size of height and width");
    options.size = options.resize;
    return;
  }
  if (crop) options.size = crop->pixels;
  if (any && size && !crop) options.size = size->pixels;
  if (any && crop && !size) options.resize = crop->pixels;
}

// (x f - m) / s in terms of x / 255: both m and s shrink by 255 f.
void read_scale(const PixelConfig& reader, const Processor& named, const ImageOptions& own, ImageOptions& options) {
  const double scale = reader.flag("do_rescale", true) ? 255.0 * reader.number("rescale_factor", 1.0 / 255.0) : 255.0;
  if (!(scale > 0)) reader.refuse("rescale_factor", "a number > 0");
  const bool normalize = reader.flag("do_normalize", true), any = named.name.empty();
  const std::vector<double> usual_mean = any ? own.mean : named.clip_mean ? kClipMean : kAllHalves;
  const std::vector<double> usual_std = any ? own.std : named.clip_mean ? kClipStd : kAllHalves;
  const std::vector<double> stated_std = reader.channels("image_std", usual_std);
  std::vector<double> mean = normalize ? reader.channels("image_mean", usual_mean) : std::vector<double>{0, 0, 0};
  std::vector<double> deviation = normalize ? stated_std : std::vector<double>{1, 1, 1};
  for (const char* key : {"rescale_offset", "include_top"}) {
    if (!named.efficient && reader.flag(key, false)) reader.refuse(key, "false for this processor");
  }
  if (named.efficient) {
    const double offset = reader.flag("rescale_offset", false) && reader.flag("do_rescale", true) ? 1 : 0;  // x f - 1
    const bool again = reader.flag("include_top", true);  // divided by image_std once more
    for (size_t c = 0; c < 3; ++c) {
      mean[c] += offset;
      if (again) deviation[c] *= stated_std[c];
    }
  }
  // 1/255 is written rounded; a factor equal to it keeps pixel / 255.
  const double divisor = std::abs(scale - 1) < 1e-9 ? 1.0 : scale;
  options.mean.resize(3);
  options.std.resize(3);
  for (size_t c = 0; c < 3; ++c) {
    options.mean[c] = mean[c] / divisor;
    options.std[c] = deviation[c] / divisor;
  }
}

ImageOptions pixels_of(const json& config, const ImageOptions& own, const std::string& where) {
  const PixelConfig reader(config, where);
  if (reader.text("image_processor_type", "") == "TimmWrapperImageProcessor") return timm_pixels(config, where);
  reader.check_keys(kRead, kWithoutEffect);
  const Processor& named = processor_of(reader);
  ImageOptions options = own;
  options.augment = Augment::kNone;
  options.crop_rounding = CropRounding::kDown;
  read_sides(reader, named, options);
  options.filter = resample_of(config, reader, named.name.empty() ? own.filter : named.filter);
  read_scale(reader, named, own, options);
  validate_pixels(options, where);
  return options;
}

json read_json(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  json config = parse_foreign_json(text);
  if (config.is_discarded()) throw CheckpointError(fmt::format("{}: not JSON: {}", path.string(), foreign_json_fault(text)));
  if (!config.is_object()) throw CheckpointError(fmt::format("{}: expected a JSON object", path.string()));
  return config;
}

struct Stated {
  std::string where;
  ImageOptions pixels;
};

std::optional<Stated> stated_by_transformers(const std::filesystem::path& folder, const ImageOptions& own) {
  const auto nested = folder / "processor_config.json", flat = folder / "preprocessor_config.json";
  if (std::filesystem::exists(nested)) {
    const json config = read_json(nested);
    const auto found = config.find("image_processor");
    const std::string where = nested.string() + ": image_processor";
    if (found != config.end() && !found->is_null()) return Stated{where, pixels_of(*found, own, where)};
  }
  if (!std::filesystem::exists(flat)) return std::nullopt;
  return Stated{flat.string(), pixels_of(read_json(flat), own, flat.string())};
}

bool same_pixels(const ImageOptions& a, const ImageOptions& b) {
  return a.size == b.size && a.resize == b.resize && a.filter == b.filter && a.resize_mode == b.resize_mode && a.mean == b.mean &&
         a.std == b.std && (a.resize_mode != ResizeMode::kLongest || a.fill == b.fill);
}

}  // namespace

ImageOptions parse_preprocessor(const std::string& text, const ImageOptions& own, const std::string& where) {
  const json config = parse_foreign_json(text);
  if (config.is_discarded()) throw CheckpointError(fmt::format("{}: not JSON: {}", where, foreign_json_fault(text)));
  return pixels_of(config, own, where);
}

ImageOptions read_preprocessor(const std::filesystem::path& folder, const ImageOptions& own) {
  const auto path = folder / "config.json";
  std::optional<Stated> timm;
  if (std::filesystem::exists(path)) {
    if (const json config = read_json(path); is_timm_config(config)) timm = Stated{path.string(), timm_pixels(config, path.string())};
  }
  const std::optional<Stated> transformers = stated_by_transformers(folder, own);
  if (timm && transformers && !same_pixels(timm->pixels, transformers->pixels)) {
    throw CheckpointError(
        fmt::format("{} and {} state different pixels (sizes, filter, mean or deviation); keep the one that the weights were trained with",
                    timm->where, transformers->where));
  }
  return timm ? timm->pixels : transformers ? transformers->pixels : own;
}

}  // namespace infig

// What timm and open_clip write about pictures (preprocessor.h).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/log.h"
#include "image/pixel_config.h"
#include "image/preprocessor.h"

namespace infig {
namespace {

using nlohmann::json;

int64_t timm_input_size(const PixelConfig& config, const json& stated) {
  const auto found = stated.find("input_size");
  if (found == stated.end() || found->is_null()) return 224;
  const json& size = *found;
  const bool three = size.is_array() && size.size() == 3 && size[1].is_number_integer() && size[1] == size[2];
  if (!three || size[0] != 3) config.refuse("input_size", "[3, side, side]: three channels of a square");
  return size[1].get<int64_t>();
}

// timm's PretrainedCfg: an object with another key is refused there, too. What is read; then the network's own, the classifier's, where the
// weights come from, and words for people. The sides for its own validation (test_*) are not taken, see timm_pixels.
constexpr std::array<std::string_view, 6> kTimmRead = {"input_size", "interpolation", "crop_pct", "crop_mode", "mean", "std"};
constexpr std::array<std::string_view, 32> kTimmIdle = {"architecture",
                                                        "num_classes",
                                                        "test_input_size",
                                                        "min_input_size",
                                                        "fixed_input_size",
                                                        "test_crop_pct",
                                                        "pool_size",
                                                        "test_pool_size",
                                                        "first_conv",
                                                        "classifier",
                                                        "label_offset",
                                                        "label_names",
                                                        "label_descriptions",
                                                        "labels",
                                                        "url",
                                                        "file",
                                                        "state_dict",
                                                        "hf_hub_id",
                                                        "hf_hub_filename",
                                                        "source",
                                                        "tag",
                                                        "custom_load",
                                                        "license",
                                                        "description",
                                                        "origin_url",
                                                        "paper_name",
                                                        "paper_ids",
                                                        "notes",
                                                        "num_features",
                                                        "global_pool",
                                                        "model_args",
                                                        "pretrained_cfg"};

void check_timm_keys(const PixelConfig& reader, const json& config, bool nested) {
  const bool wrapped = config.contains("model_type") || config.contains("image_processor_type");  // transformers' keys are beside timm's
  if (nested || !wrapped) reader.check_keys(kTimmRead, kTimmIdle);
  if (!nested || wrapped) return;
  std::vector<std::string> others;
  for (const auto& item : config.items()) {
    if (std::ranges::find(kTimmIdle, std::string_view(item.key())) == kTimmIdle.end())
      others.push_back(json(item.key()).dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 80));
  }
  if (!others.empty())
    log_info("{}: {} outside pretrained_cfg: no keys of timm's, which have no effect, as there", reader.where(), fmt::join(others, ", "));
}

}  // namespace

bool is_timm_config(const json& config) {
  if (!config.is_object() || !config.contains("architecture") || !config["architecture"].is_string()) return false;
  return !config.contains("model_type") || config["model_type"] == "timm_wrapper";
}

ImageOptions timm_pixels(const json& config, const std::string& where) {
  const bool nested = config.contains("pretrained_cfg");  // files before 2023 have its keys beside `architecture`
  const json& stated = nested ? config["pretrained_cfg"] : config;
  const PixelConfig reader(stated, nested ? where + ": pretrained_cfg" : where);
  check_timm_keys(reader, config, nested);
  ImageOptions options{.augment = Augment::kNone};
  options.crop_rounding = CropRounding::kEven;
  options.size = timm_input_size(reader, stated);
  const double share = reader.number("crop_pct", 0);
  const double used = share == 0 ? 0.875 : share;
  if (!(used >= 0.01 && used <= 1)) reader.refuse("crop_pct", "a share from 0.01 to 1");
  options.resize = static_cast<int64_t>(std::floor(static_cast<double>(options.size) / used));
  options.filter = filter_named(reader.text("interpolation", "bicubic"), reader, "interpolation");
  options.mean = reader.channels("mean", options.mean);
  options.std = reader.channels("std", options.std);
  const std::string mode = reader.text("crop_mode", "center");
  if (mode == "squash") {
    options.resize_mode = ResizeMode::kSquash;
  } else if (mode == "border") {
    options.resize_mode = ResizeMode::kLongest;
    for (size_t c = 0; c < 3; ++c) {
      const double value = 255 * options.mean[c];
      if (!(value >= 0 && value <= 255)) reader.refuse("mean", "numbers from 0 to 1, of which crop_mode border makes its colour");
      options.fill[c] = std::llrint(value);
    }
  } else if (mode != "center") {
    reader.refuse("crop_mode", "center, squash or border");
  }
  validate_pixels(options, reader.where());
  return options;
}

ImageOptions open_clip_pixels(const json& preprocess, const ImageOptions& own, const std::string& where) {
  constexpr std::array<std::string_view, 7> kRead = {"size", "mode", "mean", "std", "interpolation", "resize_mode", "fill_color"};
  const PixelConfig reader(preprocess, where);
  reader.check_keys(kRead, {});
  ImageOptions options = own;
  options.augment = Augment::kNone;
  options.crop_rounding = CropRounding::kEven;
  options.size = reader.square("size", own.size);
  if (options.size != own.size) reader.refuse("size", fmt::format("vision_cfg's image_size, {}", own.size));
  options.resize = options.size;
  if (reader.text("mode", "RGB") != "RGB") reader.refuse("mode", "RGB");
  options.mean = reader.channels("mean", own.mean);
  options.std = reader.channels("std", own.std);
  const std::string filter = reader.text("interpolation", "bicubic");
  // "random" is of training alone; what is not trained gets bicubic then, as there.
  if (filter != "bicubic" && filter != "bilinear" && filter != "random") reader.refuse("interpolation", "bicubic, bilinear or random");
  options.filter = filter == "bilinear" ? Filter::kBilinear : Filter::kBicubic;
  const std::string mode = reader.text("resize_mode", "shortest");
  if (mode != "shortest" && mode != "longest" && mode != "squash") reader.refuse("resize_mode", "shortest, longest or squash");
  options.resize_mode = mode == "longest" ? ResizeMode::kLongest : mode == "squash" ? ResizeMode::kSquash : ResizeMode::kShortest;
  const std::vector<double> fill = reader.channels("fill_color", {0, 0, 0});
  for (size_t c = 0; c < 3; ++c) {
    if (fill[c] != std::floor(fill[c]) || fill[c] < 0 || fill[c] > 255) reader.refuse("fill_color", "whole numbers from 0 to 255");
    options.fill[c] = static_cast<int64_t>(fill[c]);
  }
  validate_pixels(options, where);
  return options;
}

}  // namespace infig

// preprocessor_config.json, as transformers writes it beside a vision model: how pictures become what its network sees.
#pragma once

#include <filesystem>
#include <string>

#include "image/transform.h"

namespace infig {

// The folder's preprocessor_config.json as options, or `own` where there is none. Read are do_resize, size, crop_pct, resample,
// do_center_crop, crop_size, do_rescale, rescale_factor, do_normalize, image_mean and image_std, in the spellings of all ages; augmentation
// is none. Absent keys are as the named processor has them (ConvNextImageProcessor, which ResNets use: resize to size / crop_pct, crop to
// size; CLIPImageProcessor: resize the shorter side, crop). Throws ConfigError for what ImageOptions cannot say: pictures that are squeezed
// to a size, not cropped; another resampling than nearest, bilinear, bicubic; no square crop.
ImageOptions read_preprocessor(const std::filesystem::path& folder, const ImageOptions& own);

// The same for the text of the file; `where` names the source in messages.
ImageOptions parse_preprocessor(const std::string& json, const ImageOptions& own, const std::string& where);

}  // namespace infig

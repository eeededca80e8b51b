// What a model's folder states about pictures, in the files of its maker: how they become what its network sees. Each maker's centre crop
// is kept: transformers rounds half a pixel down, torchvision, timm and open_clip to the even one. transformers' files are read in
// preprocessor.cpp, timm's and open_clip's in maker_pixels.cpp.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "image/transform.h"

namespace infig {

// What the folder states, or `own` where it states nothing:
//   processor_config.json with an object image_processor, where transformers 5 keeps it (it goes before the next one, as there);
//   preprocessor_config.json;
//   config.json of timm (`architecture`, `pretrained_cfg`).
// Where transformers' files and timm's are both there and differ, neither is taken: CheckpointError names both.
ImageOptions read_preprocessor(const std::filesystem::path& folder, const ImageOptions& own);

// The text of a preprocessor_config.json or of the object image_processor; `where` names the source in messages. Absent keys are as the
// named processor (image_processor_type, feature_extractor_type) has them, or as `own` where none is named; augmentation is none. Throws
// CheckpointError for a processor or key that is not known, and for what ImageOptions cannot say.
ImageOptions parse_preprocessor(const std::string& json, const ImageOptions& own, const std::string& where);

// Whether this config.json is timm's: `architecture` and no model_type but timm_wrapper.
bool is_timm_config(const nlohmann::json& config);
// How timm shows pictures to the model of such a config.json when it is not trained (create_transform): input_size, crop_pct (0.875),
// crop_mode (center, squash, border), interpolation (bicubic), mean, std. test_input_size is for timm's own validation and not taken.
ImageOptions timm_pixels(const nlohmann::json& config, const std::string& where);

// preprocess_cfg of an open_clip_config.json; keys that are absent are as in `own`. Every key must be known.
ImageOptions open_clip_pixels(const nlohmann::json& preprocess, const ImageOptions& own, const std::string& where);

}  // namespace infig

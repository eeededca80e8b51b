// Keys beside a published part (text.model, image.model, clip.model): which of them it brings itself, and what is said of folders that are
// not there. For every model that is made of published parts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config.h"
#include "encoders/resnet.h"
#include "image/transform.h"
#include "model/model.h"

namespace infig {

const std::vector<std::string>& backbone_keys();                         // image.*: of a ResNet from scratch; image.model brings its own
void bind_backbone_keys(ConfigBinder& binder, ResNetOptions& backbone);  // these keys, into the binder's section "image"
const std::vector<std::string>& pixel_keys();  // image.*: preprocessing; image.model brings its own unless image.preprocess=config
void copy_preprocessing(const ImageOptions& own, ImageOptions& pixels);  // the values of pixel_keys()

// Throws CheckpointError that names every path that is not there, with where its like is published or what stands in for it, and what may
// be meant. Models, and the other files that a model's keys name: class names, word vectors, captions, detections, translations.
void require_models(const std::vector<std::pair<const char*, std::string>>& models);  // key and path; an empty path is skipped

// Adds a conflict if one of `keys` has another value than its default, beside `model`, which is named by `model_key`. Empty model: none.
// `now` and `defaults` bind the same fields in the same order.
void note_touched(const ConfigBinder& now, const ConfigBinder& defaults, const std::vector<std::string>& keys, const std::string& model_key,
                  const std::string& model, std::vector<std::string>& conflicts);
// Sets pixel_keys() to `own`, the published preprocessing. Keys that say otherwise are a conflict.
void adopt_pixels(const ConfigBinder& now, const ConfigBinder& defaults, const ConfigBinder& own, const std::string& model,
                  std::vector<std::string>& conflicts);
void check_no_conflict(const std::vector<std::string>& conflicts);  // throws ConfigError with all of them

// ModelOptions::give_way() for one part: resets `keys` that only the file sets, if the command line names the part.
std::optional<GivenWay> keys_given_way(const ConfigBinder& now, const ConfigBinder& defaults, const char* model_key,
                                       const std::string& model, const std::vector<std::string>& keys,
                                       const std::function<bool(const std::string&)>& typed);

}  // namespace infig

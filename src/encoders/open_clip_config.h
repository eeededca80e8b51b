// open_clip_config.json, as open_clip 3 writes it beside its weights: what the towers are that names and shapes do not show, and pixels.
#pragma once

#include <filesystem>
#include <optional>

#include "encoders/clip.h"

namespace infig {

// Reads the file whole. `options` holds the sizes that the weights show; head widths, activations, norms and pooling are set, every size
// that is stated must be the weights' own, and every key must be known. Returns the pixels of preprocess_cfg (open_clip's own where it is
// absent). Throws CheckpointError naming file, key, what was found and what is supported.
ImageOptions read_open_clip_config(const std::filesystem::path& file, ClipOptions& options);

}  // namespace infig

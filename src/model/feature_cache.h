// The cache of what frozen encoders give: computed once a data set, found again by what it depends on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/post.h"
#include "encoders/clip.h"
#include "encoders/image_backbone.h"
#include "image/transform.h"
#include "tensor/feature_store.h"
#include "text/tokenizer.h"

namespace infig {

struct FeatureCacheOptions {
  std::filesystem::path folder;  // holds one folder a key
  bool half = false;             // stored as fp16 instead of fp32
  int64_t batch_size = 32;       // posts a forward pass
  int64_t workers = 2;           // threads that read and decode pictures
};

// What the features depend on, as 64 hex digits: the encoder's weights, the preprocessing, the posts' pictures (paths, sizes and times of
// change of the files), the number format, and `more`. Anything else gives another key and with it a new cache.
std::string feature_key(const torch::nn::Module& encoder, const DataSet& data, const ImageOptions& pixels, bool half,
                        const std::string& more = "");

struct CachedFeatures {
  std::shared_ptr<const FeatureStore> store;
  std::string folder;  // its name in FeatureCacheOptions::folder
};

// What the backbone gives for every post's picture; of a grid a row [h, w, c] each. Opens the cache of this key, or computes and writes it,
// with a progress bar, first. The log says which.
CachedFeatures cached_grids(ImageBackbone& backbone, const DataSet& data, const ImageOptions& pixels, const FeatureCacheOptions& options);

struct ClipEncoder {
  ClipModel model{nullptr};
  ImageOptions pixels = {};              // as the model wants to see pictures, without augmentation (method.md row 14)
  const Tokenizer* tokenizer = nullptr;  // texts are cut to the model's positions and keep their last token
  bool own_end = false;                  // the tokenizer is another model's: its last token gives way to CLIP's end of text (--random-init)
};

// CLIP's embeddings of the posts `rows`, a row [2, E] each, the picture's first, projected, not normalised; likewise cached.
// Throws CheckpointError where the tokenizer has tokens that the model lacks.
CachedFeatures cached_clip_embeds(const ClipEncoder& clip, const DataSet& data, const std::vector<int64_t>& rows,
                                  const FeatureCacheOptions& options);

}  // namespace infig

// The cache of a frozen backbone's grids: computed once a data set, found again by what they depend on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "data/post.h"
#include "encoders/image_backbone.h"
#include "image/transform.h"
#include "tensor/feature_store.h"

namespace infig {

struct FeatureCacheOptions {
  std::filesystem::path folder;  // holds one folder a key
  bool half = false;             // stored as fp16 instead of fp32
  int64_t batch_size = 32;       // posts a forward pass
  int64_t workers = 2;           // threads that read and decode pictures
};

// What the grids depend on, as 64 hex digits: the backbone's weights, the preprocessing, the posts' pictures (paths, sizes and times of
// change of the files) and the number format. Anything else gives another key and with it a new cache.
std::string feature_key(const ImageBackbone& backbone, const DataSet& data, const ImageOptions& pixels, bool half);

// Opens the cache of this key, or computes and writes it, with a progress bar, first. The log says which.
std::shared_ptr<const FeatureStore> cached_grids(ImageBackbone& backbone, const DataSet& data, const ImageOptions& pixels,
                                                 const FeatureCacheOptions& options);

}  // namespace infig

// Cache of the outputs of frozen encoders. They are computed once per data set and found again by a hash of everything they depend on.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/post.h"
#include "encoders/image_backbone.h"
#include "encoders/image_text_model.h"
#include "image/transform.h"
#include "tensor/feature_store.h"
#include "text/tokenizer.h"

namespace infig {

struct FeatureCacheOptions {
  std::filesystem::path folder;            // parent folder; each key has a subfolder of its own
  bool half = false;                       // store features as fp16 instead of fp32
  int64_t batch_size = 32;                 // posts per forward pass
  int64_t workers = 2;                     // threads that read and decode pictures
  const std::atomic<int>* stop = nullptr;  // see FrozenOptions::stop; an unfinished cache is deleted
};

// Returns the cache key, a SHA-256 of 64 hex digits. It covers the encoder's weights, the preprocessing, the data set's hash, each
// picture's path, size and modification time, the storage format and `more`: a change in any of them gives another key.
std::string feature_key(const torch::nn::Module& encoder, const DataSet& data, const ImageOptions& pixels, bool half,
                        const std::string& more = "");

struct CachedFeatures {
  std::shared_ptr<const FeatureStore> store;
  std::string folder;  // name of the subfolder of FeatureCacheOptions::folder
};

// Returns the backbone's features of every post's picture, one row per post; a feature map is stored as [h, w, c]. Opens the cache of this
// key if it exists; otherwise computes and writes it, with a progress bar. The log says which of the two happened.
CachedFeatures cached_grids(ImageBackbone& backbone, const DataSet& data, const ImageOptions& pixels, const FeatureCacheOptions& options);

// The same of each picture's pooled features alone, [c]: a grid's mean, or a Vision Transformer's CLS.
CachedFeatures cached_pooled(ImageBackbone& backbone, const DataSet& data, const ImageOptions& pixels, const FeatureCacheOptions& options);

// The same of each picture's regions, each put through the network by itself (RegionPasses), [g, g, c]. One picture at a time. What a
// start that was stopped or killed had computed is kept (ResumedFeatureWriter).
CachedFeatures cached_regions(ImageBackbone& backbone, int64_t region_size, const DataSet& data, const ImageOptions& pixels,
                              const FeatureCacheOptions& options);

// Those features if they lie there already; nothing is computed.
std::shared_ptr<const FeatureStore> found_regions(const ImageBackbone& backbone, int64_t region_size, const DataSet& data,
                                                  const ImageOptions& pixels, const FeatureCacheOptions& options);

// Whether features of a frozen network can be cached: some picture is there, none is augmented, and data.features=live is not set
// (`cache`). Otherwise the log says why they are computed at every step, or not at all.
bool may_cache_features(const ImageOptions& pixels, bool cache, const DataSet& data);

struct ClipEncoder {
  std::shared_ptr<ImageTextModel> model;  // CLIP or SigLIP
  ImageOptions pixels = {};               // the model's own preprocessing, without augmentation (method.md row 14)
  const Tokenizer* tokenizer = nullptr;   // texts are truncated to the model's positions and keep their last token
  std::optional<int64_t> own_end = {};    // the tokenizer is another model's: replace its last token by this one (--random-init)
};

// Returns the model's embeddings of the posts `rows`, cached like cached_grids(): [2, E] per post, picture first, projected but not
// normalised. Throws CheckpointError if the tokenizer has more tokens than the model has token embeddings.
CachedFeatures cached_clip_embeds(const ClipEncoder& clip, const DataSet& data, const std::vector<int64_t>& rows,
                                  const FeatureCacheOptions& options);

}  // namespace infig

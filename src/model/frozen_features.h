// Features of frozen encoders, computed once over many posts without gradients.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/post.h"
#include "encoders/image_backbone.h"
#include "encoders/text_encoder.h"
#include "image/transform.h"
#include "posts/post_counts.h"
#include "tensor/loader.h"
#include "text/tokenizer.h"

namespace infig {

struct FrozenOptions {
  int64_t batch_size = 32;                 // posts per forward pass
  int64_t workers = 2;                     // threads that read and decode pictures ahead
  std::string title;                       // title of the progress bar; empty: no bar
  const std::atomic<int>* stop = nullptr;  // holds a signal's number once the work is to stop: throws Interrupted after the batch
};

// Reads the pictures of the posts `rows`, preprocessed for the network, and passes them to `sink` batch by batch, in order. `pixel_values`
// is [b, 3, S, S] float, channels-last, for rows[first] .. rows[first + b - 1]. `sink` runs under c10::InferenceMode while the next batch
// is read. The picture of a post that names none, or whose picture cannot be used, is all zeros. Returns the pictures that are not whole
// (those that a post does not name included), by position in `rows`.
std::map<int64_t, BadPicture> for_each_picture(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const ImageOptions& pixels,
                                               const FrozenOptions& options,
                                               const std::function<void(int64_t first, const at::Tensor& pixel_values)>& sink);

// The same, where the sink is told which of the pictures are not whole.
struct PictureBatch {
  int64_t first = 0;
  at::Tensor pixel_values;            // [b, 3, S, S] float, channels-last
  std::map<int64_t, BadPicture> bad;  // by position in `rows`
  at::Tensor usable() const;          // [b] bool
};
std::map<int64_t, BadPicture> for_each_picture_batch(const std::vector<Post>& posts, const std::vector<int64_t>& rows,
                                                     const ImageOptions& pixels, const FrozenOptions& options,
                                                     const std::function<void(const PictureBatch&)>& sink);

// Computes the backbone's feature map of every post's picture, in order: `sink` gets [b, c, h, w] float (of a Vision Transformer
// [b, T, c]) for posts first .. first + b - 1.
// The feature map of an unusable picture is meaningless. Returns the pictures that are not whole, by row.
std::map<int64_t, BadPicture> for_each_grid(ImageBackbone& backbone, const std::vector<Post>& posts, const ImageOptions& pixels,
                                            const FrozenOptions& options,
                                            const std::function<void(int64_t first, const at::Tensor& grid)>& sink);

// Returns the mean of the last hidden states over each text's tokens, special tokens included (mean pooling, as in sentence-transformers):
// [N, D] float. Texts are truncated to max_length tokens. A post without text gets a row of zeros. The encoder must be on the CPU.
at::Tensor mean_text_features(TextEncoder& encoder, const Tokenizer& tokenizer, const std::vector<Post>& posts, int64_t max_length,
                              const FrozenOptions& options);

// The backbone's feature map averaged over its grid, or a Vision Transformer's CLS. A post without a usable picture gets a row of zeros.
struct PooledPictures {
  at::Tensor features;  // [N, c] float
  PictureCounts counts;
};
PooledPictures pooled_picture_features(ImageBackbone& backbone, const std::vector<Post>& posts, const ImageOptions& pixels,
                                       const FrozenOptions& options);

}  // namespace infig

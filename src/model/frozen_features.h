// Features of encoders that are not trained: computed once over many posts, without gradients.
#pragma once

#include <torch/types.h>

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
  int64_t batch_size = 32;  // posts a forward pass
  int64_t workers = 2;      // threads that read and decode pictures ahead
  std::string title;        // of the progress bar; empty: none
};

// The pictures of posts `rows` as a network sees them, batch by batch, in order: `sink(first, pixel_values)` gets [b, 3, S, S] float,
// channels-last, of rows first .. first + b - 1, under c10::InferenceMode; the next batch is read meanwhile. A picture that cannot be used,
// or is not named, is read as zeros. Returns what was wrong, by position in `rows`.
std::map<int64_t, BadPicture> for_each_picture(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const ImageOptions& pixels,
                                               const FrozenOptions& options,
                                               const std::function<void(int64_t first, const at::Tensor& pixel_values)>& sink);

// The backbone's grid of every post's picture, in order: `sink(first, grid)` gets [b, c, h, w] float of posts first .. first + b - 1.
// The grid of a picture that could not be used means nothing. Returns what was wrong, by row.
std::map<int64_t, BadPicture> for_each_grid(ImageBackbone& backbone, const std::vector<Post>& posts, const ImageOptions& pixels,
                                            const FrozenOptions& options,
                                            const std::function<void(int64_t first, const at::Tensor& grid)>& sink);

// The mean of the last hidden states over each text's tokens, special ones included (as sentence-transformers pools): [N, D] float.
// Texts are cut to max_length tokens. A post without text is a row of zeros.
at::Tensor mean_text_features(TextEncoder& encoder, const Tokenizer& tokenizer, const std::vector<Post>& posts, int64_t max_length,
                              const FrozenOptions& options);

// The mean of the backbone's grid. A post without a usable picture is a row of zeros.
struct PooledPictures {
  at::Tensor features;  // [N, c] float
  PictureCounts counts;
};
PooledPictures pooled_picture_features(ImageBackbone& backbone, const std::vector<Post>& posts, const ImageOptions& pixels,
                                       const FrozenOptions& options);

}  // namespace infig

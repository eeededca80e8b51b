// The pictures of `infig encode`: read batch by batch, with the posts that have none that can be used.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/post.h"
#include "image/bad_picture.h"
#include "image/transform.h"

namespace infig {

struct EncodePictures {
  ImageOptions pixels;
  BadImage bad_image = BadImage::kMissing;  // here of posts that name no picture too
  int64_t batch_size = 32, workers = 2;
};

// Calls `use(rows, pixels)` batch by batch, in order. rows: I64 [n], the posts whose picture can be used; pixels: F32 [n,3,S,S], channels
// last in memory. Returns the rows of the other posts. Throws DataError naming the first of them under BadImage::kError, and where no
// post of all has a picture that can be used.
std::vector<int64_t> for_each_pixel_batch(const std::vector<Post>& posts, const EncodePictures& how,
                                          const std::function<void(const at::Tensor& rows, const at::Tensor& pixels)>& use);

// `tensors`, each [N, ...], without the rows `left_out`, which are in ascending order.
std::map<std::string, at::Tensor> without_rows(const std::map<std::string, at::Tensor>& tensors, const std::vector<int64_t>& left_out);

}  // namespace infig

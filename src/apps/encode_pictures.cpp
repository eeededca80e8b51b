#include "apps/encode_pictures.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/words.h"
#include "image/decode.h"

namespace infig {
namespace {

struct PixelRows {
  std::vector<int64_t> used, others;
  at::Tensor pixels;        // of `used`
  std::string first_fault;  // why the first of the others is one
};

// Empty: the picture is at `target`, [S, S, 3].
std::string read_one(const Post& post, const ImageOptions& options, float* target) {
  if (post.image.empty()) return "has no picture";
  const DecodedImage decoded = decode_image_file(post.image, options.decode());
  if (!usable(decoded.status))
    return fmt::format("picture {}: {}: {}", post.image.string(), spoken(image_status_name(decoded.status)), decoded.reason);
  if (decoded.status != ImageStatus::kOk) log_warning("post {}: picture {}: {}", post.id, post.image.string(), decoded.reason);
  normalize_image(transform_image(decoded.image, options, nullptr), options, target);
  return "";
}

PixelRows read_pixels(const std::vector<Post>& posts, int64_t first, int64_t count, const EncodePictures& how) {
  const int64_t side = how.pixels.size, size = side * side * 3;
  at::Tensor pixels = at::empty({count, side, side, 3}, at::kFloat);
  float* all = pixels.data_ptr<float>();
  std::vector<std::string> faults(static_cast<size_t>(count));
  parallel_for(count, how.workers, [&](int64_t i) {
    faults[static_cast<size_t>(i)] = read_one(posts[static_cast<size_t>(first + i)], how.pixels, all + i * size);
  });
  PixelRows rows;
  for (int64_t i = 0; i < count; ++i) {
    const std::string& fault = faults[static_cast<size_t>(i)];
    if (fault.empty()) {
      const auto place = static_cast<int64_t>(rows.used.size());
      if (place < i) std::memcpy(all + place * size, all + i * size, static_cast<size_t>(size) * sizeof(float));
      rows.used.push_back(first + i);
      continue;
    }
    if (rows.others.empty()) rows.first_fault = fmt::format("post {}: {}", posts[static_cast<size_t>(first + i)].id, fault);
    rows.others.push_back(first + i);
  }
  rows.pixels = pixels.narrow(0, 0, static_cast<int64_t>(rows.used.size())).permute({0, 3, 1, 2});
  return rows;
}

}  // namespace

std::vector<int64_t> for_each_pixel_batch(const std::vector<Post>& posts, const EncodePictures& how,
                                          const std::function<void(const at::Tensor& rows, const at::Tensor& pixels)>& use) {
  const auto total = static_cast<int64_t>(posts.size());
  ProgressBar bar("encoding", total);
  std::vector<int64_t> others;
  std::string first_fault;
  for (int64_t first = 0; first < total; first += how.batch_size) {
    const int64_t count = std::min(how.batch_size, total - first);
    const PixelRows rows = read_pixels(posts, first, count, how);
    if (others.empty()) first_fault = rows.first_fault;
    others.insert(others.end(), rows.others.begin(), rows.others.end());
    if (!others.empty() && how.bad_image == BadImage::kError)
      throw DataError(first_fault + "; --bad-image missing gives such posts rows of NaN, skip leaves them out");
    if (!rows.used.empty()) use(at::tensor(rows.used, at::kLong), rows.pixels);
    bar.update(first + count);
  }
  bar.finish();
  if (std::cmp_equal(others.size(), total) && total == 1) throw DataError(first_fault);
  if (std::cmp_equal(others.size(), total))
    throw DataError(fmt::format("none of the {} has a picture that can be used; the first is {}", counted(total, "post"), first_fault));
  if (!others.empty()) {
    log_warning("{} without a picture that can be used {} ({}{})", counted(static_cast<int64_t>(others.size()), "post"),
                how.bad_image == BadImage::kSkip ? "left out"
                : others.size() == 1             ? "has a row of NaN"
                                                 : "have rows of NaN",
                others.size() == 1 ? "" : "the first is ", first_fault);
  }
  return others;
}

std::map<std::string, at::Tensor> without_rows(const std::map<std::string, at::Tensor>& tensors, const std::vector<int64_t>& left_out) {
  if (left_out.empty() || tensors.empty()) return tensors;
  std::vector<int64_t> kept;
  for (int64_t row = 0; row < tensors.begin()->second.size(0); ++row) {
    if (!std::binary_search(left_out.begin(), left_out.end(), row)) kept.push_back(row);
  }
  std::map<std::string, at::Tensor> rest;
  for (const auto& [name, tensor] : tensors) rest[name] = tensor.index_select(0, at::tensor(kept, at::kLong));
  return rest;
}

}  // namespace infig

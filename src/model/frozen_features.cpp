#include "model/frozen_features.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <numeric>

#include "core/interrupt.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "data/sampler.h"

namespace infig {
namespace {

constexpr const char* kStopped = "stopped by request while features were computed; nothing was written";

// Reads batches of pictures, preprocessed for the network.
class PictureReader {
 public:
  PictureReader(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const ImageOptions& pixels, int64_t workers)
      : posts_(posts), rows_(rows), pixels_(pixels), workers_(workers) {}

  PictureBatch read(int64_t first, int64_t count) const {
    PictureBatch batch;
    batch.first = first;
    std::mutex mutex;
    const int64_t size = pixels_.size;
    const at::Tensor pixels = at::empty({count, size, size, 3}, at::kFloat);
    parallel_for(count, workers_, [&](int64_t i) {
      float* out = pixels.data_ptr<float>() + i * size * size * 3;
      const Post& post = posts_[static_cast<size_t>(rows_[static_cast<size_t>(first + i)])];
      DecodedImage decoded;
      if (post.image.empty()) {
        decoded.status = ImageStatus::kAbsent;
        decoded.reason = "the post names no picture";
      } else {
        decoded = decode_image_file(post.image, pixels_.decode());
      }
      if (decoded.status != ImageStatus::kOk) {
        const std::lock_guard<std::mutex> lock(mutex);
        batch.bad.emplace(first + i, BadPicture{post.id, post.image.string(), image_status_name(decoded.status), decoded.reason});
      }
      if (usable(decoded.status)) {
        normalize_image(transform_image(decoded.image, pixels_, nullptr), pixels_, out);
      } else {
        std::fill_n(out, size * size * 3, 0.0F);
      }
    });
    batch.pixel_values = pixels.permute({0, 3, 1, 2});
    return batch;
  }

 private:
  const std::vector<Post>& posts_;
  const std::vector<int64_t>& rows_;
  const ImageOptions& pixels_;
  int64_t workers_;
};

}  // namespace

at::Tensor PictureBatch::usable() const {
  const at::Tensor whole = at::ones({pixel_values.size(0)}, at::kBool);
  for (const auto& [position, picture] : bad) {
    if (!picture.truncated()) whole.data_ptr<bool>()[position - first] = false;
  }
  return whole;
}

std::map<int64_t, BadPicture> for_each_picture(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const ImageOptions& pixels,
                                               const FrozenOptions& options,
                                               const std::function<void(int64_t first, const at::Tensor& pixel_values)>& sink) {
  return for_each_picture_batch(posts, rows, pixels, options,
                                [&sink](const PictureBatch& batch) { sink(batch.first, batch.pixel_values); });
}

std::map<int64_t, BadPicture> for_each_picture_batch(const std::vector<Post>& posts, const std::vector<int64_t>& rows,
                                                     const ImageOptions& pixels, const FrozenOptions& options,
                                                     const std::function<void(const PictureBatch&)>& sink) {
  const c10::InferenceMode inference;
  const auto total = static_cast<int64_t>(rows.size());
  ProgressBar bar(options.title, total);
  std::map<int64_t, BadPicture> bad;
  const PictureReader reader(posts, rows, pixels, options.workers);
  // The next batch is read while the network processes this one.
  const auto read = [&](int64_t first) {
    const int64_t count = std::min(options.batch_size, total - first);
    return std::async(std::launch::async, [&reader, first, count] { return reader.read(first, count); });
  };
  std::future<PictureBatch> next;
  if (total > 0) next = read(0);
  for (int64_t first = 0; first < total; first += options.batch_size) {
    PictureBatch pictures = next.get();
    if (first + options.batch_size < total) next = read(first + options.batch_size);
    sink(pictures);
    bad.merge(pictures.bad);
    bar.update(std::min(total, first + options.batch_size));
    throw_if_stopped(options.stop, kStopped);
  }
  bar.finish();
  return bad;
}

std::map<int64_t, BadPicture> for_each_grid(ImageBackbone& backbone, const std::vector<Post>& posts, const ImageOptions& pixels,
                                            const FrozenOptions& options,
                                            const std::function<void(int64_t first, const at::Tensor& grid)>& sink) {
  std::vector<int64_t> all(posts.size());
  std::iota(all.begin(), all.end(), 0);
  const at::Device device = backbone.parameters().front().device();
  return for_each_picture_batch(posts, all, pixels, options, [&](const PictureBatch& batch) {
    sink(batch.first, backbone.features_where(batch.pixel_values.to(device), batch.usable()));
  });
}

PooledPictures pooled_picture_features(ImageBackbone& backbone, const std::vector<Post>& posts, const ImageOptions& pixels,
                                       const FrozenOptions& options) {
  const at::Tensor pooled = at::zeros({static_cast<int64_t>(posts.size()), backbone.feature_size()}, at::kFloat);
  const auto bad = for_each_grid(backbone, posts, pixels, options, [&](int64_t first, const at::Tensor& grid) {
    pooled.narrow(0, first, grid.size(0)).copy_(backbone.pooled(grid));
  });
  for (const auto& [row, picture] : bad) {
    if (!picture.truncated()) pooled[row].zero_();
  }
  std::vector<int64_t> all(posts.size());
  std::iota(all.begin(), all.end(), 0);
  return {pooled, count_pictures(posts, all, bad)};
}

at::Tensor mean_text_features(TextEncoder& encoder, const Tokenizer& tokenizer, const std::vector<Post>& posts, int64_t max_length,
                              const FrozenOptions& options) {
  const c10::InferenceMode inference;
  const int64_t longest = encoder.max_length() > 0 ? std::min(max_length, encoder.max_length()) : max_length;
  std::vector<std::vector<int64_t>> ids(posts.size());
  std::vector<int64_t> lengths(posts.size());
  parallel_for(static_cast<int64_t>(posts.size()), options.workers, [&](int64_t row) {
    const auto r = static_cast<size_t>(row);
    ids[r] = tokenizer.encode(posts[r].text, longest).ids;
    lengths[r] = static_cast<int64_t>(ids[r].size());
  });
  const at::Tensor features = at::zeros({static_cast<int64_t>(posts.size()), encoder.hidden_size()}, at::kFloat);
  ProgressBar bar(options.title, static_cast<int64_t>(posts.size()));
  int64_t done = 0;
  for (const auto& rows : sorted_batches(lengths, options.batch_size)) {
    const auto count = static_cast<int64_t>(rows.size());
    const PaddedTexts texts = pad_texts(ids, rows, tokenizer.pad_id());
    const at::Tensor states = encoder.forward(texts.input_ids, texts.attention_mask, nullptr).back();
    const at::Tensor weights = texts.attention_mask.to(at::kFloat).unsqueeze(2);
    features.index_copy_(0, at::tensor(rows, at::kLong), (states * weights).sum(1) / weights.sum(1));
    done += count;
    bar.update(done);
    throw_if_stopped(options.stop, kStopped);
  }
  bar.finish();
  for (size_t row = 0; row < posts.size(); ++row) {
    if (posts[row].text.empty()) features[static_cast<int64_t>(row)].zero_();
  }
  return features;
}

}  // namespace infig

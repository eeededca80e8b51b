// Posts -> batches: texts tokenised once, pictures read and decoded on worker threads ahead of the step.
// What a batch holds depends on (posts, options, seed, epoch, rows) alone, never on the number of workers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/stage_timer.h"
#include "data/post.h"
#include "image/transform.h"
#include "tensor/batch.h"
#include "tensor/feature_store.h"
#include "text/tokenizer.h"

namespace infig {

enum class BadImage { kMissing, kSkip, kError };
enum class Without { kNothing, kImage, kText };

struct LoaderOptions {
  int64_t workers = 2;                      // threads that make batches; 0: the one that asks for them
  int64_t prefetch = 4;                     // batches made ahead; >= 1
  int64_t cache_mb = 2048;                  // MiB for pictures already resized (augment none or flip); beyond it they are decoded again
  BadImage bad_image = BadImage::kMissing;  // what happens to a post whose picture cannot be used (table "Pictures")
  Without without = Without::kNothing;      // hide one side of every post
};

void bind_options(ConfigBinder& binder, LoaderOptions& options);

class PostLoader {
 public:
  // `posts` must outlive the loader. max_length: see Tokenizer::encode. A post's augmentation is drawn from (seed, "augment", epoch, row).
  PostLoader(const std::vector<Post>& posts, const Tokenizer& tokenizer, const ImageOptions& image, int64_t max_length,
             const LoaderOptions& options, uint64_t seed);
  ~PostLoader();

  // Reads the pictures of these rows once, on all workers, with a progress bar, filling the cache; finds the bad ones. Returns the rows
  // that take part: all, or under `skip` those with a usable picture. Throws DataError under `error`, naming the first bad one.
  std::vector<int64_t> prepare(const std::vector<int64_t>& rows, const std::string& title);

  // Batches then carry feature_map instead of pixel_values, and no picture is read. One row of features a post. Before prepare().
  // Throws DataError under `error` where a picture was bad.
  void use_features(std::shared_ptr<const FeatureStore> features);

  // Training batches then carry clip_embeds; row i of the store is post rows[i], and every training row is among them.
  void use_clip(std::shared_ptr<const FeatureStore> clip, const std::vector<int64_t>& rows);

  int64_t text_length(int64_t row) const;  // ids of a row, special tokens included

  // A run over batches of rows, made ahead on the workers and handed out in order.
  class Stream {
   public:
    ~Stream();
    Stream(Stream&&) noexcept;
    std::optional<Batch> next();  // nothing after the last; rethrows what a worker threw

   private:
    friend class PostLoader;
    struct State;
    explicit Stream(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  // epoch >= 0: training, with augmentation; -1: evaluation. The loader must outlive the stream. Equal batches for any number of workers.
  Stream stream(std::vector<std::vector<int64_t>> batches, int64_t epoch, StageTimer* timer = nullptr) const;

  Batch make_batch(const std::vector<int64_t>& rows, int64_t epoch, StageTimer* timer = nullptr) const;

  std::vector<BadPicture> bad_pictures() const;      // found so far, in row order
  std::map<int64_t, BadPicture> bad_by_row() const;  // the same under their rows

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace infig

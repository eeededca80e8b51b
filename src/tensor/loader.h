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
#include "image/bad_picture.h"
#include "image/transform.h"
#include "tensor/batch.h"
#include "tensor/feature_store.h"
#include "text/tokenizer.h"

namespace infig {

enum class Without { kNothing, kImage, kText };

struct LoaderOptions {
  int64_t workers = 2;                      // threads that make batches; 0: the one that asks for them
  int64_t prefetch = 4;                     // batches made ahead; >= 1
  int64_t cache_mb = 2048;                  // MiB for pictures already resized (augment none or flip); beyond it they are decoded again
  BadImage bad_image = BadImage::kMissing;  // what happens to a post whose picture cannot be used (table "Pictures")
  Without without = Without::kNothing;      // hide one side of every post
};

void bind_options(ConfigBinder& binder, LoaderOptions& options);

// What batches carry. Nothing else is tokenised, read or decoded.
struct LoaderInputs {
  const Tokenizer* tokenizer = nullptr;     // of input_ids and attention_mask; null: no token ids
  int64_t max_length = 0;                   // tokens a text, see Tokenizer::encode
  std::optional<ImageOptions> pixels = {};  // of pixel_values; none: no picture is read, and has_image is false everywhere
};

// Rows of a column, one a post, [B, ...], padded to the batch where they are of several lengths. Called from several threads.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual at::Tensor gather(const std::vector<int64_t>& rows) const = 0;
};

class PostLoader {
 public:
  // `posts` must outlive the loader, and so must the tokenizer. A post's augmentation is drawn from (seed, "augment", epoch, row).
  PostLoader(const std::vector<Post>& posts, const LoaderInputs& inputs, const LoaderOptions& options, uint64_t seed);
  // Of texts and pictures.
  PostLoader(const std::vector<Post>& posts, const Tokenizer& tokenizer, const ImageOptions& image, int64_t max_length,
             const LoaderOptions& options, uint64_t seed)
      : PostLoader(posts, LoaderInputs{.tokenizer = &tokenizer, .max_length = max_length, .pixels = image}, options, seed) {}
  ~PostLoader();

  // Reads the pictures of these rows once, on all workers, with a progress bar, filling the cache; finds the bad ones. Returns the rows
  // that take part: all, or under `skip` those with a usable picture. Throws DataError under `error`, naming the first bad one.
  std::vector<int64_t> prepare(const std::vector<int64_t>& rows, const std::string& title);

  // Batches then carry feature_map instead of pixel_values, and no picture is read. One row of features a post; rows [h, w, c] are grids
  // and become [B, c, h, w]. Before prepare().
  // Throws DataError under `error` where a picture was bad.
  void use_features(std::shared_ptr<const FeatureStore> features);

  // Training batches then carry clip_embeds; row i of the store is post rows[i], and every training row is among them.
  void use_clip(std::shared_ptr<const FeatureStore> clip, const std::vector<int64_t>& rows);

  // Batches then carry the column; row i of the source is post i.
  void use_column(BatchColumn column, std::shared_ptr<const RowSource> source);

  // Ids of a row, special tokens included; without a tokenizer the text's length in bytes, so that batches still group like with like.
  int64_t text_length(int64_t row) const;

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

  // Found so far: pictures that a post names and that are not whole. A post that names none has no bad one.
  std::vector<BadPicture> bad_pictures() const;      // in row order
  std::map<int64_t, BadPicture> bad_by_row() const;  // the same under their rows

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace infig

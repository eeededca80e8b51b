// Makes batches from posts: texts are tokenised once, pictures are read and decoded on worker threads ahead of the training step.
// The contents of a batch depend only on posts, options, seed, epoch and rows, never on the number of workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
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

const char* side_name(Without without);  // "image", "text"; "" for kNothing

struct LoaderOptions {
  int64_t workers = 2;                      // threads that make batches; 0: next() makes them itself
  int64_t prefetch = 4;                     // batches made in advance, >= 1
  int64_t cache_mb = 2048;                  // MiB for resized pictures (augment none or flip); pictures that do not fit are decoded again
  BadImage bad_image = BadImage::kMissing;  // what happens to a post whose picture cannot be used (docs/pictures.md)
  Without without = Without::kNothing;      // hides one side of every post
  const std::atomic<int>* stop = nullptr;   // holds a signal's number once prepare() is to stop: throws Interrupted
};

void bind_options(ConfigBinder& binder, LoaderOptions& options);

// Rows of a column, one per post: [B, ...], padded to the batch's longest if lengths differ. Called from several threads.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual at::Tensor gather(const std::vector<int64_t>& rows) const = 0;
};

// Makes a column of the loader's posts.
using ColumnMaker = std::function<std::shared_ptr<const RowSource>(const std::vector<Post>& posts, Without without)>;

// What batches contain. Nothing else is tokenised, read or decoded.
struct LoaderInputs {
  const Tokenizer* tokenizer = nullptr;     // for input_ids and attention_mask; null: no token ids
  int64_t max_length = 0;                   // tokens per text, see Tokenizer::encode
  std::optional<ImageOptions> pixels = {};  // for pixel_values; none: no picture is read, and has_image is false for every post
  std::map<BatchColumn, ColumnMaker> columns = {};
  // A column of ids that stands for the picture where `pixels` is none: has_image is then whether a post's row is not all padding.
  std::optional<BatchColumn> instead_of_pixels = {};
};

class PostLoader {
 public:
  // `posts` and the tokenizer must outlive the loader. A post's augmentation is drawn from (seed, "augment", epoch, row).
  PostLoader(const std::vector<Post>& posts, const LoaderInputs& inputs, const LoaderOptions& options, uint64_t seed);
  // A loader of texts and pictures.
  PostLoader(const std::vector<Post>& posts, const Tokenizer& tokenizer, const ImageOptions& image, int64_t max_length,
             const LoaderOptions& options, uint64_t seed)
      : PostLoader(posts, LoaderInputs{.tokenizer = &tokenizer, .max_length = max_length, .pixels = image}, options, seed) {}
  ~PostLoader();

  // Decodes the pictures of these rows on all workers, with a progress bar, to fill the cache and find bad ones. Skipped if features are
  // used, or if nothing would be cached and bad_image is `missing`. Returns the rows that take part: all, or under `skip` those whose
  // picture is not bad. Throws DataError under `error`, naming the first bad one.
  std::vector<int64_t> prepare(const std::vector<int64_t>& rows, const std::string& title);

  // Makes batches contain feature_map instead of pixel_values; no picture is read. The store has one row per post; rows [h, w, c] are
  // feature maps and become [B, c, h, w]. Call before prepare(). Throws DataError under `error` if a picture was bad.
  void use_features(std::shared_ptr<const FeatureStore> features);

  // Makes training batches contain clip_embeds. Row i of the store is post rows[i]; every training row must be among them.
  void use_clip(std::shared_ptr<const FeatureStore> clip, const std::vector<int64_t>& rows);

  // Makes batches contain the column; row i of the source is post i.
  void use_column(BatchColumn column, std::shared_ptr<const RowSource> source);

  // Number of token ids of a row's text, special tokens included; without a tokenizer its length in bytes. Batches are grouped by it.
  int64_t text_length(int64_t row) const;

  // Iterates over batches of rows. Workers make them in advance; they come out in order.
  class Stream {
   public:
    ~Stream();
    Stream(Stream&&) noexcept;
    std::optional<Batch> next();  // empty after the last batch; rethrows what a worker threw

   private:
    friend class PostLoader;
    struct State;
    explicit Stream(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  // epoch >= 0: training, with augmentation; -1: evaluation. The loader must outlive the stream.
  Stream stream(std::vector<std::vector<int64_t>> batches, int64_t epoch, StageTimer* timer = nullptr) const;

  Batch make_batch(const std::vector<int64_t>& rows, int64_t epoch, StageTimer* timer = nullptr) const;

  // Pictures found so far that a post names and that are not whole. Posts that name none are not included.
  std::vector<BadPicture> bad_pictures() const;      // in row order
  std::map<int64_t, BadPicture> bad_by_row() const;  // the same, by row

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace infig

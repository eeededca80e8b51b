#include "tensor/loader.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/parallel.h"
#include "core/progress.h"

namespace infig {

const char* side_name(Without without) { return without == Without::kImage ? "image" : without == Without::kText ? "text" : ""; }

void bind_options(ConfigBinder& binder, LoaderOptions& options) {
  binder.field("workers", options.workers, {.low = 0, .high = 256},
               "threads that read, decode and collate ahead of the step; 0: none, the step waits");
  binder.field("prefetch", options.prefetch, {.low = 1, .high = 1024}, "batches made ahead");
  binder.field("cache_mb", options.cache_mb, {.low = 0}, "MiB of memory for pictures already resized (augment none or flip); 0: none");
  binder.choice("bad_image", options.bad_image, {{"missing", BadImage::kMissing}, {"skip", BadImage::kSkip}, {"error", BadImage::kError}},
                "a post whose picture cannot be used: missing = its text alone takes part, skip = the post is dropped, error = stop");
  binder.choice("without", options.without, {{"nothing", Without::kNothing}, {"image", Without::kImage}, {"text", Without::kText}},
                "hide one side of every post: nothing | image | text");
}

struct PostLoader::Impl {
  const std::vector<Post>* posts;
  bool with_text = false, with_pixels = false;
  ImageOptions image;
  LoaderOptions options;
  uint64_t seed = 0;
  int64_t pad_id = 0;
  std::vector<std::vector<int64_t>> ids;  // token ids of each post
  std::vector<uint8_t> text_there;
  std::shared_ptr<const FeatureStore> features, clip;
  std::vector<int64_t> clip_rows;  // row of each post in the store; -1: none
  std::map<BatchColumn, std::shared_ptr<const RowSource>> columns;
  std::optional<BatchColumn> instead_of_pixels;

  // Pictures after resize and crop, before the random flip. Each slot is written once, under the mutex.
  mutable std::mutex mutex;
  mutable std::vector<std::shared_ptr<const Image>> cache;
  mutable int64_t cached_bytes = 0;
  mutable std::map<int64_t, BadPicture> bad;

  bool cacheable() const { return image.augment != Augment::kRand && options.cache_mb > 0; }
  DecodedImage decode(const Post& post, bool training, StageTimer* timer) const;
  std::shared_ptr<const Image> read_picture(int64_t row, RandomStream* stream, StageTimer* timer) const;
  std::shared_ptr<const Image> picture(int64_t row, int64_t epoch, StageTimer* timer) const;
  void note_bad(int64_t row, ImageStatus status, const std::string& reason) const;

  bool named(int64_t row) const { return (*posts)[static_cast<size_t>(row)].names_picture(); }
  PictureFate fate(int64_t row, bool readable) const { return picture_fate(named(row), readable, options.bad_image); }

  // Returns the rows that take part, given the bad pictures found so far.
  std::vector<int64_t> kept(const std::vector<int64_t>& rows) const {
    std::vector<int64_t> result;
    for (const int64_t row : rows) {
      const auto found = bad.find(row);
      const bool readable = found == bad.end() || found->second.truncated();
      if (fate(row, readable) != PictureFate::kDropped) result.push_back(row);
    }
    return result;
  }

  void fill_pixels(Batch& batch, int64_t epoch, StageTimer* timer) const;
  void fill_features(Batch& batch) const;
  void fill_clip(Batch& batch) const;
};

namespace {

// Pixels that the caller decoded. An invalid size counts as a bad picture, like an invalid file.
DecodedImage given_pixels(const MemoryPicture& picture, int64_t max_pixels) {
  const int64_t width = picture.width, height = picture.height;
  if (width < 1 || height < 1) {
    return {.status = ImageStatus::kBroken, .reason = fmt::format("{} x {} pixels; expected at least 1 x 1", width, height)};
  }
  if (width > max_pixels / height) {
    return {.status = ImageStatus::kTooLarge, .reason = fmt::format("{} x {} pixels; at most {} are read", width, height, max_pixels)};
  }
  if (static_cast<int64_t>(picture.bytes.size()) != width * height * 3) {
    return {.status = ImageStatus::kBroken,
            .reason = fmt::format("{} bytes for {} x {} pixels; expected {}", picture.bytes.size(), width, height, width * height * 3)};
  }
  return {.image = {.width = width, .height = height, .pixels = {picture.bytes.begin(), picture.bytes.end()}},
          .width = width,
          .height = height};
}

}  // namespace

DecodedImage PostLoader::Impl::decode(const Post& post, bool training, StageTimer* timer) const {
  if (post.image.empty()) {
    const StageScope scope(timer, "decode");
    const MemoryPicture& picture = *post.picture;
    if (picture.decoded) return given_pixels(picture, image.max_pixels);
    return decode_image(picture.bytes, image.decode(training));
  }
  ImageFile file;
  {
    const StageScope scope(timer, "read");
    file = read_image_file(post.image);
  }
  if (file.status != ImageStatus::kOk) return {{}, file.status, file.reason};
  const StageScope scope(timer, "decode");
  return decode_image(file.bytes, image.decode(training));
}

// Returns a row's picture at the network's size, without the random flip; null if it has no usable picture.
std::shared_ptr<const Image> PostLoader::Impl::read_picture(int64_t row, RandomStream* stream, StageTimer* timer) const {
  const Post& post = (*posts)[static_cast<size_t>(row)];
  if (!post.names_picture()) return nullptr;
  const DecodedImage decoded = decode(post, stream != nullptr, timer);
  if (decoded.status != ImageStatus::kOk) note_bad(row, decoded.status, decoded.reason);
  if (!usable(decoded.status)) return nullptr;
  const StageScope scope(timer, "resize");
  return std::make_shared<const Image>(transform_image(decoded.image, image, stream));
}

namespace {

DataError bad_picture_error(const BadPicture& picture) {
  return DataError(fmt::format("post {}: picture {}: {}: {}; --bad-image missing keeps such posts with their text alone, skip drops them",
                               picture.id, picture.file, picture.status, picture.reason));
}

}  // namespace

void PostLoader::Impl::note_bad(int64_t row, ImageStatus status, const std::string& reason) const {
  const Post& post = (*posts)[static_cast<size_t>(row)];
  const BadPicture picture{post.id, post.image.empty() && post.picture ? "in memory" : post.image.string(), image_status_name(status),
                           reason};
  if (fate(row, usable(status)) == PictureFate::kStop) throw bad_picture_error(picture);
  const std::lock_guard<std::mutex> lock(mutex);
  bad.emplace(row, picture);
}

std::shared_ptr<const Image> PostLoader::Impl::picture(int64_t row, int64_t epoch, StageTimer* timer) const {
  const bool training = epoch >= 0;
  RandomStream stream(derive_seed(seed, "augment", static_cast<uint64_t>(std::max<int64_t>(epoch, 0))), "row", static_cast<uint64_t>(row));
  if (training && image.augment == Augment::kRand) return read_picture(row, &stream, timer);
  std::shared_ptr<const Image> base;
  if (cacheable()) {
    const std::lock_guard<std::mutex> lock(mutex);
    base = cache[static_cast<size_t>(row)];
  }
  if (base == nullptr) {
    base = read_picture(row, nullptr, timer);
    if (base != nullptr && cacheable()) {
      const std::lock_guard<std::mutex> lock(mutex);
      const auto bytes = static_cast<int64_t>(base->pixels.size());
      auto& slot = cache[static_cast<size_t>(row)];
      if (slot == nullptr && cached_bytes + bytes <= options.cache_mb << 20) {
        slot = base;
        cached_bytes += bytes;
      }
    }
  }
  if (base != nullptr && training && image.augment == Augment::kFlip && stream.chance(0.5))
    return std::make_shared<const Image>(flip_horizontal(*base));
  return base;
}

PostLoader::PostLoader(const std::vector<Post>& posts, const LoaderInputs& inputs, const LoaderOptions& options, uint64_t seed)
    : impl_(std::make_unique<Impl>()) {
  impl_->posts = &posts;
  impl_->with_text = inputs.tokenizer != nullptr;
  impl_->with_pixels = inputs.pixels.has_value();
  if (impl_->with_pixels) impl_->image = *inputs.pixels;
  impl_->options = options;
  impl_->seed = seed;
  impl_->text_there.resize(posts.size());
  if (impl_->with_pixels) impl_->cache.resize(posts.size());
  for (size_t r = 0; r < posts.size(); ++r) impl_->text_there[r] = options.without != Without::kText && !posts[r].text.empty() ? 1 : 0;
  for (const auto& [column, make] : inputs.columns) impl_->columns[column] = make(posts, options.without);
  impl_->instead_of_pixels = inputs.instead_of_pixels;
  if (!impl_->with_text) return;
  impl_->pad_id = inputs.tokenizer->pad_id();
  impl_->ids.resize(posts.size());
  parallel_for(static_cast<int64_t>(posts.size()), options.workers, [&](int64_t row) {
    const auto r = static_cast<size_t>(row);
    impl_->ids[r] = inputs.tokenizer->encode(impl_->text_there[r] != 0 ? posts[r].text : "", inputs.max_length).ids;
  });
}

PostLoader::~PostLoader() = default;

std::vector<int64_t> PostLoader::prepare(const std::vector<int64_t>& rows, const std::string& title) {
  const bool image_used = impl_->with_pixels && impl_->options.without != Without::kImage;
  const bool must_know = impl_->options.bad_image != BadImage::kMissing;
  if (!image_used || (!impl_->cacheable() && !must_know)) return rows;
  if (impl_->features != nullptr) return impl_->kept(rows);
  ProgressBar bar(title, static_cast<int64_t>(rows.size()));
  std::mutex bar_mutex;
  int64_t done = 0;
  parallel_for(static_cast<int64_t>(rows.size()), std::max<int64_t>(impl_->options.workers, 1), [&](int64_t i) {
    throw_if_stopped(impl_->options.stop, "stopped by request while pictures were read; nothing was written");
    static_cast<void>(impl_->picture(rows[static_cast<size_t>(i)], -1, nullptr));
    const std::lock_guard<std::mutex> lock(bar_mutex);
    bar.update(++done);
  });
  bar.finish();
  return impl_->kept(rows);
}

void PostLoader::use_features(std::shared_ptr<const FeatureStore> features) {
  impl_->features = std::move(features);
  for (const auto& [row, picture] : impl_->features->bad()) {
    if (!impl_->named(row)) continue;  // the store also lists posts without a picture, whose features are meaningless
    if (impl_->fate(row, picture.truncated()) == PictureFate::kStop) throw bad_picture_error(picture);
    impl_->bad.emplace(row, picture);
  }
}

void PostLoader::use_clip(std::shared_ptr<const FeatureStore> clip, const std::vector<int64_t>& rows) {
  impl_->clip = std::move(clip);
  impl_->clip_rows.assign(impl_->posts->size(), -1);
  for (size_t i = 0; i < rows.size(); ++i) impl_->clip_rows[static_cast<size_t>(rows[i])] = static_cast<int64_t>(i);
}

void PostLoader::use_column(BatchColumn column, std::shared_ptr<const RowSource> source) { impl_->columns[column] = std::move(source); }

int64_t PostLoader::text_length(int64_t row) const {
  const auto r = static_cast<size_t>(row);
  return static_cast<int64_t>(impl_->with_text ? impl_->ids[r].size() : (*impl_->posts)[r].text.size());
}

std::vector<BadPicture> PostLoader::bad_pictures() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  std::vector<BadPicture> list;
  for (const auto& [row, bad] : impl_->bad) list.push_back(bad);
  return list;
}

std::map<int64_t, BadPicture> PostLoader::bad_by_row() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  return impl_->bad;
}

void PostLoader::Impl::fill_pixels(Batch& batch, int64_t epoch, StageTimer* timer) const {
  const int64_t size = image.size;
  // Written as [B, S, S, 3] and permuted to [B, 3, S, S]: channels-last without a copy.
  const at::Tensor pixels = at::empty({batch.size(), size, size, 3}, at::kFloat);
  for (int64_t i = 0; i < batch.size(); ++i) {
    std::shared_ptr<const Image> shown;
    if (options.without != Without::kImage) shown = picture(batch.rows[static_cast<size_t>(i)], epoch, timer);
    batch.has_image.data_ptr<bool>()[i] = shown != nullptr;
    float* out = pixels.data_ptr<float>() + i * size * size * 3;
    const StageScope scope(timer, "normalize");
    if (shown != nullptr) {
      normalize_image(*shown, image, out);
    } else {
      std::fill_n(out, size * size * 3, 0.0F);
    }
  }
  batch.pixel_values = pixels.permute({0, 3, 1, 2});
}

void PostLoader::Impl::fill_features(Batch& batch) const {
  for (int64_t i = 0; i < batch.size(); ++i)
    batch.has_image.data_ptr<bool>()[i] = options.without != Without::kImage && features->usable(batch.rows[static_cast<size_t>(i)]);
  batch.feature_map = features->gather(batch.rows);
  if (batch.feature_map.dim() == 4) batch.feature_map = batch.feature_map.permute({0, 3, 1, 2});  // stored [h, w, c]
}

void PostLoader::Impl::fill_clip(Batch& batch) const {
  std::vector<int64_t> stored;
  for (const int64_t row : batch.rows) stored.push_back(clip_rows[static_cast<size_t>(row)]);
  batch.clip_embeds = clip->gather(stored);
}

Batch PostLoader::make_batch(const std::vector<int64_t>& rows, int64_t epoch, StageTimer* timer) const {
  const auto count = static_cast<int64_t>(rows.size());
  Batch batch;
  batch.rows = rows;
  if (impl_->with_text) {
    PaddedTexts texts = pad_texts(impl_->ids, rows, impl_->pad_id);
    batch.input_ids = std::move(texts.input_ids);
    batch.attention_mask = std::move(texts.attention_mask);
  }
  batch.labels = at::empty({count}, at::kLong);
  batch.post_ids = at::empty({count}, at::kLong);
  batch.has_text = at::empty({count}, at::kBool);
  batch.has_image = at::empty({count}, at::kBool);
  for (int64_t i = 0; i < count; ++i) {
    const auto row = static_cast<size_t>(rows[static_cast<size_t>(i)]);
    batch.labels.data_ptr<int64_t>()[i] = (*impl_->posts)[row].label_id;
    batch.post_ids.data_ptr<int64_t>()[i] = static_cast<int64_t>(row);
    batch.has_text.data_ptr<bool>()[i] = impl_->text_there[row] != 0;
  }
  if (impl_->features != nullptr) {
    const StageScope scope(timer, "read");
    impl_->fill_features(batch);
  } else if (impl_->with_pixels) {
    impl_->fill_pixels(batch, epoch, timer);
  } else {
    batch.has_image.fill_(false);
  }
  for (const auto& [column, source] : impl_->columns) batch.columns[column] = source->gather(rows);
  if (impl_->instead_of_pixels) batch.has_image = batch.columns.at(*impl_->instead_of_pixels).ne(0).any(1);
  if (impl_->clip != nullptr && epoch >= 0) impl_->fill_clip(batch);
  return batch;
}

// Workers take batch numbers in order and store finished batches in `ready`; next() returns them in order. Workers stay at most `window`
// batches ahead of `next_wanted`.
struct PostLoader::Stream::State {
  const PostLoader* loader = nullptr;
  std::vector<std::vector<int64_t>> batches;
  int64_t epoch = -1;
  StageTimer* timer = nullptr;
  std::mutex mutex;
  std::condition_variable changed;
  size_t next_job = 0;
  size_t next_wanted = 0;
  size_t window = 1;
  bool stop = false;
  std::exception_ptr failure;
  std::map<size_t, Batch> ready;
  std::vector<std::thread> threads;

  void work() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return stop || next_job >= batches.size() || next_job < next_wanted + window; });
      if (stop || next_job >= batches.size()) return;
      const size_t job = next_job++;
      lock.unlock();
      try {
        Batch batch = loader->make_batch(batches[job], epoch, timer);
        lock.lock();
        ready.emplace(job, std::move(batch));
      } catch (...) {
        if (!lock.owns_lock()) lock.lock();
        if (!failure) failure = std::current_exception();
        stop = true;
      }
      changed.notify_all();
    }
  }
};

PostLoader::Stream::Stream(std::unique_ptr<State> state) : state_(std::move(state)) {}
PostLoader::Stream::Stream(Stream&&) noexcept = default;

PostLoader::Stream::~Stream() {
  if (state_ == nullptr) return;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  for (auto& thread : state_->threads) thread.join();
}

std::optional<Batch> PostLoader::Stream::next() {
  const StageScope scope(state_->timer, "waiting for data");
  std::unique_lock<std::mutex> lock(state_->mutex);
  if (state_->next_wanted >= state_->batches.size()) return std::nullopt;
  if (state_->threads.empty()) return state_->loader->make_batch(state_->batches[state_->next_wanted++], state_->epoch, state_->timer);
  state_->changed.wait(lock, [&] { return state_->failure || state_->ready.contains(state_->next_wanted); });
  if (state_->failure) std::rethrow_exception(state_->failure);
  auto node = state_->ready.extract(state_->next_wanted++);
  lock.unlock();
  state_->changed.notify_all();
  return std::move(node.mapped());
}

PostLoader::Stream PostLoader::stream(std::vector<std::vector<int64_t>> batches, int64_t epoch, StageTimer* timer) const {
  auto state = std::make_unique<Stream::State>();
  state->loader = this;
  state->batches = std::move(batches);
  state->epoch = epoch;
  state->timer = timer;
  state->window = static_cast<size_t>(impl_->options.prefetch);
  Stream::State* shared = state.get();
  for (int64_t i = 0; i < impl_->options.workers; ++i) state->threads.emplace_back([shared] { shared->work(); });
  return Stream(std::move(state));
}

}  // namespace infig

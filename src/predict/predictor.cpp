#include "predict/predictor.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "core/error.h"
#include "data/sampler.h"
#include "metrics/calibration.h"
#include "model/inference.h"
#include "model/pretrained.h"
#include "posts/post_counts.h"

namespace infig {
namespace {

// Sets the number of compute threads of this thread for its lifetime; 0: leaves it unchanged.
class ComputeThreads {
 public:
  explicit ComputeThreads(int64_t count) : before_(at::get_num_threads()) {
    if (count > 0 && count != before_) at::set_num_threads(static_cast<int>(count));
  }
  ~ComputeThreads() {
    if (at::get_num_threads() != before_) at::set_num_threads(before_);
  }
  ComputeThreads(const ComputeThreads&) = delete;
  ComputeThreads& operator=(const ComputeThreads&) = delete;

 private:
  int before_;
};

std::vector<float> floats_of(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kCPU, at::kFloat).contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

// Attention of a batch: N tokens, first the image tokens, then the text tokens, padded to the longest text.
struct BatchAttention {
  at::Tensor attention, pooling;  // [B, H, N, N], [B, N]
  int64_t image_tokens = 0;
  int64_t special = 0;  // leading tokens of a text ([CLS]) that are not among the N
};

AttentionOfPost attention_of(const BatchAttention& batch, int64_t place, const Encoding& text) {
  AttentionOfPost one;
  one.heads = batch.attention.size(1);
  one.image_tokens = batch.image_tokens;
  one.tokens.assign(text.tokens.begin() + batch.special, text.tokens.end());
  one.offsets.assign(text.offsets.begin() + batch.special, text.offsets.end());
  const int64_t tokens = one.image_tokens + static_cast<int64_t>(one.tokens.size());  // without padding
  one.attention = floats_of(batch.attention[place].slice(1, 0, tokens).slice(2, 0, tokens));
  one.pooling = floats_of(batch.pooling[place].slice(0, 0, tokens));
  return one;
}

std::vector<PostRequest> without_side(std::vector<PostRequest> requests, Without side) {
  for (PostRequest& request : requests) {
    if (side == Without::kImage) request.post.image = {};
    if (side == Without::kText) request.post.text.clear();
  }
  return requests;
}

// A run whose best checkpoint is damaged may have another one: an error says so.
LoadedModel load_best(const std::filesystem::path& run, const std::filesystem::path& checkpoint, const ModelList& models) {
  try {
    return load_model(checkpoint, models);
  } catch (const CheckpointError& error) {
    if (run == checkpoint) throw;
    throw CheckpointError(error.what() + advice_for_broken_best(run));
  } catch (const DataError& error) {  // a file of the tokenizer
    if (run == checkpoint) throw;
    throw CheckpointError(error.what() + advice_for_broken_best(run));
  }
}

}  // namespace

void bind_options(ConfigBinder& binder, PredictorOptions& options) {
  binder.choice("precision", options.precision, precision_choices(), "fp32 | bf16 | fp16 | auto");
  binder.choice("device", options.device, {{"cpu", DeviceChoice::kCpu}, {"cuda", DeviceChoice::kCuda}, {"auto", DeviceChoice::kAuto}},
                "cpu | cuda | auto");
}

struct Predictor::Impl {
  std::filesystem::path checkpoint;
  LoadedModel loaded;
  at::Device device = at::kCPU;
  Precision precision = Precision::kFp32;
  int64_t threads = 0;

  // Forward passes at inference do not change the model's visible state, so threads can share it.
  Model& model() const { return *loaded.model; }
  LoaderInputs inputs() const { return loaded.model->inputs(loaded.tokenizer.get()); }

  // `how`, with the side hidden that the run was trained without.
  LoaderOptions seen(LoaderOptions how) const {
    const Without side = loaded.trained_without;
    if (side == Without::kNothing || how.without == side) return how;
    if (how.without != Without::kNothing)
      throw ConfigError(fmt::format("without={}: the run was trained with data.without={}, so nothing would be left of a post",
                                    side_name(how.without), side_name(side)));
    how.without = side;
    return how;
  }

  PostLoader loader(const std::vector<Post>& posts, const LoaderOptions& how) const { return {posts, inputs(), seen(how), 0}; }
  BatchAttention forward(const Batch& batch) const;
};

Predictor::Predictor(const std::filesystem::path& run, const PredictorOptions& options) {
  auto impl = std::make_shared<Impl>();
  const ComputeThreads threads(options.threads);
  impl->threads = options.threads;
  impl->device = resolve_device(options.device);
  impl->checkpoint = find_checkpoint(run);
  impl->loaded = load_best(run, impl->checkpoint, *options.models);
  impl->precision = scoring_precision(options.precision, impl->loaded.precision, impl->device);
  impl->loaded.model->to(impl->device);
  impl_ = std::move(impl);
}

const std::vector<std::string>& Predictor::labels() const { return impl_->loaded.labels; }
at::Device Predictor::device() const { return impl_->device; }
Precision Predictor::precision() const { return impl_->precision; }
Without Predictor::trained_without() const { return impl_->loaded.trained_without; }
const std::filesystem::path& Predictor::checkpoint() const { return impl_->checkpoint; }
std::vector<std::string> Predictor::marks() const { return impl_->loaded.model->marks(); }
const ModelOptions& Predictor::options() const { return *impl_->loaded.options; }
bool Predictor::reads(BatchColumn column) const { return impl_->inputs().columns.contains(column); }

ScoredPosts Predictor::score(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const ScoringOptions& options) const {
  const ComputeThreads threads(impl_->threads);
  LoaderOptions how = options.loader;
  how.stop = options.stop;
  PostLoader loader = impl_->loader(posts, how);
  if (options.found != nullptr && impl_->seen(how).without != Without::kImage) impl_->model().add_found_inputs(loader, *options.found);
  ScoredPosts scored;
  scored.rows = loader.prepare(rows, options.reading_title);
  ScoringProgress* progress = options.progress;
  const auto on_batch = [&](int64_t done) {
    if (progress != nullptr) progress->bad_pictures.merge(loader.bad_by_row());
    if (options.on_batch) options.on_batch(done);
  };
  ScoredRows found = score_rows(impl_->model(), loader, scored.rows,
                                {.batch_size = options.batch_size,
                                 .precision = impl_->precision,
                                 .title = options.title,
                                 .on_batch = on_batch,
                                 .stop = options.stop,
                                 .ranks = options.ranks,
                                 .known = progress == nullptr ? nullptr : &progress->known});
  scored.probabilities = std::move(found.probabilities);
  scored.loss = found.loss;
  scored.bad_pictures = loader.bad_by_row();
  if (progress != nullptr) scored.bad_pictures.insert(progress->bad_pictures.begin(), progress->bad_pictures.end());
  // Each rank has read only the pictures of its own batches.
  if (options.ranks->several()) scored.bad_pictures = unpack_bad_pictures(options.ranks->gather(pack_bad_pictures(scored.bad_pictures)));
  return scored;
}

std::vector<PostOutcome> Predictor::predict(const std::vector<PostRequest>& requests, const PredictingOptions& options) const {
  Intake intake = take_in(impl_->loaded.trained_without == Without::kNothing ? requests : without_side(requests, trained_without()));
  ScoredPosts scored = score(intake.posts, intake.rows, options.scoring);
  const size_t classes = labels().size();
  if (options.temperature != 1)
    scored.probabilities = apply_temperature(scored.probabilities, static_cast<int64_t>(classes), options.temperature);
  return settle(
      std::move(intake),
      {.rows = std::move(scored.rows), .probabilities = std::move(scored.probabilities), .bad_pictures = std::move(scored.bad_pictures)},
      classes);
}

std::vector<AttentionOfPost> Predictor::attention(const std::vector<Post>& posts, const ScoringOptions& options) const {
  const ComputeThreads threads(impl_->threads);
  const PostLoader loader = impl_->loader(posts, options.loader);
  std::vector<int64_t> lengths;
  for (size_t row = 0; row < posts.size(); ++row) lengths.push_back(loader.text_length(static_cast<int64_t>(row)));
  const std::vector<std::vector<int64_t>> batches = sorted_batches(lengths, options.batch_size);
  const c10::InferenceMode inference;
  std::vector<AttentionOfPost> all(posts.size());
  auto stream = loader.stream(batches, -1);
  for (const auto& rows : batches) {
    const BatchAttention batch = impl_->forward(stream.next()->to(impl_->device));
    if (!batch.attention.defined() || impl_->loaded.tokenizer == nullptr) continue;
    for (size_t place = 0; place < rows.size(); ++place) {
      const auto row = static_cast<size_t>(rows[place]);
      const bool hidden = impl_->seen(options.loader).without == Without::kText;
      const Encoding text = impl_->loaded.tokenizer->encode(hidden ? "" : posts[row].text, impl_->inputs().max_length);
      all[row] = attention_of(batch, static_cast<int64_t>(place), text);
    }
  }
  return all;
}

BatchAttention Predictor::Impl::forward(const Batch& batch) const {
  const AutocastScope autocast(precision, device);
  const ModelOutput result = model().forward(batch, {.want_attention = true});
  return {.attention = result.attention, .pooling = result.scores, .image_tokens = result.image_tokens, .special = result.text_skip};
}

}  // namespace infig

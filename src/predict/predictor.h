// A trained run that scores posts: the common basis of `predict`, `evaluate` and libinfig (include/infig/infig.h).
// The public interface of the library is implemented in infig.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/config.h"
#include "data/post.h"
#include "distributed/ranks.h"
#include "model/models.h"
#include "model/precision.h"
#include "posts/outcome.h"
#include "tensor/loader.h"

namespace infig {

struct PredictorOptions {
  DeviceChoice device = DeviceChoice::kAuto;
  Precision precision = Precision::kAuto;  // kAuto: that of training (docs/training.md, "Precision")
  const ModelList* models = &built_in_models();
  int64_t threads = 0;  // compute threads during a call; 0: the calling thread's current setting
};

void bind_options(ConfigBinder& binder, PredictorOptions& options);  // precision and device

// What one call of score() has found so far, for a later call with the same posts, rows and options to go on with.
struct ScoringProgress {
  std::map<int64_t, std::vector<double>> known;  // KnownRows of model/inference.h
  std::map<int64_t, BadPicture> bad_pictures;    // of ScoredPosts
};

struct ScoringOptions {
  LoaderOptions loader{.cache_mb = 0};
  int64_t batch_size = 64;
  std::string reading_title = {}, title = {};       // titles of the progress bars; empty: no bar
  std::function<void(int64_t done)> on_batch = {};  // called after each batch with the number of rows done
  const std::atomic<int>* stop = nullptr;           // holds a signal's number once the work is to stop: throws Interrupted
  Ranks* ranks = &Ranks::alone();                   // the ranks that share the batches; every rank gets all results; collective
  const FoundInputs* found = nullptr;               // features of these posts that a training may have left
  // If not null, batches that it holds are not computed again, and it is kept up to date: on_batch finds it complete. One rank alone; the
  // loss is then that of the other batches.
  ScoringProgress* progress = nullptr;
};

// Probabilities of the posts that take part.
struct ScoredPosts {
  std::vector<int64_t> rows;                   // the requested rows, without those that bad_image=skip drops
  std::vector<double> probabilities;           // [rows, C]
  double loss = 0;                             // mean cross-entropy over the rows that have a label; 0 if none has one
  std::map<int64_t, BadPicture> bad_pictures;  // pictures that posts name and that are not whole, by row
};

struct PredictingOptions {
  ScoringOptions scoring;
  double temperature = 1;
};

// Attention of the last fusion layer in one post. N tokens: the picture's first, then the text's, without padding.
struct AttentionOfPost {
  int64_t heads = 0, image_tokens = 0;
  std::vector<float> attention;                      // [heads, N, N]; empty if heads is 0
  std::vector<float> pooling;                        // [N] pooling weights
  std::vector<std::string> tokens;                   // the text's tokens, as in the vocabulary
  std::vector<std::pair<int64_t, int64_t>> offsets;  // of each token, half-open, in code points of the text; 0 and 0 for special tokens
};

// All members may be called from several threads at once. Calls with several ranks are collective (see Ranks).
class Predictor {
 public:
  // Loads a run's best checkpoint, or a checkpoint folder. Throws CheckpointError; ConfigError for cuda without a GPU.
  Predictor(const std::filesystem::path& run, const PredictorOptions& options);

  const std::vector<std::string>& labels() const;  // in id order
  at::Device device() const;
  Precision precision() const;                      // resolved
  Without trained_without() const;                  // the side that the run was trained without; it is hidden in every call
  const std::filesystem::path& checkpoint() const;  // folder that was loaded
  std::vector<std::string> marks() const;           // Model::marks
  const ModelOptions& options() const;              // of the model that was loaded
  bool reads(BatchColumn column) const;             // whether the model reads that of a post, besides text and picture

  // Scores posts[row] for each of `rows`. Throws DataError for a bad picture under bad_image=error, ConfigError if options.loader hides
  // the only side that the run was trained on.
  ScoredPosts score(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const ScoringOptions& options) const;

  // Returns an outcome for every request, in order. A text that is not UTF-8, a post with neither a text nor a usable picture, and an
  // unusable picture under bad_image=skip are faults of that post alone. A side that the run was trained without
  // counts as absent. Throws DataError for a bad picture under bad_image=error.
  std::vector<PostOutcome> predict(const std::vector<PostRequest>& requests, const PredictingOptions& options) const;

  // Returns the attention of every post, in order. If the model does not provide attention, `heads` is 0 and the rest is empty.
  std::vector<AttentionOfPost> attention(const std::vector<Post>& posts, const ScoringOptions& options) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace infig

// A trained run that scores posts: what `predict`, `evaluate` and libinfig (include/infig/infig.h) are made of.
// The public interface on top is in infig.cpp.
#pragma once

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
  Precision precision = Precision::kAuto;  // auto: what the model was trained in (docs/training.md, "Precision")
  const ModelList* models = &built_in_models();
  int64_t threads = 0;  // compute threads while a call lasts; 0: those of the calling thread, as they are
};

void bind_options(ConfigBinder& binder, PredictorOptions& options);  // precision and device

struct ScoringOptions {
  LoaderOptions loader{.cache_mb = 0};
  int64_t batch_size = 64;
  std::string reading_title = {}, title = {};       // of the progress bars; empty: no bar
  std::function<void(int64_t done)> on_batch = {};  // after each batch: rows done so far
  Ranks* ranks = &Ranks::alone();                   // share the batches; every rank gets all results; collective
};

// Probabilities of the posts that take part.
struct ScoredPosts {
  std::vector<int64_t> rows;                   // those asked for, without what bad_image=skip drops
  std::vector<double> probabilities;           // [rows, C]
  double loss = 0;                             // mean cross-entropy over the rows that have a label; 0 where none has
  std::map<int64_t, BadPicture> bad_pictures;  // that posts name, by row
};

struct PredictingOptions {
  ScoringOptions scoring;
  double temperature = 1;
};

// What the last fusion layer looked at in one post. N tokens: the picture's first, then the text's, without padding.
struct AttentionOfPost {
  int64_t heads = 0, image_tokens = 0;
  std::vector<float> attention;                      // [heads, N, N]
  std::vector<float> pooling;                        // [N]
  std::vector<std::string> tokens;                   // of the text, as the vocabulary writes them
  std::vector<std::pair<int64_t, int64_t>> offsets;  // of each: half-open, in code points of the text; 0 and 0 for special tokens
};

// Every member may be called from several threads at once; calls with several ranks are collective, as Ranks says.
class Predictor {
 public:
  // The run's best checkpoint, or a checkpoint folder. Throws CheckpointError, ConfigError (cuda where there is none).
  Predictor(const std::filesystem::path& run, const PredictorOptions& options);

  const std::vector<std::string>& labels() const;  // in id order
  at::Device device() const;
  Precision precision() const;                      // resolved
  const std::filesystem::path& checkpoint() const;  // folder that was loaded

  // Scores the posts at `rows`, one row an index into `posts`. Throws DataError under bad_image=error.
  ScoredPosts score(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const ScoringOptions& options) const;

  // An outcome for every request, in order. A text that is not UTF-8, a post with neither text nor a picture that can be used, and under
  // bad_image=skip a picture that cannot be used, is a fault of that post alone. Throws DataError under bad_image=error.
  std::vector<PostOutcome> predict(const std::vector<PostRequest>& requests, const PredictingOptions& options) const;

  // One for every post, in order. Nothing is kept of a model without such attention: heads is 0 then.
  std::vector<AttentionOfPost> attention(const std::vector<Post>& posts, const ScoringOptions& options) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace infig

#include "training/dry_run.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <span>
#include <system_error>

#include "core/disk.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/process_memory.h"
#include "core/random.h"
#include "model/inference.h"
#include "training/run_inputs.h"
#include "training/session.h"
#include "training/trainer.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::array<SplitContents, 3> contents_of(const DataSet& data) {
  std::array<SplitContents, 3> all;
  for (const Post& post : data.posts) {
    SplitContents& split = all.at(static_cast<size_t>(post.split));
    std::error_code code;
    ++split.posts;
    if (!post.text.empty()) ++split.texts;
    if (!post.names_picture()) continue;
    ++split.pictures;
    if (!post.image.empty() && !fs::exists(post.image.file, code)) ++split.absent;
  }
  return all;
}

// Returns at most `count` rows of a split, drawn by the seed.
std::vector<int64_t> drawn(const DataSet& data, Split split, int64_t count, uint64_t seed) {
  std::vector<int64_t> rows = data.rows_of(split);
  RandomStream stream(seed, "dry-run", static_cast<uint64_t>(split));
  stream.shuffle(std::span<int64_t>(rows));
  if (static_cast<int64_t>(rows.size()) > count) rows.resize(static_cast<size_t>(count));
  return rows;
}

std::vector<int64_t> longest(const DataSet& data, int64_t count) {
  std::vector<int64_t> rows = data.rows_of(Split::kTrain);
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) {
    return data.posts[static_cast<size_t>(a)].text.size() > data.posts[static_cast<size_t>(b)].text.size();
  });
  if (static_cast<int64_t>(rows.size()) > count) rows.resize(static_cast<size_t>(count));
  return rows;
}

// Returns a data set with the posts of the steps and of one dev batch. It keeps all labels, so that the model is that of the real run.
DataSet sample_of(const DataSet& data, const RunConfig& config) {
  const int64_t batch = config.train.batch_size;
  std::set<int64_t> rows;  // in file order
  for (const auto& some : {drawn(data, Split::kTrain, 2 * batch, config.seed), longest(data, batch),
                           drawn(data, Split::kDev, config.train.eval_batch_size, config.seed)})
    rows.insert(some.begin(), some.end());
  DataSet sample = data;
  sample.posts.clear();
  for (const int64_t row : rows) sample.posts.push_back(data.posts[static_cast<size_t>(row)]);
  return sample;
}

// Where each picture takes many passes of the network, a few tell the time of all; the other posts' steps cost the same without theirs.
void time_few_pictures(DataSet& sample, DryRun& found) {
  constexpr int64_t kTimed = 2;
  for (Post& post : sample.posts) {
    if (!post.names_picture()) continue;
    if (found.timed_pictures < kTimed || post.text.empty()) {  // a post keeps one side at least
      ++found.timed_pictures;
    } else {
      post.image = {};
      post.picture.reset();
    }
  }
}

class Steps {
 public:
  Steps(Session& session, const std::atomic<int>* stop) : session_(session), stop_(stop) {}
  double take(const std::vector<int64_t>& rows) {
    const double start = seconds_now();
    const Batch batch = session_.loader().make_batch(rows, 0);
    session_.step(batch, rows, number_++, nullptr);
    throw_if_stopped(stop_, "stopped by request; nothing was written");
    return seconds_now() - start;
  }

 private:
  Session& session_;
  const std::atomic<int>* stop_;
  int64_t number_ = 0;
};

// Returns the rows of the three steps: first the `batch` longest texts, then two batches spread over the sample. Small splits repeat posts.
std::array<std::vector<int64_t>, 3> rows_of_steps(const DataSet& sample, int64_t batch) {
  std::vector<int64_t> rows = longest(sample, static_cast<int64_t>(sample.posts.size()));
  std::array<std::vector<int64_t>, 3> steps;
  steps[0].assign(rows.begin(), rows.begin() + batch);
  for (int64_t i = 0; i < 2 * batch; ++i) {
    const auto count = static_cast<int64_t>(rows.size());
    steps.at(static_cast<size_t>(1 + i % 2)).push_back(rows[static_cast<size_t>(i * count / (2 * batch))]);
  }
  for (auto& step : steps) std::sort(step.begin(), step.end());
  return steps;
}

int64_t count_evaluations(const TrainOptions& train, int64_t steps_per_epoch) {
  const int64_t steps = train.epochs * steps_per_epoch, unit = train.eval_epochs ? train.epochs : steps;
  return train.eval_every == 0 ? train.epochs : (unit + train.eval_every - 1) / train.eval_every;
}

void measure_cache(const Session& session, const DataSet& data, const DataSet& sample, const fs::path& scratch, double seconds,
                   DryRun& found) {
  for (const auto& [kind, folder] : session.features()) {
    const bool training_alone = kind == "clip";
    const auto all = static_cast<double>(training_alone ? data.rows_of(Split::kTrain).size() : data.posts.size());
    const auto some = static_cast<double>(training_alone ? sample.rows_of(Split::kTrain).size() : sample.posts.size());
    found.cache_bytes += static_cast<int64_t>(static_cast<double>(bytes_below(scratch / folder)) * all / some);
  }
  if (session.features().empty()) return;
  const auto pictures = std::ranges::count_if(data.posts, [](const Post& post) { return post.names_picture(); });
  found.cache_seconds = found.timed_pictures > 0
                            ? seconds * static_cast<double>(pictures) / static_cast<double>(found.timed_pictures)
                            : seconds * static_cast<double>(data.posts.size()) / static_cast<double>(sample.posts.size());
}

// MiB of resized pictures that training keeps in memory; those of the sample are part of the measured peak.
double kept_pictures(Session& session, const DataSet& data, const DataSet& sample, const RunConfig& config) {
  const auto pixels = session.model().inputs(session.tokenizer()).pixels;
  if (!pixels || session.features().contains("image") || pixels->augment == Augment::kRand) return 0;
  constexpr double kMib = 1 << 20;
  const double others = static_cast<double>(data.posts.size()) - static_cast<double>(sample.posts.size());
  return std::min(static_cast<double>(config.data.loader.cache_mb), others * static_cast<double>(3 * pixels->size * pixels->size) / kMib);
}

}  // namespace

DryRun dry_run(const RunConfig& wanted, const DataSet& whole, const fs::path& run, const fs::path& scratch, const std::atomic<int>* stop) {
  check_new_folder(run);
  const DataSet data = posts_of_run(whole, wanted);
  check_trainable(wanted, data, Ranks::alone());
  RunConfig config = wanted;
  config.data.feature_cache.clear();  // a shared cache would hide the time to compute the features, and must not be written to
  DryRun found;
  found.splits = contents_of(data);
  found.weights = weights_paths(config);
  DataSet sample = sample_of(data, config);
  if (config.model->passes_per_picture() > 1) time_few_pictures(sample, found);
  const double start = seconds_now();
  Session session(config, sample, {.cache = scratch, .whole = &data});
  measure_cache(session, data, sample, scratch, session.input_seconds(), found);

  const TrainOptions& train = config.train;
  const auto posts = static_cast<int64_t>(data.rows_of(Split::kTrain).size());
  found.batch_size = std::min(train.batch_size, posts);
  found.steps_per_epoch = config.data.drop_last ? posts / found.batch_size : (posts + found.batch_size - 1) / found.batch_size;
  found.left_out = config.data.drop_last ? posts % found.batch_size : 0;
  found.steps = found.steps_per_epoch * train.epochs;
  for (const auto& parameter : session.model().parameters()) {
    found.parameters += parameter.numel();
    if (parameter.requires_grad()) found.trained += parameter.numel();
  }
  found.device = session.device().str();
  found.precision = precision_name(session.precision());
  found.threads = at::get_num_threads();
  const double ready = seconds_now() - start;

  Steps steps(session, stop);
  const auto rows = rows_of_steps(sample, session.batch_size());
  steps.take(rows[0]);
  found.step_seconds = (steps.take(rows[1]) + steps.take(rows[2])) / 2;
  if (!session.dev_rows().empty()) {
    found.evaluations = count_evaluations(train, found.steps_per_epoch);
    const double begun = seconds_now();
    score_rows(session.model(), session.loader(), session.dev_rows(),
               {.batch_size = train.eval_batch_size, .precision = session.precision()});
    found.evaluation_seconds = (seconds_now() - begun) * static_cast<double>(found.splits.at(static_cast<size_t>(Split::kDev)).posts) /
                               static_cast<double>(session.dev_rows().size());
  }
  found.seconds = ready - session.input_seconds() + found.cache_seconds + static_cast<double>(found.steps) * found.step_seconds +
                  static_cast<double>(found.evaluations) * found.evaluation_seconds;
  found.peak_mib = peak_resident_mib();
  found.pictures_mib = kept_pictures(session, data, sample, config);
  found.disk = plan_disk(checkpoint_size(session), train, planned_saves(train, found.steps_per_epoch));
  found.free_bytes = free_bytes(run);
  return found;
}

}  // namespace infig

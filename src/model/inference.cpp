#include "model/inference.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/interrupt.h"
#include "core/progress.h"
#include "data/sampler.h"

namespace infig {
namespace {

void softmax_row(const float* logits, int64_t classes, double* out) {
  double largest = logits[0], sum = 0;
  for (int64_t c = 1; c < classes; ++c) largest = std::max(largest, static_cast<double>(logits[c]));
  for (int64_t c = 0; c < classes; ++c) sum += out[c] = std::exp(static_cast<double>(logits[c]) - largest);
  for (int64_t c = 0; c < classes; ++c) out[c] /= sum;
}

double cross_entropy_of(double probability) { return -std::log(std::max(probability, 1e-300)); }

bool all_known(const KnownRows& known, const std::vector<int64_t>& group) {
  return std::all_of(group.begin(), group.end(), [&](int64_t position) { return known.contains(position); });
}

}  // namespace

double mean_cross_entropy(const std::vector<double>& probabilities, const std::vector<int64_t>& labels) {
  const size_t classes = labels.empty() ? 0 : probabilities.size() / labels.size();
  double sum = 0;
  int64_t labelled = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) continue;
    sum += cross_entropy_of(probabilities.at(i * classes + static_cast<size_t>(labels[i])));
    ++labelled;
  }
  return labelled > 0 ? sum / static_cast<double>(labelled) : 0;
}

ScoredRows score_rows(Model& model, const PostLoader& loader, const std::vector<int64_t>& rows, const InferenceOptions& options) {
  const c10::InferenceMode inference;  // also enables packed weights (nn/packed_linear.h)
  const int64_t classes = model.num_labels();
  const at::Device device = model.parameters().front().device();
  std::vector<int64_t> lengths;
  for (const int64_t row : rows) lengths.push_back(loader.text_length(row));
  Ranks& ranks = *options.ranks;
  std::vector<std::vector<int64_t>> groups;  // positions in `rows`
  ScoredRows scored;
  scored.probabilities.resize(rows.size() * static_cast<size_t>(classes));
  int64_t number = 0, own = 0, done = 0;
  for (auto& group : sorted_batches(lengths, options.batch_size)) {
    if (number++ % ranks.size() != ranks.rank()) continue;  // dealt in turn, so that every rank gets short and long texts
    own += static_cast<int64_t>(group.size());
    if (options.known != nullptr && all_known(*options.known, group)) {
      for (const int64_t position : group)
        std::ranges::copy(options.known->at(position), scored.probabilities.begin() + position * classes);
      done += static_cast<int64_t>(group.size());
      continue;
    }
    groups.push_back(std::move(group));
  }
  std::vector<std::vector<int64_t>> batches;
  for (const auto& group : groups) {
    auto& batch = batches.emplace_back();
    for (const int64_t position : group) batch.push_back(rows[static_cast<size_t>(position)]);
  }
  std::vector<double> losses(rows.size(), 0);    // cross-entropy of the rows that have a label
  std::vector<double> labelled(rows.size(), 0);  // 1 for the rows that have a label
  ProgressBar bar(ranks.first() ? options.title : "", own);
  auto stream = loader.stream(batches, -1);
  for (const auto& group : groups) {
    const Batch batch = stream.next()->to(device);
    at::Tensor logits;
    {
      const AutocastScope autocast(options.precision, device);
      logits = model.forward(batch, {}).logits.to(at::kCPU).contiguous();
    }
    const at::Tensor labels = batch.labels.to(at::kCPU);
    for (size_t i = 0; i < group.size(); ++i) {
      double* out = scored.probabilities.data() + group[i] * classes;
      softmax_row(logits.data_ptr<float>() + static_cast<int64_t>(i) * classes, classes, out);
      if (options.known != nullptr) (*options.known)[group[i]].assign(out, out + classes);
      const int64_t label = labels.data_ptr<int64_t>()[i];
      if (label < 0) continue;
      losses[static_cast<size_t>(group[i])] = cross_entropy_of(out[label]);
      labelled[static_cast<size_t>(group[i])] = 1;
    }
    done += static_cast<int64_t>(group.size());
    bar.update(done);
    if (options.on_batch) options.on_batch(done);
    throw_if_stopped(options.stop, "stopped by request; nothing was written");
  }
  for (std::vector<double>* values : {&scored.probabilities, &losses, &labelled}) ranks.sum(*values);  // rows of other ranks are 0 here
  const double count = std::accumulate(labelled.begin(), labelled.end(), 0.0);
  scored.loss = count > 0 ? std::accumulate(losses.begin(), losses.end(), 0.0) / count : 0;
  return scored;
}

}  // namespace infig

#include "model/inference.h"

#include <cmath>

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

}  // namespace

ScoredRows score_rows(InfigModel& model, const PostLoader& loader, const std::vector<int64_t>& rows, const InferenceOptions& options) {
  const c10::InferenceMode inference;  // packed weights (nn/packed_linear.h)
  const int64_t classes = model->num_labels();
  const at::Device device = model->parameters().front().device();
  std::vector<int64_t> lengths;
  for (const int64_t row : rows) lengths.push_back(loader.text_length(row));
  const auto groups = sorted_batches(lengths, options.batch_size);  // positions in `rows`
  std::vector<std::vector<int64_t>> batches;
  for (const auto& group : groups) {
    auto& batch = batches.emplace_back();
    for (const int64_t position : group) batch.push_back(rows[static_cast<size_t>(position)]);
  }
  ScoredRows scored;
  scored.probabilities.resize(rows.size() * static_cast<size_t>(classes));
  double loss_sum = 0;
  int64_t loss_count = 0, done = 0;
  ProgressBar bar(options.title, static_cast<int64_t>(rows.size()));
  auto stream = loader.stream(batches, -1);
  for (const auto& group : groups) {
    const Batch batch = stream.next()->to(device);
    at::Tensor logits;
    {
      const AutocastScope autocast(options.precision, device);
      logits = model->forward(batch, {}).logits.to(at::kCPU).contiguous();
    }
    const at::Tensor labels = batch.labels.to(at::kCPU);
    for (size_t i = 0; i < group.size(); ++i) {
      double* out = scored.probabilities.data() + group[i] * classes;
      softmax_row(logits.data_ptr<float>() + static_cast<int64_t>(i) * classes, classes, out);
      const int64_t label = labels.data_ptr<int64_t>()[i];
      if (label < 0) continue;
      loss_sum -= std::log(std::max(out[label], 1e-300));
      ++loss_count;
    }
    done += static_cast<int64_t>(group.size());
    bar.update(done);
    if (options.on_batch) options.on_batch(done);
  }
  scored.loss = loss_count > 0 ? loss_sum / static_cast<double>(loss_count) : 0;
  return scored;
}

}  // namespace infig

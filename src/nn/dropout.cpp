#include "nn/dropout.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <fmt/format.h>
#include <torch/autograd.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/random.h"

namespace infig {
namespace {

// The factor for elements that are kept.
float dropout_scale(uint32_t threshold) { return 65536.0F / static_cast<float>(65536 - threshold); }

// The elements of a mask that a tensor uses. For a part of a batch, these are `pieces` runs of equal length, `stride` apart in the whole
// mask.
struct MaskPlace {
  uint64_t key = 0;
  uint32_t call = 0, threshold = 0;
  int64_t pieces = 1, first = 0, stride = 0;
};

at::Tensor run_philox(const at::Tensor& x, const MaskPlace& place) {
  const at::Tensor input = x.contiguous();
  at::Tensor output = at::empty_like(input);
  const float scale = dropout_scale(place.threshold);
  const int64_t length = input.numel() / place.pieces;
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, input.scalar_type(), "philox_dropout", [&] {
    for (int64_t piece = 0; piece < place.pieces; ++piece) {
      philox_dropout<scalar_t>(input.const_data_ptr<scalar_t>() + piece * length, output.mutable_data_ptr<scalar_t>() + piece * length,
                               length, place.key, place.call, place.threshold, scale, place.first + piece * place.stride);
    }
  });
  return output;
}

// Saves a few numbers for backward instead of the mask: with [B, H, L, L] elements it would be the largest tensor of the step.
class PhiloxDropout : public torch::autograd::Function<PhiloxDropout> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const MaskPlace& place) {
    context->saved_data["place"] = std::vector<int64_t>{static_cast<int64_t>(place.key),
                                                        static_cast<int64_t>(place.call),
                                                        static_cast<int64_t>(place.threshold),
                                                        place.pieces,
                                                        place.first,
                                                        place.stride};
    return run_philox(x, place);
  }
  static std::vector<at::Tensor> backward(torch::autograd::AutogradContext* context, const std::vector<at::Tensor>& gradients) {
    const std::vector<int64_t> saved = context->saved_data["place"].toIntVector();
    const MaskPlace place{.key = static_cast<uint64_t>(saved[0]),
                          .call = static_cast<uint32_t>(saved[1]),
                          .threshold = static_cast<uint32_t>(saved[2]),
                          .pieces = saved[3],
                          .first = saved[4],
                          .stride = saved[5]};
    return {run_philox(gradients[0], place), at::Tensor()};
  }
};

constexpr uint32_t kStageCalls = 1U << 20;  // more than the number of calls in one pass

}  // namespace

uint32_t dropout_threshold(double p) {
  if (!(p >= 0.0 && p < 1.0)) throw ConfigError(fmt::format("a dropout probability is {}; allowed is 0 <= p < 1", p));
  return std::min(static_cast<uint32_t>(std::lround(p * 65536.0)), 65535U);
}

DropoutSource::DropoutSource(uint64_t seed) : seed_(seed) { begin_step(0); }

void DropoutSource::begin_step(int64_t step) {
  key_ = derive_seed(seed_, "dropout", static_cast<uint64_t>(step));
  part_ = {};
  calls_ = 0;
  tables_ = {};
}

void DropoutSource::begin_part(int64_t first, int64_t posts, int64_t all, uint32_t stage) {
  part_ = {.first = first, .posts = posts, .all = all};
  begin_stage(stage);
}

void DropoutSource::begin_stage(uint32_t stage) { calls_ = stage * kStageCalls; }

at::Tensor DropoutSource::apply(const at::Tensor& x, double p, int64_t repeats) {
  const uint32_t threshold = dropout_threshold(p);
  if (threshold == 0) return x;
  const uint32_t call = calls_++;
  MaskPlace place{.key = key_, .call = call, .threshold = threshold};
  if (part_.all > 0 && repeats > 0 && x.numel() > 0) {
    if (x.size(0) != repeats * part_.posts) {
      throw ShapeError(fmt::format("dropout: {} x {} posts were announced, the tensor has {} rows", repeats, part_.posts, x.size(0)));
    }
    const int64_t row = x.numel() / x.size(0);
    place.pieces = repeats;
    place.first = part_.first * row;
    place.stride = part_.all * row;
  }
  if (x.device().is_cpu()) return PhiloxDropout::apply(x, place);
  if (!tables_.keys.defined() || tables_.keys.device() != x.device()) tables_ = philox_tables(key_, x.device());
  std::vector<at::Tensor> dropped;
  for (int64_t piece = 0; piece < place.pieces; ++piece)
    dropped.push_back(philox_dropped(x.numel() / place.pieces, tables_, call, threshold, place.first + piece * place.stride));
  // Fill with 0 instead of multiplying by 0: a dropped element that is infinite or NaN must become 0.
  return (x * dropout_scale(threshold)).masked_fill((dropped.size() == 1 ? dropped[0] : at::cat(dropped, 0)).view(x.sizes()), 0);
}

}  // namespace infig

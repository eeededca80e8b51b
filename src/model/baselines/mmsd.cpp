#include "model/baselines/mmsd.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "nn/linear.h"
#include "nn/transformer.h"

namespace infig {

void MmsdOptions::validate() const {
  encoders.validate("mmsd");
  require_size("mmsd.fusion_size", fusion_size);
  require_size("mmsd.hidden_size", hidden_size);
  if (!(l2 >= 0 && std::isfinite(l2))) throw ConfigError(fmt::format("mmsd.l2: is {}; allowed is >= 0", l2));
}

void bind_options(ConfigBinder& binder, MmsdOptions& options) {
  binder.section("mmsd");
  options.encoders.bind(binder);
  binder.field("fusion_size", options.fusion_size, {.low = 1}, "width of the space in which the sides are added");
  binder.field("hidden_size", options.hidden_size, {.low = 1}, "width of the layer before the classifier");
  binder.field("l2", options.l2, {.low = 0}, "weight of half the sum of squares of all parameters but the vectors of words");
}

MmsdNet::MmsdNet(const BaselineSizes& sizes, const MmsdOptions& options) : options_(options) {
  sizes.validate();
  options.validate();
  require_two_labels("mmsd", sizes.labels);
  encoders_ = std::make_unique<HfmEncoders>(*this, sizes, options.encoders, /*attributes=*/true);
  const std::array<const char*, kSides> names = {"text", "image", "attribute"};
  const std::array<int64_t, kSides> widths = {encoders_->text_size(), encoders_->image_size(), encoders_->attribute_size()};
  for (size_t m = 0; m < kSides; ++m) {
    for (size_t g = 0; g < kSides; ++g) {
      const int64_t joined = widths[m] + widths[g];
      const int64_t hidden = std::max<int64_t>(joined / 2, 1);
      const std::string at = fmt::format("represent.{}.{}.", names[m], names[g]);
      guided_[m][g].hidden = register_at(*this, at + "hidden", linear(joined, hidden));
      guided_[m][g].score = register_at(*this, at + "score", linear(hidden, 1, /*bias=*/false));
    }
    const std::string at = fmt::format("fuse.{}.", names[m]);
    fused_[m].hidden = register_at(*this, at + "hidden", linear(widths[m], options.fusion_size));
    fused_[m].score = register_at(*this, at + "score", linear(options.fusion_size, 1));
    fused_[m].value = register_at(*this, at + "value", linear(widths[m], options.fusion_size));
  }
  hidden_ = register_module("hidden", linear(options.fusion_size, options.hidden_size));
  classifier_ = register_module("classifier", linear(options.hidden_size, 1));
}

void MmsdNet::initialize(uint64_t seed) { initialize_baseline(*this, StartRule::kTruncatedNormal, seed, {"words."}); }

at::Tensor MmsdNet::penalty() {
  if (options_.l2 == 0) return {};
  at::Tensor sum;
  for (const auto& item : named_parameters()) {
    if (item.key().starts_with("words.") || !item.value().requires_grad()) continue;
    const at::Tensor squares = item.value().square().sum();
    sum = sum.defined() ? sum + squares : squares;
  }
  return sum * (options_.l2 / 2);
}

// W [x; g] is W_x x + W_g g: the guidance's half is computed once a post, not once an element.
at::Tensor MmsdNet::represent(size_t m, const std::array<HfmSide, kSides>& sides) {
  const HfmSide& side = sides[m];
  const int64_t width = side.elements.size(2);
  at::Tensor weights;
  for (size_t g = 0; g < kSides; ++g) {
    Guided& by = guided_[m][g];
    const at::Tensor& joined = by.hidden->weight;
    const at::Tensor of_element = at::linear(side.elements, joined.slice(1, 0, width));
    const at::Tensor of_guide = at::linear(sides[g].guidance, joined.slice(1, width), by.hidden->bias);
    const at::Tensor scores = by.score->forward(at::tanh(of_element + of_guide.unsqueeze(1))).squeeze(2);
    const at::Tensor own = masked_softmax(scores, side.mask);
    weights = weights.defined() ? weights + own : own;
  }
  return weighted_sum(weights / static_cast<double>(kSides), side.elements);
}

at::Tensor MmsdNet::logits(const BaselineInputs& inputs, DropoutSource* source) {
  const HfmSides encoded = encoders_->forward(inputs, source);
  const std::array<HfmSide, kSides> sides = {encoded.text, encoded.image, encoded.attributes};
  std::vector<at::Tensor> scores, values, there;
  for (size_t m = 0; m < kSides; ++m) {
    const at::Tensor v = represent(m, sides);
    scores.push_back(fused_[m].score->forward(at::tanh(fused_[m].hidden->forward(v))));
    values.push_back(at::tanh(fused_[m].value->forward(v)));
    there.push_back(sides[m].there);
  }
  const at::Tensor fused = weighted_sum(masked_softmax(at::cat(scores, 1), at::stack(there, 1)), at::stack(values, 1));
  return sigmoid_logits(classifier_->forward(at::relu(hidden_->forward(fused)))).to(at::kFloat);
}

}  // namespace infig

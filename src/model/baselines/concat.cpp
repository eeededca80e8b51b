#include "model/baselines/concat.h"

#include <ATen/ATen.h>

#include "nn/linear.h"

namespace infig {
namespace {

const char* concat_section(const ConcatOptions& options) { return options.attributes ? "concat3" : "concat2"; }

}  // namespace

void ConcatOptions::validate() const {
  const std::string section = concat_section(*this);
  encoders.validate(section);
  require_size(section + ".hidden_size", hidden_size);
  require_dropout(section + ".dropout", dropout);
}

void bind_options(ConfigBinder& binder, ConcatOptions& options) {
  binder.section(concat_section(options));
  options.encoders.bind(binder);
  binder.field("hidden_size", options.hidden_size, {.low = 1}, "width of the layer before the classifier");
  binder.field("dropout", options.dropout, {.low = 0, .high = 1, .high_open = true}, "dropout before the classifier");
}

ConcatNet::ConcatNet(const BaselineSizes& sizes, const ConcatOptions& options) : options_(options) {
  sizes.validate();
  options.validate();
  require_two_labels(concat_section(options), sizes.labels);
  encoders_ = std::make_unique<HfmEncoders>(*this, sizes, options.encoders, options.attributes);
  const int64_t joined = encoders_->text_size() + encoders_->image_size() + (options.attributes ? encoders_->attribute_size() : 0);
  hidden_ = register_module("hidden", linear(joined, options.hidden_size));
  classifier_ = register_module("classifier", linear(options.hidden_size, 1));
}

void ConcatNet::initialize(uint64_t seed) { initialize_baseline(*this, StartRule::kTruncatedNormal, seed, {"words."}); }

at::Tensor ConcatNet::logits(const BaselineInputs& inputs, DropoutSource* source) {
  const HfmSides sides = encoders_->forward(inputs, source);
  std::vector<at::Tensor> joined = {sides.text.guidance, sides.image.guidance};
  if (options_.attributes) joined.push_back(sides.attributes.guidance);
  const at::Tensor hidden = dropout(at::relu(hidden_->forward(at::cat(joined, 1))), options_.dropout, source);
  return sigmoid_logits(classifier_->forward(hidden)).to(at::kFloat);
}

}  // namespace infig

#include "any_model/frozen_linear.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "encoders/resnet.h"
#include "image/transform.h"
#include "model/classification_objective.h"
#include "model/feature_cache.h"
#include "nn/initialize.h"
#include "nn/linear.h"

namespace infig::test {
namespace {

constexpr int64_t kWidth = 12;  // of a token's vector

struct FrozenLinearOptions : ModelOptions {
  ImageOptions pixels = {.size = 32, .resize = 32, .augment = Augment::kNone};
  int64_t max_length = 12;
  int64_t vocab_size = 0;  // from the tokenizer

  std::unique_ptr<ModelOptions> clone() const override { return std::make_unique<FrozenLinearOptions>(*this); }
  void bind(ConfigBinder& binder) override {
    binder.section("frozen");
    binder.field("max_length", max_length, {.low = 3}, "tokens a text");
    bind_options(binder, pixels);
  }
  void finish() override { pixels.validate(); }
  void adopt(const nlohmann::json& config, const std::string& where) override {
    vocab_size = config.value("vocab_size", int64_t{0});
    if (vocab_size < 1) throw CheckpointError(where + ": has no vocab_size");
  }
  bool wants_tokens() const override { return true; }
  std::unique_ptr<Tokenizer> make_tokenizer(const DataSet& data) const override {
    std::vector<std::string> texts;
    for (const int64_t row : data.rows_of(Split::kTrain)) texts.push_back(data.posts[static_cast<size_t>(row)].text);
    return train_sentencepiece(texts, {.vocab_size = 64});
  }
  void adopt_tokenizer(const Tokenizer& tokenizer, bool /*random_init*/) override { vocab_size = tokenizer.vocab_size(); }
  std::shared_ptr<Model> make_model(int64_t num_labels) const override;
};

class FrozenLinear : public Model {
 public:
  FrozenLinear(const FrozenLinearOptions& options, int64_t num_labels) : Model(num_labels), options_(options) {
    backbone_ = register_module("backbone", std::make_shared<ResNetImpl>(ResNetOptions{.bottleneck = false,
                                                                                       .layers = {1, 1, 1, 1},
                                                                                       .widths = {16, 16, 16, 16},
                                                                                       .stem_kernel = 3,
                                                                                       .stem_width = 16,
                                                                                       .stem_pool = false}));
    words_ = register_parameter("words", at::zeros({options.vocab_size, kWidth}), false);
    linear_ = register_module("linear", linear(backbone_->feature_size() + kWidth, num_labels));
    for (auto& parameter : backbone_->parameters()) parameter.set_requires_grad(false);
  }

  void initialize(uint64_t seed) override {
    backbone_->initialize(derive_seed(seed, "backbone"));
    const at::NoGradGuard no_grad;
    words_.normal_(0, 1, at::detail::createCPUGenerator(derive_seed(seed, "words")));
    initialize_transformer(*linear_, 0.02, derive_seed(seed, "linear"));
  }

  ModelOutput forward(const Batch& batch, const ForwardOptions& /*how*/) override {
    at::Tensor features;
    {
      const at::NoGradGuard no_grad;
      const AutocastScope fp32(Precision::kFp32, batch.device());
      const at::Tensor map = batch.feature_map.defined() ? batch.feature_map : backbone_->features(batch.pixel_values, false);
      const at::Tensor mask = batch.attention_mask.to(at::kFloat).unsqueeze(2);
      const at::Tensor text =
          (words_.index_select(0, batch.input_ids.flatten()).view({batch.size(), -1, kWidth}) * mask).sum(1) / mask.sum(1);
      features = at::cat({pool_grid(map) * batch.has_image.unsqueeze(1), text * batch.has_text.unsqueeze(1)}, 1);
    }
    return {.logits = linear_->forward(features).to(at::kFloat), .attention = {}, .scores = {}};
  }

  std::unique_ptr<Objective> make_objective(const ObjectiveContext& context) override {
    return std::make_unique<ClassificationObjective>(*this, context);
  }
  LoaderInputs inputs(const Tokenizer* tokenizer) const override {
    return {.tokenizer = tokenizer, .max_length = options_.max_length, .pixels = options_.pixels};
  }
  std::map<std::string, std::string> add_training_inputs(PostLoader& loader, const InputContext& context) override {
    const CachedFeatures cached = cached_grids(*backbone_, *context.data, options_.pixels, {.folder = context.folder});
    loader.use_features(cached.store);
    return {{"image", cached.folder}};
  }
  nlohmann::json facts() const override { return {{"vocab_size", options_.vocab_size}}; }

 private:
  FrozenLinearOptions options_;
  std::shared_ptr<ResNetImpl> backbone_;
  at::Tensor words_;
  torch::nn::Linear linear_{nullptr};
};

std::shared_ptr<Model> FrozenLinearOptions::make_model(int64_t num_labels) const {
  return std::make_shared<FrozenLinear>(*this, num_labels);
}

}  // namespace

std::unique_ptr<ModelOptions> frozen_linear_options() { return std::make_unique<FrozenLinearOptions>(); }

}  // namespace infig::test

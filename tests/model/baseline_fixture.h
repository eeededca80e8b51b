// A network that keeps what it is given, and three posts for it: what the tests of BaselineModel share.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "encoders/resnet.h"
#include "model/baselines/baseline_kinds.h"
#include "model/baselines/baseline_model.h"
#include "nn/linear.h"
#include "reference/temporary_folder.h"
#include "tensor/archive.h"

namespace infig {

// Reads all that there is, and keeps it.
struct AllOptions {
  bool scale = true;
  void validate() const {}
};
inline void bind_options(ConfigBinder& binder, AllOptions& options) {
  binder.section("all");
  binder.field("scale", options.scale, "of the logits");
}

class AllNet : public BaselineNet {
 public:
  AllNet(const BaselineSizes& sizes, const AllOptions& /*options*/) {
    words = register_module("words", WordVectors(sizes.words, sizes.word_size));
    out = register_module("out", linear(sizes.word_size, sizes.labels));
  }
  at::Tensor logits(const BaselineInputs& inputs, DropoutSource* /*dropout*/) override {
    seen = inputs;
    return out->forward(masked_mean(words->forward(inputs.words), inputs.words.ne(0)));
  }
  BaselineNeeds needs() const override {
    return {.captions = true, .attributes = true, .object_grid = true, .object = true, .scene_grid = true, .scene = true};
  }
  void initialize(uint64_t seed) override { initialize_baseline(*this, StartRule::kGlorot, seed, {"words."}); }
  at::Tensor penalty() override { return 0.5 * out->weight.square().sum(); }

  WordVectors words{nullptr};
  torch::nn::Linear out{nullptr};
  BaselineInputs seen;
};

inline const ResNetOptions kTiny = {
    .bottleneck = false, .layers = {1, 1, 1, 1}, .widths = {16, 16, 16, 16}, .stem_kernel = 3, .stem_width = 16, .stem_pool = false};

inline BaselineOptions& small(ModelOptions& options) {
  auto& all = dynamic_cast<BaselineOptions&>(options);
  all.words.size = 4;
  all.image.pixels.size = all.image.pixels.resize = 32;
  all.image.scratch = kTiny;
  return all;
}

class BaselineModelTest : public testing::Test {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    data_.labels = {"neg", "pos"};
    for (const char* text : {"the cat sat", "the dog", ""}) {
      Post post;
      post.id = std::to_string(data_.posts.size());
      post.text = text;
      post.label_id = 0;
      post.attributes = {"tree", "sky"};
      data_.posts.push_back(post);
    }
    data_.posts[2].attributes.clear();
    data_.posts[0].caption = "the cat on a mat";
    options_ = make_baseline<AllNet, AllOptions>({.name = "all", .reconstruction = true});
    all_ = &small(*options_);
    all_->captions.file = "captions.tsv";
  }

  BaselineModel& made() {
    options_->finish();
    tokenizer_ = options_->make_tokenizer(data_);
    options_->adopt_tokenizer(*tokenizer_, false);
    model_ = std::make_shared<BaselineModel>(*all_, 2);
    model_->initialize(7);
    return *model_;
  }
  const AllNet& net() { return dynamic_cast<const AllNet&>(model_->net()); }

  Batch batch_of(bool with_pixels) {
    PostLoader loader(data_.posts, model_->inputs(tokenizer_.get()), {.workers = 0}, 1);
    Batch batch = loader.make_batch({0, 1, 2}, -1);
    if (!with_pixels) return batch;
    at::Generator generator = at::detail::createCPUGenerator(5);
    batch.pixel_values = at::randn({3, 3, 32, 32}, generator, at::kFloat);
    batch.has_image = at::tensor({1, 0, 1}).to(at::kBool);
    return batch;
  }

  // A ResNet as torchvision saves it, with its classifier.
  std::filesystem::path published(int64_t classes) {
    ResNetImpl net(kTiny);
    net.initialize(3);
    TensorMap tensors = state_dict(net);
    at::Generator generator = at::detail::createCPUGenerator(9);
    tensors["fc.weight"] = at::randn({classes, 16}, generator, at::kFloat);
    tensors["fc.bias"] = at::randn({classes}, generator, at::kFloat);
    save_tensors(folder_ / "resnet.safetensors", tensors);
    return folder_ / "resnet.safetensors";
  }
  std::filesystem::path file(const char* name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  reference::TemporaryFolder folder_{"baseline"};
  DataSet data_;
  std::unique_ptr<ModelOptions> options_;
  BaselineOptions* all_ = nullptr;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::shared_ptr<BaselineModel> model_;
};

}  // namespace infig

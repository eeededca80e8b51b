// Every preset's architecture learns eight posts by heart, at two layers of width 32 from random weights: a gradient that is wrong, cut off
// or lost somewhere in an encoder, in fusion or in the head shows here whatever the preset is made of.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/infig_objective.h"
#include "training/optimizer.h"
#include "training/run_config.h"

namespace infig::overfit {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kWidth = 32, kHeads = 2, kInner = 64, kVocabulary = 60, kSide = 64, kPosts = 8, kTokens = 9;

// INFIG's preset files; a new one is tested by being there. reference.yaml is a list of the defaults; the networks of Table 2 are tested in
// tests/model.
std::vector<std::string> presets() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(INFIG_SOURCE_DIR) / "configs")) {
    if (entry.path().extension() != ".yaml" || entry.path().stem() == "reference") continue;
    if (find_config_value(entry.path(), {}, "model.name").value_or("infig") == "infig") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

// What kind of model stands in a folder that a preset names: the folder itself need not be there.
std::string kind_of(const std::string& model, const std::vector<std::pair<std::string, std::string>>& kinds) {
  for (const auto& [part, kind] : kinds) {
    if (fs::path(model).filename().string().find(part) != std::string::npos) return kind;
  }
  ADD_FAILURE() << model << ": say here what kind of model that is";
  return {};
}

// A published text encoder's and backbone's kind, at the small size. DeBERTa and ResNet are what the keys of an encoder from scratch make.
void set_kinds(const InfigOptions& preset, InfigOptions& small) {
  if (!preset.text.model.empty()) {
    const std::string kind = kind_of(preset.text.model, {{"deberta", ""}, {"minilm", "bert"}, {"mpnet", "mpnet"}, {"roberta", "roberta"}});
    if (!kind.empty()) {
      small.text.published = text_encoder_options({{"model_type", kind},
                                                   {"vocab_size", kVocabulary},
                                                   {"hidden_size", kWidth},
                                                   {"num_hidden_layers", 2},
                                                   {"num_attention_heads", kHeads},
                                                   {"intermediate_size", kInner},
                                                   {"max_position_embeddings", 40}});
    }
  }
  if (!preset.image.model.empty() &&
      kind_of(preset.image.model, {{"resnet", "resnet"}, {"efficientnet-lite", "efficientnet-lite"}}) == "efficientnet-lite") {
    small.image.published = efficientnet_lite(0);
    small.image.encoder.feature_size = feature_size_of(*small.image.published);
  }
}

InfigOptions small_preset(const std::string& name) {
  const fs::path file = fs::path(INFIG_SOURCE_DIR) / "configs" / (name + ".yaml");
  RunConfig preset;  // as the file says, without what it names being there
  ConfigBinder binder;
  bind_options(binder, preset);
  read_config_file(binder, file);
  std::vector<std::string> smaller = {"text.max_position_embeddings=140",
                                      "text.position_buckets=8",
                                      "text.max_length=24",
                                      "image.stage_blocks=[1, 1, 1, 1]",
                                      "image.stage_widths=[16, 16, 32, 32]",
                                      fmt::format("text.vocab_size={}", kVocabulary),
                                      fmt::format("text.hidden_size={}", kWidth),
                                      fmt::format("image.size={}", kSide),
                                      fmt::format("image.resize={}", kSide),
                                      "hfam.layers=2"};
  for (const char* part : {"text", "image", "fusion"}) {
    smaller.push_back(fmt::format("{}.num_hidden_layers=2", part));
    smaller.push_back(fmt::format("{}.num_attention_heads={}", part, kHeads));
    smaller.push_back(fmt::format("{}.intermediate_size={}", part, kInner));
  }
  const RunConfig config = load_run_config(file, smaller, true);
  InfigOptions options = infig_options(config.model);
  set_kinds(infig_options(preset.model), options);
  options.text.encoder.vocab_size = kVocabulary;
  options.finish();
  return options;
}

// Eight posts of three classes in no order; one has no text, one no picture.
Batch eight_posts(const InfigOptions& options) {
  at::Generator g = at::detail::createCPUGenerator(3);
  Batch batch;
  batch.input_ids = at::randint(4, kVocabulary, {kPosts, kTokens}, g, at::kLong);
  batch.attention_mask = at::ones({kPosts, kTokens}, at::kLong);
  for (int64_t i = 0; i < kPosts; ++i) batch.attention_mask[i].slice(0, 3 + i % 7).zero_();
  batch.input_ids = batch.input_ids.where(batch.attention_mask.eq(1), at::zeros({}, at::kLong));
  batch.pixel_values = at::randn({kPosts, 3, kSide, kSide}, g, at::kFloat);
  if (options.clip.embed_dim > 0) batch.clip_embeds = at::randn({kPosts, 2, options.clip.embed_dim}, g, at::kFloat);
  batch.labels = at::tensor({0, 2, 1, 1, 0, 2, 0, 1}, at::kLong);
  batch.has_text = at::ones({kPosts}, at::kBool);
  batch.has_image = at::ones({kPosts}, at::kBool);
  batch.has_text[3] = false;
  batch.has_image[5] = false;
  batch.post_ids = at::arange(kPosts, at::kLong);
  for (int64_t i = 0; i < kPosts; ++i) batch.rows.push_back(i);
  return batch;
}

class Preset : public ::testing::TestWithParam<std::string> {};

TEST_P(Preset, LearnsEightPostsByHeart) {
  const InfigOptions options = small_preset(GetParam());
  InfigModel model(options, 3, 1);
  InfigObjective objective(model, 1000, kPosts, 1);
  Optimizer optimizer(*model, OptimOptions{});
  Batch batch = eight_posts(options);
  if (!options.image.finetune) {  // as in training: a frozen backbone's grids are computed once
    const at::NoGradGuard no_grad;
    batch.feature_map = model->image_encoder->features(batch.pixel_values, false);
  }
  DropoutSource dropout(1);
  double loss = 0;
  int64_t step = 0;
  for (; step < 400; ++step) {
    dropout.begin_step(step);
    optimizer.zero_grad();
    const Losses losses = objective.step(batch, {.dropout = &dropout, .training = true});
    ASSERT_EQ(losses.part("gam").count, options.loss.lambda_g > 0 ? kPosts - 2 : 0);
    ASSERT_EQ(losses.part("hfam").count, options.loss.lambda_f > 0 ? kPosts - 2 : 0);
    losses.total.backward();
    optimizer.step(2e-3);
    objective.commit();
    if (step % 10 != 9) continue;
    const at::NoGradGuard no_grad;
    const at::Tensor logits = model->forward(batch, {.training = true}).logits;  // without dropout, BatchNorm as in training
    loss = classification_loss(logits, batch.labels, {}).mean().item<double>();
    if (loss < .01) break;
  }
  EXPECT_LT(loss, .01) << "after " << step << " steps";
}

INSTANTIATE_TEST_SUITE_P(All, Preset, ::testing::ValuesIn(presets()), [](const auto& instance) {
  std::string name = instance.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(Presets, AreFound) { EXPECT_GE(presets().size(), 3U); }

}  // namespace
}  // namespace infig::overfit

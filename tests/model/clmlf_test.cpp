// CLMLF against plain PyTorch (tools/golden/make_baselines.py), and what its objective promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include <cmath>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "model/baseline_recipe.h"
#include "model/baselines/clmlf_objective.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

using reference::close;
using reference::Golden;
using reference::load_golden;
using testing::HasSubstr;

ClmlfOptions tiny_clmlf(const Golden& golden) {
  const nlohmann::json& s = golden.settings;
  ClmlfOptions o;
  nlohmann::json bert = s.at("bert");
  bert["model_type"] = "bert";
  o.towers.text.published = text_encoder_options(bert);
  o.towers.text.max_length = s.at("max_length");
  o.towers.image.pixels.size = o.towers.image.pixels.resize = 32;
  o.towers.image.encoder.backbone = {.bottleneck = false,
                                     .layers = {1, 1, 1, 1},
                                     .widths = {8, 8, 8, s.at("channels").get<int64_t>()},
                                     .stem_kernel = 3,
                                     .stem_stride = 2,
                                     .stem_width = 8,
                                     .stem_pool = false};
  o.towers.image.encoder.num_hidden_layers = s.at("image_layers");
  o.towers.fusion.layers = s.at("fusion_layers");
  for (TransformerLayerOptions* layer : {&o.towers.image.encoder.layer, &o.towers.fusion.layer}) {
    layer->num_attention_heads = s.at("heads");
    layer->intermediate_size = s.at("bert").at("intermediate_size");
  }
  o.net.temperature = s.at("temperature");
  o.net.data_weight = s.at("data_weight");
  o.net.label_weight = s.at("label_weight");
  o.net.strict = s.at("strict");
  o.net.frozen_epochs = 0;
  o.finish();
  return o;
}

Batch golden_clmlf_batch(const Golden& golden) {
  Batch batch;
  batch.input_ids = golden["ids"];
  batch.attention_mask = golden["mask"];
  batch.columns[BatchColumn::kSecondText] = golden["second"];
  batch.has_text = golden["has_text"].to(at::kBool);
  batch.has_image = golden["has_image"].to(at::kBool);
  batch.labels = golden["labels"];
  batch.rows.resize(static_cast<size_t>(batch.labels.numel()));
  std::iota(batch.rows.begin(), batch.rows.end(), 0);
  batch.post_ids = at::arange(batch.labels.numel());
  std::vector<at::Tensor> maps;
  for (int64_t row = 0; row < batch.size(); ++row) {
    const bool there = batch.has_image[row].item<bool>();
    maps.push_back(there ? test::recipe(fmt::format("input.map.{}", row), {5, 2, 3}, 1.5) : at::zeros({5, 2, 3}));
  }
  batch.feature_map = at::stack(maps);
  return batch;
}

class Clmlf : public testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(1); }
  static ClmlfModel model_of(const Golden& golden, const ClmlfOptions& options, at::ScalarType type = at::kFloat) {
    ClmlfModel model(options, golden.settings.at("labels").get<int64_t>());
    test::fill_by_recipe(*model, 0.7);
    model->to(type);
    return model;
  }
  static ObjectiveContext context(int64_t steps_per_epoch = 2) {
    return {.train_posts = 12, .batch_size = 6, .steps_per_epoch = steps_per_epoch, .seed = 3};
  }
  const Golden golden_ = load_golden("model/baseline_clmlf");
};

TEST_F(Clmlf, LossesEqualPlainPyTorch) {
  for (const char* name : {"model/baseline_clmlf", "model/baseline_clmlf_strict"}) {
    SCOPED_TRACE(name);
    const Golden golden = load_golden(name);
    ClmlfModel model = model_of(golden, tiny_clmlf(golden));
    ClmlfObjective objective(model, context());
    const Losses losses = objective.step(golden_clmlf_batch(golden), {.training = true});
    EXPECT_TRUE(close(losses.logits, golden["logits"], 1e-5));
    EXPECT_TRUE(close(losses.classification.mean(), golden["classification"], 1e-5));
    EXPECT_TRUE(close(losses.part("data").mean(), golden["data"], 1e-5));
    EXPECT_TRUE(close(losses.part("label").mean(), golden["label"], 1e-5));
    EXPECT_TRUE(close(losses.total, golden["total"], 1e-5));
    EXPECT_EQ(losses.part("label").count, 12);  // two posts of each of three labels
  }
}

TEST_F(Clmlf, HasThePlainGradients) {
  const std::vector<std::string> kNoGradient = {"key.bias", "pooling.score.bias", "second.output.bias"};
  ClmlfModel model = model_of(golden_, tiny_clmlf(golden_), at::kDouble);
  ClmlfObjective objective(model, context());
  Batch batch = golden_clmlf_batch(golden_);
  batch.feature_map = batch.feature_map.to(at::kDouble);
  reference::expect_gradients(*model, golden_, [&] { return objective.step(batch, {.training = true}).total; }, 1e-5, kNoGradient);
  test::print_differences("clmlf", *model, golden_, objective.step(batch, {.training = true}).logits, kNoGradient);
}

// The same masks and the same sums, whatever the parts.
TEST_F(Clmlf, PartsGiveTheGradientsOfTheWholeBatch) {
  ClmlfModel model = model_of(golden_, tiny_clmlf(golden_), at::kDouble);
  Batch batch = golden_clmlf_batch(golden_);
  batch.feature_map = batch.feature_map.to(at::kDouble);
  const auto gradients = [&](int64_t micro_batch) {
    for (auto& parameter : model->parameters()) parameter.mutable_grad() = at::Tensor();
    DropoutSource source(9);
    source.begin_step(4);
    ClmlfObjective objective(model, context());
    const ForwardOptions how = {.dropout = &source, .training = true};
    const Losses losses = micro_batch > 0 ? objective.step_in_parts(batch, how, {.micro_batch = micro_batch}) : objective.step(batch, how);
    if (micro_batch == 0) losses.total.backward();
    std::vector<at::Tensor> flat = {losses.total.detach().reshape({1}).to(at::kDouble)};
    for (const auto& parameter : model->parameters()) {
      if (parameter.grad().defined()) flat.push_back(parameter.grad().flatten().clone());
    }
    return at::cat(flat);
  };
  const at::Tensor whole = gradients(0);
  for (const int64_t size : {1, 4, 6}) EXPECT_TRUE(reference::close_to_norm(gradients(size), whole, 1e-6)) << "parts of " << size;
}

TEST_F(Clmlf, TheTextEncoderRestsAtTheStart) {
  ClmlfOptions options = tiny_clmlf(golden_);
  options.net.frozen_epochs = 2;
  ClmlfModel model = model_of(golden_, options);
  ClmlfObjective objective(model, context(/*steps_per_epoch=*/2));
  const Batch batch = golden_clmlf_batch(golden_);
  for (int step = 0; step < 6; ++step) {
    for (auto& parameter : model->parameters()) parameter.mutable_grad() = at::Tensor();
    objective.step(batch, {.training = true}).total.backward();
    bool trained = false;
    for (const auto& parameter : model->text_encoder->parameters()) trained = trained || parameter.grad().defined();
    EXPECT_EQ(trained, step >= 4) << "step " << step;
    EXPECT_TRUE(model->text_projection->weight.grad().defined());
    const TensorMap state = objective.state();
    objective.commit();
    if (step != 4) continue;
    ClmlfObjective resumed(model, context(2));  // goes on where it was
    resumed.restore(state, "trainer.safetensors");
    for (auto& parameter : model->parameters()) parameter.mutable_grad() = at::Tensor();
    resumed.step(batch, {.training = true}).total.backward();
    EXPECT_TRUE(model->text_encoder->parameters().front().grad().defined());
    EXPECT_THROW(resumed.restore({}, "trainer.safetensors"), CheckpointError);
  }
}

TEST_F(Clmlf, PaddingAndTheBatchChangeNothing) {
  ClmlfModel model = model_of(golden_, tiny_clmlf(golden_));
  const Batch batch = golden_clmlf_batch(golden_);
  const at::Tensor logits = model->forward(batch, {}).logits;
  Batch wider = batch;
  wider.input_ids = at::constant_pad_nd(batch.input_ids, {0, 2}, 4);
  wider.attention_mask = at::constant_pad_nd(batch.attention_mask, {0, 2});
  EXPECT_TRUE(close(model->forward(wider, {}).logits, logits, 1e-5));
  for (int64_t row = 0; row < batch.size(); ++row)
    EXPECT_TRUE(close(model->forward(batch.slice(row, 1), {}).logits, logits.narrow(0, row, 1), 1e-5)) << "row " << row;
}

// L_data of a batch whose pictures are turned in the second view where `turned` says so, column by column, by loops.
double naive_data_loss(ClmlfModel& model, const Batch& batch, const std::vector<bool>& turned, double temperature) {
  const at::NoGradGuard no_grad;
  ClmlfView first = model->first_view(batch), second = model->second_view(batch);
  second.pixel_values = batch.pixel_values.clone();
  const int64_t width = batch.pixel_values.size(3);
  for (size_t post = 0; post < turned.size(); ++post) {
    for (int64_t x = 0; turned[post] && x < width; ++x) {
      const auto row = static_cast<int64_t>(post);
      second.pixel_values[row].select(2, x).copy_(batch.pixel_values[row].select(2, width - 1 - x));
    }
  }
  first.features = model->features_of(first, {});
  second.features = model->features_of(second, {});
  const at::Tensor z = model->contrast_first->forward(model->represent(first, batch, {})).to(at::kDouble);
  const at::Tensor other = model->contrast_second->forward(model->represent(second, batch, {})).to(at::kDouble);
  double loss = 0;
  for (int64_t i = 0; i < z.size(0); ++i) {
    double sum = 0;
    const auto score = [&](int64_t j) { return (z[i] * other[j]).sum().item<double>() / temperature; };
    for (int64_t j = 0; j < z.size(0); ++j) sum += std::exp(score(j) - score(i));
    loss += std::log(sum) / static_cast<double>(z.size(0));
  }
  return loss;
}

// Where pictures are augmented, the second view of one post in two is turned left to right, others at every step.
TEST_F(Clmlf, TheSecondViewTurnsPictures) {
  for (const Augment augment : {Augment::kFlip, Augment::kNone}) {
    ClmlfOptions options = tiny_clmlf(golden_);
    options.towers.image.pixels.augment = augment;
    ClmlfModel model = model_of(golden_, options);
    Batch batch = golden_clmlf_batch(golden_);
    batch.feature_map = at::Tensor();
    batch.pixel_values = test::recipe("pixels", {batch.size(), 3, 32, 32}, 2.0);
    ClmlfObjective objective(model, context());
    size_t together = 0;
    std::set<std::vector<bool>> seen;
    for (uint64_t step = 0; step < 4; ++step) {
      RandomStream draws(3, "second_view", step);  // context()'s seed
      std::vector<bool> turned(static_cast<size_t>(batch.size()), false);
      for (size_t i = 0; augment == Augment::kFlip && i < turned.size(); ++i) turned[i] = draws.chance(0.5);
      together += static_cast<size_t>(std::count(turned.begin(), turned.end(), true));
      seen.insert(turned);
      const double expected = naive_data_loss(model, batch, turned, options.net.temperature);
      EXPECT_NEAR(objective.step(batch, {.training = true}).part("data").mean().item<double>(), expected, 1e-5 * (1 + expected));
      const Losses parts = objective.step_in_parts(batch, {.training = true}, {.micro_batch = 4});
      EXPECT_NEAR(parts.part("data").mean().item<double>(), expected, 1e-5 * (1 + expected));
      objective.commit();
    }
    EXPECT_EQ(seen.size() > 1, augment == Augment::kFlip);
    EXPECT_EQ(together > 0, augment == Augment::kFlip);
    const std::vector<bool> none(static_cast<size_t>(batch.size()), false), all(none.size(), true);
    EXPECT_GT(std::abs(naive_data_loss(model, batch, none, 1) - naive_data_loss(model, batch, all, 1)), 1e-4);  // it can be told
  }
}

TEST_F(Clmlf, OverfitsItsPosts) {
  ClmlfModel model(tiny_clmlf(golden_), 3);
  model->initialize(5);
  Batch batch = golden_clmlf_batch(golden_);
  batch = batch.slice(0, 5);  // the sixth has nothing to learn from
  ClmlfObjective objective(model, context());
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(5e-3));
  double loss = 1;
  for (int step = 0; step < 400 && loss > 5e-3; ++step) {
    optimizer.zero_grad();
    const Losses losses = objective.step(batch, {.training = true});
    losses.total.backward();
    optimizer.step();
    objective.commit();
    loss = losses.classification.mean().item<double>();
  }
  EXPECT_LT(loss, 0.01);
}

// With strict three logits whatever the classes, of which a data set of two sees two.
TEST_F(Clmlf, StrictKeepsThreeLogits) {
  const Golden golden = load_golden("model/baseline_clmlf_strict");
  ClmlfModel model(tiny_clmlf(golden), 2);
  model->initialize(5);
  EXPECT_EQ(model->head_classifier->weight.size(0), 3);
  Batch batch = golden_clmlf_batch(golden);
  EXPECT_EQ(model->forward(batch, {}).logits.size(1), 2);
  EXPECT_EQ(model->inputs(nullptr).max_length, 6);  // one more, so that the cut takes [SEP]
  EXPECT_EQ(ClmlfModel(tiny_clmlf(golden_), 2)->inputs(nullptr).max_length, 5);
}

TEST(ClmlfTexts, BackTranslationsAreReadById) {
  const reference::TemporaryFolder folder("clmlf");
  const auto file = folder / "t.json";
  const auto message = [&](const std::string& bytes) -> std::string {
    write_file_atomic(file, bytes);
    try {
      read_back_translations(file);
    } catch (const DataError& problem) {
      return problem.what();
    }
    return "read";
  };
  write_file_atomic(file, R"([{"id": 12, "text_translation": "a day", "more": 1}, {"id": "b", "text_translation": ""}])");
  EXPECT_EQ(read_back_translations(file), (std::map<std::string, std::string>{{"12", "a day"}, {"b", ""}}));
  EXPECT_THAT(message("[1"), HasSubstr("t.json: is no JSON"));
  EXPECT_THAT(message("{}"), HasSubstr("expected a list"));
  EXPECT_THAT(message(R"([{"id": "a", "text_translation": "x"}, {"id": 1.5, "text_translation": "x"}])"), HasSubstr("t.json, item 2"));
  EXPECT_THAT(message(R"([{"id": "a"}])"), HasSubstr("item 1"));
  EXPECT_THAT(message(R"([{"id": "a", "text_translation": "x"}, {"id": "a", "text_translation": "y"}])"), HasSubstr("id a has another"));
}

TEST(ClmlfTexts, WordsAreDroppedAtTheAskedRate) {
  RandomStream stream(1, "words");
  std::string text = "w0";
  for (int i = 1; i < 2000; ++i) text += fmt::format("{}w{}", i % 3 == 0 ? "  " : "\n", i);
  const std::string kept = drop_words(text, 0.25, stream);
  const auto words = std::count(kept.begin(), kept.end(), ' ') + 1;
  EXPECT_NEAR(static_cast<double>(words), 1500, 80);
  EXPECT_EQ(kept.find('\n'), std::string::npos);
  EXPECT_EQ(drop_words(" alone ", 0.99, stream), "alone");
  EXPECT_EQ(drop_words(" \n", 0.5, stream), "");
  EXPECT_EQ(drop_words("all stay", 0, stream), "all stay");
}

TEST(ClmlfOptionsTest, WhatCannotBeHonouredIsRefusedByName) {
  const auto message = [](const std::function<void(ClmlfOptions&)>& change) -> std::string {
    ClmlfOptions options;
    change(options);
    try {
      options.finish();
    } catch (const ConfigError& problem) {
      return problem.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message([](ClmlfOptions&) {}), "accepted");
  EXPECT_THAT(message([](ClmlfOptions& o) { o.towers.image.encoder.learned_positions = true; }), HasSubstr("image.pos"));
  EXPECT_THAT(message([](ClmlfOptions& o) { o.towers.image.encoder.initializer_range = 0.1; }), HasSubstr("image.initializer_range"));
  EXPECT_THAT(message([](ClmlfOptions& o) { o.net.strict = o.towers.image.finetune = true; }), HasSubstr("clmlf.strict"));
  EXPECT_THAT(message([](ClmlfOptions& o) {
                o.net.back_translation = "t.json";
                o.net.word_dropout = 0.3;
              }),
              HasSubstr("clmlf.word_dropout"));
}

}  // namespace
}  // namespace infig

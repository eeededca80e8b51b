// The assembled model and its objective: masks, ablations, momentum, save and load.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "model/infig.h"
#include "model/infig_objective.h"
#include "model/pretrained.h"
#include "model/small_model.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

InfigOptions small_options() {
  InfigOptions o = test::small_model_options();
  o.finish();
  return o;
}

Batch random_batch(int64_t size, int64_t length, uint64_t seed) {
  at::Generator g = at::detail::createCPUGenerator(seed);
  Batch batch;
  batch.input_ids = at::randint(4, 50, {size, length}, g, at::kLong);
  batch.attention_mask = at::ones({size, length}, at::kLong);
  batch.pixel_values = at::randn({size, 3, 32, 32}, g, at::kFloat);
  batch.labels = at::arange(size, at::kLong).remainder(3);
  batch.has_text = at::ones({size}, at::kBool);
  batch.has_image = at::ones({size}, at::kBool);
  batch.post_ids = at::arange(size, at::kLong);
  for (int64_t i = 0; i < size; ++i) batch.rows.push_back(i);
  return batch;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  EXPECT_GT(a.numel(), 0);
  EXPECT_TRUE(a.isfinite().all().item<bool>());
  return (a - b).abs().max().item<double>();
}

TEST(Model, ParameterNamesAreTheContracts) {
  InfigOptions options = small_options();
  options.gam.proj_dim = 6;
  const InfigModel model(options, 3, 1);
  const TensorMap state = state_dict(*model);
  for (const char* name :
       {"text_encoder.embeddings.word_embeddings.weight", "text_encoder.encoder.layer.2.attention.self.query_proj.weight",
        "text_encoder.encoder.rel_embeddings.weight", "image_encoder.backbone.conv1.weight",
        "image_encoder.backbone.layer1.0.bn1.running_mean", "image_encoder.grid_projection.weight", "image_encoder.cls_projection.bias",
        "image_encoder.layer.0.attention.self.query.weight", "image_encoder.layer.2.output.LayerNorm.bias",
        "fusion.layer.0.output.LayerNorm.bias", "pooling.hidden.weight", "pooling.score.bias", "head.dense.weight", "head.classifier.bias",
        "gam.temperature", "gam.image_projection.weight", "gam.text_projection.bias", "hfam.temperature"}) {
    EXPECT_TRUE(state.contains(name)) << name;
  }
}

TEST(Model, MissingSidesAndPaddingHaveNoSay) {
  InfigModel model(small_options(), 3, 1);
  const at::NoGradGuard no_grad;
  Batch batch = random_batch(4, 7, 1);
  batch.has_image[1] = false;
  batch.has_text[2] = false;
  batch.attention_mask.index_put_({3, at::indexing::Slice(4, 7)}, 0);
  const at::Tensor before = model->forward(batch, {}).logits;
  batch.pixel_values[1].fill_(3.0);
  batch.input_ids.index_put_({2, at::indexing::Slice(1, 7)}, 9);
  batch.input_ids.index_put_({3, at::indexing::Slice(4, 7)}, 11);
  const ForwardResult after = model->run(batch, {});
  EXPECT_LT(largest_difference(before, after.logits), 1e-6);
  EXPECT_NEAR(after.scores[1].slice(0, 0, 4).sum().item<double>(), 0, 1e-12);  // 2 x 2 image tokens
  EXPECT_NEAR(after.scores[1].sum().item<double>(), 1, 1e-6);
  EXPECT_NEAR(after.scores[2].slice(0, 4).sum().item<double>(), 0, 1e-12);
  batch.pixel_values[0].fill_(3.0);  // and a picture that is there does matter
  EXPECT_GT(largest_difference(after.logits[0], model->forward(batch, {}).logits[0]), 1e-6);
}

TEST(Model, AttentionIsReturnedOnRequest) {
  InfigModel model(small_options(), 3, 1);
  const at::NoGradGuard no_grad;
  const Batch batch = random_batch(2, 5, 1);
  EXPECT_FALSE(model->forward(batch, {}).attention.defined());
  const ForwardResult result = model->run(batch, {.want_attention = true});
  EXPECT_EQ(result.attention.sizes(), (std::vector<int64_t>{2, 2, 8, 8}));
  EXPECT_LT(largest_difference(result.attention.sum(-1), at::ones({2, 2, 8})), 1e-5);
}

TEST(Objective, TotalIsTheWeightedSum) {
  InfigOptions options = small_options();
  InfigModel model(options, 3, 1);
  InfigObjective objective(model, 100, 4, 1);
  const Losses losses = objective.step(random_batch(4, 6, 2), {});
  ASSERT_EQ(losses.part("gam").count, 4);
  ASSERT_EQ(losses.part("hfam").count, 4);
  const double expected = losses.classification.mean().item<double>() + 0.3 * losses.part("gam").mean().item<double>() +
                          0.2 * losses.part("hfam").mean().item<double>();
  EXPECT_NEAR(losses.total.item<double>(), expected, 1e-5);
  // Untrained and with an empty queue, both contrastive losses lie near the log of their number of keys.
  EXPECT_GT(losses.part("gam").mean().item<double>(), 0);
  EXPECT_GT(losses.part("hfam").mean().item<double>(), 0);
}

TEST(Objective, TheClassifiersLossIsAsAskedFor) {
  InfigModel model(small_options(), 3, 1);
  ClassifierLossKeys loss{.label_smoothing = .1, .focal_gamma = 2, .class_weights = "balanced"};
  const ClassificationLossOptions classification = loss.classification({5, 10, 15});
  EXPECT_EQ(classification.class_weights, (std::vector<double>{2, 1, 30 / 45.0}));
  InfigObjective plain(model, 100, 4, 1), asked(model, 100, 4, 1, classification);
  const Batch batch = random_batch(4, 6, 2);
  const Losses losses = asked.step(batch, {});
  EXPECT_NEAR(losses.classification.sum.item<double>(), classification_loss(losses.logits, batch.labels, classification).sum.item<double>(),
              1e-7);
  EXPECT_GT(std::abs(losses.classification.sum.item<double>() - plain.step(batch, {}).classification.sum.item<double>()), 1e-3);
  loss.class_weights = "1, 2";
  EXPECT_THROW(loss.classification({1, 1}), ConfigError);
  loss.class_weights = "1,2,3";
  EXPECT_THROW(loss.classification({1, 1}), ConfigError);
  EXPECT_EQ(loss.classification({1, 1, 1}).class_weights.size(), 3U);
  InfigOptions options = small_options();
  options.loss.class_weights = "some";
  EXPECT_THROW(options.finish(), ConfigError);
}

// BCEWithLogitsLoss(pos_weight=negatives/positives) of PyTorch's documentation, for logits [0, z].
TEST(ClassifierLossKeys, PositiveIsThePosWeightOfABinaryCrossEntropy) {
  const ClassifierLossKeys keys{.class_weights = "positive"};
  const ClassificationLossOptions options = keys.classification({11174, 8642});
  const double weight = 11174.0 / 8642.0;
  EXPECT_EQ(options.class_weights, (std::vector<double>{1, weight}));
  const std::vector<double> z = {1.5, -0.25, 0.75, -2};
  const std::vector<int64_t> y = {1, 0, 0, 1};
  double naive = 0;
  for (size_t i = 0; i < z.size(); ++i) {
    const double p = 1 / (1 + std::exp(-z[i]));
    naive -= (y[i] == 1 ? weight * std::log(p) : std::log(1 - p)) / 4;
  }
  const at::Tensor logits = at::stack({at::zeros({4}, at::kDouble), at::tensor(z)}, 1);
  EXPECT_NEAR(classification_loss(logits, at::tensor(y), options).mean().item<double>(), naive, 1e-12);
  EXPECT_THROW(keys.classification({3, 4, 5}), ConfigError);
  EXPECT_THROW(keys.classification({3, 0}), ConfigError);
}

TEST(Objective, AblationsSwitchPartsOff) {
  InfigOptions options = small_options();
  options.loss.lambda_g = 0;
  options.loss.lambda_f = 0;
  InfigModel model(options, 3, 1);
  InfigObjective objective(model, 100, 4, 1);
  const Losses losses = objective.step(random_batch(4, 6, 2), {});
  EXPECT_EQ(losses.part("gam").count, 0);
  EXPECT_EQ(losses.part("hfam").count, 0);
  EXPECT_EQ(objective.queue(), nullptr);
  EXPECT_TRUE(objective.state().empty());
  EXPECT_NEAR(losses.total.item<double>(), losses.classification.mean().item<double>(), 1e-7);
}

TEST(Objective, PostsWithoutBothSidesAreLeftOutOfAlignment) {
  InfigModel model(small_options(), 3, 1);
  InfigObjective objective(model, 100, 4, 1);
  Batch batch = random_batch(4, 6, 2);
  batch.has_image[1] = false;
  const Losses losses = objective.step(batch, {});
  EXPECT_EQ(losses.classification.count, 4);
  EXPECT_EQ(losses.part("gam").count, 3);
  EXPECT_EQ(losses.part("hfam").count, 3);
  EXPECT_EQ(objective.queue()->valid(), 0);  // until the step is known to be good
  objective.commit();
  EXPECT_EQ(objective.queue()->valid(), 3);
  objective.commit();  // nothing is pending any more
  EXPECT_EQ(objective.queue()->valid(), 3);
  batch.has_image.fill_(false);
  const Losses none = objective.step(batch, {});
  EXPECT_EQ(none.part("gam").count, 0);
  EXPECT_EQ(none.part("hfam").count, 0);
  EXPECT_TRUE(none.total.isfinite().item<bool>());
}

TEST(Objective, TwinsStartEqualMoveSlowlyAndGetNoGradient) {
  InfigModel model(small_options(), 3, 1);
  InfigObjective objective(model, 100, 4, 1);
  const TensorMap online = state_dict(*model);
  TensorMap twin = objective.state();
  ASSERT_TRUE(twin.contains("momentum.text_encoder.embeddings.word_embeddings.weight"));
  EXPECT_EQ(twin.count("momentum.image_encoder.backbone.conv1.weight"), 0U);  // the ResNet is shared, row 9
  for (const auto& [name, tensor] : twin) {
    if (name.rfind("momentum.", 0) == 0) {
      EXPECT_TRUE(at::equal(tensor, online.at(name.substr(9)))) << name;
    }
  }
  // Move the model by 1 everywhere: after one step the twin has gone (1 - .995) of the way.
  const at::Tensor start =
      twin["momentum.fusion"].defined() ? at::Tensor() : twin["momentum.text_encoder.embeddings.word_embeddings.weight"].clone();
  {
    const at::NoGradGuard no_grad;
    for (auto& parameter : model->text_encoder->parameters()) parameter.add_(1.0);
  }
  const Losses losses = objective.step(random_batch(4, 6, 2), {});
  const at::Tensor moved = objective.state()["momentum.text_encoder.embeddings.word_embeddings.weight"];
  EXPECT_LT(largest_difference(moved, start + 0.005), 1e-6);
  losses.total.backward();
  for (const auto& parameter : objective.twins()->parameters()) EXPECT_FALSE(parameter.grad().defined());
}

TEST(Objective, QueueIsClampedToTheTrainingSplit) {
  InfigModel model(small_options(), 3, 1);
  EXPECT_EQ(InfigObjective(model, 10, 4, 1).queue()->capacity(), 6);
  EXPECT_EQ(InfigObjective(model, 1000, 4, 1).queue()->capacity(), 12);
}

TEST(Objective, RandomQueueStartHoldsUnitVectors) {
  InfigOptions options = small_options();
  options.gam.queue_start = QueueStart::kRandom;
  InfigModel model(options, 3, 1);
  const InfigObjective objective(model, 1000, 4, 1);
  EXPECT_EQ(objective.queue()->valid(), 12);
  EXPECT_LT(largest_difference(objective.queue()->image().norm(2, {1}), at::ones({12})), 1e-5);
}

TEST(Objective, SepCanBeLeftOutOfHfam) {
  // With [SEP] left out, changing the last token of a text changes its own state only through attention; a text of one counted token
  // keeps it, so that the loss stays defined.
  InfigOptions options = small_options();
  options.hfam.keep_sep = false;
  InfigModel model(options, 3, 1);
  InfigObjective objective(model, 100, 4, 1);
  Batch batch = random_batch(4, 6, 2);
  batch.attention_mask.index_put_({0, at::indexing::Slice(2, 6)}, 0);  // [CLS] [SEP]
  EXPECT_TRUE(objective.step(batch, {}).total.isfinite().item<bool>());
}

TEST(Objective, StateRoundTrip) {
  InfigModel model(small_options(), 3, 1);
  InfigObjective first(model, 100, 4, 1), second(model, 100, 4, 1);
  for (const uint64_t seed : {2, 3}) {
    first.step(random_batch(4, 6, seed), {});
    first.commit();
  }
  TensorMap copy;
  for (const auto& [name, tensor] : first.state()) copy[name] = tensor.clone();
  second.restore(copy, "test");
  for (const auto& [name, tensor] : second.state()) EXPECT_TRUE(at::equal(tensor, copy.at(name))) << name;
  EXPECT_EQ(second.queue()->valid(), 8);
  copy.erase("gam.queue_ids");
  EXPECT_THROW(second.restore(copy, "test"), CheckpointError);
}

TEST(Pretrained, SavedFolderGivesTheSameLogits) {
  const reference::TemporaryFolder folder("model");
  std::vector<std::string> corpus;
  for (int i = 0; i < 30; ++i)
    corpus.insert(corpus.end(), {"a lovely day at the beach", "the storm took the roof of the house", "hello there rain"});
  const auto tokenizer = train_sentencepiece(corpus, {.vocab_size = 60});
  InfigOptions options = small_options();
  options.text.encoder.vocab_size = tokenizer->vocab_size();
  options.gam.loss.literal = true;
  InfigModel model(options, 2, 1);
  const std::vector<std::string> labels = {"neg", "pos"};
  ModelConfig config;
  infig_options(config) = options;
  save_model({*model, config, tokenizer.get(), labels, Precision::kFp32}, folder);
  LoadedModel loaded = load_model(folder);
  EXPECT_EQ(loaded.labels, (std::vector<std::string>{"neg", "pos"}));
  EXPECT_TRUE(infig_options(loaded.options).gam.loss.literal);
  const at::NoGradGuard no_grad;
  Batch batch = random_batch(3, 5, 4);
  batch.input_ids = batch.input_ids.remainder(tokenizer->vocab_size());
  EXPECT_TRUE(at::equal(model->forward(batch, {}).logits, loaded.model->forward(batch, {}).logits));
  // Saved twice: the same bytes.
  const std::string once = sha256_file(folder / "model.safetensors");
  save_model({*loaded.model, loaded.options, loaded.tokenizer.get(), loaded.labels, loaded.precision}, folder);
  EXPECT_EQ(sha256_file(folder / "model.safetensors"), once);
  fs::remove(folder / "model.safetensors");
  EXPECT_THROW(load_model(folder), Error);
  fs::remove(folder / "config.json");
  EXPECT_THROW(load_model(folder), CheckpointError);
}

TEST(Options, DisagreementsAreNamed) {
  const auto message = [](auto change) {
    InfigOptions options = small_options();
    change(options);
    try {
      options.finish();
    } catch (const ConfigError& problem) {
      return std::string(problem.what());
    }
    return std::string();
  };
  EXPECT_EQ(message([](InfigOptions& o) {
              o.image.pixels.size = 33;  // no multiple of the stride: the last cells see less of the picture
              o.image.pixels.resize = 40;
            }),
            "");
  EXPECT_NE(message([](InfigOptions& o) { o.gam.layer = 4; }).find("gam.layer"), std::string::npos);
  EXPECT_NE(message([](InfigOptions& o) { o.hfam.layers = 4; }).find("hfam.layers"), std::string::npos);
  EXPECT_NE(message([](InfigOptions& o) { o.text.encoder.num_attention_heads = 3; }), "");
  const std::string twin = message([](InfigOptions& o) {
    o.gam.momentum_backbone = true;
    o.image.finetune = false;
  });
  EXPECT_NE(twin.find("gam.momentum_backbone"), std::string::npos) << twin;
  EXPECT_EQ(message([](InfigOptions& o) { o.gam.momentum_backbone = true; }), "");
}

// optim.layer_decay counts down from the last layer of the text tower; three layers here.
TEST(Model, LayersAboveAParameter) {
  const InfigModel model(small_options(), 3, 1);
  EXPECT_EQ(model->layers_above("text_encoder.encoder.layer.2.output.dense.weight"), 1);
  EXPECT_EQ(model->layers_above("text_encoder.encoder.layer.0.attention.self.query_proj.bias"), 3);
  EXPECT_EQ(model->layers_above("text_encoder.embeddings.word_embeddings.weight"), 4);
  EXPECT_EQ(model->layers_above("text_encoder.encoder.rel_embeddings.weight"), 4);  // shared by all layers
  EXPECT_EQ(model->layers_above("image_encoder.layer.2.output.dense.weight"), std::nullopt);
  EXPECT_EQ(model->image_encoder->layer_of("layer.2.output.dense.weight"), 3);
  EXPECT_EQ(model->image_encoder->layer_of("backbone.layer1.0.conv1.weight"), 0);
}

TEST(Precision, AutomaticChoiceAndScoring) {
  EXPECT_EQ(automatic_precision(true, true), Precision::kBf16);
  EXPECT_EQ(automatic_precision(true, false), Precision::kFp16);  // a GPU without bf16: fp16 with the loss scale
  EXPECT_EQ(automatic_precision(false, true), Precision::kBf16);
  EXPECT_EQ(automatic_precision(false, false), Precision::kFp32);
  for (const Precision asked : {Precision::kFp32, Precision::kBf16, Precision::kFp16})
    EXPECT_EQ(scoring_precision(asked, Precision::kFp32, at::kCPU), asked);
  EXPECT_EQ(scoring_precision(Precision::kAuto, Precision::kFp32, at::kCPU), Precision::kFp32);
  EXPECT_EQ(scoring_precision(Precision::kAuto, Precision::kFp16, at::kCPU), Precision::kFp32);  // no CPU computes fp16 natively
  EXPECT_EQ(scoring_precision(Precision::kAuto, Precision::kBf16, at::kCPU), cpu_has_bf16() ? Precision::kBf16 : Precision::kFp32);
  EXPECT_THROW(parse_precision("fp8"), ConfigError);
}

// What a frozen backbone gives is the same number inside autocast and out of it, and a cache of it changes nothing.
TEST(Model, AFrozenBackboneComputesInFp32) {
  InfigOptions options = test::small_model_options();
  options.image.finetune = false;
  options.finish();
  InfigModel model(options, 3, 1);
  const at::NoGradGuard no_grad;
  Batch batch = random_batch(3, 6, 2);
  const at::Tensor plain = model->encode(batch, {}).feature_map;
  at::Tensor narrow, live, cached;
  {
    const AutocastScope bf16(Precision::kBf16, at::kCPU);
    narrow = model->encode(batch, {}).feature_map;
    live = model->run(batch, {}).logits;
    batch.feature_map = plain;
    cached = model->run(batch, {}).logits;
    EXPECT_EQ(at::linear(at::ones({2, 2}), at::ones({2, 2})).scalar_type(), at::kBFloat16);  // autocast is on again behind it
  }
  EXPECT_EQ(narrow.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(narrow, plain));
  EXPECT_TRUE(at::equal(live, cached));
  EXPECT_FALSE(at::equal(live, model->run(batch, {}).logits));  // the rest did run in bf16
}

}  // namespace
}  // namespace infig

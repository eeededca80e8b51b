#include "encoders/deberta.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "reference/tensors.h"

namespace infig {
namespace {

class DebertaGolden : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = reference::load_golden(std::string("encoders/deberta_") + GetParam());
    model_ = DebertaModel(deberta_options_from_json(golden_.settings));
    load_state_dict(*model_, golden_.under("weight."), GetParam());  // strict: the names are transformers'
  }
  std::vector<at::Tensor> run() { return model_->forward(golden_["input_ids"], golden_["attention_mask"], nullptr); }
  reference::Golden golden_;
  DebertaModel model_{nullptr};
};

TEST_P(DebertaGolden, EveryHiddenStateAgreesWithTransformers) {
  const std::vector<at::Tensor> states = run();
  ASSERT_EQ(states.size(), golden_.settings["num_hidden_layers"].get<size_t>() + 1);
  // Padding included: transformers defines its states.
  for (size_t k = 0; k < states.size(); ++k)
    EXPECT_TRUE(reference::close(states[k], golden_[fmt::format("hidden_states.{}", k)], 1e-5)) << k;
}

// Packed weights, projected positions kept.
TEST_P(DebertaGolden, AgreesInInferenceModeToo) {
  const c10::InferenceMode inference;
  for (int repeat = 0; repeat < 2; ++repeat) {
    const std::vector<at::Tensor> states = run();
    for (size_t k = 0; k < states.size(); ++k)
      EXPECT_TRUE(reference::close(states[k], golden_[fmt::format("hidden_states.{}", k)], 1e-5)) << k;
  }
}

TEST_P(DebertaGolden, OptionsSurviveConfigJson) {
  const DebertaOptions& options = model_->options();
  const nlohmann::json written = to_json(options);
  EXPECT_EQ(to_json(deberta_options_from_json(written)), written);
  for (const char* key : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "pos_att_type",
                          "max_position_embeddings", "type_vocab_size", "relative_attention", "max_relative_positions", "position_buckets",
                          "share_att_key", "norm_rel_ebd", "position_biased_input", "pad_token_id"}) {
    EXPECT_EQ(written.at(key), golden_.settings.at(key)) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(Settings, DebertaGolden,
                         ::testing::Values("v3", "short", "one_token", "no_buckets", "clamped", "c2p", "p2c", "neither", "own_keys",
                                           "absolute", "everything", "xlarge", "groups", "own_query"),
                         [](const auto& instance) { return std::string(instance.param); });

class DebertaGoldenGradient : public DebertaGolden {};

TEST_P(DebertaGoldenGradient, EveryAgreesWithTransformers) {
  reference::expect_gradients(*model_, golden_, [&] { return reference::weighted_sum(run(), golden_["factors"]); }, 2e-5,
                              {"pos_key_proj.bias"});
}

INSTANTIATE_TEST_SUITE_P(Settings, DebertaGoldenGradient,
                         ::testing::Values("v3", "no_buckets", "clamped", "own_keys", "everything", "xlarge"),
                         [](const auto& instance) { return std::string(instance.param); });

DebertaOptions small_options() {
  return {.vocab_size = 30,
          .hidden_size = 8,
          .num_hidden_layers = 2,
          .num_attention_heads = 2,
          .intermediate_size = 12,
          .max_position_embeddings = 16,
          .position_buckets = 6};
}

TEST(Deberta, PaddingChangesNoToken) {
  DebertaModel model(small_options());
  reference::fill(*model);
  const at::Tensor ids = at::tensor({1, 7, 9, 2}, at::kLong).view({1, 4}), mask = at::ones({1, 4}, at::kLong);
  const at::Tensor alone = model->forward(ids, mask, nullptr).back();
  for (const int64_t filler : {0, 5}) {
    const at::Tensor padded = at::cat({ids, at::full({1, 9}, filler, at::kLong)}, 1);
    const at::Tensor padded_mask = at::cat({mask, at::zeros({1, 9}, at::kLong)}, 1);
    EXPECT_TRUE(reference::close(model->forward(padded, padded_mask, nullptr).back().narrow(1, 0, 4), alone, 1e-5)) << filler;
  }
}

// Dropout at all of its places; tests/nn differentiates the attention itself, the golden files every parameter.
TEST(Deberta, GradientsUnderDropoutEqualCentralDifferences) {
  DebertaModel model(DebertaOptions{.vocab_size = 5,
                                    .hidden_size = 4,
                                    .num_hidden_layers = 1,
                                    .num_attention_heads = 2,
                                    .intermediate_size = 2,
                                    .max_position_embeddings = 4,
                                    .position_buckets = -1});
  model->to(at::kDouble);
  reference::fill(*model);
  const at::Tensor ids = at::tensor({1, 3, 4, 2, 1, 2, 2, 4}, at::kLong).view({2, 4});
  const at::Tensor mask = at::tensor({1, 1, 1, 1, 1, 1, 0, 0}, at::kLong).view({2, 4});
  const at::Tensor tokens = mask.unsqueeze(2).to(at::kDouble);
  const TensorMap weights = state_dict(*model);
  DropoutSource source(3);
  reference::expect_central_differences(
      [&] {
        source.begin_step(2);
        return model->forward(ids, mask, &source).back() * tokens;
      },
      {weights.at("embeddings.word_embeddings.weight"), weights.at("encoder.rel_embeddings.weight"),
       weights.at("encoder.layer.0.attention.self.query_proj.weight"), weights.at("encoder.layer.0.output.dense.weight")},
      1e-6);
}

TEST(Deberta, Bfloat16AutocastStaysNearFloat) {
  DebertaModel model(small_options());
  reference::fill(*model, 0.2);
  const at::Tensor ids = at::tensor({1, 7, 9, 2, 1, 2, 0, 0}, at::kLong).view({2, 4}), mask = ids.ne(0).to(at::kLong);
  const at::Tensor expected = model->forward(ids, mask, nullptr).back();
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor output = model->forward(ids, mask, nullptr).back();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  EXPECT_TRUE(reference::close(output, expected, 0.05));
  EXPECT_FALSE(at::equal(output.to(at::kFloat), expected));
}

TEST(Deberta, DropoutDependsOnTheStepAlone) {
  DebertaModel model(small_options());
  reference::fill(*model);
  const at::Tensor ids = at::tensor({1, 7, 9, 2}, at::kLong).view({1, 4}), mask = at::ones({1, 4}, at::kLong);
  DropoutSource source(1);
  const auto run = [&](int64_t step) {
    source.begin_step(step);
    return model->forward(ids, mask, &source).back();
  };
  const at::Tensor first = run(1);
  EXPECT_FALSE(at::equal(first, run(2)));
  EXPECT_TRUE(at::equal(first, run(1)));
  EXPECT_FALSE(at::equal(first, model->forward(ids, mask, nullptr).back()));
}

TEST(Deberta, InitializeLeavesPaddingAtZero) {
  DebertaOptions options = small_options();
  options.pad_token_id = 3;
  DebertaModel model(options);
  model->initialize(9);
  const at::Tensor words = state_dict(*model).at("embeddings.word_embeddings.weight");
  EXPECT_EQ(words[3].abs().sum().item<double>(), 0.0);
  EXPECT_GT(words[2].abs().sum().item<double>(), 0.0);
}

TEST(Deberta, EmbeddingsHaveADeviationOfTheirOwn) {
  DebertaOptions options = small_options();
  options.vocab_size = 4000;
  options.initializer_range = 0.06;
  options.embedding_initializer_range = 0.01;
  DebertaModel model(options);
  model->initialize(9);
  const TensorMap weights = state_dict(*model);
  // 32,000 draws: their deviation is within 2 % of the distribution's with all but a chance of 10^-6.
  EXPECT_NEAR(weights.at("embeddings.word_embeddings.weight").std().item<double>(), 0.01, 0.0002);
  EXPECT_NEAR(weights.at("encoder.layer.0.intermediate.dense.weight").std().item<double>(), 0.06, 0.015);
}

TEST(Deberta, HasTheSizeOfThePublishedBase) {
  // microsoft/deberta-v3-base without its head: 128100 x 768 words, 12 layers, 512 relative rows, two LayerNorms.
  int64_t count = 0;
  const DebertaModel model(DebertaOptions{.num_hidden_layers = 2});
  for (const auto& item : model->named_parameters()) count += item.value().numel();
  EXPECT_EQ(count, 183831552 - 10 * 7087872);
  EXPECT_EQ(state_dict(*model).at("encoder.rel_embeddings.weight").sizes(), (std::vector<int64_t>{512, 768}));
}

TEST(Deberta, RefusesWrongShapes) {
  DebertaOptions options = small_options();
  options.position_biased_input = true;
  DebertaModel model(options);
  const at::Tensor ids = at::ones({2, 4}, at::kLong);
  EXPECT_THROW(model->forward(ids, at::ones({2, 5}, at::kLong), nullptr), ShapeError);
  EXPECT_THROW(model->forward(ids[0], ids[0], nullptr), ShapeError);
  EXPECT_THROW(model->forward(ids.to(at::kFloat), ids, nullptr), ShapeError);
  EXPECT_THROW(model->forward(at::ones({2, 0}, at::kLong), at::ones({2, 0}, at::kLong), nullptr), ShapeError);
  EXPECT_THROW(model->forward(at::ones({1, 17}, at::kLong), at::ones({1, 17}, at::kLong), nullptr), ShapeError);
}

// Each of these must say which key it is about.
TEST(DebertaConfig, RefusesWhatIsNotSupported) {
  const nlohmann::json good = to_json(small_options());
  const std::vector<std::pair<const char*, nlohmann::json>> faults = {{"conv_kernel_size", 4},
                                                                      {"embedding_size", -4},
                                                                      {"conv_act", "wave"},
                                                                      {"conv_groups", 3},
                                                                      {"attention_head_size", 3},
                                                                      {"hidden_act", "swishy"},
                                                                      {"model_type", "bert"},
                                                                      {"pos_att_type", "p2p"},
                                                                      {"norm_rel_ebd", "rms"},
                                                                      {"vocab_size", "many"},
                                                                      {"hidden_size", 7.5},
                                                                      {"share_att_key", 1},
                                                                      {"num_attention_heads", 3},
                                                                      {"position_buckets", 1},
                                                                      {"position_buckets", 64},
                                                                      {"pad_token_id", 30},
                                                                      {"num_hidden_layers", 0},
                                                                      {"hidden_dropout_prob", 1.0},
                                                                      {"attention_probs_dropout_prob", -1},
                                                                      {"layer_norm_eps", 0},
                                                                      {"initializer_range", 0},
                                                                      {"pos_att_type", 5}};
  EXPECT_NO_THROW(deberta_options_from_json(good));
  for (const auto& [key, value] : faults) {
    nlohmann::json json = good;
    json[key] = value;
    try {
      deberta_options_from_json(json);
      ADD_FAILURE() << key << " = " << value << " was accepted";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
}

TEST(DebertaConfig, AbsentKeysHaveTransformersDefaults) {
  const DebertaOptions options = deberta_options_from_json(nlohmann::json::object());
  EXPECT_EQ(options.hidden_size, 1536);
  EXPECT_FALSE(options.relative_attention);
  EXPECT_FALSE(options.share_att_key);
  EXPECT_FALSE(options.pos_att_c2p);
  EXPECT_FALSE(options.norm_rel_ebd_layer_norm);
  EXPECT_TRUE(options.position_biased_input);
  EXPECT_EQ(options.position_buckets, -1);
}

TEST(DebertaConfig, ReadsTheOldSpellingOfPositionTerms) {
  nlohmann::json json = to_json(small_options());
  json["pos_att_type"] = "c2p| P2C";
  EXPECT_TRUE(deberta_options_from_json(json).pos_att_p2c);
  EXPECT_TRUE(deberta_options_from_json(json).pos_att_c2p);
}

}  // namespace
}  // namespace infig

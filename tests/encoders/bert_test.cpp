#include "encoders/bert.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "reference/tensors.h"

namespace infig {
namespace {

class BertGolden : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = reference::load_golden(std::string("encoders/") + GetParam());
    model_ = make_text_encoder(golden_.settings);
    load_published(*model_, golden_.under("weight."), model_->names(), GetParam());  // strict: the names are transformers'
  }
  void expect_states(const std::vector<at::Tensor>& states) {
    ASSERT_EQ(states.size(), golden_.settings["num_hidden_layers"].get<size_t>() + 1);
    for (size_t k = 0; k < states.size(); ++k)  // padding included
      EXPECT_TRUE(reference::close(states[k], golden_[fmt::format("hidden_states.{}", k)], 1e-5)) << k;
  }
  std::vector<at::Tensor> run() { return model_->forward(golden_["input_ids"], golden_["attention_mask"], nullptr); }
  reference::Golden golden_;
  std::shared_ptr<TextEncoder> model_;
};

TEST_P(BertGolden, EveryHiddenStateAgreesWithTransformers) { expect_states(run()); }

// Packed weights, joined projections.
TEST_P(BertGolden, AgreesInInferenceModeToo) {
  const c10::InferenceMode inference;
  expect_states(run());
}

TEST_P(BertGolden, OptionsSurviveConfigJson) {
  const nlohmann::json written = model_->config();
  EXPECT_EQ(make_text_encoder(written)->config(), written);
  for (const auto& [key, value] : golden_.settings.items()) {
    if (key == "hidden_act") continue;  // gelu_new is written under its other name
    EXPECT_EQ(written.at(key), value) << key;
  }
  EXPECT_EQ(model_->hidden_size(), 12);
  EXPECT_EQ(model_->num_hidden_layers(), 2);
  EXPECT_EQ(model_->num_attention_heads(), 3);
  EXPECT_EQ(model_->vocab_size(), 29);
}

INSTANTIATE_TEST_SUITE_P(Settings, BertGolden,
                         ::testing::Values("bert_two_types", "bert_relu", "roberta_base", "roberta_other_padding", "xlm-roberta_base",
                                           "mpnet_base", "mpnet_one_token"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

class BertGoldenGradient : public BertGolden {};

TEST_P(BertGoldenGradient, EveryAgreesWithTransformers) {
  reference::expect_gradients(*model_, golden_, [&] { return reference::weighted_sum(run(), golden_["factors"]); }, 2e-5,
                              {"key.bias", "attn.k.bias"});
}

INSTANTIATE_TEST_SUITE_P(Settings, BertGoldenGradient, ::testing::Values("bert_two_types", "roberta_base", "mpnet_base"),
                         [](const auto& instance) { return std::string(instance.param); });

BertOptions tiny_bert(BertKind kind = BertKind::kBert) {
  return {.kind = kind,
          .model_type = kind == BertKind::kBert    ? "bert"
                        : kind == BertKind::kMpnet ? "mpnet"
                                                   : "roberta",
          .vocab_size = 20,
          .hidden_size = 8,
          .num_hidden_layers = 1,
          .num_attention_heads = 2,
          .intermediate_size = 12,
          .max_position_embeddings = 10,
          .pad_token_id = kind == BertKind::kBert ? 0 : 1};
}

TEST(Bert, BucketsAgreeWithTransformers) {
  const reference::Golden golden = reference::load_golden("nn/mpnet_buckets");
  EXPECT_TRUE(at::equal(mpnet_buckets(golden["deltas"]), golden["buckets"]));
}

TEST(Bert, PackedWeightsFollowTheirParameters) {
  BertModel model(tiny_bert(BertKind::kMpnet));
  const at::Tensor ids = at::tensor({4, 7, 9, 2}, at::kLong).view({1, 4}), mask = at::ones({1, 4}, at::kLong);
  for (const double scale : {0.3, 0.5}) {
    reference::fill(*model, scale);
    at::Tensor expected, found;
    {
      const at::NoGradGuard no_grad;
      expected = model->forward(ids, mask, nullptr).back();
    }
    const c10::InferenceMode inference;
    found = model->forward(ids, mask, nullptr).back();
    EXPECT_TRUE(reference::close(found, expected, 1e-5)) << scale;
  }
}

TEST(Bert, PaddingChangesNoToken) {
  for (const BertKind kind : {BertKind::kBert, BertKind::kRoberta, BertKind::kMpnet}) {
    BertModel model(tiny_bert(kind));
    reference::fill(*model);
    const at::Tensor ids = at::tensor({4, 7, 9, 2}, at::kLong).view({1, 4}), mask = at::ones({1, 4}, at::kLong);
    const at::Tensor alone = model->forward(ids, mask, nullptr).back();
    const at::Tensor padded = at::constant_pad_nd(ids, {0, 3}, model->pad_token_id());
    const at::Tensor output = model->forward(padded, at::constant_pad_nd(mask, {0, 3}, 0), nullptr).back();
    EXPECT_TRUE(reference::close(output.narrow(1, 0, 4), alone, 1e-5)) << static_cast<int>(kind);
  }
}

TEST(Bert, InitializeLeavesPaddingAtZero) {
  BertModel model(tiny_bert(BertKind::kRoberta));
  model->initialize(3);
  const TensorMap state = state_dict(*model);
  EXPECT_EQ(state.at("embeddings.word_embeddings.weight")[1].abs().sum().item<double>(), 0.0);
  EXPECT_EQ(state.at("embeddings.position_embeddings.weight")[1].abs().sum().item<double>(), 0.0);
  EXPECT_GT(state.at("embeddings.word_embeddings.weight")[0].abs().sum().item<double>(), 0.0);
}

TEST(Bert, KnowsItsLongestText) {
  EXPECT_EQ(tiny_bert().max_length(), 10);
  EXPECT_EQ(tiny_bert(BertKind::kRoberta).max_length(), 8);
  BertModel model(tiny_bert(BertKind::kMpnet));
  EXPECT_EQ(model->max_length(), 8);
  EXPECT_NO_THROW(model->forward(at::full({1, 8}, 5, at::kLong), at::ones({1, 8}, at::kLong), nullptr));
  EXPECT_THROW(model->forward(at::full({1, 9}, 5, at::kLong), at::ones({1, 9}, at::kLong), nullptr), ShapeError);
}

// What checkpoints carry besides the encoder, under the names of their different ages.
TEST(Bert, ReadsPublishedNames) {
  BertModel model(tiny_bert());
  reference::fill(*model);
  TensorMap published;
  for (const auto& [name, tensor] : state_dict(*model)) {
    std::string old = "bert." + name;
    if (old.ends_with("LayerNorm.weight")) old.replace(old.size() - 6, 6, "gamma");
    if (old.ends_with("LayerNorm.bias")) old.replace(old.size() - 4, 4, "beta");
    published[old] = tensor.clone();
  }
  for (const char* other : {"bert.pooler.dense.weight", "cls.predictions.bias", "bert.embeddings.position_ids", "classifier.weight"}) {
    published[other] = at::zeros({2});
  }
  BertModel loaded(tiny_bert());
  load_published(*loaded, published, loaded->names(), "file");
  for (const auto& [name, tensor] : state_dict(*loaded)) EXPECT_TRUE(at::equal(tensor, state_dict(*model).at(name))) << name;

  published["bert.encoder.layer.7.output.dense.bias"] = at::zeros({8});
  published.erase("bert.encoder.layer.0.output.dense.bias");
  published["bert.embeddings.word_embeddings.weight"] = at::zeros({3, 8});
  try {
    load_published(*loaded, published, loaded->names(), "file");
    ADD_FAILURE() << "accepted";
  } catch (const CheckpointError& error) {
    for (const char* key :
         {"encoder.layer.7.output.dense.bias", "encoder.layer.0.output.dense.bias", "embeddings.word_embeddings.weight"}) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << key << error.what();
    }
  }
  TensorMap twice = state_dict(*model);
  twice["bert.embeddings.LayerNorm.bias"] = at::zeros({8});
  EXPECT_THROW(load_published(*loaded, twice, loaded->names(), "file"), CheckpointError);
}

TEST(BertConfig, RefusesWhatIsNotSupported) {
  const std::vector<std::pair<const char*, nlohmann::json>> faults = {
      {"is_decoder", true},           {"position_embedding_type", "relative_key"},
      {"hidden_act", "swiglu"},       {"vocab_size", 0},
      {"vocab_size", "many"},         {"hidden_size", 7.5},
      {"num_attention_heads", 3},     {"pad_token_id", 20},
      {"num_hidden_layers", 0},       {"type_vocab_size", 0},
      {"max_position_embeddings", 2}, {"layer_norm_eps", "small"},
      {"hidden_dropout_prob", 1.0}};
  const nlohmann::json good = to_json(tiny_bert(BertKind::kRoberta));
  EXPECT_NO_THROW(bert_options_from_json(good));
  for (const auto& [key, value] : faults) {
    nlohmann::json json = good;
    json[key] = value;
    try {
      bert_options_from_json(json);
      ADD_FAILURE() << key << " = " << value << " was accepted";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
  nlohmann::json mpnet = to_json(tiny_bert(BertKind::kMpnet));
  mpnet["relative_attention_num_buckets"] = 16;
  EXPECT_THROW(bert_options_from_json(mpnet), ConfigError);
}

TEST(TextEncoder, NamesTheModelsItKnows) {
  for (const nlohmann::json& config : {nlohmann::json{{"model_type", "gpt2"}}, nlohmann::json::object(), nlohmann::json(3)}) {
    try {
      make_text_encoder(config);
      ADD_FAILURE() << "accepted";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find("xlm-roberta"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace infig

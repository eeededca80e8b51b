// Text encoders as transformers 5 saves them: config.json and names of the file, every hidden state, gradients.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "encoders/bert.h"
#include "encoders/modernbert.h"
#include "encoders/text_encoders.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

class PublishedText : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = reference::load_golden(std::string("encoders/") + GetParam());
    write_file_atomic(folder_.path() / "config.json", golden_.settings.dump());
    save_tensors(folder_.path() / "model.safetensors", golden_.under("weight."));
    model_ = load_text_encoder(folder_.path());
  }
  std::vector<at::Tensor> run() { return model_->forward(golden_["input_ids"], golden_["attention_mask"], nullptr); }
  void expect_states(const std::vector<at::Tensor>& states) {
    ASSERT_EQ(std::ssize(states), model_->num_hidden_layers() + 1);
    const at::Tensor shown = golden_["attention_mask"].unsqueeze(2);
    for (size_t k = 0; k < states.size(); ++k)
      EXPECT_TRUE(reference::close(states[k] * shown, golden_[fmt::format("hidden_states.{}", k)] * shown, 1e-5)) << k;
  }
  reference::TemporaryFolder folder_;
  reference::Golden golden_;
  std::shared_ptr<TextEncoder> model_;
};

TEST_P(PublishedText, EveryHiddenStateAgreesWithTransformers) { expect_states(run()); }

TEST_P(PublishedText, AgreesInInferenceModeToo) {
  const c10::InferenceMode inference;
  expect_states(run());
}

TEST_P(PublishedText, OptionsSurviveConfigJson) {
  const nlohmann::json written = model_->config();
  EXPECT_EQ(make_text_encoder(written)->config(), written);
  for (const auto& [key, value] : written.items()) {
    if (key == "hidden_act" || !golden_.settings.contains(key)) continue;  // gelu_new is written under its other name
    EXPECT_EQ(golden_.settings[key], value) << key;
  }
}

TEST_P(PublishedText, ALayerIsFoundByItsName) {
  std::vector<int64_t> counts(static_cast<size_t>(model_->num_hidden_layers()) + 1, 0);
  for (const auto& item : model_->named_parameters()) ++counts.at(static_cast<size_t>(model_->layer_of(item.key())));
  for (const int64_t count : counts) EXPECT_GT(count, 0);
}

TEST_P(PublishedText, MissingUnexpectedAndMisshapedKeysAreListed) {
  TensorMap weights = golden_.under("weight.");
  const std::string missing = std::prev(weights.end())->first, misshaped = weights.begin()->first;
  weights.erase(missing);
  weights[misshaped] = at::zeros({1, 2, 3});
  weights["encoder.strange.weight"] = at::zeros({2});
  save_tensors(folder_.path() / "model.safetensors", weights);
  try {
    load_text_encoder(folder_.path());
    ADD_FAILURE() << "accepted";
  } catch (const CheckpointError& error) {
    for (const std::string& key : {missing, misshaped, std::string("encoder.strange.weight")})
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << key << "\n" << error.what();
  }
}

const auto kNameOf = [](const auto& instance) {
  std::string name = instance.param;
  std::ranges::replace(name, '-', '_');
  return name;
};

INSTANTIATE_TEST_SUITE_P(Models, PublishedText, ::testing::Values("distilbert", "electra", "modernbert", "modernbert_biases"), kNameOf);

class PublishedTextGradient : public PublishedText {};

TEST_P(PublishedTextGradient, EveryAgreesWithTransformers) {
  const auto scalar = [&] {
    const std::vector<at::Tensor> states = run();
    at::Tensor sum = at::zeros({});
    for (size_t k = 0; k < states.size(); ++k) sum = sum + (states[k] * golden_[fmt::format("factors.{}", k)]).sum();
    return sum;
  };
  reference::expect_gradients(*model_, golden_, scalar, 2e-5, {"key.bias", "k_lin.bias"});
}

INSTANTIATE_TEST_SUITE_P(Models, PublishedTextGradient, ::testing::Values("distilbert", "electra", "modernbert", "modernbert_biases"),
                         kNameOf);

void expect_refused(const nlohmann::json& config, const std::string& key) {
  try {
    make_text_encoder(config);
    ADD_FAILURE() << key << " was accepted: " << config.dump();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
  }
}

TEST(TextConfig, RefusesWhatIsNotSupported) {
  // Model, key, value, and what the message names: the key, or the common name of what it sets.
  const std::vector<std::tuple<const char*, const char*, nlohmann::json, const char*>> faults = {
      {"distilbert", "dim", 10, "hidden_size"},
      {"distilbert", "n_heads", 5, "num_attention_heads"},
      {"distilbert", "activation", "swiglu", "activation"},
      {"distilbert", "dropout", 1.0, "hidden_dropout_prob"},
      {"distilbert", "sinusoidal_pos_embds", "yes", "sinusoidal_pos_embds"},
      {"distilbert", "quantization_config", {{"bits", 8}}, "quantization_config"},
      {"electra", "embedding_size", 0, "embedding_size"},
      {"electra", "position_embedding_type", "relative_key", "position_embedding_type"},
      {"electra", "is_decoder", true, "is_decoder"},
      {"modernbert", "hidden_activation", "swish_glu", "hidden_activation"},
      {"modernbert", "layer_types", {"full_attention"}, "layer_types"},
      {"modernbert", "layer_types", {"full_attention", "chunked_attention", "full_attention", "full_attention"}, "layer_types"},
      {"modernbert", "num_hidden_layers", 1'000'000'000'000, "num_hidden_layers"},
      {"modernbert", "num_attention_heads", 4, "4 heads"},  // heads of width 3
      {"modernbert", "local_attention", -2, "local_attention"},
      {"modernbert", "rope_parameters", {{"full_attention", {{"rope_type", "yarn"}}}}, "rope_type"},
      {"modernbert", "rope_parameters", {{"sliding_attention", {{"rope_theta", -1.0}}}}, "rope_theta"},
      {"modernbert", "rope_parameters", 3, "rope_parameters"},
      {"modernbert", "pad_token_id", 29, "pad_token_id"}};
  for (const auto& [model, key, value, named] : faults) {
    nlohmann::json config = reference::load_golden(std::string("encoders/") + model).settings;
    EXPECT_NO_THROW(make_text_encoder(config)) << model;
    config[key] = value;
    expect_refused(config, named);
  }
}

// Configs of transformers 4, which models on the hub carry.
TEST(TextConfig, ReadsModernBertOfOlderConfigs) {
  nlohmann::json config = reference::load_golden("encoders/modernbert").settings;
  config.erase("layer_types");
  config.erase("rope_parameters");
  config["global_attn_every_n_layers"] = 2;
  config["global_rope_theta"] = 80000.0;
  config["local_rope_theta"] = 500.0;
  const ModernBertOptions options = modernbert_options_from_json(config);
  EXPECT_EQ(options.global, (std::vector<bool>{true, false, true, false}));
  EXPECT_EQ(options.global_rope_theta, 80000.0);
  EXPECT_EQ(options.local_rope_theta, 500.0);
}

// sin and cos by hand: PE(p, 2i) = sin(p / 10000^(2i/d)).
TEST(DistilBert, SinusoidalPositionsAreFixed) {
  nlohmann::json config = reference::load_golden("encoders/distilbert").settings;
  config["sinusoidal_pos_embds"] = true;
  const auto model = make_text_encoder(config);
  model->initialize(3);
  const auto parameters = model->named_parameters();
  const at::Tensor& positions = parameters["embeddings.position_embeddings.weight"];
  EXPECT_FALSE(positions.requires_grad());
  EXPECT_NEAR(positions[0][0].item<double>(), 0.0, 1e-7);
  EXPECT_NEAR(positions[0][1].item<double>(), 1.0, 1e-7);
  EXPECT_NEAR(positions[5][2].item<double>(), std::sin(5 * std::pow(10000.0, -2.0 / 12)), 1e-6);
  EXPECT_NEAR(positions[5][3].item<double>(), std::cos(5 * std::pow(10000.0, -2.0 / 12)), 1e-6);
}

// A window of w tokens: what is further away than w / 2 in a network of one local layer changes nothing.
TEST(ModernBert, ALocalLayerSeesItsWindowAlone) {
  const ModernBertOptions options = {.vocab_size = 20,
                                     .hidden_size = 8,
                                     .num_hidden_layers = 1,
                                     .num_attention_heads = 2,
                                     .intermediate_size = 12,
                                     .max_position_embeddings = 30,
                                     .pad_token_id = 0,
                                     .local_attention = 4,
                                     .global = {false}};
  ModernBertModel model(options);
  reference::fill(*model);
  const at::Tensor ids = at::tensor({4, 7, 9, 2, 5, 6, 8, 3}, at::kLong).view({1, 8}), mask = at::ones({1, 8}, at::kLong);
  at::Tensor changed = ids.clone();
  changed[0][0] = 11;
  const at::Tensor before = model->forward(ids, mask, nullptr).back(), after = model->forward(changed, mask, nullptr).back();
  const at::Tensor difference = (before - after).abs().amax(2)[0];
  for (int64_t i = 0; i < 8; ++i) EXPECT_EQ(difference[i].item<double>() > 0, i <= 2) << i;
}

// Rotations by hand: column i of a head of width 4 turns by p theta^(-i/2).
TEST(ModernBert, RotaryTableIsThatOfTheEquation) {
  const RotaryTable table = rotary_table(3, 4, 100.0, at::TensorOptions(at::kFloat));
  const at::Tensor x = at::tensor({1.0, 2.0, 3.0, 4.0}, at::kFloat).expand({3, 4});
  const at::Tensor y = rotate_positions(x, table);
  for (int64_t p = 0; p < 3; ++p) {
    for (int64_t i = 0; i < 2; ++i) {
      const double angle = static_cast<double>(p) * std::pow(100.0, -static_cast<double>(i) / 2), a = 1.0 + static_cast<double>(i),
                   b = a + 2;
      EXPECT_NEAR(y[p][i].item<double>(), a * std::cos(angle) - b * std::sin(angle), 1e-6);
      EXPECT_NEAR(y[p][i + 2].item<double>(), b * std::cos(angle) + a * std::sin(angle), 1e-6);
    }
  }
}

TEST(TextEncoders, PaddingChangesNoToken) {
  for (const char* name : {"distilbert", "electra", "modernbert"}) {
    const reference::Golden golden = reference::load_golden(std::string("encoders/") + name);
    const auto model = make_text_encoder(golden.settings);
    load_published(*model, golden.under("weight."), model->names(), name);
    const at::Tensor ids = golden["input_ids"].slice(0, 0, 1).slice(1, 0, 5), mask = at::ones({1, 5}, at::kLong);
    const at::Tensor alone = model->forward(ids, mask, nullptr).back();
    const at::Tensor padded = at::constant_pad_nd(ids, {0, 6}, model->pad_token_id());
    const at::Tensor output = model->forward(padded, at::constant_pad_nd(mask, {0, 6}, 0), nullptr).back();
    EXPECT_TRUE(reference::close(output.narrow(1, 0, 5), alone, 1e-5)) << name;
  }
}

}  // namespace
}  // namespace infig

#include "encoders/image_encoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "reference/tensors.h"

namespace infig {
namespace {

ImageEncoderOptions small_image_options(bool learned_positions = false) {
  return {.backbone = {.bottleneck = false, .layers = {1, 1, 1, 1}, .widths = {4, 4, 4, 6}, .stem_width = 4},
          .layer = {.hidden_size = 8, .num_attention_heads = 2, .intermediate_size = 12},
          .num_hidden_layers = 2,
          .grid = 2,
          .learned_positions = learned_positions};
}

// Projections cell by cell: token 1 + row * w + column is GELU(W f[:, row, column] + b), token 0 the mean's.
at::Tensor naive_tokens(const TensorMap& weights, const at::Tensor& map) {
  const int64_t rows = map.size(2), columns = map.size(3);
  const auto project = [&](const at::Tensor& cell, const std::string& name) {
    return at::gelu(at::mv(weights.at(name + ".weight"), cell) + weights.at(name + ".bias"));
  };
  at::Tensor tokens = at::empty({map.size(0), 1 + rows * columns, 8}, map.options());
  for (int64_t b = 0; b < map.size(0); ++b) {
    at::Tensor sum = at::zeros({map.size(1)}, map.options());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        const at::Tensor cell = map.select(0, b).select(2, c).select(1, r);
        sum = sum + cell;
        tokens[b][1 + r * columns + c] = project(cell, "grid_projection");
      }
    }
    tokens[b][0] = project(sum / (rows * columns), "cls_projection");
  }
  return tokens;
}

TEST(ImageTransformer, OrdersTokensRowByRowWithClsFirst) {
  for (const bool learned : {false, true}) {
    ImageTransformer model(small_image_options(learned));
    model->to(at::kDouble);
    reference::fill(*model);
    const at::NoGradGuard no_grad;
    const TensorMap weights = state_dict(*model);
    const at::Tensor map = reference::wave({2, 6, 2, 2}, 0.6, 1.0, at::kDouble);
    at::Tensor expected = naive_tokens(weights, map);
    if (learned) expected = expected + weights.at("position_embeddings");
    for (const at::Tensor& layout : {map, map.contiguous(at::MemoryFormat::ChannelsLast)}) {
      const std::vector<at::Tensor> states = model->forward(layout, nullptr);
      ASSERT_EQ(states.size(), 3U);
      EXPECT_TRUE(reference::close(states[0], expected, 1e-12));
      // The layers are those under layer.N: tests/nn holds them against the published layer.
      TransformerLayer layer(small_image_options().layer);
      layer->to(at::kDouble);
      TensorMap first;
      for (const auto& [name, tensor] : weights) {
        if (name.starts_with("layer.0.")) first.emplace(name.substr(8), tensor);
      }
      load_state_dict(*layer, first, "layer.0");
      EXPECT_TRUE(reference::close(states[1], layer->forward(expected, at::Tensor(), nullptr), 1e-12));
    }
  }
}

TEST(ImageTransformer, TakesAnyGridUnlessPositionsAreLearned) {
  ImageTransformer free(small_image_options(false)), fixed(small_image_options(true));
  EXPECT_EQ(free->forward(at::zeros({1, 6, 3, 5}), nullptr).back().sizes(), (std::vector<int64_t>{1, 16, 8}));
  EXPECT_EQ(fixed->forward(at::zeros({1, 6, 2, 2}), nullptr).back().sizes(), (std::vector<int64_t>{1, 5, 8}));
  EXPECT_THROW(fixed->forward(at::zeros({1, 6, 3, 2}), nullptr), ShapeError);
  EXPECT_THROW(free->forward(at::zeros({1, 5, 2, 2}), nullptr), ShapeError);
  EXPECT_THROW(free->forward(at::zeros({6, 2, 2}), nullptr), ShapeError);
}

TEST(ImageTransformer, GradientsEqualCentralDifferences) {
  ImageEncoderOptions options = small_image_options(true);
  options.layer = {.hidden_size = 4, .num_attention_heads = 2, .intermediate_size = 3};
  options.num_hidden_layers = 1;
  ImageTransformer model(options);
  model->to(at::kDouble);
  reference::fill(*model);
  at::Tensor map = reference::wave({1, 6, 2, 2}, 0.6, 1.0, at::kDouble).requires_grad_();
  std::vector<at::Tensor> inputs = model->parameters();
  inputs.push_back(map);
  reference::expect_central_differences([&] { return model->forward(map, nullptr).back(); }, inputs, 1e-6, 1);  // the key's bias
}

TEST(ImageEncoder, NamesAreTheTwinsAndTheBackbones) {
  const ImageEncoder encoder(small_image_options(true));
  const ImageTransformer twin(small_image_options(true));
  std::set<std::string> names, expected;
  for (const auto& item : state_dict(*encoder)) names.insert(item.first);
  for (const auto& item : state_dict(*twin)) expected.insert(item.first);
  EXPECT_TRUE(expected.contains("position_embeddings"));
  EXPECT_TRUE(expected.contains("grid_projection.weight"));
  EXPECT_TRUE(expected.contains("cls_projection.bias"));
  EXPECT_TRUE(expected.contains("layer.1.attention.self.query.weight"));
  for (const auto& item : state_dict(*ResNet(small_image_options().backbone))) expected.insert("backbone." + item.first);
  EXPECT_EQ(names, expected);
}

TEST(ImageEncoder, FeaturesGoThroughTheBackboneAlone) {
  ImageEncoder encoder(small_image_options());
  encoder->initialize(3);
  encoder->backbone()->initialize(3);
  const at::Tensor pixels = reference::wave({2, 3, 64, 64});
  const at::Tensor map = encoder->features(pixels, false);
  ASSERT_EQ(map.sizes(), (std::vector<int64_t>{2, 6, 2, 2}));
  EXPECT_TRUE(at::equal(map, encoder->backbone()->features(pixels, false)));
  EXPECT_EQ(encoder->forward(map, nullptr).size(), 3U);
  const at::Tensor bn = state_dict(*encoder).at("backbone.bn1.running_mean").clone();
  encoder->features(pixels, true);
  EXPECT_FALSE(at::equal(bn, state_dict(*encoder).at("backbone.bn1.running_mean")));
}

TEST(ImageEncoder, InitializeFollowsBothRules) {
  ImageEncoderOptions options = small_image_options();
  options.backbone.widths = {16, 16, 16, 64};
  options.layer.hidden_size = 64;
  options.layer.intermediate_size = 64;
  ImageEncoder encoder(options);
  encoder->initialize(3);
  encoder->backbone()->initialize(3);
  const TensorMap state = state_dict(*encoder);
  EXPECT_NEAR(state.at("grid_projection.weight").std().item<double>(), 0.02, 0.002);
  EXPECT_NEAR(state.at("backbone.layer4.0.conv2.weight").std().item<double>(), std::sqrt(2.0 / (64 * 9)), 0.003);
  EXPECT_EQ(state.at("grid_projection.bias").abs().sum().item<double>(), 0.0);
}

TEST(ImageEncoder, RefusesWrongOptions) {
  ImageEncoderOptions options = small_image_options();
  options.num_hidden_layers = 0;
  EXPECT_THROW(options.validate(), ConfigError);
  options = small_image_options();
  options.grid = 0;
  EXPECT_THROW(options.validate(), ConfigError);
  options = small_image_options();
  options.layer.num_attention_heads = 3;
  EXPECT_THROW(ImageEncoder{options}, ConfigError);
}

}  // namespace
}  // namespace infig

// image.drop_path: every backbone leaves out branches of its blocks for whole posts, with the step's masks; what a folder states of rates.
#include "nn/stochastic_depth.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "encoders/image_backbones.h"
#include "encoders/stated_rates.h"
#include "encoders/vision_tower.h"
#include "reference/tensors.h"

namespace infig {
namespace {

constexpr int64_t kPosts = 6, kStep = 3;
constexpr uint64_t kSeed = 11;
constexpr double kRate = 0.5;

// A block whose branch may be left out: the parameters that multiply the branch's end, in the order in which blocks draw their masks.
struct BranchEnd {
  std::vector<std::string> parameters;
  double share;
};

struct DepthCase {
  const char* name;
  ImageBackboneOptions options;
  int64_t size;
  std::vector<BranchEnd> ends;
};

std::vector<DepthCase> depth_cases() {
  const InvertedBlockOptions narrow{.in_channels = 4, .expanded = 8, .out_channels = 4, .residual = true};
  InvertedBlockOptions down = narrow;
  down.stride = 2;
  down.residual = false;
  const VisionTransformerOptions vit{
      .hidden_size = 8, .num_hidden_layers = 3, .num_attention_heads = 2, .intermediate_size = 16, .image_size = 16, .patch_size = 8};
  const auto vision = [](int n, double share) {
    const std::string layer = "encoder.layer." + std::to_string(n);
    return std::vector<BranchEnd>{{{layer + ".attention.output.dense.weight", layer + ".attention.output.dense.bias"}, share},
                                  {{layer + ".output.dense.weight", layer + ".output.dense.bias"}, share}};
  };
  std::vector<BranchEnd> vision_ends = vision(1, 0.5);
  for (const BranchEnd& end : vision(2, 1.0)) vision_ends.push_back(end);
  return {{"resnet",
           ResNetOptions{.bottleneck = false, .layers = {1, 2, 1, 1}, .widths = {4, 4, 4, 4}, .stem_width = 4},
           32,
           {{{"layer2.0.bn2.weight", "layer2.0.bn2.bias"}, 0.25},
            {{"layer2.1.bn2.weight", "layer2.1.bn2.bias"}, 0.5},
            {{"layer3.0.bn2.weight", "layer3.0.bn2.bias"}, 0.75},
            {{"layer4.0.bn2.weight", "layer4.0.bn2.bias"}, 1.0}}},
          {"convnext",
           ConvNextOptions{.depths = {1, 2}, .hidden_sizes = {4, 8}, .kernel_sizes = {3, 3}},
           32,
           {{{"stages.1.blocks.0.gamma"}, 0.5}, {{"stages.1.blocks.1.gamma"}, 1.0}}},
          {"inverted",
           InvertedNetOptions{.stem_width = 4, .head_width = 8, .stages = {{narrow, narrow}, {down, narrow}}},
           32,
           {{{"blocks.0.1.bn3.weight", "blocks.0.1.bn3.bias"}, 0.25}, {{"blocks.1.1.bn3.weight", "blocks.1.1.bn3.bias"}, 0.75}}},
          {"vit", vit, 16, vision_ends}};
}

void scale(torch::nn::Module& module, const BranchEnd& end, double factor) {
  const at::NoGradGuard no_grad;
  auto parameters = module.named_parameters();
  for (const std::string& name : end.parameters) parameters[name].mul_(factor);
}

// A post whose block is left out has what the network gives with that branch's last parameters zero; one that keeps it, with these times
// 1 / (1 - p).
TEST(StochasticDepth, BlocksAreLeftOutPostByPost) {
  for (const DepthCase& one : depth_cases()) {
    const auto backbone = make_image_backbone(one.options);
    backbone->initialize(5);
    reference::fill(*backbone);
    const at::Tensor pixels = reference::random({kPosts, 3, one.size, one.size}, 9, at::kFloat);
    DropoutSource source(kSeed), masks(kSeed);
    source.begin_step(kStep);
    masks.begin_step(kStep);
    const at::NoGradGuard no_grad;
    const at::Tensor found = backbone->features(pixels, false, {.rate = kRate, .source = &source});
    std::vector<at::Tensor> factors;  // of each block, [B]
    bool left_out = false;
    for (const BranchEnd& end : one.ends) {
      factors.push_back(masks.apply(at::ones({kPosts}), kRate * end.share));
      left_out = left_out || (factors.back() == 0).any().item<bool>();
    }
    EXPECT_TRUE(left_out) << one.name;
    for (int64_t post = 0; post < kPosts; ++post) {
      const auto plain = make_image_backbone(one.options);
      load_state_dict(*plain, state_dict(*backbone), "test");
      for (size_t k = 0; k < one.ends.size(); ++k) scale(*plain, one.ends[k], factors[k][post].item<double>());
      const at::Tensor expected = plain->features(pixels.narrow(0, post, 1), false);
      EXPECT_TRUE(reference::close_to_norm(found.narrow(0, post, 1), expected, 1e-5)) << one.name << " " << post;
    }
    EXPECT_TRUE(at::equal(backbone->features(pixels, false, {.rate = kRate, .source = nullptr}), backbone->features(pixels, false)))
        << one.name;
  }
}

// Posts 2 .. 4 of six, as a part of the batch or on another rank.
TEST(StochasticDepth, PartsHaveTheMasksOfTheWholeBatch) {
  for (const DepthCase& one : depth_cases()) {
    const auto backbone = make_image_backbone(one.options);
    backbone->initialize(5);
    reference::fill(*backbone);
    const at::Tensor pixels = reference::random({kPosts, 3, one.size, one.size}, 9, at::kFloat);
    DropoutSource source(kSeed);
    source.begin_step(kStep);
    source.begin_part(0, kPosts, kPosts);
    const at::NoGradGuard no_grad;
    const at::Tensor whole = backbone->features(pixels, false, {.rate = kRate, .source = &source});
    source.begin_part(2, 3, kPosts);
    const at::Tensor part = backbone->features(pixels.narrow(0, 2, 3), false, {.rate = kRate, .source = &source});
    EXPECT_TRUE(reference::close_to_norm(part, whole.narrow(0, 2, 3), 1e-5)) << one.name;
  }
}

// The tower's own layers: states of layer 2 of 3, from layer 1's on, differ for the posts whose second layer is left out, and only for
// these.
TEST(StochasticDepth, ATowersOwnLayersHaveIt) {
  const VisionTransformerOptions network{
      .hidden_size = 8, .num_hidden_layers = 3, .num_attention_heads = 2, .intermediate_size = 16, .image_size = 16, .patch_size = 8};
  VisionTower tower(VisionTowerOptions{.network = network, .upper_layers = 2, .hidden_size = 8, .drop_path = kRate});
  tower->initialize(5);
  reference::fill(*tower);
  const at::Tensor features = reference::random({kPosts, 5, 8}, 9, at::kFloat);
  DropoutSource source(kSeed), masks(kSeed);
  source.begin_step(kStep);
  masks.begin_step(kStep);
  const at::NoGradGuard no_grad;
  const at::Tensor state = tower->forward(features, &source)[1];
  const at::Tensor attention = masks.apply(at::ones({kPosts}), kRate * 0.5), feed_forward = masks.apply(at::ones({kPosts}), kRate * 0.5);
  const at::Tensor same = (state == features).flatten(1).all(1);
  EXPECT_TRUE(at::equal(same, (attention == 0).logical_and(feed_forward == 0)));
  EXPECT_TRUE(((attention == 0).logical_or(feed_forward == 0)).any().item<bool>());
}

TEST(StatedRates, AreFoundWhereverTheFileHasThem) {
  const auto rates = stated_rates({{"drop_path_rate", 0.1},
                                   {"hidden_dropout_prob", 0},
                                   {"dropout_rate", 0.5},
                                   {"attention_dropout", "much"},
                                   {"model_args", {{"drop_path_rate", 0.2}, {"patch_drop_rate", 0.25}, {"drop_rate", 0.3}}},
                                   {"pretrained_cfg", nullptr}});
  std::vector<std::pair<std::string, double>> found;
  for (const StatedRate& one : rates) found.emplace_back(one.key, one.rate);
  EXPECT_THAT(found,
              testing::UnorderedElementsAre(std::pair("drop_path_rate", 0.1), std::pair("hidden_dropout_prob", 0.0),
                                            std::pair("model_args.drop_path_rate", 0.2), std::pair("model_args.patch_drop_rate", 0.25)));
  EXPECT_TRUE(stated_rates(nullptr).empty());
}

}  // namespace
}  // namespace infig

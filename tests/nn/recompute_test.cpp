// Parts of a batch see the masks of the whole; layers that are computed again give the same gradients.
#include "nn/recompute.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "nn/transformer.h"
#include "reference/tensors.h"

namespace infig {
namespace {

TEST(DropoutParts, AreRowsOfTheWholeBatchsMask) {
  // Rows of 3 x 5 and 7 elements do not begin at blocks of 8.
  for (const int64_t width : {15, 7, 8, 1000}) {
    const at::Tensor x = reference::wave({11, width}, 1.0);
    DropoutSource whole(4), parts(4);
    whole.begin_step(6);
    parts.begin_step(6);
    const at::Tensor first = whole.apply(x, .3), second = whole.apply(x, .3);
    for (const auto& [from, count] : std::map<int64_t, int64_t>{{0, 3}, {3, 1}, {4, 7}}) {
      parts.begin_part(from, count, 11);
      EXPECT_TRUE(at::equal(parts.apply(x.narrow(0, from, count), .3), first.narrow(0, from, count))) << width << " from " << from;
      EXPECT_TRUE(at::equal(parts.apply(x.narrow(0, from, count), .3), second.narrow(0, from, count))) << width << " from " << from;
    }
  }
}

TEST(DropoutParts, KnowHeadsOutsideAndTensorsWithoutPosts) {
  const at::Tensor x = reference::wave({4 * 6, 3, 3}, 1.0), shared = reference::wave({9, 5}, 2.0);
  DropoutSource whole(4), parts(4);
  const at::Tensor heads = whole.apply(x, .5, 4), table = whole.apply(shared, .5, 0);
  parts.begin_part(2, 3, 6);
  const at::Tensor piece = x.view({4, 6, 3, 3}).narrow(1, 2, 3).reshape({12, 3, 3}).requires_grad_();
  const at::Tensor dropped = parts.apply(piece, .5, 4);
  EXPECT_TRUE(at::equal(dropped, heads.view({4, 6, 3, 3}).narrow(1, 2, 3).reshape({12, 3, 3})));
  EXPECT_TRUE(at::equal(parts.apply(shared, .5, 0), table));
  const at::Tensor upstream = reference::random(dropped.sizes(), 1, at::kFloat);
  dropped.backward(upstream);
  EXPECT_TRUE(reference::close_to_norm(piece.grad(), upstream * (dropped != 0) * 2, 1e-6));
  EXPECT_THROW(parts.apply(at::ones({5, 2}), .5), ShapeError);
}

// Gradients of everything, by name, of two layers and a projection on top.
std::map<std::string, at::Tensor> gradients_of(bool recompute, bool input_wants_one, double dropout_probability) {
  const TransformerLayerOptions options{.hidden_size = 8,
                                        .num_attention_heads = 2,
                                        .intermediate_size = 16,
                                        .hidden_dropout_prob = dropout_probability,
                                        .attention_probs_dropout_prob = dropout_probability};
  std::vector<TransformerLayer> layers = {TransformerLayer(options), TransformerLayer(options)};
  std::map<std::string, at::Tensor> found;
  for (size_t n = 0; n < layers.size(); ++n) {
    const at::NoGradGuard no_grad;
    double phase = static_cast<double>(n);
    for (auto& item : layers[n]->named_parameters()) item.value().copy_(reference::wave(item.value().sizes().vec(), phase += .7) * .3);
  }
  at::Tensor x = reference::wave({3, 5, 8}, .2).set_requires_grad(input_wants_one);
  at::Tensor bias = reference::wave({1, 2, 5, 5}, .4).set_requires_grad(true);
  DropoutSource source(9);
  at::Tensor y = x;
  {
    const RecomputeScope scope(recompute);
    for (auto& layer : layers) {
      y = recomputable([&layer](const at::Tensor& in, const at::Tensor& add, DropoutSource* from) { return layer->forward(in, add, from); },
                       y, bias, &source);
    }
  }
  found["next mask"] = source.apply(at::ones({64}), .5);  // what comes after draws the same either way
  found["output"] = y.detach();
  (y * reference::wave(y.sizes().vec(), 3.0)).sum().backward();
  if (input_wants_one) found["x"] = x.grad();
  found["bias"] = bias.grad();
  for (size_t n = 0; n < layers.size(); ++n) {
    for (auto& item : layers[n]->named_parameters()) found[std::to_string(n) + item.key()] = item.value().grad();
  }
  return found;
}

TEST(Recompute, GivesTheSameBits) {
  for (const double probability : {0.0, .2}) {
    for (const bool input_wants_one : {true, false}) {
      const auto plain = gradients_of(false, input_wants_one, probability), again = gradients_of(true, input_wants_one, probability);
      ASSERT_EQ(plain.size(), again.size());
      ASSERT_GT(plain.size(), 30U);
      for (const auto& [name, tensor] : plain) {
        ASSERT_TRUE(again.at(name).defined()) << name;
        EXPECT_TRUE(at::equal(tensor, again.at(name))) << name << " dropout " << probability;
      }
    }
  }
}

TEST(Recompute, KeepsNothingInside) {
  // What the graph holds of a layer that is computed again: its input alone.
  int64_t calls = 0;
  const auto layer = [&calls](const at::Tensor& in, const at::Tensor&, DropoutSource*) {
    ++calls;
    return in * 2;
  };
  const at::Tensor x = at::ones({2}).set_requires_grad(true);
  const RecomputeScope scope(true);
  const at::Tensor y = recomputable(layer, x, {}, nullptr);
  EXPECT_EQ(calls, 1);
  y.sum().backward();
  EXPECT_EQ(calls, 2);
  const at::NoGradGuard no_grad;
  recomputable(layer, x, {}, nullptr);
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace infig

// The collective operations against what each rank can work out for itself: rank r's numbers are known to all.
#include "distributed/ranks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <numeric>

#include "core/error.h"
#include "distributed/batch_norm.h"
#include "distributed/gather.h"
#include "distributed/gradient_sum.h"

namespace infig {
namespace {

Ranks& ranks() { return Ranks::world(); }

TEST(Ranks, WereStartedByALauncher) {
  EXPECT_GE(ranks().size(), 2);
  EXPECT_EQ(ranks().size_on_host(), ranks().size());
  EXPECT_GE(ranks().threads(), 1);
  EXPECT_EQ(&Ranks::started(), &ranks());
  EXPECT_FALSE(Ranks::alone().several());
}

TEST(Ranks, ShareItemsInOrderAndEvenly) {
  for (const int64_t count : {0, 1, 7, 64}) {
    int64_t next = 0, least = count, most = 0;
    for (int64_t r = 0; r < ranks().size(); ++r) {
      const Ranks::Part part = ranks().part(count, r);
      EXPECT_EQ(part.begin, next);
      next = part.end;
      least = std::min(least, part.size());
      most = std::max(most, part.size());
    }
    EXPECT_EQ(next, count);
    EXPECT_LE(most - least, 1);
    EXPECT_EQ(ranks().part(count, ranks().size() - 1).size(), most);  // a step's number of parts is decided by the last rank's share
  }
}

TEST(Ranks, TellEachOtherBytesAndNumbers) {
  const auto texts = ranks().gather(std::string(static_cast<size_t>(ranks().rank()), 'x'));  // the first one's is empty
  ASSERT_EQ(static_cast<int64_t>(texts.size()), ranks().size());
  for (size_t r = 0; r < texts.size(); ++r) EXPECT_EQ(texts[r], std::string(r, 'x'));
  EXPECT_EQ(ranks().broadcast(ranks().first() ? "from the first" : "from another"), "from the first");
  const std::vector<int64_t> mine = {ranks().rank(), 10 * ranks().rank()};
  const std::vector<int64_t> all = ranks().gather(mine);
  for (int64_t r = 0; r < ranks().size(); ++r) {
    EXPECT_EQ(all[static_cast<size_t>(2 * r)], r);
    EXPECT_EQ(all[static_cast<size_t>(2 * r + 1)], 10 * r);
  }
  std::vector<double> values = {1, static_cast<double>(ranks().rank())};
  ranks().sum(values);
  EXPECT_EQ(values[0], static_cast<double>(ranks().size()));
  EXPECT_EQ(values[1], static_cast<double>(ranks().size() * (ranks().size() - 1) / 2));
}

// Rank r has r rows (the first one none) of value r; every rank weights row i of the whole by (own rank + 1)(i + 1).
TEST(Ranks, GatherRowsWithTheSumOfTheirGradients) {
  std::vector<int64_t> rows;
  for (int64_t r = 0; r < ranks().size(); ++r) rows.push_back(r);
  const int64_t all = std::accumulate(rows.begin(), rows.end(), int64_t{0});
  at::Tensor mine = at::full({ranks().rank(), 2}, static_cast<double>(ranks().rank()), at::kDouble).requires_grad_(true);
  const at::Tensor whole = gather_with_gradient(mine, rows, ranks());
  ASSERT_EQ(whole.sizes(), at::IntArrayRef({all, 2}));
  int64_t row = 0, first = 0;
  for (int64_t r = 0; r < ranks().size(); ++r) {
    if (r == ranks().rank()) first = row;
    for (int64_t i = 0; i < r; ++i, ++row) EXPECT_EQ(whole[row][1].item<double>(), static_cast<double>(r));
  }
  const at::Tensor weights = at::arange(1, all + 1, at::kDouble).unsqueeze(1) * static_cast<double>(ranks().rank() + 1);
  (whole * weights).sum().backward();
  const double all_ranks = static_cast<double>(ranks().size() * (ranks().size() + 1)) / 2;
  ASSERT_EQ(mine.grad().size(0), ranks().rank());
  for (int64_t i = 0; i < ranks().rank(); ++i) EXPECT_EQ(mine.grad()[i][0].item<double>(), all_ranks * static_cast<double>(first + i + 1));
}

TEST(Ranks, RefuseRowsOtherThanAnnounced) {
  EXPECT_THROW(ranks().gather_rows(at::zeros({3, 2}), std::vector<int64_t>(static_cast<size_t>(ranks().size()), 2)), ShapeError);
  EXPECT_THROW(ranks().sum_rows(at::zeros({ranks().size()}, at::kLong), std::vector<int64_t>(static_cast<size_t>(ranks().size()), 1)),
               ShapeError);
}

// Against libtorch's own over all rows, in double: values, running statistics, gradients. The first rank has no rows of its own.
TEST(BatchNorm, HasTheStatisticsOfAllRanks) {
  at::Generator g = at::detail::createCPUGenerator(4);
  const int64_t all = 3 * (ranks().size() - 1), first = ranks().first() ? 0 : 3 * (ranks().rank() - 1), own = ranks().first() ? 0 : 3;
  const at::Tensor x = at::randn({all, 2, 3, 4}, g, at::kDouble) * 3 + 5, weighting = at::randn({all, 2, 3, 4}, g, at::kDouble);
  struct Found {
    at::Tensor y, x_grad, weight_grad, bias_grad, mean, var;
  };
  const auto run = [&](const at::Tensor& input, const at::Tensor& by, Ranks& over) {
    const auto vector = [](double a, double b) { return at::tensor({a, b}, at::kDouble); };
    const at::Tensor leaf = input.clone().requires_grad_(true);
    const BatchNormState state = {.weight = vector(1.5, -.5).requires_grad_(true),
                                  .bias = vector(.25, 2).requires_grad_(true),
                                  .running_mean = vector(1, 2),
                                  .running_var = vector(3, 4)};
    const at::Tensor y = batch_norm_over_ranks(leaf, state, over);
    (y * by).sum().backward();
    return Found{y.detach(), leaf.grad(), state.weight.grad(), state.bias.grad(), state.running_mean, state.running_var};
  };
  const Found whole = run(x, weighting, Ranks::alone());
  const Found mine = run(x.narrow(0, first, own), weighting.narrow(0, first, own), ranks());
  EXPECT_TRUE(at::allclose(mine.y, whole.y.narrow(0, first, own), 1e-10, 1e-10));
  EXPECT_TRUE(at::allclose(mine.x_grad, whole.x_grad.narrow(0, first, own), 1e-10, 1e-10));
  EXPECT_TRUE(at::allclose(mine.mean, whole.mean, 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(mine.var, whole.var, 1e-12, 1e-12));
  std::vector<double> sums;
  for (const at::Tensor& gradient : {mine.weight_grad, mine.bias_grad})
    for (int64_t c = 0; c < 2; ++c) sums.push_back(gradient[c].item<double>());
  ranks().sum(sums);
  for (int64_t c = 0; c < 2; ++c) {
    EXPECT_NEAR(sums[static_cast<size_t>(c)], whole.weight_grad[c].item<double>(), 1e-9);
    EXPECT_NEAR(sums[static_cast<size_t>(2 + c)], whole.bias_grad[c].item<double>(), 1e-9);
  }
}

// Three layers of which the first rank does not use the second and nobody the third.
TEST(GradientSum, AddsWhatEveryRankFoundAndLeavesTheUnusedAlone) {
  for (const bool overlap : {true, false}) {
    struct Three : torch::nn::Module {
      Three() {
        for (auto* layer : {&a, &b, &c}) *layer = register_module(std::string(1, name++), torch::nn::Linear(700, 700));
        const at::NoGradGuard no_grad;
        for (auto& parameter : parameters()) parameter.fill_(.5);
      }
      char name = 'a';
      torch::nn::Linear a{nullptr}, b{nullptr}, c{nullptr};
    } net;
    GradientSum sum(net, ranks(), {.bucket_mib = 1, .overlap = overlap});
    for (int step = 0; step < 2; ++step) {
      for (auto& parameter : net.parameters()) parameter.mutable_grad() = at::Tensor();
      const at::Tensor x = at::full({1, 700}, static_cast<double>(ranks().rank() + 1));
      at::Tensor loss = net.a->forward(x).sum();
      if (!ranks().first()) loss = loss + net.b->forward(x).sum();
      sum.arm();
      loss.backward();
      sum.finish();
      const double all = static_cast<double>(ranks().size() * (ranks().size() + 1)) / 2;
      EXPECT_TRUE(net.a->weight.grad().eq(all).all().item<bool>());
      EXPECT_TRUE(net.a->bias.grad().eq(static_cast<double>(ranks().size())).all().item<bool>());
      EXPECT_TRUE(net.b->weight.grad().eq(all - 1).all().item<bool>());
      EXPECT_FALSE(net.c->weight.grad().defined());
    }
    EXPECT_THROW(sum.finish(), ShapeError);
  }
}

// The optimizer's fused kernels read parameter and gradient side by side in memory.
TEST(GradientSum, KeepsTheLayoutOfTheParameter) {
  torch::nn::Conv2d convolution(torch::nn::Conv2dOptions(2, 3, 3));
  convolution->weight.set_data(convolution->weight.contiguous(at::MemoryFormat::ChannelsLast));
  GradientSum sum(*convolution, ranks());
  const at::Tensor weights = at::arange(3 * 2 * 3 * 3, at::kFloat).view({3, 2, 3, 3});
  sum.arm();
  (convolution->weight * weights).sum().backward();
  sum.finish();
  EXPECT_EQ(convolution->weight.grad().strides(), convolution->weight.strides());
  EXPECT_TRUE(convolution->weight.grad().equal(weights * static_cast<double>(ranks().size())));
  EXPECT_FALSE(convolution->bias.grad().defined());
}

}  // namespace
}  // namespace infig

// Optimizer, schedule and parameter groups by hand.
#include "training/optimizer.h"

#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <string>

#include "core/error.h"
#include "training/parameter_groups.h"

namespace infig {
namespace {

TEST(Schedule, LinearByHand) {
  const OptimOptions options{.lr = 1.0, .warmup = 0.1};
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 0, 100, 10), 0.1);  // step 1 of 10 warm-up steps
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 9, 100, 10), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 10, 100, 10), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 55, 100, 10), 0.5);  // half of the 90 steps of decay
  EXPECT_NEAR(scheduled_rate(options, 99, 100, 10), 1.0 / 90, 1e-12);
}

TEST(Schedule, GrowsWhereThePlanBeforeEnds) {
  // 5 steps an epoch; two epochs at first, then three, then seven.
  for (int64_t step = 0; step < 10; ++step) EXPECT_EQ(schedule_length({2, 3, 7}, 5, step), 10) << step;
  for (int64_t step = 10; step < 15; ++step) EXPECT_EQ(schedule_length({2, 3, 7}, 5, step), 15) << step;
  for (int64_t step = 15; step < 36; ++step) EXPECT_EQ(schedule_length({2, 3, 7}, 5, step), 35) << step;
  EXPECT_EQ(schedule_length({4}, 5, 3), 20);
}

TEST(Schedule, CosineAndConstantByHand) {
  EXPECT_NEAR(scheduled_rate({.lr = 2.0, .schedule = Schedule::kCosine, .warmup = 0}, 50, 100, 10), 1.0, 1e-12);
  EXPECT_DOUBLE_EQ(scheduled_rate({.lr = 2.0, .schedule = Schedule::kConstant, .warmup = 0}, 99, 100, 10), 2.0);
}

// TensorFlow's exponential_decay with a continuous exponent: 0.8 an epoch of 25 steps.
TEST(Schedule, ExponentialByHand) {
  const OptimOptions options{.lr = 2.0, .schedule = Schedule::kExponential, .decay = 0.8, .warmup = 0};
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 0, 100, 25), 2.0);
  EXPECT_NEAR(scheduled_rate(options, 25, 100, 25), 1.6, 1e-12);
  EXPECT_NEAR(scheduled_rate(options, 50, 100, 25), 1.28, 1e-12);
  EXPECT_NEAR(scheduled_rate(options, 10, 100, 25), 2.0 * std::exp(0.4 * std::log(0.8)), 1e-12);
}

// Adam as Kingma and Ba write it, in double.
struct NaiveAdam {
  double m = 0, v = 0;
  int64_t t = 0;
  double step(double x, double g, double lr, const OptimOptions& o) {
    ++t;
    if (o.name == OptimizerName::kAdam) g += o.weight_decay * x;
    if (o.name == OptimizerName::kAdamW) x -= lr * o.weight_decay * x;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    return x - lr * (m / (1 - std::pow(o.beta1, t))) / (std::sqrt(v / (1 - std::pow(o.beta2, t))) + o.eps);
  }
};

TEST(Optimizer, EqualsAdamWrittenOut) {
  for (const auto name : {OptimizerName::kAdam, OptimizerName::kAdamW}) {
    const OptimOptions options{.name = name, .weight_decay = 0.01, .clip = 0};
    torch::nn::Linear layer(1, 1);
    {
      const at::NoGradGuard no_grad;
      layer->weight.fill_(0.5);
      layer->bias.fill_(-0.25);
    }
    Optimizer optimizer(*layer, options);
    OptimOptions bias_options = options;
    bias_options.weight_decay = 0;  // biases are not decayed
    NaiveAdam weight_adam, bias_adam;
    double weight = 0.5, bias = -0.25;
    for (int step = 0; step < 20; ++step) {
      const double gw = std::sin(step + 1.0), gb = std::cos(3.0 * step);
      layer->weight.mutable_grad() = at::full({1, 1}, gw);
      layer->bias.mutable_grad() = at::full({1}, gb);
      optimizer.step(0.01);
      weight = weight_adam.step(weight, gw, 0.01, options);
      bias = bias_adam.step(bias, gb, 0.01, bias_options);
    }
    EXPECT_NEAR(layer->weight.item<double>(), weight, 1e-5);
    EXPECT_NEAR(layer->bias.item<double>(), bias, 1e-5);
  }
}

// Keras' RMSprop as its documentation writes it, in double: the epsilon is outside of the root.
TEST(Optimizer, RmspropWrittenOut) {
  torch::nn::Linear layer(1, 1);
  {
    const at::NoGradGuard no_grad;
    layer->weight.fill_(0.5);
    layer->bias.fill_(-0.25);
  }
  Optimizer optimizer(*layer, {.name = OptimizerName::kRmsprop, .weight_decay = 0.01, .eps = 1e-3, .rho = 0.8, .clip = 0});
  double weight = 0.5, bias = -0.25, weight_square = 0, bias_square = 0;
  for (int step = 0; step < 20; ++step) {
    const double gw = std::sin(step + 1.0), gb = std::cos(3.0 * step) * 1e-3;
    layer->weight.mutable_grad() = at::full({1, 1}, gw);
    layer->bias.mutable_grad() = at::full({1}, gb);
    optimizer.step(0.01);
    const double decayed = gw + 0.01 * weight;  // the bias is not decayed
    weight_square = 0.8 * weight_square + 0.2 * decayed * decayed;
    weight -= 0.01 * decayed / (std::sqrt(weight_square) + 1e-3);
    bias_square = 0.8 * bias_square + 0.2 * gb * gb;
    bias -= 0.01 * gb / (std::sqrt(bias_square) + 1e-3);
  }
  EXPECT_NEAR(layer->weight.item<double>(), weight, 1e-6);
  EXPECT_NEAR(layer->bias.item<double>(), bias, 1e-6);
  const TensorMap state = optimizer.state();
  ASSERT_EQ(state.size(), 2U);
  EXPECT_NEAR(state.at("exp_avg_sq.weight").item<double>(), weight_square, 1e-6);
  Optimizer other(*layer, {.name = OptimizerName::kRmsprop});
  other.restore(state, "there");
  EXPECT_TRUE(at::equal(other.state().at("exp_avg_sq.bias"), state.at("exp_avg_sq.bias")));
}

TEST(Optimizer, ClipsByTheGlobalNormAndRefusesNonFinite) {
  torch::nn::Linear layer(2, 1);
  Optimizer optimizer(*layer, {.clip = 1.0});
  layer->weight.mutable_grad() = at::full({1, 2}, 3.0);
  layer->bias.mutable_grad() = at::full({1}, 4.0 / std::sqrt(2.0));
  const double norm = std::sqrt(9.0 + 9.0 + 8.0);
  EXPECT_NEAR(optimizer.step(0.0), norm, 1e-5);
  EXPECT_NEAR((layer->weight.grad()[0][0].item<double>()), 3.0 / norm, 1e-5);  // scaled in place
  const at::Tensor before = layer->weight.detach().clone();
  layer->weight.mutable_grad() = at::full({1, 2}, std::nan(""));
  EXPECT_TRUE(std::isnan(optimizer.step(0.1)));
  EXPECT_TRUE(at::equal(layer->weight.detach(), before));
}

TEST(Optimizer, AStepRaisesVersionsSoThatPackedWeightsAreMadeAgain) {
  torch::nn::Linear layer(2, 1);
  Optimizer optimizer(*layer, {});
  layer->weight.mutable_grad() = at::ones({1, 2});
  const auto version = layer->weight._version();
  optimizer.step(0.1);
  EXPECT_GT(layer->weight._version(), version);
}

TEST(Optimizer, NewPartsHaveTheirOwnRate) {
  struct Both : torch::nn::Module {
    Both() {
      old = register_module("old", torch::nn::Linear(torch::nn::LinearOptions(1, 1).bias(false)));
      fresh = register_module("fresh", torch::nn::Linear(torch::nn::LinearOptions(1, 1).bias(false)));
      const at::NoGradGuard no_grad;
      old->weight.fill_(0.5);
      fresh->weight.fill_(0.5);
    }
    torch::nn::Linear old{nullptr}, fresh{nullptr};
  } model;
  const OptimOptions options{.lr = 0.01, .lr_new = 0.04, .clip = 0};
  Optimizer optimizer(model, options, {.pretrained = {"old."}});
  NaiveAdam old_adam, fresh_adam;
  double old_weight = 0.5, fresh_weight = 0.5;
  for (int step = 0; step < 20; ++step) {
    const double gradient = std::sin(step + 1.0), rate = 0.01 * step / 20;  // a schedule scales both
    model.old->weight.mutable_grad() = at::full({1, 1}, gradient);
    model.fresh->weight.mutable_grad() = at::full({1, 1}, gradient);
    optimizer.step(rate);
    old_weight = old_adam.step(old_weight, gradient, rate, options);
    fresh_weight = fresh_adam.step(fresh_weight, gradient, 4 * rate, options);
  }
  EXPECT_NEAR(model.old->weight.item<double>(), old_weight, 1e-6);
  EXPECT_NEAR(model.fresh->weight.item<double>(), fresh_weight, 1e-6);
}

TEST(Optimizer, SgdWrittenOut) {
  for (const bool nesterov : {false, true}) {
    torch::nn::Linear layer(torch::nn::LinearOptions(1, 1).bias(false));
    {
      const at::NoGradGuard no_grad;
      layer->weight.fill_(0.5);
    }
    Optimizer optimizer(*layer, {.name = OptimizerName::kSgd, .weight_decay = 0.1, .momentum = 0.8, .nesterov = nesterov, .clip = 0});
    double weight = 0.5, velocity = 0;
    for (int step = 0; step < 20; ++step) {
      const double gradient = std::sin(step + 1.0) + 0.1 * weight;
      layer->weight.mutable_grad() = at::full({1, 1}, std::sin(step + 1.0));
      optimizer.step(0.05);
      velocity = 0.8 * velocity + gradient;
      weight -= 0.05 * (nesterov ? gradient + 0.8 * velocity : velocity);
    }
    EXPECT_NEAR(layer->weight.item<double>(), weight, 1e-5) << nesterov;
    const TensorMap state = optimizer.state();
    ASSERT_EQ(state.size(), 1U);
    EXPECT_NEAR(state.at("momentum_buffer.weight").item<double>(), velocity, 1e-5);
    Optimizer other(*layer, {.name = OptimizerName::kSgd});
    other.restore(state, "test");
    EXPECT_TRUE(at::equal(other.state().at("momentum_buffer.weight"), state.at("momentum_buffer.weight")));
    EXPECT_THROW(Optimizer(*layer, {}).restore(state, "test"), CheckpointError);  // of another optimizer
  }
}

TEST(Optimizer, SgdWithoutMomentum) {
  torch::nn::Linear layer(torch::nn::LinearOptions(1, 1).bias(false));
  const double before = layer->weight.item<double>();
  Optimizer optimizer(*layer, {.name = OptimizerName::kSgd, .weight_decay = 0, .momentum = 0, .clip = 0});
  for (int step = 0; step < 3; ++step) {
    layer->weight.mutable_grad() = at::full({1, 1}, 2.0);
    optimizer.step(0.1);
  }
  EXPECT_NEAR(layer->weight.item<double>(), before - 0.6, 1e-6);
}

// Names as a whole model has them: two text layers, embeddings, a head.
struct Named : torch::nn::Module {
  Named() {
    for (const char* path : {"text_encoder.embeddings", "text_encoder.encoder.layer.0", "text_encoder.encoder.layer.1", "head"}) {
      std::shared_ptr<torch::nn::Module> at(this, [](torch::nn::Module*) {});
      std::string rest = path;
      for (size_t dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
        const std::string part = rest.substr(0, dot);
        const auto children = at->named_children();
        at = children.contains(part) ? children[part] : at->register_module(part, std::make_shared<Holder>());
        rest = rest.substr(dot + 1);
      }
      at->register_module(rest, torch::nn::Linear(2, 2));
    }
  }
  struct Holder : torch::nn::Module {};
};

TEST(ParameterGroups, LayerDecayAndGroupsByHand) {
  Named module;
  OptimOptions options{.lr = 1e-3, .lr_new = 4e-3, .weight_decay = 0.01, .layer_decay = 0.5};
  // As a text tower of two layers says it: what stands outside the layers is below them.
  const ParameterRoles roles = {
      .pretrained = {"text_encoder."}, .layers_above = [](const std::string& name) -> std::optional<int64_t> {
        if (!name.starts_with("text_encoder.")) return std::nullopt;
        return name.find("layer.1.") != std::string::npos ? 1 : name.find("layer.0.") != std::string::npos ? 2 : 3;
      }};
  const ParameterRates plain(module, options, roles);
  EXPECT_DOUBLE_EQ(plain.of("text_encoder.encoder.layer.1.weight", 2).scale, 0.5);
  EXPECT_DOUBLE_EQ(plain.of("text_encoder.encoder.layer.0.weight", 2).scale, 0.25);
  EXPECT_DOUBLE_EQ(plain.of("text_encoder.embeddings.weight", 2).scale, 0.125);
  EXPECT_DOUBLE_EQ(plain.of("head.weight", 2).scale, 4);
  EXPECT_DOUBLE_EQ(plain.of("head.weight", 2).weight_decay, 0.01);
  EXPECT_DOUBLE_EQ(plain.of("head.bias", 1).weight_decay, 0);
  options.groups = {"text_encoder.emb* frozen", "*.layer.1.* lr=2e-3", "head.bias weight_decay=0.5 lr=0"};
  const ParameterRates grouped(module, options, roles);
  EXPECT_TRUE(grouped.frozen("text_encoder.embeddings.bias"));
  EXPECT_FALSE(grouped.frozen("head.bias"));
  EXPECT_DOUBLE_EQ(grouped.of("text_encoder.encoder.layer.1.weight", 2).scale, 2);  // the group's rate as it is, no layer decay
  EXPECT_DOUBLE_EQ(grouped.of("text_encoder.encoder.layer.1.weight", 2).weight_decay, 0.01);
  EXPECT_DOUBLE_EQ(grouped.of("head.bias", 1).scale, 0);
  EXPECT_DOUBLE_EQ(grouped.of("head.bias", 1).weight_decay, 0.5);
  EXPECT_DOUBLE_EQ(grouped.of("head.weight", 2).scale, 4);
  freeze_groups(module, options);
  EXPECT_FALSE(module.named_parameters()["text_encoder.embeddings.weight"].requires_grad());
  EXPECT_TRUE(module.named_parameters()["head.weight"].requires_grad());
  for (const auto& [name, tensor] : Optimizer(module, options).state()) EXPECT_EQ(name.find("embeddings"), std::string::npos) << name;
}

TEST(ParameterGroups, RefusesWhatMeansNothing) {
  for (const char* line :
       {"", "head.*", "head.* cold", "head.* lr", "head.* lr=fast", "head.* lr=-1", "head.* frozen lr=1", "head.* momentum=1"}) {
    EXPECT_THROW(parse_groups({line}), ConfigError) << line;
  }
  Named module;
  EXPECT_THROW(ParameterRates(module, {.groups = {"tail.* frozen"}}, {}), ConfigError);
  EXPECT_THROW(ParameterRates(module, {.groups = {"head.* frozen", "head.bias lr=1"}}, {}), ConfigError);  // the first takes it
}

}  // namespace
}  // namespace infig

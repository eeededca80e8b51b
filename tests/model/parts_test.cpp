// The step in parts against the undivided one; missing sides and their learned tokens; layers computed again; number formats.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/error.h"
#include "model/infig_objective.h"
#include "model/small_batch.h"
#include "model/small_model.h"
#include "nn/recompute.h"
#include "reference/tensors.h"

namespace infig {
namespace {

InfigOptions parts_options(double dropout_probability) {
  InfigOptions o = test::small_model_options();
  o.text.encoder.hidden_dropout_prob = o.text.encoder.attention_probs_dropout_prob = dropout_probability;
  o.fusion.null_tokens = true;
  for (auto* layer : {&o.image.encoder.layer, &o.fusion.layer})
    layer->hidden_dropout_prob = layer->attention_probs_dropout_prob = dropout_probability;
  o.head_dropout = dropout_probability;
  o.gam.proj_dim = 6;
  o.hfam.proj_dim = 6;
  o.finish();
  return o;
}

// One post without picture, one without text.
Batch parts_batch(int64_t size, uint64_t seed) {
  Batch batch = test::small_batch(size, seed);
  batch.has_image[1] = false;
  batch.has_text[size - 1] = false;
  return batch;
}

struct StepGradients {
  test::Gradients gradients;
  Losses losses;
  TensorMap state;
};

// The second of two steps, so that the queue holds something. micro 0: undivided.
StepGradients second_step(const InfigOptions& options, int64_t micro, bool recompute = false, Precision precision = Precision::kFp32,
                          double scale = 1) {
  InfigModel model(options, 3, 5);
  InfigObjective objective(model, 100, 9, 5);
  StepGradients result;
  for (int64_t step = 0; step < 2; ++step) {
    const Batch batch = parts_batch(9, static_cast<uint64_t>(step + 1));
    DropoutSource source(3);
    source.begin_step(step);
    for (auto& parameter : model->parameters()) parameter.mutable_grad() = at::Tensor();
    const ForwardOptions how{.dropout = &source, .training = true};
    const RecomputeScope scope(recompute);
    if (micro > 0) {
      result.losses = objective.step_in_parts(batch, how, {.micro_batch = micro, .precision = precision, .loss_scale = scale});
    } else {
      {
        const AutocastScope autocast(precision, at::kCPU);
        result.losses = objective.step(batch, how);
      }
      (result.losses.total * scale).backward();
    }
    objective.commit();
  }
  for (const auto& item : model->named_parameters()) result.gradients[item.key()] = item.value().grad();
  result.state = objective.state();
  return result;
}

void expect_equal_gradients(const StepGradients& a, const StepGradients& b, double tolerance) {
  test::expect_equal_gradients(a.gradients, b.gradients, tolerance, 100);
  EXPECT_NEAR(a.losses.total.item<double>(), b.losses.total.item<double>(), tolerance * 10);
  EXPECT_NEAR(a.losses.part("gam").mean().item<double>(), b.losses.part("gam").mean().item<double>(), tolerance * 10);
  EXPECT_NEAR(a.losses.part("hfam").mean().item<double>(), b.losses.part("hfam").mean().item<double>(), tolerance * 10);
  EXPECT_EQ(a.losses.part("gam").count, 7);
  EXPECT_EQ(b.losses.part("gam").count, 7);
  EXPECT_EQ(b.losses.classification.count, 9);
}

TEST(Parts, HaveTheGradientsOfTheUndividedStep) {
  for (const double probability : {0.0, .2}) {
    for (const bool train_mode : {false, true}) {
      InfigOptions options = parts_options(probability);
      options.gam.momentum_train_mode = train_mode;
      const StepGradients whole = second_step(options, 0);
      for (const int64_t micro : {1, 4, 8}) {
        SCOPED_TRACE(fmt::format("dropout {} micro {}", probability, micro));
        const StepGradients parts = second_step(options, micro);
        expect_equal_gradients(whole, parts, 1e-5);
        EXPECT_TRUE(reference::close(parts.state.at("gam.queue_image"), whole.state.at("gam.queue_image"), 1e-5));
        EXPECT_TRUE(at::equal(parts.state.at("gam.queue_ids"), whole.state.at("gam.queue_ids")));
      }
    }
  }
}

TEST(Parts, AFrozenBackboneAndLossesThatAreOff) {
  InfigOptions options = parts_options(.1);
  options.image.finetune = false;
  expect_equal_gradients(second_step(options, 0), second_step(options, 2), 1e-5);
  options.loss.lambda_g = options.loss.lambda_f = 0;
  const StepGradients whole = second_step(options, 0), parts = second_step(options, 2);
  test::expect_equal_gradients(whole.gradients, parts.gradients, 1e-5, 60);
}

TEST(Parts, CarryTheLossScale) {
  const InfigOptions options = parts_options(.1);
  StepGradients scaled = second_step(options, 4, false, Precision::kFp32, 1024);
  for (auto& [name, gradient] : scaled.gradients) {
    if (gradient.defined()) gradient = gradient / 1024;
  }
  expect_equal_gradients(second_step(options, 0), scaled, 1e-5);
}

TEST(RecomputedModel, HasTheSameGradients) {
  const InfigOptions options = parts_options(.2);
  const StepGradients plain = second_step(options, 0), again = second_step(options, 0, true);
  expect_equal_gradients(plain, again, 1e-6);  // a layer's gradients equal to the bit; those of several layers are added in another order
  expect_equal_gradients(plain, second_step(options, 3, true), 1e-5);
}

TEST(NarrowFormats, HaveTheLossesOfFp32) {
  const InfigOptions options = parts_options(0);
  const StepGradients full = second_step(options, 0);
  // bf16 keeps 8 bits, fp16 11: the losses' terms are sums of a few products of such numbers, over a temperature of .07.
  for (const auto& [precision, tolerance] : std::map<Precision, double>{{Precision::kBf16, .03}, {Precision::kFp16, .004}}) {
    const double scale = precision == Precision::kFp16 ? 1024 : 1;
    for (const int64_t micro : {0, 4}) {
      SCOPED_TRACE(fmt::format("{} micro {}", precision_name(precision), micro));
      const StepGradients narrow = second_step(options, micro, false, precision, scale);
      const auto near = [&](const LossTerm& a, const LossTerm& b) {
        const double wanted = b.mean().item<double>(), found = a.mean().item<double>();
        EXPECT_NEAR(found, wanted, tolerance * std::abs(wanted));
      };
      near(narrow.losses.classification, full.losses.classification);
      EXPECT_NE(narrow.losses.part("gam").mean().item<double>(), full.losses.part("gam").mean().item<double>());
      near(narrow.losses.part("gam"), full.losses.part("gam"));
      near(narrow.losses.part("hfam"), full.losses.part("hfam"));
      EXPECT_EQ(narrow.losses.total.scalar_type(), at::kFloat);
      at::Tensor dot = at::zeros({}, at::kDouble), a = at::zeros({}, at::kDouble), b = at::zeros({}, at::kDouble);
      for (const auto& [name, gradient] : full.gradients) {
        if (!gradient.defined()) continue;
        EXPECT_EQ(narrow.gradients.at(name).scalar_type(), at::kFloat) << name;
        const at::Tensor other = narrow.gradients.at(name).to(at::kDouble) / scale, own = gradient.to(at::kDouble);
        dot += (own * other).sum();
        a += own.square().sum();
        b += other.square().sum();
      }
      EXPECT_GT((dot / (a * b).sqrt()).item<double>(), .99);
    }
  }
}

TEST(MissingSide, IsReplacedByItsLearnedTokenAlone) {
  InfigModel model(parts_options(0), 3, 5);
  ASSERT_TRUE(state_dict(*model).contains("fusion.null_text"));
  ASSERT_TRUE(state_dict(*model).contains("fusion.null_image"));
  Batch batch = parts_batch(4, 1);
  ForwardResult encoded = model->encode(batch, {});
  model->classify(encoded, batch, {});
  // By hand for post 1, which has no picture: its sequence is the token and its text.
  const TensorMap state = state_dict(*model);
  const at::Tensor text = encoded.text_hidden.back()[1].slice(0, 1);
  const at::Tensor sequence = at::cat({state.at("fusion.null_image"), text}, 0).unsqueeze(0);
  const at::Tensor mask = at::cat({at::ones({1, 1}, at::kBool), batch.attention_mask[1].slice(0, 1).to(at::kBool).unsqueeze(0)}, 1);
  const Pooled pooled = model->pooling->forward(model->fusion->forward(sequence, mask, nullptr), mask);
  EXPECT_TRUE(reference::close(encoded.logits[1], model->head->forward(pooled.output, nullptr)[0], 1e-5));
  encoded.logits.backward(reference::random(encoded.logits.sizes(), 1, at::kFloat));
  for (const char* name : {"null_text", "null_image"}) {
    const at::Tensor gradient = model->fusion->named_parameters()[name].grad();
    ASSERT_TRUE(gradient.defined()) << name;
    EXPECT_GT(gradient.abs().max().item<double>(), 0) << name;
  }
  // What lies where the side is missing has no say.
  Batch other = batch;
  other.pixel_values = batch.pixel_values.clone();
  other.pixel_values[1].fill_(3);
  other.input_ids = batch.input_ids.clone();
  other.input_ids[3].fill_(7);
  const at::Tensor again = model->forward(other, {}).logits;
  EXPECT_TRUE(reference::close(again[1], encoded.logits[1], 1e-6));
  EXPECT_TRUE(reference::close(again[3], encoded.logits[3], 1e-6));
}

TEST(MissingSide, NoTokenUnlessAskedFor) {
  InfigOptions options = parts_options(0);
  options.fusion.null_tokens = false;
  EXPECT_FALSE(state_dict(*InfigModel(options, 3, 5)).contains("fusion.null_text"));
}

}  // namespace
}  // namespace infig

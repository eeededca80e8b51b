// K ranks on parts of a batch against one rank on the whole: losses, gradients, queue. Every rank computes both.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "distributed/gradient_sum.h"
#include "model/infig_objective.h"
#include "model/small_batch.h"
#include "model/small_model.h"
#include "reference/tensors.h"

namespace infig {
namespace {

constexpr int64_t kPosts = 12;

InfigOptions options_with(double dropout_probability) {
  InfigOptions o = test::small_model_options();
  o.text.encoder.hidden_dropout_prob = o.text.encoder.attention_probs_dropout_prob = dropout_probability;
  o.fusion.null_tokens = true;
  for (auto* layer : {&o.image.encoder.layer, &o.fusion.layer})
    layer->hidden_dropout_prob = layer->attention_probs_dropout_prob = dropout_probability;
  o.head_dropout = dropout_probability;
  o.gam.proj_dim = 6;
  o.hfam.proj_dim = 6;
  return o;
}

// Posts without picture or text at the beginning, so that the first rank of four has none with both.
Batch whole_batch(uint64_t seed) {
  Batch batch = test::small_batch(kPosts, seed);
  batch.has_image.slice(0, 0, 2).fill_(false);
  batch.has_text[2] = false;
  batch.has_image[7] = false;
  batch.post_ids[9] = batch.post_ids[4];  // two posts of one id: no negatives of each other
  return batch;
}

struct Step {
  test::Gradients gradients;
  double loss = 0, classification = 0, gam = 0, hfam = 0;
  TensorMap state, buffers;
};

double mean_of(const LossTerm& term) { return term.count > 0 ? term.mean().item<double>() : 0; }

// The second of two steps, so that the queue holds something.
Step second_step(const InfigOptions& given, Ranks& ranks, int64_t micro, uint64_t seed = 5) {
  InfigOptions options = given;
  options.finish();
  InfigModel model(options, 3, seed);
  InfigObjective objective(model, 100, kPosts, 5, {}, ranks);
  GradientSum sum(*model, ranks, {.bucket_mib = 1});
  Step result;
  Losses losses;
  for (int64_t step = 0; step < 2; ++step) {
    const Ranks::Part part = ranks.part(kPosts);
    const Batch batch = whole_batch(static_cast<uint64_t>(step + 1)).slice(part.begin, part.size());
    DropoutSource source(3);
    source.begin_step(step);
    for (auto& parameter : model->parameters()) parameter.mutable_grad() = at::Tensor();
    const ForwardOptions how{.dropout = &source, .training = true};
    if (micro > 0) {
      losses = objective.step_in_parts(batch, how, {.micro_batch = micro, .before_last = [&] { sum.arm(); }});
    } else {
      losses = objective.step(batch, how);
      sum.arm();
      losses.total.backward();
    }
    sum.finish();
    objective.commit();
  }
  for (const auto& item : model->named_parameters()) result.gradients[item.key()] = item.value().grad();
  std::array<double, 4> values = {losses.total.item<double>(), losses.classification.mean().item<double>(), mean_of(losses.part("gam")),
                                  mean_of(losses.part("hfam"))};
  ranks.sum(values);
  result.loss = values[0];
  result.classification = values[1];
  result.gam = values[2];
  result.hfam = values[3];
  result.state = objective.state();
  for (const auto& item : model->named_buffers()) result.buffers[item.key()] = item.value();
  EXPECT_EQ(losses.classification.count, kPosts);
  return result;
}

void expect_equal(const Step& whole, const Step& parts, double tolerance) {
  test::expect_equal_gradients(whole.gradients, parts.gradients, tolerance, 60);
  EXPECT_NEAR(whole.loss, parts.loss, tolerance * 10);
  EXPECT_NEAR(whole.classification, parts.classification, tolerance * 10);
  EXPECT_NEAR(whole.gam, parts.gam, tolerance * 10);
  EXPECT_NEAR(whole.hfam, parts.hfam, tolerance * 10);
  for (const auto& [name, tensor] : whole.buffers) EXPECT_TRUE(reference::close(parts.buffers.at(name), tensor, 1e-5)) << name;
  ASSERT_EQ(whole.state.size(), parts.state.size());
  for (const auto& [name, tensor] : whole.state) EXPECT_TRUE(reference::close(parts.state.at(name), tensor, 1e-5)) << name;
}

void compare(const InfigOptions& options) {
  const Step whole = second_step(options, Ranks::alone(), 0);
  EXPECT_GT(whole.loss, 0);
  for (const int64_t micro : {0, 1, 2}) {
    SCOPED_TRACE(fmt::format("{} ranks, micro {}", Ranks::world().size(), micro));
    expect_equal(whole, second_step(options, Ranks::world(), micro), 1e-5);
  }
}

TEST(ObjectiveOverRanks, HasTheLossesAndGradientsOfOneRank) { compare(options_with(0)); }

TEST(ObjectiveOverRanks, HasTheDropoutMasksOfOneRank) {
  InfigOptions options = options_with(.2);
  options.gam.momentum_train_mode = true;
  compare(options);
}

TEST(ObjectiveOverRanks, EveryOptionOfTheContrastiveLosses) {
  const auto with = [](const char* name, auto change) {
    SCOPED_TRACE(name);
    InfigOptions options = options_with(0);
    change(options);
    compare(options);
  };
  with("online partner", [](InfigOptions& o) { o.gam.loss.online_partner = true; });
  with("literal", [](InfigOptions& o) { o.gam.loss.literal = true; });
  with("soft targets", [](InfigOptions& o) { o.gam.loss.soft_targets = .4; });
  with("queue alone", [](InfigOptions& o) { o.gam.loss.batch_negatives = false; });
  with("equal ids kept", [](InfigOptions& o) { o.gam.loss.mask_equal_ids = false; });
  with("decoupled", [](InfigOptions& o) { o.hfam.loss.decoupled = true; });
  with("without [SEP]", [](InfigOptions& o) { o.hfam.keep_sep = false; });
  with("no projections", [](InfigOptions& o) { o.gam.proj_dim = o.hfam.proj_dim = 0; });
}

// Its statistics are of the whole batch, not of a rank's part.
TEST(ObjectiveOverRanks, BatchNormInTrainingMode) {
  InfigOptions options = options_with(0);
  options.image.batch_norm_train = true;
  for (const uint64_t seed : {1, 2, 3}) {  // not 5: one unit there stands at its ReLU's kink, and a rounding decides
    SCOPED_TRACE(seed);
    const Step whole = second_step(options, Ranks::alone(), 0, seed);
    EXPECT_GT(whole.buffers.size(), 5);
    expect_equal(whole, second_step(options, Ranks::world(), 0, seed), 2e-5);
  }
}

TEST(ObjectiveOverRanks, LossesThatAreOff) {
  for (const auto& [gam, hfam] : {std::pair{0.0, 1.0}, std::pair{1.0, 0.0}, std::pair{0.0, 0.0}}) {
    InfigOptions options = options_with(0);
    options.loss.lambda_g = gam;
    options.loss.lambda_f = hfam;
    const Step whole = second_step(options, Ranks::alone(), 0), parts = second_step(options, Ranks::world(), 0);
    EXPECT_NEAR(whole.loss, parts.loss, 1e-5);
    test::expect_equal_gradients(whole.gradients, parts.gradients, 1e-5, 60);
  }
}

}  // namespace
}  // namespace infig

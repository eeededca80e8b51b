// The assembled objective against an independent program: tools/golden/plain_infig.py, written from the paper's equations and the table of
// decisions. Logits, every part of the loss, every gradient, the twins and the queue.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "model/golden_infig.h"

namespace infig {
namespace {

using reference::close_to_norm;
using reference::Golden;

// The gradient of each parameter relative to its own norm. `zero` names those that are zero whatever the values (a bias that a softmax does
// not see): what is there must be rounding beside the largest gradient. A parameter without an answer must have no gradient.
void expect_golden_gradients(const test::GoldenInfig& infig, const TensorMap& expected, const std::set<std::string>& zero) {
  double largest = 0;
  for (const auto& [name, gradient] : expected) largest = std::max(largest, gradient.norm().item<double>());
  size_t compared = 0;
  for (const auto& item : infig.parameters()) {
    const at::Tensor gradient = item.value().grad();
    if (const auto found = expected.find(item.key()); found != expected.end()) {
      EXPECT_TRUE(close_to_norm(gradient, found->second, 5e-5)) << item.key();
      ++compared;
    } else if (zero.contains(item.key())) {
      ASSERT_TRUE(gradient.defined()) << item.key();
      EXPECT_LT(gradient.norm().item<double>(), 1e-6 * largest) << item.key();
    } else {
      EXPECT_TRUE(!gradient.defined() || gradient.eq(0).all().item<bool>()) << item.key() << " has a gradient";
    }
  }
  EXPECT_EQ(compared, expected.size());
  EXPECT_GT(compared, 20U);
}

void expect_equal_maps(const TensorMap& actual, const TensorMap& expected, const char* what) {
  EXPECT_EQ(actual.size(), expected.size()) << what;
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(actual.contains(name)) << what << " " << name;
    EXPECT_TRUE(close_to_norm(actual.at(name), tensor, 1e-5)) << what << " " << name;
  }
}

class GoldenObjective : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenObjective, IsThatOfTheIndependentProgram) {
  const Golden golden = reference::load_golden(fmt::format("model/objective_{}", GetParam()));
  const std::string architecture = golden.settings.at("architecture");
  test::GoldenInfig infig(golden.settings, reference::load_golden("model/objective_weights_" + architecture).tensors);
  const auto zero = golden.settings.at("zero").get<std::set<std::string>>();
  const int64_t steps = golden.settings.at("steps");
  ASSERT_GT(steps, 0);
  for (int64_t k = 0; k < steps; ++k) {
    SCOPED_TRACE(fmt::format("step {}", k));
    const Golden step{.tensors = golden.under(fmt::format("{}.", k)), .settings = {}};
    for (const auto& [name, answer] : infig.step(test::golden_batch(step.tensors))) {
      EXPECT_TRUE(reference::close(answer, step[name], 1e-5)) << name;
    }
    if (const TensorMap gradients = step.under("grad."); !gradients.empty()) expect_golden_gradients(infig, gradients, zero);
    infig.update(golden.settings.at("rate"));
    EXPECT_TRUE(reference::close(infig.temperatures(), step["temperatures"], 1e-5));
    expect_equal_maps(infig.queue(), step.under("queue."), "queue");
    if (const TensorMap twins = step.under("twin."); !twins.empty()) expect_equal_maps(infig.twins(), twins, "twin");
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenObjective,
                         ::testing::Values("layer_1", "layer_2", "layer_3", "layer_4", "steps", "keep_sep_off", "with_cls", "clip",
                                           "clip_literal", "missing", "null_tokens", "gam_equal_ids_masked", "gam_equal_ids_kept",
                                           "gam_literal", "gam_online_partner", "gam_queue_alone", "gam_soft_targets", "gam_projection",
                                           "hfam_projection", "hfam_decoupled", "hfam_top_3", "no_gam", "no_hfam", "temperatures", "pixels",
                                           "pixels_shared", "pixels_twin"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace infig

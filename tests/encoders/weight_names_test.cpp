#include "encoders/weight_names.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/log.h"
#include "nn/transformer.h"

namespace infig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Small : public torch::nn::Module {
 public:
  Small() {
    first_ = add_scope(*this, "first")->register_parameter("weight", at::zeros({2, 3}));
    second_ = add_scope(*add_scope(*add_scope(*this, "layer"), "0"), "second")->register_parameter("bias", at::zeros({4}));
  }
  at::Tensor first_, second_;
};

const WeightNames kSmallNames = {
    .prefixes = {"small.", "model."}, .endings = {}, .other_parts = {"head."}, .other_endings = {"position_ids"}};

TensorMap small_weights(const std::string& prefix, double value = 1) {
  return {{prefix + "first.weight", at::full({2, 3}, value)}, {prefix + "layer.0.second.bias", at::full({4}, value)}};
}

class Prefixes : public ::testing::Test {
 protected:
  std::string load(TensorMap tensors) {
    const LogScope scope([this](LogLevel, const std::string& message) { said_.push_back(message); });
    try {
      load_published(small_, tensors, kSmallNames, "file.pth");
    } catch (const CheckpointError& error) {
      return error.what();
    }
    return "";
  }
  Small small_;
  std::vector<std::string> said_;
};

TEST_F(Prefixes, AnyIsFoundByNamesAndShapesAndSaid) {
  for (const std::string prefix : {"module.", "_orig_mod.", "model.", "backbone.", "encoder.", "module._orig_mod.my.net."}) {
    TensorMap tensors = small_weights(prefix, 3);
    tensors["classifier.weight"] = at::zeros({1});
    EXPECT_EQ(load(tensors), "") << prefix;
    EXPECT_TRUE(at::equal(small_.second_, at::full({4}, 3.0)));
    ASSERT_EQ(said_.size(), 1U) << prefix;
    EXPECT_THAT(said_[0], HasSubstr("file.pth: the weights are read under the prefix '" + prefix + "'; 1 tensors"));
    EXPECT_THAT(said_[0], HasSubstr("classifier.weight"));
    said_.clear();
  }
}

TEST_F(Prefixes, OnesThatArePublishedAreNotWorthAWord) {
  TensorMap tensors = small_weights("small.");
  tensors["head.weight"] = at::zeros({1});
  EXPECT_EQ(load(tensors), "");
  EXPECT_EQ(load(small_weights("")), "");
  EXPECT_TRUE(said_.empty());
}

TEST_F(Prefixes, OtherPartsBesideAPublishedOneAreLeftOutAndSaid) {
  TensorMap tensors = small_weights("small.", 5);
  tensors["head.weight"] = at::zeros({1});
  tensors["loss.w"] = at::zeros({2});
  EXPECT_EQ(load(tensors), "");
  EXPECT_TRUE(at::equal(small_.second_, at::full({4}, 5.0)));
  ASSERT_EQ(said_.size(), 1U);
  EXPECT_THAT(said_[0], HasSubstr("under the prefix 'small.'; 2 tensors without it are left out: head.weight, loss.w"));
}

TEST_F(Prefixes, TwoReadingsAreBothNamed) {
  TensorMap tensors = small_weights("encoder_q.");
  tensors.merge(small_weights("encoder_k."));
  EXPECT_THAT(load(tensors), HasSubstr("2 times, under the prefixes 'encoder_k.' and 'encoder_q.'"));
  // Another shape is another network.
  tensors["encoder_k.first.weight"] = at::zeros({9});
  EXPECT_EQ(load(tensors), "");
}

TEST_F(Prefixes, FaultsAreThoseBelowTheLikeliestPrefix) {
  TensorMap tensors = small_weights("module.");
  tensors["module.first.weight"] = at::zeros({3, 2});
  tensors["module.extra"] = at::zeros({1});
  const std::string fault = load(tensors);
  EXPECT_THAT(fault, HasSubstr("file.pth"));
  EXPECT_THAT(fault, HasSubstr("first.weight expected [2, 3] found [3, 2]"));
  EXPECT_THAT(fault, HasSubstr("unexpected (1): extra"));
  EXPECT_THAT(load({{"other", at::zeros({1})}}), HasSubstr("missing (2)"));
}

TEST(WithoutPrefix, ByAnAnchor) {
  const LogScope quiet(nullptr);
  const auto names = [](const TensorMap& tensors) {
    std::vector<std::string> all;
    for (const auto& item : tensors) all.push_back(item.first);
    return all;
  };
  EXPECT_THAT(names(without_prefix({{"a.b.x.w", at::zeros({1})}, {"a.b.y", at::zeros({1})}, {"z", at::zeros({1})}}, {"x.w"}, "f")),
              ElementsAre("x.w", "y"));
  EXPECT_THAT(names(without_prefix({{"max.w", at::zeros({1})}}, {"x.w"}, "f")), ElementsAre("max.w"));  // the end of a name is no name
  EXPECT_THAT(names(without_prefix({{"x.w", at::zeros({1})}, {"z", at::zeros({1})}}, {"x.w"}, "f")), ElementsAre("x.w", "z"));
  EXPECT_THROW(without_prefix({{"x.w", at::zeros({1})}, {"ema.x.w", at::zeros({1})}}, {"x.w"}, "f"), CheckpointError);
}

}  // namespace
}  // namespace infig

#include "alignment/fine_grained.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "reference/alignment_reference.h"
#include "reference/tensors.h"

namespace infig {
namespace {

using reference::close;
using reference::close_to_norm;

// Lengths 1 .. T in turn, and holes inside the mask: what counts need not be a prefix.
at::Tensor mask_of(int64_t texts, int64_t tokens) {
  at::Tensor mask = at::zeros({texts, tokens}, at::kLong);
  for (int64_t q = 0; q < texts; ++q) {
    for (int64_t l = 0; l <= (q * 3) % tokens; ++l) mask[q][l] = (l % 4 == 2) ? 0 : 1;
  }
  return mask;
}

struct Case {
  int64_t images, texts, image_tokens, text_tokens, width, top_j, chunk;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.images << "x" << c.texts << " P" << c.image_tokens << " T" << c.text_tokens << " D" << c.width << " j" << c.top_j << " chunk"
       << c.chunk;
}

class FineGrainedAgainstLoops : public ::testing::TestWithParam<std::tuple<Case, at::ScalarType, FineGrainedBackend>> {};

TEST_P(FineGrainedAgainstLoops, ValuesAndGradients) {
  const auto& [c, type, backend] = GetParam();
  const double tolerance = type == at::kDouble ? 1e-10 : 1e-5;
  at::manual_seed(c.images * 100 + c.top_j);
  const at::Tensor image = at::randn({c.images, c.image_tokens, c.width}, type).requires_grad_(true);
  const at::Tensor text = at::randn({c.texts, c.text_tokens, c.width}, type).requires_grad_(true);
  const at::Tensor to_text = at::randn({c.images, c.texts}, type), to_image = at::randn({c.images, c.texts}, type);
  const at::Tensor mask = mask_of(c.texts, c.text_tokens);
  const auto naive = reference::naive_fine_grained(reference::to_tokens(image), reference::to_tokens(text), mask, c.top_j,
                                                   reference::to_rows(to_text), reference::to_rows(to_image));
  const auto found = fine_grained_similarity(image, text, mask, {.top_j = c.top_j, .chunk_texts = c.chunk}, backend);
  EXPECT_EQ(found.image_to_text.scalar_type(), type);
  EXPECT_TRUE(close(found.image_to_text, reference::to_tensor(naive.image_to_text), tolerance));
  EXPECT_TRUE(close(found.text_to_image, reference::to_tensor(naive.text_to_image), tolerance));
  for (const double scale : reference::kUpstreamScales) {
    image.mutable_grad() = text.mutable_grad() = at::Tensor();
    (((found.image_to_text * to_text).sum() + (found.text_to_image * to_image).sum()) * scale).backward({}, true);
    EXPECT_TRUE(close_to_norm(image.grad() / scale, reference::to_tensor(naive.image_gradient), tolerance)) << scale;
    EXPECT_TRUE(close_to_norm(text.grad() / scale, reference::to_tensor(naive.text_gradient), tolerance)) << scale;
  }
}

INSTANTIATE_TEST_SUITE_P(All, FineGrainedAgainstLoops,
                         ::testing::Combine(::testing::Values(Case{3, 3, 4, 5, 6, 1, 8}, Case{4, 4, 7, 9, 8, 2, 3},
                                                              Case{5, 5, 6, 20, 70, 3, 2}, Case{3, 4, 2, 3, 5, 5, 1},
                                                              Case{2, 5, 1, 6, 64, 2, 8}, Case{6, 3, 9, 37, 33, 4, 2},
                                                              Case{1, 1, 3, 1, 16, 2, 8}, Case{2, 2, 49, 41, 128, 2, 8}),
                                            ::testing::Values(at::kFloat, at::kDouble),
                                            ::testing::Values(FineGrainedBackend::kAutomatic, FineGrainedBackend::kTensorOperations)));

class FineGrainedLossAgainstLoops : public ::testing::TestWithParam<std::tuple<int64_t, bool, at::ScalarType>> {};

TEST_P(FineGrainedLossAgainstLoops, LossGradientsAndTemperature) {
  const auto [top_j, decoupled, type] = GetParam();
  const double tolerance = type == at::kDouble ? 1e-10 : 1e-5;
  at::manual_seed(5);
  const at::Tensor image = at::randn({5, 6, 12}, type).requires_grad_(true), text = at::randn({5, 7, 12}, type).requires_grad_(true);
  const at::Tensor tau = at::tensor(0.25, type).requires_grad_(true), mask = mask_of(5, 7);
  const auto naive =
      reference::naive_fine_grained_loss(reference::to_tokens(image), reference::to_tokens(text), mask, top_j, 0.25, decoupled);
  const FineGrainedOptions options{.top_j = top_j, .decoupled = decoupled, .chunk_texts = 2};
  const LossTerm loss = fine_grained_loss(fine_grained_similarity(image, text, mask, options), tau, options);
  EXPECT_EQ(loss.count, naive.count);
  EXPECT_NEAR(loss.sum.item<double>(), naive.sum, tolerance * (1 + std::abs(naive.sum)));
  for (const double scale : reference::kUpstreamScales) {
    image.mutable_grad() = text.mutable_grad() = tau.mutable_grad() = at::Tensor();
    (loss.sum * scale).backward({}, true);
    EXPECT_TRUE(close_to_norm(image.grad() / scale, reference::to_tensor(naive.parts.image_gradient), tolerance)) << scale;
    EXPECT_TRUE(close_to_norm(text.grad() / scale, reference::to_tensor(naive.parts.text_gradient), tolerance)) << scale;
    EXPECT_TRUE(close_to_norm(tau.grad() / scale, at::tensor(naive.temperature_gradient, at::kDouble), tolerance)) << scale;
  }
}

INSTANTIATE_TEST_SUITE_P(All, FineGrainedLossAgainstLoops,
                         ::testing::Combine(::testing::Values(1, 2, 3), ::testing::Bool(), ::testing::Values(at::kFloat, at::kDouble)));

TEST(FineGrained, TheLoopsThemselvesAgreeWithCentralDifferences) {
  at::manual_seed(11);
  const at::Tensor image = at::randn({2, 3, 4}, at::kDouble), text = at::randn({2, 4, 4}, at::kDouble), mask = mask_of(2, 4);
  const at::Tensor tau = at::tensor({0.2}, at::kDouble);
  const auto loss = [&] {
    return reference::naive_fine_grained_loss(reference::to_tokens(image), reference::to_tokens(text), mask, 2, tau.item<double>(), false);
  };
  const auto differences =
      reference::central_differences([&] { return at::tensor(loss().sum, at::kDouble); }, at::ones({}, at::kDouble), {image, text, tau});
  EXPECT_TRUE(close_to_norm(reference::to_tensor(loss().parts.image_gradient), differences[0], 1e-7));
  EXPECT_TRUE(close_to_norm(reference::to_tensor(loss().parts.text_gradient), differences[1], 1e-7));
  EXPECT_TRUE(close_to_norm(at::tensor({loss().temperature_gradient}, at::kDouble), differences[2], 1e-7));
}

TEST(FineGrained, ByHand) {
  // One image with tokens x and y, one text with tokens x, y and the diagonal; j = 2.
  const double r = std::sqrt(0.5);
  const at::Tensor image = at::tensor({1., 0., 0., 2.}, at::kDouble).view({1, 2, 2});
  const at::Tensor text = at::tensor({3., 0., 0., 1., 1., 1.}, at::kDouble).view({1, 3, 2});
  const auto found = fine_grained_similarity(image, text, at::ones({1, 3}, at::kLong), {.top_j = 2});
  EXPECT_NEAR(found.image_to_text.item<double>(), (1 + r) / 2, 1e-12);                  // both tokens: 1 and r, over j n_i = 4
  EXPECT_NEAR(found.text_to_image.item<double>(), (1 + 0 + 1 + 0 + 2 * r) / 6, 1e-12);  // over j n_t = 6
}

TEST(FineGrained, TiesKeepTheLowestIndex) {
  for (const auto backend : {FineGrainedBackend::kAutomatic, FineGrainedBackend::kTensorOperations}) {
    // Four equal text tokens, j = 2: the gradient goes to the first two alone; likewise among equal image tokens.
    const at::Tensor image = at::tensor({1., 0.}, at::kDouble).expand({1, 3, 2}).contiguous().requires_grad_(true);
    const at::Tensor text = at::tensor({1., 1.}, at::kDouble).expand({1, 4, 2}).contiguous().requires_grad_(true);
    const auto found = fine_grained_similarity(image, text, at::ones({1, 4}, at::kLong), {.top_j = 2}, backend);
    found.image_to_text.sum().backward();
    const at::Tensor norms = text.grad()[0].norm(2, 1);
    EXPECT_GT(norms[0].item<double>(), 0.1);
    EXPECT_GT(norms[1].item<double>(), 0.1);
    EXPECT_EQ(norms[2].item<double>(), 0.0);
    EXPECT_EQ(norms[3].item<double>(), 0.0);
    image.mutable_grad() = at::Tensor();
    fine_grained_similarity(image, text, at::ones({1, 4}, at::kLong), {.top_j = 2}, backend).text_to_image.sum().backward();
    EXPECT_GT(image.grad()[0][1].norm().item<double>(), 0.1);
    EXPECT_EQ(image.grad()[0][2].norm().item<double>(), 0.0);
  }
}

TEST(FineGrained, PaddingContentChangesNothing) {
  at::manual_seed(2);
  const at::Tensor image = at::randn({4, 5, 8}).requires_grad_(true), text = at::randn({4, 6, 8}), mask = mask_of(4, 6);
  const at::Tensor junk = at::full_like(text, std::numeric_limits<float>::quiet_NaN());
  const at::Tensor other = at::where(mask.unsqueeze(2) == 1, text, junk).requires_grad_(true);
  for (const auto backend : {FineGrainedBackend::kAutomatic, FineGrainedBackend::kTensorOperations}) {
    const auto clean = fine_grained_similarity(image, text, mask, {}, backend),
               dirty = fine_grained_similarity(image, other, mask, {}, backend);
    EXPECT_TRUE(at::equal(clean.image_to_text, dirty.image_to_text));
    EXPECT_TRUE(at::equal(clean.text_to_image, dirty.text_to_image));
    other.mutable_grad() = at::Tensor();
    dirty.image_to_text.backward(reference::random({4, 4}, 3, at::kFloat));
    EXPECT_EQ((other.grad() * (mask.unsqueeze(2) == 0)).abs().max().item<double>(), 0.0);
    EXPECT_GT(other.grad().abs().max().item<double>(), 0.01);
  }
  // Longer padding neither.
  const at::Tensor wide = at::cat({text, at::ones({4, 3, 8})}, 1), wide_mask = at::cat({mask, at::zeros({4, 3}, at::kLong)}, 1);
  EXPECT_TRUE(at::equal(fine_grained_similarity(image, wide, wide_mask, {}).text_to_image,
                        fine_grained_similarity(image, text, mask, {}).text_to_image));
}

TEST(FineGrained, ChunksThreadsAndBackendsAgree) {
  at::manual_seed(4);
  const at::Tensor image = at::randn({16, 49, 96}), text = at::randn({16, 60, 96}), mask = mask_of(16, 60);
  const auto run = [&](int64_t chunk, FineGrainedBackend backend) {
    const at::Tensor i = image.clone().requires_grad_(true), t = text.clone().requires_grad_(true);
    const auto s = fine_grained_similarity(i, t, mask, {.top_j = 2, .chunk_texts = chunk}, backend);
    (s.image_to_text.sin().sum() + s.text_to_image.cos().sum()).backward();
    return std::vector<at::Tensor>{s.image_to_text, s.text_to_image, i.grad(), t.grad()};
  };
  const auto base = run(16, FineGrainedBackend::kAutomatic);
  const int threads = at::get_num_threads();
  std::vector<std::vector<at::Tensor>> others = {run(1, FineGrainedBackend::kAutomatic), run(5, FineGrainedBackend::kTensorOperations)};
  at::set_num_threads(3);
  others.push_back(run(16, FineGrainedBackend::kAutomatic));
  at::set_num_threads(threads);
  for (const auto& other : others) {
    for (size_t i = 0; i < base.size(); ++i) EXPECT_TRUE(close_to_norm(other[i], base[i], 1e-6));
  }
}

TEST(FineGrained, DeadTokensHaveNoSimilarityAndNoGradient) {
  for (const auto backend : {FineGrainedBackend::kAutomatic, FineGrainedBackend::kTensorOperations}) {
    const at::Tensor image = at::zeros({2, 3, 4}).requires_grad_(true), text = at::ones({2, 5, 4}).requires_grad_(true);
    const auto found = fine_grained_similarity(image, text, at::ones({2, 5}, at::kLong), {}, backend);
    EXPECT_EQ(found.image_to_text.abs().max().item<double>(), 0.0);
    found.image_to_text.backward(reference::random({2, 2}, 3, at::kFloat));
    EXPECT_EQ(image.grad().abs().max().item<double>(), 0.0);
  }
}

TEST(FineGrained, NanIsNotLost) {
  for (const auto backend : {FineGrainedBackend::kAutomatic, FineGrainedBackend::kTensorOperations}) {
    at::Tensor image = at::ones({2, 3, 4}), text = at::ones({3, 5, 4});
    image[1][2][0] = std::numeric_limits<float>::quiet_NaN();
    text[2][0][3] = std::numeric_limits<float>::infinity();
    const auto found = fine_grained_similarity(image, text, at::ones({3, 5}, at::kLong), {}, backend);
    const at::Tensor expected = at::tensor({0, 0, 1, 1, 1, 1}, at::kLong).view({2, 3}).to(at::kBool);
    EXPECT_TRUE(at::equal(found.image_to_text.isnan(), expected));
    EXPECT_TRUE(at::equal(found.text_to_image.isnan(), expected));
  }
}

TEST(FineGrained, SwappingModalitiesSwapsTheMatrices) {
  at::manual_seed(6);
  const at::Tensor image = at::randn({3, 5, 8}), text = at::randn({3, 7, 8});
  const auto there = fine_grained_similarity(image, text, at::ones({3, 7}, at::kLong), {});
  const auto back = fine_grained_similarity(text, image, at::ones({3, 5}, at::kLong), {});
  EXPECT_TRUE(close(back.text_to_image, there.image_to_text.t(), 1e-6));
  EXPECT_TRUE(close(back.image_to_text, there.text_to_image.t(), 1e-6));
}

TEST(FineGrained, LargeTemperatureGivesLogOfTheKeys) {
  at::manual_seed(7);
  const auto similarity =
      fine_grained_similarity(at::randn({9, 4, 8}, at::kDouble), at::randn({9, 3, 8}, at::kDouble), at::ones({9, 3}, at::kLong), {});
  EXPECT_NEAR(fine_grained_loss(similarity, at::tensor(1e9, at::kDouble), {}).mean().item<double>(), 2 * std::log(9.0), 1e-7);
  EXPECT_NEAR(fine_grained_loss(similarity, at::tensor(1e9, at::kDouble), {.decoupled = true}).mean().item<double>(), 2 * std::log(8.0),
              1e-7);
}

TEST(FineGrained, GradientOfOneSideAlone) {
  at::manual_seed(8);
  const at::Tensor image = at::randn({3, 4, 8}), text = at::randn({3, 5, 8}), mask = mask_of(3, 5);
  const auto gradient = [&](bool of_image, bool of_text) {
    const at::Tensor i = image.clone().requires_grad_(of_image), t = text.clone().requires_grad_(of_text);
    fine_grained_similarity(i, t, mask, {}).text_to_image.square().sum().backward();
    return std::pair{i.grad(), t.grad()};
  };
  const auto both = gradient(true, true), left = gradient(true, false), right = gradient(false, true);
  EXPECT_TRUE(close_to_norm(left.first, both.first, 1e-7));
  EXPECT_TRUE(close_to_norm(right.second, both.second, 1e-7));
  EXPECT_FALSE(left.second.defined());
}

TEST(FineGrained, HalfPrecisionIsComputedInFloat) {
  at::manual_seed(9);
  const at::Tensor image = at::randn({2, 4, 8}).to(at::kBFloat16).requires_grad_(true), text = at::randn({2, 5, 8}).to(at::kBFloat16);
  const auto found = fine_grained_similarity(image, text, at::ones({2, 5}, at::kLong), {});
  EXPECT_EQ(found.image_to_text.scalar_type(), at::kFloat);
  const auto naive = reference::naive_fine_grained(reference::to_tokens(image), reference::to_tokens(text), at::ones({2, 5}, at::kLong), 2);
  EXPECT_TRUE(close(found.image_to_text, reference::to_tensor(naive.image_to_text), 1e-6));
  found.image_to_text.sum().backward();
  EXPECT_EQ(image.grad().scalar_type(), at::kBFloat16);
}

TEST(FineGrained, EmptyBatchIsAnAbsentTerm) {
  const at::Tensor image = at::empty({0, 4, 8}).requires_grad_(true);
  const auto found = fine_grained_similarity(image, at::empty({0, 5, 8}), at::empty({0, 5}, at::kLong), {});
  const LossTerm loss = fine_grained_loss(found, at::tensor(0.07), {});
  EXPECT_EQ(loss.count, 0);
  EXPECT_EQ(loss.mean().item<double>(), 0.0);
  loss.sum.backward();
}

TEST(FineGrained, NamesWhatDoesNotFit) {
  const at::Tensor image = at::ones({2, 3, 4}), text = at::ones({2, 5, 4}), mask = at::ones({2, 5}, at::kLong);
  EXPECT_THROW(fine_grained_similarity(image[0], text, mask, {}), ShapeError);
  EXPECT_THROW(fine_grained_similarity(image, at::ones({2, 5, 3}), mask, {}), ShapeError);
  EXPECT_THROW(fine_grained_similarity(image, text.to(at::kDouble), mask, {}), ShapeError);
  EXPECT_THROW(fine_grained_similarity(image, text, mask.to(at::kFloat), {}), ShapeError);
  EXPECT_THROW(fine_grained_similarity(image, text, at::ones({2, 4}, at::kLong), {}), ShapeError);
  EXPECT_THROW(fine_grained_similarity(image.narrow(1, 0, 0), text, mask, {}), ShapeError);
  EXPECT_THROW(fine_grained_similarity(image, text, mask, {.top_j = 0}), ConfigError);
  EXPECT_THROW(fine_grained_similarity(image, text, mask, {.chunk_texts = 0}), ConfigError);
  EXPECT_THROW(fine_grained_loss({at::ones({2, 3}), at::ones({2, 3})}, at::tensor(0.07), {}), ShapeError);
  EXPECT_THROW(fine_grained_loss({at::ones({2, 2}), at::ones({2, 2})}, at::ones({2}), {}), ShapeError);
  at::Tensor hole = mask.clone();
  hole[1] = 0;
  try {
    fine_grained_similarity(image, text, hole, {});
    FAIL() << "a text without tokens was accepted";
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("row 1"), std::string::npos) << error.what();
  }
}

TEST(FineGrained, SecondDerivativesAreRefused) {
  const at::Tensor image = at::randn({2, 3, 4}).requires_grad_(true);
  const auto found = fine_grained_similarity(image, at::randn({2, 5, 4}), at::ones({2, 5}, at::kLong), {});
  EXPECT_ANY_THROW(found.image_to_text.sum().backward({}, {}, true));
}

TEST(Temperature, IsClampedInPlace) {
  at::Tensor low = at::tensor(0.0001f).requires_grad_(true), high = at::tensor(3.0f), inside = at::tensor(0.07f);
  for (at::Tensor* tau : {&low, &high, &inside}) clamp_temperature(*tau);
  EXPECT_FLOAT_EQ(low.item<float>(), 0.001f);
  EXPECT_FLOAT_EQ(high.item<float>(), 0.5f);
  EXPECT_FLOAT_EQ(inside.item<float>(), 0.07f);
  EXPECT_TRUE(low.requires_grad() && low.is_leaf());
}

}  // namespace
}  // namespace infig

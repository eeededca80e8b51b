// A batch for the small model, and gradients against gradients: what steps computed in different ways are compared by.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reference/tensors.h"
#include "tensor/batch.h"

namespace infig::test {

// Texts of several lengths; every post has both sides.
inline Batch small_batch(int64_t size, uint64_t seed) {
  at::Generator g = at::detail::createCPUGenerator(seed);
  Batch batch;
  // No token twice in a text: two of them have all but the same state, so that rounding decides which one HFAM keeps.
  std::vector<at::Tensor> texts;
  for (int64_t i = 0; i < size; ++i) texts.push_back(at::randperm(46, g, at::kLong).narrow(0, 0, 7) + 4);
  batch.input_ids = at::stack(texts);
  batch.attention_mask = at::ones({size, 7}, at::kLong);
  for (int64_t i = 0; i < size; i += 2) batch.attention_mask[i].slice(0, 3 + i % 4).zero_();
  batch.pixel_values = at::randn({size, 3, 32, 32}, g, at::kFloat);
  // Not as many of each class: an untrained head's bias would have a gradient of rounding alone.
  batch.labels = at::arange(size, at::kLong).remainder(4).clamp_max(2);
  batch.has_text = at::ones({size}, at::kBool);
  batch.has_image = at::ones({size}, at::kBool);
  batch.post_ids = at::arange(size, at::kLong) + static_cast<int64_t>(100 * seed);
  for (int64_t i = 0; i < size; ++i) batch.rows.push_back(i);
  return batch;
}

using Gradients = std::map<std::string, at::Tensor>;

// |a - b| <= tolerance |a|, as norms of each gradient; more than `least` gradients must differ from 0. The key's biases, which a softmax
// does not see, and the pooling score's have rounding for a gradient: there it is compared with the largest norm of all.
inline void expect_equal_gradients(const Gradients& a, const Gradients& b, double tolerance, int64_t least) {
  ASSERT_EQ(a.size(), b.size());
  double largest = 0;
  for (const auto& [name, gradient] : a) largest = std::max(largest, gradient.defined() ? gradient.norm().item<double>() : 0);
  int64_t compared = 0;
  for (const auto& [name, gradient] : a) {
    const at::Tensor& other = b.at(name);
    ASSERT_EQ(gradient.defined(), other.defined()) << name;
    if (!gradient.defined()) continue;
    if (name.ends_with("key.bias") || name == "pooling.score.bias" || gradient.eq(0).all().item<bool>()) {
      EXPECT_LE((gradient - other).norm().item<double>(), tolerance * largest) << name;
    } else {
      EXPECT_TRUE(reference::close_to_norm(other, gradient, tolerance)) << name;
      ++compared;
    }
  }
  EXPECT_GT(compared, least);
}

}  // namespace infig::test

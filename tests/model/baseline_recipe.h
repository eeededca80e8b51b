// What tools/golden/make_baselines.py does not store: weights and inputs, made from their names.
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "model/baselines/baseline_net.h"
#include "reference/tensors.h"

namespace infig::test {

// Uniform in [-scale, scale) + shift, as float32: SplitMix64 of FNV-1a(name) + index.
inline at::Tensor recipe(const std::string& name, at::IntArrayRef shape, double scale, double shift = 0) {
  uint64_t state = 0xCBF29CE484222325ULL;
  for (const char c : name) state = (state ^ static_cast<uint8_t>(c)) * 0x100000001B3ULL;
  at::Tensor values = at::empty(shape, at::kFloat);
  auto* first = values.data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    uint64_t z = state + (static_cast<uint64_t>(i) + 1) * 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    const double unit = static_cast<double>((z ^ (z >> 31)) >> 11) / 4503599627370496.0 - 1.0;
    first[i] = static_cast<float>(unit * scale + shift);
  }
  return values;
}

inline void fill_by_recipe(torch::nn::Module& module, double scale = 1.4) {
  const at::NoGradGuard no_grad;
  for (const auto& item : module.named_parameters()) {
    const std::string& name = item.key();
    at::Tensor value = item.value();
    const bool norm = name.ends_with("norm.weight") || name.ends_with("Norm.weight");
    value.copy_(norm ? recipe(name, value.sizes(), 0.3, 1.0) : recipe(name, value.sizes(), scale));
    if (name.ends_with("words.weight") || name.ends_with("nodes.weight")) value[0].zero_();
  }
}

// How far a network is from its double, relative to the norms of the double's tensors: the logits, and of all gradients the worst (without
// those that end in one of `zero`, whose answer is rounding). Printed, and a property of the test, for docs/measurements/table2-doubles.md.
// After reference::expect_gradients(), which leaves the gradients of its last upstream scale.
inline void print_differences(const std::string& name, torch::nn::Module& module, const reference::Golden& golden, const at::Tensor& logits,
                              const std::vector<std::string>& zero) {
  const auto difference = [](const at::Tensor& actual, const at::Tensor& expected) {
    const at::Tensor e = expected.to(at::kDouble);
    return ((actual.detach().to(at::kDouble) - e).norm() / e.norm()).item<double>();
  };
  double worst = 0;
  int64_t tensors = 0;
  std::string of;
  for (const auto& [parameter, expected] : golden.under("grad.")) {
    bool left_out = false;
    for (const std::string& end : zero) left_out = left_out || parameter.ends_with(end);
    const at::Tensor gradient = module.named_parameters()[parameter].grad();
    if (left_out || !gradient.defined()) continue;
    ++tensors;
    const double here = difference(gradient / reference::kUpstreamScales[2], expected);
    if (here <= worst) continue;
    worst = here;
    of = parameter;
  }
  const std::string line =
      fmt::format("{}: logits {:.1e}, worst of {} gradients {:.1e} ({})", name, difference(logits, golden["logits"]), tensors, worst, of);
  testing::Test::RecordProperty("differences", line);
  std::printf("[ differs  ] %s\n", line.c_str());
}

// The golden file's posts; grids in double.
inline BaselineInputs recipe_inputs(const reference::Golden& golden) {
  BaselineInputs inputs;
  inputs.words = golden["words"];
  inputs.attributes = golden["attributes"];
  if (golden.tensors.contains("captions")) inputs.captions = golden["captions"];
  inputs.has_image = golden["has_image"].to(at::kBool);
  inputs.has_text = inputs.words.ne(0).any(1);
  const auto& sizes = golden.settings.at("sizes");
  const auto cells = golden.settings.at("cells").get<int64_t>();
  const auto grids = [&](const std::string& side) {
    const auto channels = sizes.at(side + "_channels").get<int64_t>();
    std::vector<at::Tensor> rows;
    for (int64_t row = 0; row < inputs.size(); ++row) {
      const bool there = inputs.has_image[row].item<bool>();
      rows.push_back(there ? recipe(fmt::format("input.{}_grid.{}", side, row), {cells, channels}, 1.5) : at::zeros({cells, channels}));
    }
    return at::stack(rows).to(at::kDouble);
  };
  inputs.object_grid = grids("object");
  inputs.object = inputs.object_grid.mean(1);
  inputs.scene_grid = grids("scene");
  inputs.scene = inputs.scene_grid.mean(1);
  return inputs;
}

}  // namespace infig::test

#include "encoders/sentence_vector.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "tensor/archive.h"

namespace infig {
namespace {

at::Tensor pooled(SentencePooling pooling, const at::Tensor& hidden, const at::Tensor& mask) {
  const at::Tensor shown = mask.unsqueeze(2).to(hidden.scalar_type());  // [B, L, 1]
  const auto mean_of = [&](const at::Tensor& weights, const at::Tensor& divisor) {
    return (hidden * weights).sum(1) / divisor.clamp_min(1e-9);
  };
  switch (pooling) {
    case SentencePooling::kCls:
      return hidden.gather(1, mask.argmax(1).view({-1, 1, 1}).expand({-1, 1, hidden.size(2)})).squeeze(1);
    case SentencePooling::kMax:
      return hidden.masked_fill(shown.eq(0), -std::numeric_limits<float>::infinity()).amax(1);
    case SentencePooling::kMean:
      return mean_of(shown, shown.sum(1));
    case SentencePooling::kMeanSqrtLength:
      return mean_of(shown, shown.sum(1).sqrt());
    case SentencePooling::kWeightedMean: {
      const at::Tensor places = at::arange(1, hidden.size(1) + 1, hidden.options()).view({1, -1, 1});
      return mean_of(shown * places, (shown * places).sum(1));
    }
    case SentencePooling::kLastToken:
      break;
  }
  const at::Tensor last = (mask.size(1) - 1 - mask.flip({1}).argmax(1)).view({-1, 1, 1}).expand({-1, 1, hidden.size(2)});
  return (hidden * shown).gather(1, last).squeeze(1);
}

at::Tensor after(const SentenceDense& dense, const at::Tensor& x) {
  if (x.size(1) != dense.weight.size(1))
    throw ShapeError(fmt::format("Dense: takes vectors of {}, gets {}", dense.weight.size(1), x.size(1)));
  at::Tensor out = activate(at::linear(x, dense.weight, dense.bias), dense.activation);
  if (!dense.use_residual) return out;
  return out + (dense.residual.defined() ? at::linear(x, dense.residual) : x);
}
at::Tensor after(const SentenceNormalize&, const at::Tensor& x) { return x / x.norm(2, {1}, true).clamp_min(1e-12); }

Activation activation_named(const std::string& name) {
  struct Named {
    std::string_view name;
    Activation activation;
  };
  constexpr std::array<Named, 6> kNamed = {{{"Tanh", Activation::kTanh},
                                            {"Identity", Activation::kLinear},
                                            {"ReLU", Activation::kRelu},
                                            {"GELU", Activation::kGelu},
                                            {"SiLU", Activation::kSilu},
                                            {"Sigmoid", Activation::kSigmoid}}};
  return std::ranges::find(kNamed, name, &Named::name)->activation;
}

SentenceDense load_dense(const SentenceDenseFile& file) {
  SentenceDense dense = {.activation = activation_named(file.activation), .use_residual = file.use_residual};
  const int64_t in = file.in_features, out = file.out_features;
  TensorMap tensors = load_tensors(file.folder);
  const auto take = [&](const char* name, const std::vector<int64_t>& shape) {
    const auto found = tensors.find(name);
    if (found == tensors.end() || found->second.sizes() != at::IntArrayRef(shape)) {
      const std::string there = found == tensors.end() ? "is missing" : fmt::format("is [{}]", fmt::join(found->second.sizes(), ", "));
      throw CheckpointError(
          fmt::format("{}: {} {}, expected [{}] as config.json says", file.folder.string(), name, there, fmt::join(shape, ", ")));
    }
    const at::Tensor tensor = found->second.to(at::kFloat);
    tensors.erase(found);
    return tensor;
  };
  dense.weight = take("linear.weight", {out, in});
  if (file.bias) dense.bias = take("linear.bias", {out});
  if (dense.use_residual && in != out) dense.residual = take("residual.weight", {out, in});
  if (!tensors.empty()) throw CheckpointError(fmt::format("{}: unexpected weights: {}", file.folder.string(), tensors.begin()->first));
  return dense;
}

}  // namespace

SentenceModules read_sentence_modules(const std::filesystem::path& folder) {
  SentenceFolder read = read_sentence_folder(folder);
  SentenceModules modules = {.encoder = std::move(read.encoder),
                             .pooling = std::move(read.pooling),
                             .steps = {},
                             .prompt = std::move(read.prompt),
                             .include_prompt = read.include_prompt,
                             .max_length = read.max_length};
  for (const auto& step : read.steps) {
    if (const auto* dense = std::get_if<SentenceDenseFile>(&step)) {
      modules.steps.emplace_back(load_dense(*dense));
    } else {
      modules.steps.emplace_back(SentenceNormalize{});
    }
  }
  return modules;
}

at::Tensor sentence_vectors(const SentenceModules& modules, const at::Tensor& hidden_states, const at::Tensor& attention_mask) {
  if (hidden_states.dim() != 3 || attention_mask.dim() != 2 || hidden_states.size(0) != attention_mask.size(0) ||
      hidden_states.size(1) != attention_mask.size(1) || hidden_states.size(1) < 1) {
    throw ShapeError(fmt::format("sentence vector: expected hidden_states [B, L, D] and attention_mask [B, L], found [{}] and [{}]",
                                 fmt::join(hidden_states.sizes(), ", "), fmt::join(attention_mask.sizes(), ", ")));
  }
  std::vector<at::Tensor> parts;
  for (const SentencePooling one : modules.pooling) parts.push_back(pooled(one, hidden_states, attention_mask));
  at::Tensor vectors = at::cat(parts, 1);
  for (const auto& step : modules.steps) vectors = std::visit([&](const auto& one) { return after(one, vectors); }, step);
  return vectors;
}

}  // namespace infig

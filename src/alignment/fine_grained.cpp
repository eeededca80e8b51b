#include "alignment/fine_grained.h"

#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "alignment/cosine.h"
#include "alignment/kernels/token_similarity.h"
#include "core/error.h"
#include "losses/info_nce.h"

namespace infig {
namespace {

std::string describe_tokens(const at::Tensor& tensor) {
  return tensor.defined() ? fmt::format("{} {}", c10::toString(tensor.scalar_type()), tensor.sizes().vec()) : "none";
}

bool three_dimensional(const at::Tensor& tensor) { return tensor.defined() && tensor.dim() == 3 && tensor.is_floating_point(); }

// Checks images and the tokens they are compared with, whose last dimension must be D.
void check_images(const at::Tensor& image, const at::Tensor& text) {
  if (!three_dimensional(image) || image.size(1) < 1) {
    throw ShapeError(fmt::format("fine-grained alignment: image_tokens must be float [Bi, P >= 1, D], found {}", describe_tokens(image)));
  }
  if (!text.defined() || text.dim() < 2 || text.size(-1) != image.size(2)) {
    throw ShapeError(
        fmt::format("fine-grained alignment: text_tokens must be float [Bt, T, {}], found {}", image.size(2), describe_tokens(text)));
  }
}

void check_tokens(const at::Tensor& image, const at::Tensor& text) {
  check_images(image, text);
  if (text.scalar_type() != image.scalar_type() || text.device() != image.device()) {
    throw ShapeError(
        fmt::format("fine-grained alignment: image_tokens and text_tokens must agree in type and device, found {} on {} and {} on {}",
                    describe_tokens(image), image.device().str(), describe_tokens(text), text.device().str()));
  }
}

void check_texts(const at::Tensor& text, const at::Tensor& mask) {
  if (!three_dimensional(text))
    throw ShapeError(fmt::format("fine-grained alignment: text_tokens must be float [Bt, T, D], found {}", describe_tokens(text)));
  if (!mask.defined() || mask.scalar_type() != at::kLong || mask.dim() != 2 || mask.size(0) != text.size(0) ||
      mask.size(1) != text.size(1)) {
    throw ShapeError(fmt::format("fine-grained alignment: text_mask must be Long [{}, {}], found {}", text.size(0), text.size(1),
                                 describe_tokens(mask)));
  }
}

std::vector<int64_t> counted_lengths(const at::Tensor& counted) {
  const at::Tensor sums = counted.sum(1).cpu();
  const auto* first = sums.const_data_ptr<int64_t>();
  std::vector<int64_t> lengths(first, first + sums.numel());
  for (size_t row = 0; row < lengths.size(); ++row) {
    if (lengths[row] == 0) {
      throw ShapeError(
          fmt::format("fine-grained alignment: row {} of text_mask counts no token; leave posts without text out beforehand", row));
    }
  }
  return lengths;
}

}  // namespace

void FineGrainedOptions::validate() const {
  if (top_j < 1) throw ConfigError(fmt::format("hfam.top_j = {}: must be >= 1", top_j));
  if (chunk_texts < 1) throw ConfigError(fmt::format("hfam.chunk_texts = {}: must be >= 1", chunk_texts));
}

PackedTexts pack_texts(const at::Tensor& text_tokens, const at::Tensor& text_mask) {
  check_texts(text_tokens, text_mask);
  const at::Tensor text = similarity_precision(text_tokens);
  const at::Tensor counted = text_mask != 0;
  // Drops padding, so that no product, comparison or gradient is computed for it.
  const at::Tensor positions = counted.flatten().nonzero().squeeze(1);
  const at::Tensor flat = text.reshape({-1, text.size(2)});
  return {.tokens = positions.size(0) == flat.size(0) ? flat : flat.index_select(0, positions), .lengths = counted_lengths(counted)};
}

FineGrainedSimilarity fine_grained_similarity(const at::Tensor& image_tokens, const PackedTexts& texts, const FineGrainedOptions& options,
                                              FineGrainedBackend backend) {
  options.validate();
  check_images(image_tokens, texts.tokens);
  const at::Tensor image = similarity_precision(image_tokens);
  const auto all_texts = static_cast<int64_t>(texts.lengths.size());
  if (image.size(0) == 0 || all_texts == 0) {
    const at::Tensor nothing = image.narrow(0, 0, 0).sum() + texts.tokens.narrow(0, 0, 0).sum();
    const at::Tensor none = nothing + at::zeros({image.size(0), all_texts}, image.options().requires_grad(false));
    return {.image_to_text = none, .text_to_image = none};
  }
  const bool kernels = backend == FineGrainedBackend::kAutomatic && image.device().is_cpu();
  const std::vector<at::Tensor> both = token_similarity(
      image, texts.tokens, {.lengths = texts.lengths, .top_j = options.top_j, .chunk_texts = options.chunk_texts, .kernels = kernels});
  return {.image_to_text = both[0], .text_to_image = both[1]};
}

FineGrainedSimilarity fine_grained_similarity(const at::Tensor& image_tokens, const at::Tensor& text_tokens, const at::Tensor& text_mask,
                                              const FineGrainedOptions& options, FineGrainedBackend backend) {
  options.validate();
  check_tokens(image_tokens, text_tokens);
  return fine_grained_similarity(image_tokens, pack_texts(text_tokens, text_mask), options, backend);
}

LossTerm fine_grained_share(const FineGrainedSimilarity& similarity, int64_t first, const at::Tensor& temperature,
                            const FineGrainedOptions& options) {
  const at::Tensor &to_text = similarity.image_to_text, &to_image = similarity.text_to_image;
  const bool shaped = to_text.defined() && to_text.dim() == 2 && to_image.defined() && to_image.dim() == 2 &&
                      to_text.size(0) == to_image.size(1) && to_text.size(1) == to_image.size(0);
  if (!shaped || first < 0 || first + to_text.size(0) > to_text.size(1)) {
    throw ShapeError(
        fmt::format("fine-grained loss: a share's similarities must be float [b, B] and [B, b] with {} + b <= B, found {} and {}", first,
                    describe_tokens(to_text), describe_tokens(to_image)));
  }
  if (!temperature.defined() || temperature.numel() != 1 || !temperature.is_floating_point()) {
    throw ShapeError(fmt::format("fine-grained loss: temperature must be one float, found {}", describe_tokens(temperature)));
  }
  const c10::impl::ExcludeDispatchKeyGuard full_precision(c10::autocast_dispatch_keyset);
  const at::Tensor tau = temperature.reshape({});
  const at::Tensor own = at::arange(first, first + to_text.size(0), to_text.options().dtype(at::kLong));
  const LossTerm image_side = info_nce(to_text / tau, own, {}, options.decoupled);
  // A text is compared with all images: its logits are a column here.
  const LossTerm text_side = info_nce(to_image.t() / tau, own, {}, options.decoupled);
  return {.sum = image_side.sum + text_side.sum, .count = image_side.count};
}

LossTerm fine_grained_loss(const FineGrainedSimilarity& similarity, const at::Tensor& temperature, const FineGrainedOptions& options) {
  const at::Tensor &to_text = similarity.image_to_text, &to_image = similarity.text_to_image;
  if (!to_text.defined() || to_text.dim() != 2 || to_text.size(0) != to_text.size(1) || !to_image.defined() ||
      to_image.sizes() != to_text.sizes()) {
    throw ShapeError(fmt::format("fine-grained loss: similarities must be float [B, B] both ways, found {} and {}",
                                 describe_tokens(to_text), describe_tokens(to_image)));
  }
  return fine_grained_share(similarity, 0, temperature, options);
}

void clamp_temperature(at::Tensor& temperature) {
  const at::NoGradGuard no_grad;
  temperature.clamp_(0.001, 0.5);
}

}  // namespace infig

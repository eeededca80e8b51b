#include "alignment/kernels/token_similarity.h"

#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/autograd.h>

#include <algorithm>
#include <optional>

#include "alignment/cosine.h"
#include "alignment/kernels/token_engine.h"
#include "core/error.h"

namespace infig {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::vector<TokenSlice> slices_of(const TokenSimilarityPlan& plan, int64_t images, int64_t image_tokens) {
  std::vector<TokenSlice> slices;
  const auto texts = static_cast<int64_t>(plan.lengths.size());
  for (int64_t first = 0; first < texts; first += plan.chunk_texts) {
    TokenSlice slice{.images = images, .image_tokens = image_tokens, .top_j = plan.top_j, .texts = {.first = first, .begin = {0}}};
    for (int64_t text = first; text < std::min(texts, first + plan.chunk_texts); ++text) {
      slice.texts.begin.push_back(slice.texts.begin.back() + plan.lengths[text]);
    }
    slices.push_back(std::move(slice));
  }
  return slices;
}

void save_plan(AutogradContext& context, const TokenSimilarityPlan& plan) {
  context.saved_data["lengths"] = plan.lengths;
  context.saved_data["top_j"] = plan.top_j;
  context.saved_data["chunk_texts"] = plan.chunk_texts;
  context.saved_data["kernels"] = plan.kernels;
}

TokenSimilarityPlan saved_plan(AutogradContext& context) {
  return {.lengths = context.saved_data["lengths"].toIntVector(),
          .top_j = context.saved_data["top_j"].toInt(),
          .chunk_texts = context.saved_data["chunk_texts"].toInt(),
          .kernels = context.saved_data["kernels"].toBool()};
}

// 0 for rows with finite norms, otherwise NaN. It is added to the result, because the comparisons lose NaNs.
at::Tensor spoiled(const at::Tensor& inverse) { return inverse * 0; }

void add_spoiled(const TokenSimilarityPlan& plan, const at::Tensor& image_inverse, const at::Tensor& text_inverse, at::Tensor& similarity) {
  similarity += spoiled(image_inverse).sum(1, true);
  if (!plan.kernels) {  // one kernel launch instead of one per text
    const auto texts = static_cast<int64_t>(plan.lengths.size());
    const at::Tensor lengths = at::tensor(plan.lengths, at::kLong).to(text_inverse.device());
    // The optional selects the overload that repeats each index lengths[i] times and takes the total length.
    const at::Tensor text = at::repeat_interleave(lengths, std::optional<int64_t>(text_inverse.size(0)));
    similarity += at::zeros({texts}, text_inverse.options()).index_add_(0, text, spoiled(text_inverse)).unsqueeze(0);
    return;
  }
  std::vector<at::Tensor> texts;
  for (const at::Tensor& text : spoiled(text_inverse).split_with_sizes(plan.lengths)) texts.push_back(text.sum());
  similarity += at::stack(texts).unsqueeze(0);
}

// Backward of x / |x|, in place: the component of the gradient orthogonal to the unit vector, divided by the norm.
at::Tensor through_norm(at::Tensor gradient, const at::Tensor& units, const at::Tensor& inverse) {
  const at::Tensor along = (gradient * units).sum(-1, true);
  return gradient.addcmul_(units, along, -1).mul_(inverse.unsqueeze(-1));
}

struct TokenSimilarity : torch::autograd::Function<TokenSimilarity> {
  static variable_list forward(AutogradContext* context, const at::Tensor& image, const at::Tensor& text, const TokenSimilarityPlan& plan) {
    const c10::impl::ExcludeDispatchKeyGuard full_precision(c10::autocast_dispatch_keyset);
    const int64_t images = image.size(0), tokens = image.size(1), width = image.size(2);
    const auto texts = static_cast<int64_t>(plan.lengths.size());
    const at::Tensor image_inverse = inverse_norms(image), text_inverse = inverse_norms(text);
    const at::Tensor image_units = (image * image_inverse.unsqueeze(-1)).view({images * tokens, width});
    at::Tensor image_to_text = at::empty({images, texts}, image.options()), text_to_image = at::empty_like(image_to_text);
    std::vector<at::Tensor> of_text, of_image;
    int64_t row = 0;
    for (const TokenSlice& slice : slices_of(plan, images, tokens)) {
      const int64_t columns = slice.texts.columns();
      const at::Tensor text_units = text.narrow(0, row, columns) * text_inverse.narrow(0, row, columns).unsqueeze(-1);
      const at::Tensor similarity = at::mm(image_units, text_units.t());
      const KeptIndices kept =
          (plan.kernels ? select_with_kernels : select_with_operations)(slice, similarity, image_to_text, text_to_image);
      of_text.push_back(kept.of_text);
      of_image.push_back(kept.of_image);
      row += columns;
    }
    add_spoiled(plan, image_inverse, text_inverse, image_to_text);
    add_spoiled(plan, image_inverse, text_inverse, text_to_image);
    // Unit vectors are recomputed in backward, which is cheaper than storing a second copy of all tokens of three layers.
    context->save_for_backward({image, text, image_inverse, text_inverse});
    context->saved_data["of_text"] = of_text;
    context->saved_data["of_image"] = of_image;
    save_plan(*context, plan);
    return {image_to_text, text_to_image};
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    if (at::GradMode::is_enabled())
      throw Error("fine-grained similarity: second derivatives are not available; call backward without create_graph");
    const c10::impl::ExcludeDispatchKeyGuard full_precision(c10::autocast_dispatch_keyset);
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &image = saved[0], &text = saved[1], &image_inverse = saved[2], &text_inverse = saved[3];
    const TokenSimilarityPlan plan = saved_plan(*context);
    const auto of_text = context->saved_data["of_text"].toTensorVector(), of_image = context->saved_data["of_image"].toTensorVector();
    const int64_t images = image.size(0), tokens = image.size(1), width = image.size(2);
    const at::Tensor image_units = (image * image_inverse.unsqueeze(-1)).view({images * tokens, width});
    const at::Tensor text_units = text * text_inverse.unsqueeze(-1);
    const bool wants_image = context->needs_input_grad(0), wants_text = context->needs_input_grad(1);
    at::Tensor image_gradient = wants_image ? at::zeros_like(image_units) : at::Tensor();
    at::Tensor text_gradient = wants_text ? at::zeros_like(text_units) : at::Tensor();
    const auto given = [&](const at::Tensor& gradient) {
      return gradient.defined() ? gradient.contiguous() : at::zeros({images, static_cast<int64_t>(plan.lengths.size())}, image.options());
    };
    const at::Tensor to_text = given(outputs[0]), to_image = given(outputs[1]);
    int64_t row = 0, index = 0;
    for (const TokenSlice& slice : slices_of(plan, images, tokens)) {
      const int64_t columns = slice.texts.columns();
      TokenGradients gradients{.image_to_text = to_text,
                               .text_to_image = to_image,
                               .image_units = image_units,
                               .text_units = text_units.narrow(0, row, columns),
                               .image_gradient = image_gradient,
                               .text_gradient = wants_text ? text_gradient.narrow(0, row, columns) : at::Tensor()};
      (plan.kernels ? backward_with_kernels : backward_with_operations)(slice, {of_text[index], of_image[index]}, gradients);
      row += columns;
      ++index;
    }
    return {wants_image ? through_norm(image_gradient, image_units, image_inverse.view(-1)).view_as(image) : at::Tensor(),
            wants_text ? through_norm(text_gradient, text_units, text_inverse) : at::Tensor(), at::Tensor()};
  }
};

}  // namespace

std::vector<at::Tensor> token_similarity(const at::Tensor& image, const at::Tensor& text, const TokenSimilarityPlan& plan) {
  return TokenSimilarity::apply(image.contiguous(), text.contiguous(), plan);
}

}  // namespace infig

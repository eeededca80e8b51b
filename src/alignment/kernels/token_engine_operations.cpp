// Implementation with tensor operations, for devices without kernels: the texts of a slice are padded to the longest of them.
#include <ATen/ATen.h>

#include <limits>
#include <utility>

#include "alignment/kernels/token_engine.h"

namespace infig {
namespace {

struct Padding {
  at::Tensor columns;  // [Q * L] int64: the slice's column at each padded position (any column at padding)
  at::Tensor places;   // [columns] int64: the padded position of each column
  at::Tensor counted;  // [Q, L] bool
  at::Tensor lengths;  // [Q] int64
  int64_t longest = 0;
};

Padding pad(const TextSlice& texts, const at::Device& device) {
  Padding padding;
  std::vector<int64_t> lengths, places;
  for (int64_t text = 0; text < texts.texts(); ++text) lengths.push_back(texts.length(text));
  padding.longest = *std::max_element(lengths.begin(), lengths.end());
  std::vector<int64_t> columns(lengths.size() * padding.longest, 0);
  for (int64_t text = 0; text < texts.texts(); ++text) {
    for (int64_t i = 0; i < lengths[text]; ++i) {
      places.push_back(text * padding.longest + i);
      columns[places.back()] = texts.begin[text] + i;
    }
  }
  padding.columns = at::tensor(columns, at::kLong).to(device);
  padding.places = at::tensor(places, at::kLong).to(device);
  padding.lengths = at::tensor(lengths, at::kLong).to(device);
  padding.counted = at::arange(padding.longest, padding.lengths.options()).unsqueeze(0) < padding.lengths.unsqueeze(1);
  return padding;
}

// Returns the `count` largest values along `dimension` in descending order; on ties the lowest index first (topk does not promise that).
std::pair<at::Tensor, at::Tensor> largest(const at::Tensor& values, int64_t count, int64_t dimension) {
  std::vector<int64_t> along(values.dim(), 1);
  along[dimension] = values.size(dimension);
  const at::Tensor places = at::arange(values.size(dimension), values.options().dtype(at::kLong)).view(along);
  at::Tensor rest = values.clone();
  std::vector<at::Tensor> best, index;
  for (int64_t i = 0; i < count; ++i) {
    best.push_back(rest.amax(dimension, true));
    index.push_back(at::where(rest == best.back(), places, values.size(dimension) - 1).amin(dimension, true));
    rest.scatter_(dimension, index.back(), -std::numeric_limits<double>::infinity());
  }
  return {at::cat(best, dimension), at::cat(index, dimension)};
}

// [Q, j] bool: which of the kept tokens exist (a text may have fewer than j tokens).
at::Tensor kept_of_text(const Padding& padding, int64_t top_j) {
  return at::arange(top_j, padding.lengths.options()).unsqueeze(0) < padding.lengths.unsqueeze(1);
}

}  // namespace

KeptIndices select_with_operations(const TokenSlice& slice, const at::Tensor& similarity, at::Tensor& image_to_text,
                                   at::Tensor& text_to_image) {
  const Padding padding = pad(slice.texts, similarity.device());
  const int64_t texts = slice.texts.texts(), of_image = std::min(slice.top_j, slice.image_tokens);
  const int64_t of_text = std::min(slice.top_j, padding.longest);
  const at::Tensor padded = similarity.index_select(1, padding.columns)
                                .view({slice.images, slice.image_tokens, texts, padding.longest})
                                .masked_fill_(padding.counted.logical_not(), -std::numeric_limits<double>::infinity());
  const auto [text_values, text_index] = largest(padded, of_text, 3);
  const auto [image_values, image_index] = largest(padded, of_image, 1);
  const at::Tensor there = kept_of_text(padding, of_text);
  const at::Tensor text_sum = text_values.masked_fill(there.logical_not(), 0).sum({1, 3});
  const at::Tensor image_sum = image_values.masked_fill(padding.counted.logical_not(), 0).sum({1, 3});
  image_to_text.narrow(1, slice.texts.first, texts).copy_(text_sum / (padding.lengths.clamp_max(slice.top_j) * slice.image_tokens));
  text_to_image.narrow(1, slice.texts.first, texts).copy_(image_sum / (padding.lengths * of_image));
  return {.of_text = text_index.to(at::kInt), .of_image = image_index.to(at::kInt)};
}

void backward_with_operations(const TokenSlice& slice, const KeptIndices& kept, TokenGradients& gradients) {
  const Padding padding = pad(slice.texts, gradients.image_to_text.device());
  const int64_t texts = slice.texts.texts(), of_image = std::min(slice.top_j, slice.image_tokens);
  const at::Tensor text_weight =
      gradients.image_to_text.narrow(1, slice.texts.first, texts) / (padding.lengths.clamp_max(slice.top_j) * slice.image_tokens);
  const at::Tensor image_weight = gradients.text_to_image.narrow(1, slice.texts.first, texts) / (padding.lengths * of_image);
  const at::Tensor there = kept_of_text(padding, kept.of_text.size(3));
  at::Tensor slice_gradient = at::zeros({slice.images, slice.image_tokens, texts, padding.longest}, gradients.image_to_text.options());
  const at::Tensor text_values = text_weight.unsqueeze(1).unsqueeze(3) * there;
  slice_gradient.scatter_add_(3, kept.of_text.to(at::kLong), text_values.expand(kept.of_text.sizes()));
  const at::Tensor image_values = image_weight.unsqueeze(1).unsqueeze(3) * padding.counted;
  slice_gradient.scatter_add_(1, kept.of_image.to(at::kLong), image_values.expand(kept.of_image.sizes()));
  const at::Tensor by_column = slice_gradient.view({slice.images * slice.image_tokens, -1}).index_select(1, padding.places);
  if (gradients.image_gradient.defined()) gradients.image_gradient.addmm_(by_column, gradients.text_units);
  if (gradients.text_gradient.defined()) gradients.text_gradient.addmm_(by_column.t(), gradients.image_units);
}

}  // namespace infig

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include "alignment/kernels/token_engine.h"
#include "core/parallel.h"

namespace infig {
namespace {

// With less work than this, starting threads costs more than it saves.
constexpr int64_t kSmallWork = 1 << 18;
// Rows per block, the unit of work of a thread: rows of a block read nearly the same entries, which stay in cache.
constexpr int64_t kRowBlock = 256;

int64_t threads_for(int64_t work) { return work < kSmallWork ? 1 : at::get_num_threads(); }

SliceShape shape_of(const TokenSlice& slice, int64_t all_texts) {
  return {.images = slice.images, .image_tokens = slice.image_tokens, .top_j = slice.top_j, .all_texts = all_texts, .texts = &slice.texts};
}

KeptTokens pointers(const KeptIndices& kept) {
  return {.of_text = kept.of_text.mutable_data_ptr<int32_t>(), .of_image = kept.of_image.mutable_data_ptr<int32_t>()};
}

template <typename T>
void add_product(const SparseRows<T>& matrix, const at::Tensor& x, at::Tensor& out) {
  const int64_t rows = out.size(0), width = out.size(1);
  const int64_t blocks = (rows + kRowBlock - 1) / kRowBlock;
  parallel_for(blocks, threads_for(static_cast<int64_t>(matrix.value.size()) * width), [&](int64_t block) {
    multiply_sparse_rows(matrix, block * kRowBlock, std::min(rows, (block + 1) * kRowBlock), x.const_data_ptr<T>(), width,
                         out.mutable_data_ptr<T>());
  });
}

}  // namespace

KeptIndices select_with_kernels(const TokenSlice& slice, const at::Tensor& similarity, at::Tensor& image_to_text,
                                at::Tensor& text_to_image) {
  const auto options = similarity.options().dtype(at::kInt);
  const int64_t of_image = std::min(slice.top_j, slice.image_tokens);
  const KeptIndices kept{.of_text = at::empty({slice.images, slice.texts.texts(), slice.image_tokens, slice.top_j}, options),
                         .of_image = at::empty({slice.images, of_image, slice.texts.columns()}, options)};
  const SliceShape shape = shape_of(slice, image_to_text.size(1));
  AT_DISPATCH_FLOATING_TYPES(similarity.scalar_type(), "fine_grained_similarity", [&] {
    parallel_for(slice.images, threads_for(similarity.numel()), [&](int64_t image) {
      select_tokens(shape, similarity.const_data_ptr<scalar_t>(), image, pointers(kept), image_to_text.mutable_data_ptr<scalar_t>(),
                    text_to_image.mutable_data_ptr<scalar_t>());
    });
  });
  return kept;
}

void backward_with_kernels(const TokenSlice& slice, const KeptIndices& kept, TokenGradients& gradients) {
  const SliceShape shape = shape_of(slice, gradients.image_to_text.size(1));
  const int64_t threads = threads_for(kept.of_text.numel() + kept.of_image.numel());
  AT_DISPATCH_FLOATING_TYPES(gradients.image_to_text.scalar_type(), "fine_grained_similarity_backward", [&] {
    const auto* to_text = gradients.image_to_text.const_data_ptr<scalar_t>();
    const auto* to_image = gradients.text_to_image.const_data_ptr<scalar_t>();
    if (gradients.image_gradient.defined()) {
      add_product(gradient_by_image_token(shape, pointers(kept), to_text, to_image, threads), gradients.text_units,
                  gradients.image_gradient);
    }
    if (gradients.text_gradient.defined()) {
      add_product(gradient_by_text_token(shape, pointers(kept), to_text, to_image, threads), gradients.image_units,
                  gradients.text_gradient);
    }
  });
}

}  // namespace infig

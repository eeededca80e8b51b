// CPU kernels of the fine-grained alignment (eq. 3-4) on plain arrays. One call processes a slice of texts; calls for different images (or
// texts) write to disjoint memory and may run on different threads.
// The forward kernels are in token_select.cpp, the backward kernels in token_gradient.cpp.
#pragma once

#include <cstdint>
#include <vector>

namespace infig {

// Positions of the texts in a slice. Text q (0 .. texts-1 within the slice) has the columns begin[q] .. begin[q+1]-1.
struct TextSlice {
  int64_t first = 0;           // index of the slice's first text among all texts
  std::vector<int64_t> begin;  // texts + 1 column offsets from the slice's first column
  int64_t texts() const { return static_cast<int64_t>(begin.size()) - 1; }
  int64_t columns() const { return begin.back(); }
  int64_t length(int64_t text) const { return begin[text + 1] - begin[text]; }
};

// The indices kept by eq. 3, for one slice.
//   of_text  [images, texts, P, top_j]: per image token, the kept tokens of that text (0 .. length-1; the first min(top_j, length) are set)
//   of_image [images, kept, columns]:   per text token, the kept tokens of that image (0 .. P-1), kept = min(top_j, P)
struct KeptTokens {
  int32_t* of_text = nullptr;
  int32_t* of_image = nullptr;
};

// Shape of a slice of similarities: [images * image_tokens, columns], row-major and contiguous.
struct SliceShape {
  int64_t images = 0;
  int64_t image_tokens = 0;
  int64_t top_j = 1;
  int64_t all_texts = 0;  // row stride of the [images, all_texts] results
  const TextSlice* texts = nullptr;
};

// Eq. 3-4 for one image: selects the top_j tokens in both directions (on ties the lowest index), stores their indices, and writes S_p2q and
// S_q2p of this image and the slice's texts to image_to_text and text_to_image [images, all_texts].
template <typename T>
void select_tokens(const SliceShape& shape, const T* slice, int64_t image, const KeptTokens& kept, T* image_to_text, T* text_to_image);

// The gradient of a slice of similarities as a sparse matrix in CSR form: row r has the entries start[r] .. start[r+1]-1.
template <typename T>
struct SparseRows {
  std::vector<int64_t> start;
  std::vector<int32_t> column;
  std::vector<T> value;
};

// d loss / d similarity of a slice, given d loss / d S_p2q and d loss / d S_q2p [images, all_texts]. The rows of the result are image
// tokens (images * image_tokens) or text tokens (the slice's columns); both results hold the same entries.
template <typename T>
SparseRows<T> gradient_by_image_token(const SliceShape& shape, const KeptTokens& kept, const T* image_to_text, const T* text_to_image,
                                      int64_t threads);
template <typename T>
SparseRows<T> gradient_by_text_token(const SliceShape& shape, const KeptTokens& kept, const T* image_to_text, const T* text_to_image,
                                     int64_t threads);

// Adds to out[r, :] the sum over the entries of row r of value * x[column, :], for rows first .. last-1. x and out have `width` columns.
template <typename T>
void multiply_sparse_rows(const SparseRows<T>& matrix, int64_t first, int64_t last, const T* x, int64_t width, T* out);

}  // namespace infig

// The gradient of a similarity slice is nonzero only for kept tokens, a fraction j (1/P + 1/n) of all entries, which is a few per cent. So
// two products with a sparse matrix replace two dense ones.
#include <algorithm>
#include <cstring>

#include "alignment/kernels/simd.h"
#include "alignment/kernels/token_kernels.h"
#include "core/parallel.h"

namespace infig {
namespace {

// Calls visit(image token, token within the text, weight) for every entry of one image and one text of the slice.
template <typename T, typename Visit>
void visit_pair(const SliceShape& shape, const KeptTokens& kept, const T* image_to_text, const T* text_to_image, int64_t image,
                int64_t text, Visit&& visit) {
  const TextSlice& texts = *shape.texts;
  const int64_t length = texts.length(text), columns = texts.columns();
  const int64_t of_text = std::min(shape.top_j, length), of_image = std::min(shape.top_j, shape.image_tokens);
  const int64_t place = image * shape.all_texts + texts.first + text;
  const T to_text = image_to_text[place] / static_cast<T>(shape.image_tokens * of_text);
  const T to_image = text_to_image[place] / static_cast<T>(length * of_image);
  const int32_t* indices = kept.of_text + (image * texts.texts() + text) * shape.image_tokens * shape.top_j;
  for (int64_t token = 0; token < shape.image_tokens; ++token) {
    for (int64_t i = 0; i < of_text; ++i) visit(token, static_cast<int64_t>(indices[token * shape.top_j + i]), to_text);
  }
  for (int64_t i = 0; i < of_image; ++i) {
    const int32_t* row = kept.of_image + (image * of_image + i) * columns + texts.begin[text];
    for (int64_t token = 0; token < length; ++token) visit(static_cast<int64_t>(row[token]), token, to_image);
  }
}

// Fills rows [first, first + rows), whose entries begin at `offset`: counts entries, sums the counts up, stores the entries. `visit_all(f)`
// must call f(row, column, weight) for each entry, with row relative to `first`; it is called twice.
template <typename T, typename VisitAll>
void fill_rows(SparseRows<T>& matrix, int64_t first, int64_t rows, int64_t offset, VisitAll&& visit_all) {
  std::vector<int64_t> next(rows, 0);
  visit_all([&](int64_t row, int64_t, T) { ++next[row]; });
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t count = next[row];
    next[row] = offset;
    offset += count;
    matrix.start[first + row + 1] = offset;
  }
  visit_all([&](int64_t row, int64_t column, T weight) {
    const int64_t place = next[row]++;
    matrix.column[place] = static_cast<int32_t>(column);
    matrix.value[place] = weight;
  });
}

// Number of entries of one text and one image.
int64_t pair_entries(const SliceShape& shape, int64_t text) {
  const int64_t length = shape.texts->length(text);
  return shape.image_tokens * std::min(shape.top_j, length) + length * std::min(shape.top_j, shape.image_tokens);
}

template <typename T>
SparseRows<T> empty_rows(const SliceShape& shape, int64_t rows) {
  int64_t entries = 0;
  for (int64_t text = 0; text < shape.texts->texts(); ++text) entries += shape.images * pair_entries(shape, text);
  SparseRows<T> matrix;
  matrix.start.assign(rows + 1, 0);
  matrix.column.resize(entries);
  matrix.value.resize(entries);
  return matrix;
}

// Multiplies a block of columns, which stays in registers while all entries of the row are added.
template <int kBlock, typename T>
INFIG_INLINE void multiply_block(const SparseRows<T>& matrix, int64_t row, const T* x, int64_t width, T* out) {
  Vector<T> sum[kBlock];
  std::memcpy(sum, out, sizeof(sum));
  for (int64_t entry = matrix.start[row]; entry < matrix.start[row + 1]; ++entry) {
    const T* source = x + matrix.column[entry] * width;
    const T weight = matrix.value[entry];
    for (int i = 0; i < kBlock; ++i) {
      Vector<T> part;
      std::memcpy(&part, source + i * kLaneCount<T>, sizeof(part));
      sum[i] += weight * part;
    }
  }
  std::memcpy(out, sum, sizeof(sum));
}

template <typename T>
INFIG_INLINE void multiply_tail(const SparseRows<T>& matrix, int64_t row, const T* x, int64_t width, int64_t lanes, T* out) {
  for (int64_t entry = matrix.start[row]; entry < matrix.start[row + 1]; ++entry) {
    const T* source = x + matrix.column[entry] * width;
    for (int64_t i = 0; i < lanes; ++i) out[i] += matrix.value[entry] * source[i];
  }
}

template <typename T>
INFIG_INLINE void multiply(const SparseRows<T>& matrix, int64_t first, int64_t last, const T* x, int64_t width, T* out) {
  constexpr int kBlock = 4;
  constexpr int64_t kStep = kBlock * kLaneCount<T>;
  int64_t column = 0;
  for (; column + kStep <= width; column += kStep) {
    for (int64_t row = first; row < last; ++row) multiply_block<kBlock>(matrix, row, x + column, width, out + row * width + column);
  }
  if (column == width) return;
  for (int64_t row = first; row < last; ++row) multiply_tail(matrix, row, x + column, width, width - column, out + row * width + column);
}

}  // namespace

template <typename T>
SparseRows<T> gradient_by_image_token(const SliceShape& shape, const KeptTokens& kept, const T* image_to_text, const T* text_to_image,
                                      int64_t threads) {
  SparseRows<T> matrix = empty_rows<T>(shape, shape.images * shape.image_tokens);
  const int64_t an_image = shape.images > 0 ? static_cast<int64_t>(matrix.column.size()) / shape.images : 0;
  parallel_for(shape.images, threads, [&](int64_t image) {
    fill_rows<T>(matrix, image * shape.image_tokens, shape.image_tokens, image * an_image, [&](auto&& take) {
      for (int64_t text = 0; text < shape.texts->texts(); ++text) {
        visit_pair(shape, kept, image_to_text, text_to_image, image, text,
                   [&, first = shape.texts->begin[text]](int64_t i, int64_t t, T weight) { take(i, first + t, weight); });
      }
    });
  });
  return matrix;
}

template <typename T>
SparseRows<T> gradient_by_text_token(const SliceShape& shape, const KeptTokens& kept, const T* image_to_text, const T* text_to_image,
                                     int64_t threads) {
  SparseRows<T> matrix = empty_rows<T>(shape, shape.texts->columns());
  std::vector<int64_t> offset(shape.texts->texts() + 1, 0);
  for (int64_t text = 0; text < shape.texts->texts(); ++text) offset[text + 1] = offset[text] + shape.images * pair_entries(shape, text);
  parallel_for(shape.texts->texts(), threads, [&](int64_t text) {
    fill_rows<T>(matrix, shape.texts->begin[text], shape.texts->length(text), offset[text], [&](auto&& take) {
      for (int64_t image = 0; image < shape.images; ++image) {
        visit_pair(shape, kept, image_to_text, text_to_image, image, text,
                   [&, first = image * shape.image_tokens](int64_t i, int64_t t, T weight) { take(t, first + i, weight); });
      }
    });
  });
  return matrix;
}

INFIG_DISPATCH(multiply_sparse_rows, multiply,
               (const SparseRows<T>& matrix, int64_t first, int64_t last, const T* x, int64_t width, T* out),
               (matrix, first, last, x, width, out))

template void multiply_sparse_rows(const SparseRows<float>&, int64_t, int64_t, const float*, int64_t, float*);
template void multiply_sparse_rows(const SparseRows<double>&, int64_t, int64_t, const double*, int64_t, double*);
template SparseRows<float> gradient_by_image_token(const SliceShape&, const KeptTokens&, const float*, const float*, int64_t);
template SparseRows<double> gradient_by_image_token(const SliceShape&, const KeptTokens&, const double*, const double*, int64_t);
template SparseRows<float> gradient_by_text_token(const SliceShape&, const KeptTokens&, const float*, const float*, int64_t);
template SparseRows<double> gradient_by_text_token(const SliceShape&, const KeptTokens&, const double*, const double*, int64_t);

}  // namespace infig

// Selection of the kept tokens. The two directions have different access patterns. For a text token, the tokens of an image are in one
// column, so a vector of columns is compared at once, with the running best values in registers. For an image token, the tokens of a text
// are adjacent in a row, where a scalar scan with a branch that is almost never taken is faster than shuffling vectors.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "alignment/kernels/simd.h"
#include "alignment/kernels/token_kernels.h"

namespace infig {
namespace {

// Inserts a value into `best` (descending). The comparison is strict, so of two equal values the earlier one stays first.
template <int kJ, typename T>
INFIG_INLINE void insert(T value, int32_t index, T* best, int32_t* kept, int64_t j) {
  const int64_t count = kJ > 0 ? kJ : j;
  if (!(value > best[count - 1])) return;
  int64_t place = count - 1;
  for (; place > 0 && value > best[place - 1]; --place) {
    best[place] = best[place - 1];
    kept[place] = kept[place - 1];
  }
  best[place] = value;
  kept[place] = index;
}

// Image token -> text: the sum (not the mean) of the largest min(j, length) of `length` values. `best` is scratch space for j values.
template <int kJ, typename T>
INFIG_INLINE T scan_row(const T* row, int64_t length, int64_t j, T* best, int32_t* kept) {
  const int64_t count = std::min<int64_t>(kJ > 0 ? kJ : j, length);
  std::fill_n(best, kJ > 0 ? kJ : j, -std::numeric_limits<T>::infinity());
  std::fill_n(kept, kJ > 0 ? kJ : j, 0);
  for (int64_t i = 0; i < length; ++i) insert<kJ>(row[i], static_cast<int32_t>(i), best, kept, j);
  T sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += best[i];
  return sum;
}

template <int kJ, typename T>
INFIG_INLINE void select_of_texts(const SliceShape& shape, const T* rows, int64_t image, const KeptTokens& kept, T* image_to_text) {
  const TextSlice& texts = *shape.texts;
  std::vector<T> scratch(shape.top_j);
  for (int64_t text = 0; text < texts.texts(); ++text) {
    const int64_t length = texts.length(text);
    int32_t* indices = kept.of_text + (image * texts.texts() + text) * shape.image_tokens * shape.top_j;
    double sum = 0;
    for (int64_t token = 0; token < shape.image_tokens; ++token) {
      const T* row = rows + token * texts.columns() + texts.begin[text];
      sum += scan_row<kJ>(row, length, shape.top_j, scratch.data(), indices + token * shape.top_j);
    }
    const auto divisor = static_cast<double>(shape.image_tokens * std::min(shape.top_j, length));
    image_to_text[image * shape.all_texts + texts.first + text] = static_cast<T>(sum / divisor);
  }
}

// The running best values of a vector of columns. With kJ > 0 everything stays in registers.
template <typename T>
struct Column {
  Vector<T> value;
  IndexVector<T> index;
};

template <int kJ, typename T>
INFIG_INLINE void insert_columns(const Vector<T>& value, const IndexVector<T>& index, Column<T>* best, int64_t j) {
  const int64_t count = kJ > 0 ? kJ : j;
  for (int64_t place = count - 1; place > 0; --place) {
    const IndexVector<T> here = value > best[place].value;
    const IndexVector<T> above = value > best[place - 1].value;
    best[place].value = above ? best[place - 1].value : (here ? value : best[place].value);
    best[place].index = above ? best[place - 1].index : (here ? index : best[place].index);
  }
  const IndexVector<T> first = value > best[0].value;
  best[0].value = first ? value : best[0].value;
  best[0].index = first ? index : best[0].index;
}

// Text tokens -> image, for up to one vector of columns: fills sums[0 .. lanes-1] and the kept indices.
template <int kJ, bool kWhole, typename T>
INFIG_INLINE void scan_columns(const T* rows, int64_t tokens, int64_t stride, int64_t lanes, int64_t j, Column<T>* best, T* sums,
                               int32_t* kept) {
  const int64_t count = kJ > 0 ? kJ : j;
  for (int64_t place = 0; place < count; ++place) {
    best[place].value = Vector<T>{} - std::numeric_limits<T>::infinity();
    best[place].index = IndexVector<T>{};
  }
  IndexVector<T> index{};
  Vector<T> value{};
  for (int64_t token = 0; token < tokens; ++token) {
    std::memcpy(&value, rows + token * stride, kWhole ? sizeof(value) : lanes * sizeof(T));
    insert_columns<kJ, T>(value, index, best, j);
    index += 1;
  }
  for (int64_t lane = 0; lane < lanes; ++lane) {
    T sum = 0;
    for (int64_t place = 0; place < count; ++place) {
      sum += best[place].value[lane];
      kept[place * stride + lane] = static_cast<int32_t>(best[place].index[lane]);
    }
    sums[lane] = sum;
  }
}

template <int kJ, typename T>
INFIG_INLINE void select_of_image(const SliceShape& shape, const T* rows, int64_t image, const KeptTokens& kept, T* text_to_image) {
  const TextSlice& texts = *shape.texts;
  const int64_t columns = texts.columns();
  const int64_t count = std::min(shape.top_j, shape.image_tokens);
  constexpr int64_t kLanes = kLaneCount<T>;
  Column<T> registers[kJ > 0 ? kJ : 1];
  // Not a std::vector, whose allocator was seen to return memory aligned to only 16 bytes.
  const std::unique_ptr<void, decltype(&std::free)> heap(kJ > 0 ? nullptr : std::aligned_alloc(kVectorBytes, sizeof(Column<T>) * count),
                                                         &std::free);
  Column<T>* best = kJ > 0 ? registers : static_cast<Column<T>*>(heap.get());
  std::vector<T> sums(columns);
  int32_t* indices = kept.of_image + image * count * columns;
  int64_t column = 0;
  for (; column + kLanes <= columns; column += kLanes) {
    scan_columns<kJ, true>(rows + column, shape.image_tokens, columns, kLanes, count, best, sums.data() + column, indices + column);
  }
  if (column < columns) {
    scan_columns<kJ, false>(rows + column, shape.image_tokens, columns, columns - column, count, best, sums.data() + column,
                            indices + column);
  }
  for (int64_t text = 0; text < texts.texts(); ++text) {
    double sum = 0;
    for (int64_t i = texts.begin[text]; i < texts.begin[text + 1]; ++i) sum += sums[i];
    text_to_image[image * shape.all_texts + texts.first + text] = static_cast<T>(sum / static_cast<double>(texts.length(text) * count));
  }
}

template <typename T>
INFIG_INLINE void select_image(const SliceShape& shape, const T* slice, int64_t image, const KeptTokens& kept, T* image_to_text,
                               T* text_to_image) {
  const T* rows = slice + image * shape.image_tokens * shape.texts->columns();
  switch (shape.top_j) {
    case 1:
      select_of_texts<1>(shape, rows, image, kept, image_to_text);
      break;
    case 2:
      select_of_texts<2>(shape, rows, image, kept, image_to_text);
      break;
    case 3:
      select_of_texts<3>(shape, rows, image, kept, image_to_text);
      break;
    default:
      select_of_texts<0>(shape, rows, image, kept, image_to_text);
  }
  switch (std::min(shape.top_j, shape.image_tokens)) {
    case 1:
      select_of_image<1>(shape, rows, image, kept, text_to_image);
      break;
    case 2:
      select_of_image<2>(shape, rows, image, kept, text_to_image);
      break;
    case 3:
      select_of_image<3>(shape, rows, image, kept, text_to_image);
      break;
    default:
      select_of_image<0>(shape, rows, image, kept, text_to_image);
  }
}

}  // namespace

INFIG_DISPATCH(select_tokens, select_image,
               (const SliceShape& shape, const T* slice, int64_t image, const KeptTokens& kept, T* image_to_text, T* text_to_image),
               (shape, slice, image, kept, image_to_text, text_to_image))

template void select_tokens(const SliceShape&, const float*, int64_t, const KeptTokens&, float*, float*);
template void select_tokens(const SliceShape&, const double*, int64_t, const KeptTokens&, double*, double*);

}  // namespace infig

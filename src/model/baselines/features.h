// Features of posts for linear models: a sparse part (words), a dense part (encoders), or both.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "linear/sparse.h"

namespace infig {

struct Features {
  SparseMatrix sparse;  // [N, S]; 0 x 0 if there is no sparse part
  at::Tensor dense;     // [N, D] float or double; undefined if there is no dense part
  // Number of rows. Throws ShapeError if the two parts differ in it, or if there is neither.
  int64_t row_count() const;
  int64_t column_count() const { return sparse.column_count + (dense.defined() ? dense.size(1) : 0); }
};

}  // namespace infig

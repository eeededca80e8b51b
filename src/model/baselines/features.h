// Features of posts for linear models: a sparse part (words), a dense part (encoders), or both.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "linear/sparse.h"

namespace infig {

struct Features {
  SparseMatrix sparse;  // [N, S]; no rows and no columns where there is no such part
  at::Tensor dense;     // [N, D] float or double; undefined where there is no such part
  // Rows, equal in both parts. Throws ShapeError where they are not, or where there is no part at all.
  int64_t row_count() const;
  int64_t column_count() const { return sparse.column_count + (dense.defined() ? dense.size(1) : 0); }
};

}  // namespace infig

// Features of posts for linear models: a sparse part (words), a dense part (encoders), or both.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace infig {

// Rows in compressed form: entries row_start[i] .. row_start[i + 1] of `columns` and `values` are row i. Columns rise within a row.
struct SparseMatrix {
  int64_t column_count = 0;
  std::vector<int64_t> row_start = {0};  // [N + 1]
  std::vector<int32_t> columns;
  std::vector<float> values;
  int64_t row_count() const { return static_cast<int64_t>(row_start.size()) - 1; }
};

SparseMatrix transpose(const SparseMatrix& matrix);

struct Features {
  SparseMatrix sparse;  // [N, S]; no rows and no columns where there is no such part
  at::Tensor dense;     // [N, D] float or double; undefined where there is no such part
  // Rows, equal in both parts. Throws ShapeError where they are not, or where there is no part at all.
  int64_t row_count() const;
  int64_t column_count() const { return sparse.column_count + (dense.defined() ? dense.size(1) : 0); }
};

}  // namespace infig

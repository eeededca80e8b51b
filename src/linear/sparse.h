// Sparse matrices: rows of few entries, bags of words above all.
#pragma once

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

// out[row] += sum over the row's entries of value * factor[column]; rows of `factor` and `out` have `width` numbers. The result is the same
// for any number of threads.
void add_product(const SparseMatrix& matrix, const double* factor, double* out, int64_t width, int64_t threads);

}  // namespace infig

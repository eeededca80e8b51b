#include "linear/sparse.h"

#include <algorithm>
#include <cstddef>

#include "core/parallel.h"

namespace infig {

SparseMatrix transpose(const SparseMatrix& matrix) {
  SparseMatrix result;
  result.column_count = matrix.row_count();
  result.row_start.assign(static_cast<size_t>(matrix.column_count) + 1, 0);
  for (const int32_t column : matrix.columns) ++result.row_start[static_cast<size_t>(column) + 1];
  for (size_t c = 1; c < result.row_start.size(); ++c) result.row_start[c] += result.row_start[c - 1];
  result.columns.resize(matrix.columns.size());
  result.values.resize(matrix.values.size());
  std::vector<int64_t> next(result.row_start.begin(), result.row_start.end() - 1);
  for (int64_t row = 0; row < matrix.row_count(); ++row) {
    for (auto i = static_cast<size_t>(matrix.row_start[static_cast<size_t>(row)]);
         i < static_cast<size_t>(matrix.row_start[static_cast<size_t>(row) + 1]); ++i) {
      const auto place = static_cast<size_t>(next[static_cast<size_t>(matrix.columns[i])]++);
      result.columns[place] = static_cast<int32_t>(row);
      result.values[place] = matrix.values[i];
    }
  }
  return result;
}

void add_product(const SparseMatrix& matrix, const double* factor, double* out, int64_t width, int64_t threads) {
  constexpr int64_t kRowsATask = 512;
  const int64_t tasks = (matrix.row_count() + kRowsATask - 1) / kRowsATask;
  parallel_for(tasks, threads, [&](int64_t task) {
    const int64_t end = std::min(matrix.row_count(), (task + 1) * kRowsATask);
    for (int64_t row = task * kRowsATask; row < end; ++row) {
      double* to = out + row * width;
      for (auto i = static_cast<size_t>(matrix.row_start[static_cast<size_t>(row)]);
           i < static_cast<size_t>(matrix.row_start[static_cast<size_t>(row) + 1]); ++i) {
        const double value = matrix.values[i];
        const double* from = factor + static_cast<int64_t>(matrix.columns[i]) * width;
        for (int64_t k = 0; k < width; ++k) to[k] += value * from[k];
      }
    }
  });
}

}  // namespace infig

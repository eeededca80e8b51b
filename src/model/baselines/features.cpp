#include "model/baselines/features.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

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

int64_t Features::row_count() const {
  const int64_t rows = sparse.column_count > 0 ? sparse.row_count() : (dense.defined() ? dense.size(0) : -1);
  if (rows < 0) throw ShapeError("features: neither a sparse nor a dense part");
  if (dense.defined() &&
      (dense.dim() != 2 || dense.size(0) != rows || !(dense.scalar_type() == at::kFloat || dense.scalar_type() == at::kDouble))) {
    throw ShapeError(fmt::format("features: {} rows in the sparse part, dense part {} {}; expected [{}, D] float or double", rows,
                                 fmt::join(dense.sizes(), " x "), at::toString(dense.scalar_type()), rows));
  }
  return rows;
}

}  // namespace infig

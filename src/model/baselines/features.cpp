#include "model/baselines/features.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace infig {

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

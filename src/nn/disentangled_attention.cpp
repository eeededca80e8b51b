#include "nn/disentangled_attention.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "nn/transformer.h"

namespace infig {
namespace {

// distances [N, L, 2L-1], column c of row i is distance c - i (both shifted by L - 1) -> [N, L, L], element (i, j) from column
// j - i + L - 1. A view: stepping one row down and one column back is a stride of its own, so nothing is gathered or copied.
at::Tensor skew(const at::Tensor& distances) {
  const int64_t length = distances.size(1), width = distances.size(2);
  return distances.as_strided({distances.size(0), length, length}, {length * width, width - 1, 1}, distances.storage_offset() + length - 1);
}

}  // namespace

at::Tensor relative_buckets(const at::Tensor& deltas, int64_t buckets, int64_t max_position) {
  if (buckets <= 0) return deltas;
  const int64_t middle = buckets / 2;
  // Near distances go through the logarithm too and are thrown away: clamping keeps it defined.
  const at::Tensor far = deltas.abs().clamp_min(middle);
  const double span = static_cast<double>(max_position - 1) / static_cast<double>(middle);
  const at::Tensor logarithm = at::log(far / middle) / at::log(at::tensor(span, at::kFloat)).to(deltas.device());
  const at::Tensor bucket = at::ceil(logarithm * (middle - 1)) + middle;
  return at::where(deltas.abs().le(middle), deltas, (bucket * deltas.sign()).to(at::kLong));
}

RelativePositions relative_positions(int64_t length, int64_t buckets, int64_t max_position, const at::Device& device) {
  if (length < 1) throw ShapeError(fmt::format("relative positions: a text has {} tokens; at least 1 is expected", length));
  const int64_t span = buckets > 0 ? buckets : max_position;
  const at::Tensor deltas = at::arange(1 - length, length, at::kLong);
  const at::Tensor rows = (relative_buckets(deltas, buckets, max_position) + span).clamp(0, 2 * span - 1);
  RelativePositions positions;
  positions.first = rows[0].item<int64_t>();
  positions.count = rows[2 * length - 2].item<int64_t>() - positions.first + 1;
  // Short texts use one row a distance; then scores can be read by distance without an index.
  if (!at::equal(rows - positions.first, at::arange(2 * length - 1, at::kLong))) {
    const at::Tensor steps = at::arange(length, at::kLong);
    const at::Tensor shifted = steps.unsqueeze(1) - steps.unsqueeze(0) + (length - 1);  // [L, L]
    positions.index = (rows - positions.first).index_select(0, shifted.flatten()).view({length, length}).to(device);
  }
  return positions;
}

DisentangledAttentionImpl::DisentangledAttentionImpl(const DisentangledAttentionOptions& options) : options_(options) {
  const int64_t hidden = options.hidden_size;
  const int64_t terms = 1 + (options.c2p ? 1 : 0) + (options.p2c ? 1 : 0);
  inverse_scale_ = 1.0 / std::sqrt(static_cast<double>(hidden / options.num_attention_heads * terms));
  query_ = register_module("query_proj", torch::nn::Linear(hidden, hidden));
  key_ = register_module("key_proj", torch::nn::Linear(hidden, hidden));
  value_ = register_module("value_proj", torch::nn::Linear(hidden, hidden));
  if (!options.relative_attention || options.share_att_key) return;
  if (options.c2p) position_key_ = register_module("pos_key_proj", torch::nn::Linear(hidden, hidden));
  if (options.p2c) position_query_ = register_module("pos_query_proj", torch::nn::Linear(hidden, hidden));
}

// rows [R, D] -> [H, d, R], scaled here because R rows are fewer than B L L scores.
at::Tensor DisentangledAttentionImpl::project_rows(torch::nn::Linear& projection, const at::Tensor& rows) const {
  const int64_t heads = options_.num_attention_heads, size = options_.hidden_size / heads;
  return (projection->forward(rows) * inverse_scale_).view({rows.size(0), heads, size}).permute({1, 2, 0});
}

// query, key [H, B, L, d] -> [H B, L, L]. Head-major, so that one product a head serves the positions of all posts.
at::Tensor DisentangledAttentionImpl::scores(const at::Tensor& query, const at::Tensor& key, const at::Tensor& rows,
                                             const RelativePositions& positions) {
  const int64_t heads = query.size(0), posts = query.size(1), length = query.size(2), size = query.size(3);
  const bool direct = !positions.index.defined();
  // content [H, B, L, d] against all used rows: [H B, L, R]
  const auto against_rows = [&](const at::Tensor& content, torch::nn::Linear& projection, bool ascending) {
    const at::Tensor table = project_rows(projection, ascending ? rows : rows.flip(0));
    return at::bmm(content.view({heads, posts * length, size}), table).view({heads * posts, length, rows.size(0)});
  };
  // Row i - j + L - 1 of the table belongs to (i, j): seen from a query i it falls with the column j, seen from a key j it rises with i.
  at::Tensor from_content = at::zeros({1, 1, 1}, query.options()), from_position;
  if (uses_positions() && options_.c2p) {
    const at::Tensor all = against_rows(query, options_.share_att_key ? key_ : position_key_, !direct);
    from_content = direct ? skew(all) : all.gather(2, positions.index.unsqueeze(0).expand({heads * posts, length, length}));
  }
  if (uses_positions() && options_.p2c) {
    const at::Tensor all = against_rows(key, options_.share_att_key ? query_ : position_query_, true);
    const at::Tensor by_key = direct ? skew(all) : all.gather(2, positions.index.t().unsqueeze(0).expand({heads * posts, length, length}));
    from_position = by_key.transpose(1, 2);
  }
  const double beta =
      uses_positions() && options_.c2p ? 1.0 : 0.0;  // the position scores are copied into the product's output, then added to
  at::Tensor sum = at::baddbmm(from_content, query.view({heads * posts, length, size}),
                               key.view({heads * posts, length, size}).transpose(1, 2), beta, inverse_scale_);
  return from_position.defined() ? sum.add_(from_position) : sum;
}

at::Tensor DisentangledAttentionImpl::forward(const at::Tensor& x, const at::Tensor& blocked, const at::Tensor& rows,
                                              const RelativePositions& positions, DropoutSource* source) {
  const int64_t posts = x.size(0), length = x.size(1), heads = options_.num_attention_heads, size = options_.hidden_size / heads;
  const auto split = [&](torch::nn::Linear& projection) {  // [H, B, L, d]
    return projection->forward(x).view({posts, length, heads, size}).permute({2, 0, 1, 3}).contiguous();
  };
  const at::Tensor dropped = uses_positions() ? dropout(rows, options_.hidden_dropout_prob, source) : rows;
  at::Tensor attention = scores(split(query_), split(key_), dropped, positions);
  if (blocked.defined()) {
    // In place: the product does not keep its result for the backward pass.
    attention.view({heads, posts, length, length}).masked_fill_(blocked, lowest_value(attention.scalar_type()));
  }
  const at::Tensor value = split(value_);
  const at::Tensor probabilities = dropout(softmax_last(attention), options_.attention_probs_dropout_prob, source);
  const at::Tensor context = at::bmm(probabilities.to(value.scalar_type()), value.view({heads * posts, length, size}));
  return context.view({heads, posts, length, size}).permute({1, 2, 0, 3}).reshape({posts, length, options_.hidden_size});
}

}  // namespace infig

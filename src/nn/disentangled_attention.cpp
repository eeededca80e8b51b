#include "nn/disentangled_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "nn/linear.h"
#include "nn/transformer.h"
#include "nn/weight_state.h"

namespace infig {
namespace {

// distances [N, L, 2L-1], where column c of row i is distance c - i (both shifted by L - 1) -> [N, L, L], element (i, j) from column j - i
// + L - 1. This is a view: one row down and one column back is a constant stride, so nothing is gathered or copied.
at::Tensor skew(const at::Tensor& distances) {
  const int64_t length = distances.size(1), width = distances.size(2);
  return distances.as_strided({distances.size(0), length, length}, {length * width, width - 1, 1}, distances.storage_offset() + length - 1);
}

}  // namespace

at::Tensor relative_buckets(const at::Tensor& deltas, int64_t buckets, int64_t max_position) {
  if (buckets <= 0) return deltas;
  const int64_t middle = buckets / 2;
  // The logarithm is also computed for near distances and discarded; clamping keeps it defined.
  const at::Tensor far = deltas.abs().clamp_min(middle);
  const double span = static_cast<double>(max_position - 1) / static_cast<double>(middle);
  const at::Tensor logarithm = at::log(far / middle) / at::log(at::tensor(span, at::kFloat)).to(deltas.device());
  const at::Tensor bucket = at::ceil(logarithm * (middle - 1)) + middle;
  return at::where(deltas.abs().le(middle), deltas, (bucket * deltas.sign()).to(at::kLong));
}

at::Tensor position_bias(const at::Tensor& from_query, const at::Tensor& from_key, const std::vector<int32_t>& by_distance,
                         const at::Tensor& mask, int64_t posts) {
  const at::Tensor& some = from_query.defined() ? from_query : from_key;
  const int64_t heads = some.size(0), length = some.size(1) / posts, rows = some.size(2);
  at::Tensor bias = at::empty({posts, heads, length, length}, some.options());
  const float* queries = from_query.defined() ? from_query.const_data_ptr<float>() : nullptr;
  const float* keys = from_key.defined() ? from_key.const_data_ptr<float>() : nullptr;
  const int64_t* tokens = mask.defined() ? mask.const_data_ptr<int64_t>() : nullptr;
  float* out = bias.mutable_data_ptr<float>();
  const float lowest = std::numeric_limits<float>::lowest();
  at::parallel_for(0, posts * heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t post = item / heads, head = item % heads, first = (head * posts + post) * length;
      const int64_t* counted = tokens == nullptr ? nullptr : tokens + post * length;
      for (int64_t i = 0; i < length; ++i) {
        float* row = out + (item * length + i) * length;
        const int32_t* used = by_distance.data() + i + length - 1;  // entry of j = 0; j's is j places before it
        if (counted != nullptr && counted[i] == 0) {
          std::fill_n(row, length, lowest);
          continue;
        }
        const float* query = queries == nullptr ? nullptr : queries + (first + i) * rows;
        for (int64_t j = 0; j < length; ++j) {
          const int32_t r = used[-j];
          row[j] = (query == nullptr ? 0.0F : query[r]) + (keys == nullptr ? 0.0F : keys[(first + j) * rows + r]);
        }
        for (int64_t j = 0; counted != nullptr && j < length; ++j) {
          if (counted[j] == 0) row[j] = lowest;
        }
      }
    }
  });
  return bias;
}

RelativePositions relative_positions(int64_t length, int64_t buckets, int64_t max_position, const at::Device& device, bool with_index) {
  if (length < 1) throw ShapeError(fmt::format("relative positions: a text has {} tokens; at least 1 is expected", length));
  const int64_t span = buckets > 0 ? buckets : max_position;
  const at::Tensor deltas = at::arange(1 - length, length, at::kLong);
  const at::Tensor rows = (relative_buckets(deltas, buckets, max_position) + span).clamp(0, 2 * span - 1);
  RelativePositions positions;
  positions.first = rows[0].item<int64_t>();
  positions.count = rows[2 * length - 2].item<int64_t>() - positions.first + 1;
  const at::Tensor used = (rows - positions.first).to(at::kInt);
  positions.by_distance.assign(used.data_ptr<int32_t>(), used.data_ptr<int32_t>() + used.numel());
  // Short texts use one row per distance; scores can then be read by distance, without an index.
  if (with_index && !at::equal(rows - positions.first, at::arange(2 * length - 1, at::kLong))) {
    const at::Tensor steps = at::arange(length, at::kLong);
    const at::Tensor shifted = steps.unsqueeze(1) - steps.unsqueeze(0) + (length - 1);  // [L, L]
    positions.index = (rows - positions.first).index_select(0, shifted.flatten()).view({length, length}).to(device);
  }
  return positions;
}

// The projections of the whole position table, scaled: [H, d, 2 span] each. They depend only on weights, and computing them costs as much
// as several hundred tokens.
struct DisentangledAttentionImpl::Projected {
  std::mutex mutex;
  at::Tensor table;  // the table projected; holding it prevents its address from being reused
  std::vector<WeightState> of;
  at::Tensor key, query;
};

DisentangledAttentionImpl::DisentangledAttentionImpl(const DisentangledAttentionOptions& options) : options_(options) {
  const int64_t hidden = options.hidden_size;
  const int64_t terms = 1 + (options.c2p ? 1 : 0) + (options.p2c ? 1 : 0);
  inverse_scale_ = 1.0 / std::sqrt(static_cast<double>(hidden / options.num_attention_heads * terms));
  query_ = register_module("query_proj", linear(hidden, hidden));
  key_ = register_module("key_proj", linear(hidden, hidden));
  value_ = register_module("value_proj", linear(hidden, hidden));
  packed_qkv_ = PackedLinear({query_, key_, value_});
  projected_ = std::make_shared<Projected>();
  if (!options.relative_attention || options.share_att_key) return;
  if (options.c2p) position_key_ = register_module("pos_key_proj", linear(hidden, hidden));
  if (options.p2c) position_query_ = register_module("pos_query_proj", linear(hidden, hidden));
}

// rows [R, D] -> [H, d, R]. Scales here, because R rows are fewer than B L L scores.
at::Tensor DisentangledAttentionImpl::project_rows(torch::nn::Linear& projection, const at::Tensor& rows) const {
  const int64_t heads = options_.num_attention_heads, size = options_.hidden_size / heads;
  return (projection->forward(rows) * inverse_scale_).view({rows.size(0), heads, size}).permute({1, 2, 0});
}

// query, key [H, B, L, d] -> [H B, L, L]. The head is the first dimension, so that one matrix product per head serves all posts' positions.
at::Tensor DisentangledAttentionImpl::scores(const at::Tensor& query, const at::Tensor& key, const at::Tensor& rows,
                                             const RelativePositions& positions) {
  const int64_t heads = query.size(0), posts = query.size(1), length = query.size(2), size = query.size(3);
  const bool direct = !positions.index.defined();
  // content [H, B, L, d] against all used rows: [H B, L, R]
  const auto against_rows = [&](const at::Tensor& content, torch::nn::Linear& projection, bool ascending) {
    const at::Tensor table = project_rows(projection, ascending ? rows : rows.flip(0));
    return at::bmm(content.view({heads, posts * length, size}), table).view({heads * posts, length, rows.size(0)});
  };
  // Pair (i, j) uses row i - j + L - 1 of the table: for a fixed query i the row falls with j, for a fixed key j it rises with i.
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
  const double beta = uses_positions() && options_.c2p ? 1.0 : 0.0;  // with 1, baddbmm adds the product to the position scores
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
  const at::Tensor dropped = uses_positions() ? dropout(rows, options_.hidden_dropout_prob, source, 0) : rows;
  at::Tensor attention = scores(split(query_), split(key_), dropped, positions);
  if (blocked.defined()) {
    // In place is safe: the product's backward pass does not need its result.
    attention.view({heads, posts, length, length}).masked_fill_(blocked, lowest_value(attention.scalar_type()));
  }
  const at::Tensor value = split(value_);
  const at::Tensor probabilities = dropout(softmax_last(attention), options_.attention_probs_dropout_prob, source, heads);
  const at::Tensor context = at::bmm(probabilities.to(value.scalar_type()), value.view({heads * posts, length, size}));
  return context.view({heads, posts, length, size}).permute({1, 2, 0, 3}).reshape({posts, length, options_.hidden_size});
}

void DisentangledAttentionImpl::project_table(const at::Tensor& table) {
  torch::nn::Linear& to_key = options_.share_att_key ? key_ : position_key_;
  torch::nn::Linear& to_query = options_.share_att_key ? query_ : position_query_;
  std::vector<WeightState> now = {WeightState(table)};
  for (torch::nn::Linear* part : {options_.c2p ? &to_key : nullptr, options_.p2c ? &to_query : nullptr}) {
    if (part == nullptr) continue;
    now.emplace_back((*part)->weight);
    now.emplace_back((*part)->bias);
  }
  const std::lock_guard<std::mutex> lock(projected_->mutex);
  if (projected_->table.is_same(table) && projected_->of == now) return;
  projected_->key = options_.c2p ? project_rows(to_key, table).contiguous() : at::Tensor();
  projected_->query = options_.p2c ? project_rows(to_query, table).contiguous() : at::Tensor();
  projected_->table = table;
  projected_->of = std::move(now);
}

at::Tensor DisentangledAttentionImpl::forward_packed(const at::Tensor& x, const at::Tensor& mask, const at::Tensor& table,
                                                     const RelativePositions& positions) {
  const int64_t posts = x.size(0), length = x.size(1), heads = options_.num_attention_heads, size = options_.hidden_size / heads;
  const at::Tensor joined = packed_qkv_.forward(x).view({posts * length, 3, heads, size});
  at::Tensor bias;
  if (uses_positions()) {
    project_table(table);
    // content [H, B L, d] (a view) times the table's rows in use -> [H, B L, R]
    const auto against = [&](int64_t part, const at::Tensor& projected) {
      if (!projected.defined()) return at::Tensor();
      return at::bmm(joined.select(1, part).transpose(0, 1), projected.narrow(2, positions.first, positions.count));
    };
    bias = position_bias(against(0, projected_->key), against(1, projected_->query), positions.by_distance, mask, posts);
  } else if (mask.defined()) {
    const at::Tensor tokens = mask.to(at::kBool);
    const at::Tensor blocked = at::logical_and(tokens.unsqueeze(2), tokens.unsqueeze(1)).logical_not_().unsqueeze(1);
    bias = at::zeros(blocked.sizes(), x.options()).masked_fill_(blocked, lowest_value(x.scalar_type()));
  }
  const at::Tensor all = joined.view({posts, length, 3, heads, size}).permute({2, 0, 3, 1, 4});  // [3, B, H, L, d]
  const at::Tensor context = at::scaled_dot_product_attention(
      all[0], all[1], all[2], bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt, 0.0, false, inverse_scale_);
  return context.transpose(1, 2).reshape({posts, length, options_.hidden_size});
}

}  // namespace infig

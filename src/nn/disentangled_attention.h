// DeBERTa's disentangled attention (He et al. 2021, eq. 4; log buckets as in DeBERTa v2/v3).
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/dropout.h"
#include "nn/packed_linear.h"

namespace infig {

// Bucket of each distance delta = i - j: itself where |delta| <= buckets / 2, beyond that logarithmic up to max_position - 1; odd in
// delta. buckets <= 0: the distance itself. deltas [n] int64 -> [n] int64. In float32, as the published code computes it.
at::Tensor relative_buckets(const at::Tensor& deltas, int64_t buckets, int64_t max_position);

// What the L x L distances of one call need of the table of 2 * span relative embeddings (row delta + span, clamped to the table).
// Built once a call and shared by all layers.
struct RelativePositions {
  int64_t first = 0;  // first row used
  int64_t count = 0;  // rows used, consecutive: rows first .. first + count - 1 are the only ones that need projections
  at::Tensor index;   // [L, L] int64: row - first of distance i - j; undefined where it is i - j + L - 1 throughout (one row a distance)
  std::vector<int32_t> by_distance;  // row - first of distance i - j, at i - j + L - 1
};

// What is added to the scores of query i and key j: sum[b, h, i, j] = from_query[h, b L + i, r] + from_key[h, b L + j, r] with r =
// by_distance[i - j + L - 1], and float's lowest value where mask says that i or j is padding.
//   from_query, from_key [H, B L, R] float, contiguous; either may be undefined (0)
//   mask [B, L] int64, or undefined. Returns [B, H, L, L] float. For inference: no gradient.
at::Tensor position_bias(const at::Tensor& from_query, const at::Tensor& from_key, const std::vector<int32_t>& by_distance,
                         const at::Tensor& mask, int64_t posts);

// buckets > 0: span = buckets, else span = max_position. Throws ShapeError for length < 1.
// with_index false: index stays undefined, which forward_packed() has no use for.
RelativePositions relative_positions(int64_t length, int64_t buckets, int64_t max_position, const at::Device& device,
                                     bool with_index = true);

struct DisentangledAttentionOptions {
  int64_t hidden_size = 768;
  int64_t num_attention_heads = 12;
  double hidden_dropout_prob = 0.1;           // of the relative embeddings
  double attention_probs_dropout_prob = 0.1;  // of the probabilities
  bool relative_attention = true;
  bool c2p = true;            // content to position; counts in the scale even without relative_attention
  bool p2c = true;            // position to content; likewise
  bool share_att_key = true;  // positions go through query_proj and key_proj instead of projections of their own
};

// With q, k, v [B, H, L, d] the projections of x, row r(i, j) of the position table through pos_key (k^r) and pos_query (q^r):
//   A_ij = (q_i . k_j + [c2p] q_i . k^r_{r(i,j)} + [p2c] k_j . q^r_{r(i,j)}) / sqrt(d (1 + [c2p] + [p2c]))
//   softmax over the allowed j, dropout, times v. Rows with no allowed j attend to all tokens alike.
// Parameters query_proj, key_proj, value_proj, and where share_att_key is off pos_key_proj (c2p) and pos_query_proj (p2c).
class DisentangledAttentionImpl : public torch::nn::Module {
 public:
  explicit DisentangledAttentionImpl(const DisentangledAttentionOptions& options);
  // x [B, L, D]; blocked [B, L, L] bool, true = i must not attend to j, or undefined; rows [positions.count, D] are the rows of the
  // position table in use; rows and positions are not looked at where no position term is on. Returns [B, L, D].
  at::Tensor forward(const at::Tensor& x, const at::Tensor& blocked, const at::Tensor& rows, const RelativePositions& positions,
                     DropoutSource* source);

  // The same without dropout or gradients, for where PackedLinear::usable(x) holds; tests whether it does: usable(x). `table` is the whole
  // position table [2 span, D] (undefined where no position term is on): its projections are kept as long as it stays the same tensor.
  // mask [B, L] int64, 0 = padding, or undefined.
  bool usable(const at::Tensor& x) const { return packed_qkv_.usable(x); }
  at::Tensor forward_packed(const at::Tensor& x, const at::Tensor& mask, const at::Tensor& table, const RelativePositions& positions);

 private:
  struct Projected;
  void project_table(const at::Tensor& table);
  bool uses_positions() const { return options_.relative_attention && (options_.c2p || options_.p2c); }
  at::Tensor scores(const at::Tensor& query, const at::Tensor& key, const at::Tensor& rows, const RelativePositions& positions);
  at::Tensor project_rows(torch::nn::Linear& projection, const at::Tensor& rows) const;

  DisentangledAttentionOptions options_;
  double inverse_scale_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, position_key_{nullptr}, position_query_{nullptr};
  PackedLinear packed_qkv_;
  std::shared_ptr<Projected> projected_;
};
TORCH_MODULE(DisentangledAttention);

}  // namespace infig

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

// Returns the bucket of each distance delta = i - j: delta itself if |delta| <= buckets / 2, and logarithmic buckets beyond that, up to
// max_position - 1; bucket(-delta) = -bucket(delta). With buckets <= 0, returns the deltas. [n] int64 -> [n] int64. Computed in float32, as
// in the published code.
at::Tensor relative_buckets(const at::Tensor& deltas, int64_t buckets, int64_t max_position);

// The rows of the table of 2 * span relative embeddings that L x L distances use: row bucket(i - j) + span, clamped to the table. Built
// once per call and shared by all layers.
struct RelativePositions {
  int64_t first = 0;  // first row used
  int64_t count = 0;  // number of rows used: only rows first .. first + count - 1 need projections
  at::Tensor index;   // [L, L] int64: row - first at (i, j); undefined if always i - j + L - 1 (one row per distance), or not requested
  std::vector<int32_t> by_distance;  // [2 L - 1]: row - first of distance i - j at index i - j + L - 1
};

// The term added to the score of query i and key j: bias[b, h, i, j] = from_query[h, b L + i, r] + from_key[h, b L + j, r] with r =
// by_distance[i - j + L - 1], or float's lowest value if token i or j is padding according to mask.
//   from_query, from_key [H, B L, R] float, contiguous; an undefined one counts as 0
//   mask [B, L] int64, or undefined. Returns [B, H, L, L] float. For inference: no gradient.
at::Tensor position_bias(const at::Tensor& from_query, const at::Tensor& from_key, const std::vector<int32_t>& by_distance,
                         const at::Tensor& mask, int64_t posts);

// buckets > 0: span = buckets, else span = max_position. Throws ShapeError for length < 1.
// with_index false: leaves `index` undefined, which forward_packed() does not use.
RelativePositions relative_positions(int64_t length, int64_t buckets, int64_t max_position, const at::Device& device,
                                     bool with_index = true);

struct DisentangledAttentionOptions {
  int64_t hidden_size = 768;
  int64_t num_attention_heads = 12;
  double hidden_dropout_prob = 0.1;           // on the relative embeddings
  double attention_probs_dropout_prob = 0.1;  // on the attention probabilities
  bool relative_attention = true;
  bool c2p = true;            // content-to-position term; affects the scale even without relative_attention
  bool p2c = true;            // position-to-content term; affects the scale even without relative_attention
  bool share_att_key = true;  // positions use query_proj and key_proj; false: projections of their own
};

// With q, k, v [B, H, L, d] the projections of x, and k^r, q^r those of row r(i, j) of the position table (pos_key, pos_query):
//   A_ij = (q_i . k_j + [c2p] q_i . k^r_{r(i,j)} + [p2c] k_j . q^r_{r(i,j)}) / sqrt(d (1 + [c2p] + [p2c]))
// The output is softmax of A over the allowed j, with dropout, times v. A row without allowed j attends to all tokens equally.
// Parameters: query_proj, key_proj, value_proj; without share_att_key also pos_key_proj (if c2p) and pos_query_proj (if p2c).
class DisentangledAttentionImpl : public torch::nn::Module {
 public:
  explicit DisentangledAttentionImpl(const DisentangledAttentionOptions& options);
  // x [B, L, D]; blocked [B, L, L] bool, true = i must not attend to j, or undefined; rows [positions.count, D]: the rows of the position
  // table in use. rows and positions are ignored if there is no position term. Returns [B, L, D].
  at::Tensor forward(const at::Tensor& x, const at::Tensor& blocked, const at::Tensor& rows, const RelativePositions& positions,
                     DropoutSource* source);

  // The same without dropout and gradients; requires usable(x). `table` is the whole position table [2 span, D] (undefined without position
  // terms), whose projections are cached as long as it remains the same tensor. mask [B, L] int64, 0 = padding, or undefined.
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

// A batch of posts as tensors. It contains only what the model requests (LoaderInputs, PostLoader::use_*).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <vector>

namespace infig {

// Further inputs of a post besides text and picture: rows that a model computed or read once (PostLoader::use_column).
enum class BatchColumn {
  kWords,       // [B, W] int64 ids in a vocabulary of words, 0 = padding
  kAttributes,  // [B, A] int64 ids of attribute words
  kCaptions,    // [B, W] int64 ids of a caption's words, 0 = padding
  kScene,       // [B, ...] float features of a second frozen image tower
  kWhole,       // [B, c] float pooled features of the picture in one piece, where feature_map is of its regions
  kSecondText,  // [B, L] int64 token ids + 1 of another text of the post, 0 = padding; in training alone
};

struct Batch {
  at::Tensor input_ids;       // [B, L] int64, padded with [PAD] to the batch's longest text L
  at::Tensor attention_mask;  // [B, L] int64, 1 = token, 0 = padding
  at::Tensor pixel_values;  // [B, 3, S, S] float, channels-last in memory; zeros if the picture is missing; undefined if feature_map is set
  // Precomputed features of a frozen backbone, or undefined. A feature map is [B, c, h, w] float, channels-last in memory.
  at::Tensor feature_map;
  at::Tensor clip_embeds;                     // [B, 2, E] float: CLIP's embeddings of picture and text; only in training with CLIP in GAM
  std::map<BatchColumn, at::Tensor> columns;  // the requested columns
  at::Tensor labels;                          // [B] int64; -1: no label
  at::Tensor has_text;                        // [B] bool; a missing text is [CLS] [SEP], and masked out of fusion, pooling, GAM and HFAM
  at::Tensor has_image;                       // [B] bool; a missing picture is masked out in the same way
  at::Tensor post_ids;                        // [B] int64: rows in the data set, which are the ids in GAM's queue
  std::vector<int64_t> rows;                  // post_ids on the host

  int64_t size() const { return static_cast<int64_t>(rows.size()); }
  at::Device device() const { return labels.device(); }
  Batch to(const at::Device& device) const;
  // Posts first .. first + count - 1 as views; texts stay padded to the length of the whole batch.
  Batch slice(int64_t first, int64_t count) const;

 private:
  template <typename Change>
  Batch changed(const Change& change) const;  // applies `change` to every tensor that is defined
};

// Texts as one tensor, padded with [PAD] to the longest of them.
struct PaddedTexts {
  at::Tensor input_ids, attention_mask;  // [B, L] int64
};
PaddedTexts pad_texts(const std::vector<std::vector<int64_t>>& ids, const std::vector<int64_t>& rows, int64_t pad_id);

}  // namespace infig

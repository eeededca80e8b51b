// A batch of posts as tensors: what the model in use asked for (LoaderInputs, PostLoader::use_*), and nothing else.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <vector>

namespace infig {

// What a post has beside its text and its picture: rows that a model computed or read once (PostLoader::use_column).
enum class BatchColumn {
  kWords,       // [B, W] int64 ids in a vocabulary of words, 0 = padding
  kAttributes,  // [B, A] int64 ids of attribute words
  kCaptions,    // [B, W] int64 ids of a caption's words, 0 = padding
  kScene,       // [B, ...] float features of a second frozen image tower
};

struct Batch {
  at::Tensor input_ids;       // [B, L] int64, [PAD] after each text; L is the batch's longest
  at::Tensor attention_mask;  // [B, L] int64, 1 = token, 0 = padding
  at::Tensor pixel_values;  // [B, 3, S, S] float, channels-last in memory; zeros where the picture is missing; undefined beside feature_map
  // What a frozen backbone gives, where it was computed before; else undefined. A grid is [B, c, h, w] float, channels-last in memory.
  at::Tensor feature_map;
  at::Tensor clip_embeds;                     // [B, 2, E] float: CLIP's embeddings of picture and text, in training with CLIP in GAM
  std::map<BatchColumn, at::Tensor> columns;  // of the columns that were asked for
  at::Tensor labels;                          // [B] int64
  at::Tensor has_text;                        // [B] bool; a missing text is [CLS] [SEP] and masked out of fusion, pooling, GAM and HFAM
  at::Tensor has_image;                       // [B] bool; likewise
  at::Tensor post_ids;                        // [B] int64: row in the data set, which is what GAM's queue calls a post's id
  std::vector<int64_t> rows;                  // the same on the host

  int64_t size() const { return static_cast<int64_t>(rows.size()); }
  at::Device device() const { return labels.device(); }
  Batch to(const at::Device& device) const;
  // Posts first .. first + count - 1, as views; texts keep the width of the whole batch.
  Batch slice(int64_t first, int64_t count) const;

 private:
  template <typename Change>
  Batch changed(const Change& change) const;  // every tensor that is there
};

// Texts as one tensor, [PAD] behind each up to the longest of them.
struct PaddedTexts {
  at::Tensor input_ids, attention_mask;  // [B, L] int64
};
PaddedTexts pad_texts(const std::vector<std::vector<int64_t>>& ids, const std::vector<int64_t>& rows, int64_t pad_id);

}  // namespace infig

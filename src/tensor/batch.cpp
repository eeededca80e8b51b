#include "tensor/batch.h"

#include <algorithm>

namespace infig {

Batch Batch::to(const at::Device& device) const {
  if (device.is_cpu()) return *this;
  Batch moved = *this;
  for (at::Tensor* tensor : {&moved.input_ids, &moved.attention_mask, &moved.pixel_values, &moved.feature_map, &moved.clip_embeds,
                             &moved.labels, &moved.has_text, &moved.has_image, &moved.post_ids}) {
    if (tensor->defined()) *tensor = tensor->to(device);
  }
  return moved;
}

Batch Batch::slice(int64_t first, int64_t count) const {
  Batch part = *this;
  for (at::Tensor* tensor : {&part.input_ids, &part.attention_mask, &part.pixel_values, &part.feature_map, &part.clip_embeds, &part.labels,
                             &part.has_text, &part.has_image, &part.post_ids}) {
    if (tensor->defined()) *tensor = tensor->narrow(0, first, count);
  }
  part.rows.assign(rows.begin() + first, rows.begin() + first + count);
  return part;
}

PaddedTexts pad_texts(const std::vector<std::vector<int64_t>>& ids, const std::vector<int64_t>& rows, int64_t pad_id) {
  size_t length = 0;
  for (const int64_t row : rows) length = std::max(length, ids[static_cast<size_t>(row)].size());
  const auto count = static_cast<int64_t>(rows.size()), width = static_cast<int64_t>(length);
  PaddedTexts texts{at::full({count, width}, pad_id, at::kLong), at::zeros({count, width}, at::kLong)};
  for (int64_t i = 0; i < count; ++i) {
    const auto& row = ids[static_cast<size_t>(rows[static_cast<size_t>(i)])];
    std::copy(row.begin(), row.end(), texts.input_ids.data_ptr<int64_t>() + i * width);
    std::fill_n(texts.attention_mask.data_ptr<int64_t>() + i * width, row.size(), int64_t{1});
  }
  return texts;
}

}  // namespace infig

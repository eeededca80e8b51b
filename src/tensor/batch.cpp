#include "tensor/batch.h"

#include <algorithm>

namespace infig {

template <typename Change>
Batch Batch::changed(const Change& change) const {
  Batch result = *this;
  for (at::Tensor* tensor : {&result.input_ids, &result.attention_mask, &result.pixel_values, &result.feature_map, &result.clip_embeds,
                             &result.labels, &result.has_text, &result.has_image, &result.post_ids}) {
    if (tensor->defined()) *tensor = change(*tensor);
  }
  for (auto& [column, tensor] : result.columns) tensor = change(tensor);
  return result;
}

Batch Batch::to(const at::Device& device) const {
  if (device.is_cpu()) return *this;
  return changed([&](const at::Tensor& tensor) { return tensor.to(device); });
}

Batch Batch::slice(int64_t first, int64_t count) const {
  Batch part = changed([&](const at::Tensor& tensor) { return tensor.narrow(0, first, count); });
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

#include "tensor/batch.h"

namespace infig {

Batch Batch::to(const at::Device& device) const {
  if (device.is_cpu()) return *this;
  Batch moved = *this;
  for (at::Tensor* tensor :
       {&moved.input_ids, &moved.attention_mask, &moved.pixel_values, &moved.feature_map, &moved.labels, &moved.has_text, &moved.has_image, &moved.post_ids}) {
    if (tensor->defined()) *tensor = tensor->to(device);
  }
  return moved;
}

}  // namespace infig

#include "alignment/queue.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace infig {
namespace {

void expect(const at::Tensor& tensor, at::IntArrayRef shape, bool floating, const char* name) {
  if (!tensor.defined() || tensor.sizes() != shape || (floating ? !tensor.is_floating_point() : tensor.scalar_type() != at::kLong)) {
    throw ShapeError(
        fmt::format("feature queue: {} must be {} {}, found {}", name, floating ? "float" : "Long", shape.vec(),
                    tensor.defined() ? fmt::format("{} {}", c10::toString(tensor.scalar_type()), tensor.sizes().vec()) : "none"));
  }
}

}  // namespace

FeatureQueue::FeatureQueue(int64_t capacity, int64_t dimension, const at::Device& device) : capacity_(capacity) {
  if (capacity < 0 || dimension < 1) {
    throw ConfigError(fmt::format("feature queue: capacity must be >= 0 and dimension >= 1, found {} and {}", capacity, dimension));
  }
  image_ = at::zeros({capacity, dimension}, at::TensorOptions(at::kFloat).device(device));
  text_ = at::zeros_like(image_);
  ids_ = at::full({capacity}, -1, at::TensorOptions(at::kLong).device(device));
}

void FeatureQueue::push(const at::Tensor& image, const at::Tensor& text, const at::Tensor& ids) {
  const int64_t rows = image.defined() && image.dim() == 2 ? image.size(0) : -1;
  expect(image, {rows, image_.size(1)}, true, "image");
  expect(text, {rows, image_.size(1)}, true, "text");
  expect(ids, {rows}, false, "ids");
  const at::NoGradGuard no_grad;
  if (capacity_ == 0) return;
  // Only the last `capacity` rows remain, at the positions that they would have if all rows were written one by one.
  const int64_t skipped = std::max<int64_t>(rows - capacity_, 0);
  int64_t source = skipped;
  int64_t place = (pointer_ + skipped) % capacity_;
  while (source < rows) {
    const int64_t count = std::min(rows - source, capacity_ - place);
    image_.narrow(0, place, count).copy_(image.narrow(0, source, count));
    text_.narrow(0, place, count).copy_(text.narrow(0, source, count));
    ids_.narrow(0, place, count).copy_(ids.narrow(0, source, count));
    source += count;
    place = (place + count) % capacity_;
  }
  pointer_ = place;
  valid_ = std::min(valid_ + rows, capacity_);
}

at::Tensor FeatureQueue::image() const { return image_.narrow(0, 0, valid_).clone(); }
at::Tensor FeatureQueue::text() const { return text_.narrow(0, 0, valid_).clone(); }
at::Tensor FeatureQueue::ids() const { return ids_.narrow(0, 0, valid_).clone(); }

FeatureQueue::State FeatureQueue::state() const {
  return {.image = image_.clone(), .text = text_.clone(), .ids = ids_.clone(), .pointer = pointer_, .valid = valid_};
}

void FeatureQueue::restore(const State& state) {
  try {
    expect(state.image, {capacity_, image_.size(1)}, true, "image");
    expect(state.text, {capacity_, image_.size(1)}, true, "text");
    expect(state.ids, {capacity_}, false, "ids");
  } catch (const ShapeError& error) {
    throw CheckpointError(fmt::format("{}; the checkpoint belongs to another gam.queue_size or model width", error.what()));
  }
  const bool full = state.valid == capacity_;
  const bool sound = state.valid >= 0 && state.valid <= capacity_ && state.pointer >= 0 &&
                     (full ? state.pointer < std::max<int64_t>(capacity_, 1) : state.pointer == state.valid);
  if (!sound) {
    throw CheckpointError(
        fmt::format("feature queue: a queue of {} cannot hold {} valid entries with the next place {}; the checkpoint is broken", capacity_,
                    state.valid, state.pointer));
  }
  const at::NoGradGuard no_grad;
  image_.copy_(state.image);
  text_.copy_(state.text);
  ids_.copy_(state.ids);
  pointer_ = state.pointer;
  valid_ = state.valid;
}

}  // namespace infig

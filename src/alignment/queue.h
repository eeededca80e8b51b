// The queue of momentum representations (eq. 1): a ring buffer with a valid count and the post's id beside each entry.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace infig {

class FeatureQueue {
 public:
  FeatureQueue(int64_t capacity, int64_t dimension, const at::Device& device);  // capacity >= 0; throws ConfigError
  // Appends rows, overwriting the oldest; wraps around. image, text [B, g] float; ids [B] int64. More rows than capacity: the last
  // ones, as if pushed one by one. No gradient. Throws ShapeError and then changes nothing.
  void push(const at::Tensor& image, const at::Tensor& text, const at::Tensor& ids);
  // Only the valid entries, in storage order: [V, g] float32, [V, g] float32, [V] int64. Copies, so that a push between the loss
  // and its backward pass does not disturb the graph.
  at::Tensor image() const;
  at::Tensor text() const;
  at::Tensor ids() const;
  int64_t valid() const { return valid_; }
  int64_t pointer() const { return pointer_; }  // where the next row goes
  int64_t capacity() const { return capacity_; }

  // Whole storage, for checkpoints (copies).
  struct State {
    at::Tensor image, text, ids;  // [capacity, g] float, [capacity, g] float, [capacity] int64; unused ids are -1
    int64_t pointer = 0, valid = 0;
  };
  State state() const;
  void restore(const State& state);  // throws CheckpointError if sizes differ or pointer and valid contradict each other

 private:
  int64_t capacity_;
  int64_t pointer_ = 0;
  int64_t valid_ = 0;
  at::Tensor image_, text_, ids_;
};

}  // namespace infig

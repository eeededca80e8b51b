// The queue of momentum representations (eq. 1): a ring buffer with a count of valid entries, and a post id for each entry.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace infig {

class FeatureQueue {
 public:
  FeatureQueue(int64_t capacity, int64_t dimension, const at::Device& device);  // capacity >= 0; throws ConfigError
  // Appends rows, overwriting the oldest; wraps around. image, text [B, g] float; ids [B] int64. If there are more rows than capacity, only
  // the last ones remain, as if they were pushed one by one. No gradient. Throws ShapeError, leaving the queue unchanged.
  void push(const at::Tensor& image, const at::Tensor& text, const at::Tensor& ids);
  // The valid entries in storage order: [V, g] float32, [V, g] float32, [V] int64. These are copies, so that a push between the loss and
  // its backward pass does not affect the graph.
  at::Tensor image() const;
  at::Tensor text() const;
  at::Tensor ids() const;
  int64_t valid() const { return valid_; }
  int64_t pointer() const { return pointer_; }  // index of the next row to write
  int64_t capacity() const { return capacity_; }

  // The whole storage, for checkpoints (copies).
  struct State {
    at::Tensor image, text, ids;  // [capacity, g] float, [capacity, g] float, [capacity] int64; unused ids are -1
    int64_t pointer = 0, valid = 0;
  };
  State state() const;
  void restore(const State& state);  // throws CheckpointError if sizes differ or if pointer and valid are inconsistent

 private:
  int64_t capacity_;
  int64_t pointer_ = 0;
  int64_t valid_ = 0;
  at::Tensor image_, text_, ids_;
};

}  // namespace infig

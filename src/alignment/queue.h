// The queue of momentum representations (eq. 1): a ring buffer with a valid count and the post's id beside each entry.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace infig {

class FeatureQueue {
 public:
  FeatureQueue(int64_t capacity, int64_t dimension, const at::Device& device);  // capacity >= 0
  // Appends rows, overwriting the oldest; wraps around. image, text [B, g] float; ids [B] int64. More rows than capacity: the last ones.
  void push(const at::Tensor& image, const at::Tensor& text, const at::Tensor& ids);
  // Only the valid entries, in storage order: [V, g], [V, g], [V].
  at::Tensor image() const;
  at::Tensor text() const;
  at::Tensor ids() const;
  int64_t valid() const { return valid_; }
  int64_t pointer() const { return pointer_; }  // where the next row goes
  int64_t capacity() const { return capacity_; }

  // Whole storage, for checkpoints.
  struct State {
    at::Tensor image, text, ids;  // [capacity, g], [capacity, g], [capacity]
    int64_t pointer = 0, valid = 0;
  };
  State state() const;
  void restore(const State& state);  // throws CheckpointError if sizes differ

 private:
  int64_t capacity_;
  int64_t pointer_ = 0;
  int64_t valid_ = 0;
  at::Tensor image_, text_, ids_;
};

}  // namespace infig

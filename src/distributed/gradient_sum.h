// Gradients summed over ranks in buckets while the backward pass still runs.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "distributed/ranks.h"

namespace infig {

struct GradientSumOptions {
  int64_t bucket_mib = 4;  // values sent at once; >= 1
  bool overlap = true;     // false: everything is sent by finish(); for layers that run backward inside backward
};

// Every parameter of `module` that wants a gradient, in buckets from the last registered to the first, which is about the order in which
// the backward pass finishes them. A bucket is sent once it is full and all buckets before it are sent, so the order is the same on every
// rank. With one rank it does nothing.
class GradientSum {
 public:
  GradientSum(const torch::nn::Module& module, Ranks& ranks, GradientSumOptions options = {});
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  // Before the step's last backward pass: gradients that it completes are sent.
  void arm();
  // After it: waits. Each parameter's .grad is then the sum over ranks; one that has a gradient on no rank has none. Collective.
  void finish();

 private:
  struct Slot {
    at::Tensor parameter;
    int64_t offset = 0;  // in the bucket
    size_t bucket = 0;
    bool filled = false;
  };
  struct Bucket {
    at::Tensor values;  // [n] float
    size_t missing = 0, slots = 0;
  };
  struct Hook;
  void completed(Slot& slot);
  void fill(Slot& slot);
  void send_ready();

  Ranks* ranks_;
  bool overlap_;
  bool armed_ = false;
  std::vector<Slot> slots_;
  std::vector<Bucket> buckets_;
  size_t sent_ = 0;  // buckets sent so far
  std::vector<std::unique_ptr<Hook>> hooks_;
};

}  // namespace infig

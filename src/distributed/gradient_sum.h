// Sums gradients over the ranks in buckets, while the backward pass is still running.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "distributed/ranks.h"

namespace infig {

struct GradientSumOptions {
  int64_t bucket_mib = 4;  // size of a bucket, MiB, >= 1
  bool overlap = true;     // false: finish() sends everything; required for layers that run backward inside backward
};

// Handles every parameter of `module` that requires a gradient, in buckets from the last registered parameter to the first, roughly the
// order in which backward finishes them. A bucket is sent when all its gradients are complete and all earlier buckets are sent, so the
// order is the same on every rank. With one rank it does nothing.
class GradientSum {
 public:
  GradientSum(const torch::nn::Module& module, Ranks& ranks, GradientSumOptions options = {});
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  // Call before the step's last backward pass: gradients are sent as it completes them.
  void arm();
  // Call after that pass; waits for the sums. Each parameter's .grad is then the sum over the ranks; a parameter without a gradient on any
  // rank has none. Collective.
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
  size_t sent_ = 0;  // number of buckets sent
  std::vector<std::unique_ptr<Hook>> hooks_;
};

}  // namespace infig

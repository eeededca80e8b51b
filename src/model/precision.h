// Number formats of the forward pass. Losses, softmax and LayerNorm stay in float32 whatever is chosen (row 40).
#pragma once

#include <torch/types.h>

#include <string>

namespace infig {

enum class Precision { kFp32, kBf16, kAuto };
enum class DeviceChoice { kCpu, kCuda, kAuto };

// cuda where libtorch has it and a GPU answers, else cpu. Choosing cuda turns TF32 off, so that fp32 is float32. Throws ConfigError for
// cuda where there is none.
at::Device resolve_device(DeviceChoice choice);

// auto: bf16 where this CPU multiplies bf16 natively (AVX512-BF16 or AMX) or on a GPU, else fp32. Never kAuto.
Precision resolve_precision(Precision precision, const at::Device& device);

const char* precision_name(Precision precision);  // "fp32", "bf16", "auto"
bool cpu_has_bf16();                              // AVX512-BF16 or AMX-BF16

// While it lives, matrix products run in bf16 (autocast) if asked to.
class AutocastScope {
 public:
  AutocastScope(Precision precision, const at::Device& device);  // precision must be resolved
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  bool active_;
  at::DeviceType type_;
  bool was_enabled_ = false;
  at::ScalarType was_dtype_ = at::kFloat;
};

}  // namespace infig

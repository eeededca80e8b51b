// Number formats of the forward pass. Losses, softmax and LayerNorm always stay in float32 (row 40).
#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace infig {

enum class Precision { kFp32, kBf16, kFp16, kAuto };
enum class DeviceChoice { kCpu, kCuda, kAuto };

// kAuto: cuda if libtorch supports it and a GPU is available, else cpu. Selecting cuda disables TF32 in the process, so that fp32 means
// float32. Throws ConfigError for kCuda without a GPU.
at::Device resolve_device(DeviceChoice choice);

// The precision of a training run. kAuto becomes bf16 if the device computes it natively, else fp16 (with dynamic loss scaling) on a GPU
// and fp32 on a CPU. Never returns kAuto.
Precision resolve_precision(Precision precision, const at::Device& device);
Precision automatic_precision(bool cuda, bool native_bf16);

// Whether the device has hardware for it. bf16: a CPU with AVX512-BF16 or AMX, a GPU of compute capability 8.0 or later. fp16: any GPU.
// fp32: any device.
bool computes_natively(Precision precision, const at::Device& device);

// The precision of evaluate and predict. kAuto becomes the precision of training, so that dev scores of training, evaluate and predict are
// the same numbers; or fp32, with a warning, if the device does not compute that natively.
Precision scoring_precision(Precision asked, Precision trained, const at::Device& device);

Precision parse_precision(const std::string& name);  // "bf16"; throws ConfigError

const char* precision_name(Precision precision);                     // "fp32", "bf16", "fp16", "auto"
std::vector<std::pair<std::string, Precision>> precision_choices();  // for ConfigBinder::choice
bool cpu_has_bf16();                                                 // AVX512-BF16 or AMX-BF16

// While an instance lives, matrix products run in bf16 or fp16 (autocast); with kFp32 they run in fp32 even inside another such scope.
class AutocastScope {
 public:
  AutocastScope(Precision precision, const at::Device& device);  // precision must be resolved
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  at::DeviceType type_;
  bool was_enabled_;
  at::ScalarType was_dtype_;
};

}  // namespace infig

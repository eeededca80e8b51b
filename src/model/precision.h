// Number formats of the forward pass. Losses, softmax and LayerNorm stay in float32 whatever is chosen (row 40).
#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace infig {

enum class Precision { kFp32, kBf16, kFp16, kAuto };
enum class DeviceChoice { kCpu, kCuda, kAuto };

// cuda where libtorch has it and a GPU answers, else cpu. Choosing cuda turns TF32 off, so that fp32 is float32. Throws ConfigError for
// cuda where there is none.
at::Device resolve_device(DeviceChoice choice);

// What a training run computes in. auto: bf16 where the device computes it natively; else fp16 (with the dynamic loss scale) on a GPU and
// fp32 on a CPU. The answer is never kAuto.
Precision resolve_precision(Precision precision, const at::Device& device);
Precision automatic_precision(bool cuda, bool native_bf16);

// bf16: AVX512-BF16 or AMX on a CPU, compute capability 8.0 on a GPU. fp16: a GPU. fp32: everywhere.
bool computes_natively(Precision precision, const at::Device& device);

// What evaluate and predict compute in. auto: what the model was trained in, so that dev scores of training, evaluate and predict are the
// same numbers; fp32, with a warning, where the device does not compute that natively.
Precision scoring_precision(Precision asked, Precision trained, const at::Device& device);

Precision parse_precision(const std::string& name);  // "bf16"; throws ConfigError

const char* precision_name(Precision precision);                     // "fp32", "bf16", "fp16", "auto"
std::vector<std::pair<std::string, Precision>> precision_choices();  // for ConfigBinder::choice
bool cpu_has_bf16();                                                 // AVX512-BF16 or AMX-BF16

// While it lives, matrix products run in bf16 or fp16 (autocast), or in fp32 whatever a scope around it says.
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

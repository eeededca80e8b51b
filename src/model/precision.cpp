#include "model/precision.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

#include "core/error.h"

namespace infig {

at::Device resolve_device(DeviceChoice choice) {
  const bool cuda = at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0;
  if (choice == DeviceChoice::kCuda && !cuda) {
    throw ConfigError(
        "device: cuda was asked for, but this libtorch is built without CUDA or no GPU answers; use device=cpu or auto (`infig doctor` "
        "shows what is there)");
  }
  if (!cuda || choice == DeviceChoice::kCpu) return at::Device(at::kCPU);
  // libtorch lets cuDNN round float32 convolutions to TF32's 10 bits unless told otherwise; fp32 means fp32 here.
  at::globalContext().setAllowTF32CuDNN(false);
  return at::Device(at::kCUDA, 0);
}

bool cpu_has_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;  // every CPU with AMX-BF16 has it too
#else
  return false;
#endif
}

Precision resolve_precision(Precision precision, const at::Device& device) {
  if (precision != Precision::kAuto) return precision;
  return device.is_cuda() || cpu_has_bf16() ? Precision::kBf16 : Precision::kFp32;
}

const char* precision_name(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return "fp32";
    case Precision::kBf16:
      return "bf16";
    case Precision::kAuto:
      return "auto";
  }
  return "?";
}

AutocastScope::AutocastScope(Precision precision, const at::Device& device) : active_(precision == Precision::kBf16), type_(device.type()) {
  if (!active_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(type_);
  was_dtype_ = at::autocast::get_autocast_dtype(type_);
  at::autocast::set_autocast_enabled(type_, true);
  at::autocast::set_autocast_dtype(type_, at::kBFloat16);
  at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope() {
  if (!active_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(type_, was_enabled_);
  at::autocast::set_autocast_dtype(type_, was_dtype_);
}

}  // namespace infig

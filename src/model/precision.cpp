#include "model/precision.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"

namespace infig {

at::Device resolve_device(DeviceChoice choice) {
  const bool cuda = at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0;
  if (choice == DeviceChoice::kCuda && !cuda) {
    throw ConfigError(
        "device: cuda was asked for, but this libtorch is built without CUDA or no GPU answers; use device=cpu or auto (`infig doctor` "
        "shows what is there)");
  }
  if (!cuda || choice == DeviceChoice::kCpu) return at::Device(at::kCPU);
  // By default libtorch lets cuDNN round float32 convolutions to TF32, which has a 10-bit mantissa; fp32 must mean float32 here.
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
  return automatic_precision(device.is_cuda(), computes_natively(Precision::kBf16, device));
}

Precision automatic_precision(bool cuda, bool native_bf16) {
  if (native_bf16) return Precision::kBf16;
  return cuda ? Precision::kFp16 : Precision::kFp32;
}

bool computes_natively(Precision precision, const at::Device& device) {
  if (precision == Precision::kFp16) return device.is_cuda();
  if (precision != Precision::kBf16) return true;
  // Asking a GPU for bf16 directly needs CUDA's headers. cuDNN's bf16 convolutions need the same generation (compute capability 8.0).
  return device.is_cuda() ? at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8() : cpu_has_bf16();
}

Precision scoring_precision(Precision asked, Precision trained, const at::Device& device) {
  if (asked != Precision::kAuto) return asked;
  if (computes_natively(trained, device)) return trained;
  log_warning(
      "the model was trained in {}, which {} does not compute natively: scoring in fp32, so figures may differ in their last digits",
      precision_name(trained), device.is_cuda() ? "this GPU" : "this CPU");
  return Precision::kFp32;
}

Precision parse_precision(const std::string& name) {
  for (const auto& [word, precision] : precision_choices()) {
    if (word == name) return precision;
  }
  throw ConfigError(fmt::format("precision: is \"{}\"; allowed is fp32, bf16, fp16 or auto", name));
}

const char* precision_name(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return "fp32";
    case Precision::kBf16:
      return "bf16";
    case Precision::kFp16:
      return "fp16";
    case Precision::kAuto:
      return "auto";
  }
  return "?";
}

std::vector<std::pair<std::string, Precision>> precision_choices() {
  return {{"fp32", Precision::kFp32}, {"bf16", Precision::kBf16}, {"fp16", Precision::kFp16}, {"auto", Precision::kAuto}};
}

AutocastScope::AutocastScope(Precision precision, const at::Device& device)
    : type_(device.type()), was_enabled_(at::autocast::is_autocast_enabled(type_)), was_dtype_(at::autocast::get_autocast_dtype(type_)) {
  const bool narrow = precision == Precision::kBf16 || precision == Precision::kFp16;
  at::autocast::set_autocast_enabled(type_, narrow);
  if (narrow) at::autocast::set_autocast_dtype(type_, precision == Precision::kFp16 ? at::kHalf : at::kBFloat16);
  at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(type_, was_enabled_);
  at::autocast::set_autocast_dtype(type_, was_dtype_);
}

}  // namespace infig

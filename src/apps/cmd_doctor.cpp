#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <jemalloc/jemalloc.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "apps/build_info.h"
#include "apps/commands.h"
#include "model/precision.h"

namespace infig {
namespace {

std::string cpu_field(const std::string& name) {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line)) {
    if (line.rfind(name, 0) == 0 && line.find(':') != std::string::npos) return line.substr(line.find(':') + 2);
  }
  return "";
}

std::string jemalloc_arenas() {
  const char* version = nullptr;
  unsigned arenas = 0;
  size_t size = sizeof version, arenas_size = sizeof arenas;
  if (mallctl("version", static_cast<void*>(&version), &size, nullptr, 0) != 0) return "";
  if (mallctl("opt.narenas", &arenas, &arenas_size, nullptr, 0) != 0) return "";
  return fmt::format("jemalloc {}, {} arena{}", version, arenas, arenas == 1 ? "" : "s");
}

// GFLOP/s of a square matrix product, best of several runs.
double gemm_rate(at::ScalarType type, const at::Device& device) {
  const int64_t size = device.is_cpu() ? 1024 : 8192;
  const at::Tensor a = at::ones({size, size}, at::kFloat).mul_(0.5).to(device, type), b = a.clone();
  double best = 0;
  for (int run = 0; run < 8; ++run) {
    if (device.is_cuda()) torch::cuda::synchronize();
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor c = at::mm(a, b);
    if (device.is_cuda()) torch::cuda::synchronize();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * static_cast<double>(size * size * size) / seconds / 1e9);
  }
  return best;
}

void doctor_verb() {
  const at::NoGradGuard no_grad;
  const std::string flags = " " + cpu_field("flags") + " ";
  std::string features;
  for (const char* name : {"avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16"}) {
    if (flags.find(std::string(" ") + name + " ") != std::string::npos) features += std::string(features.empty() ? "" : " ") + name;
  }
  const double fp32 = gemm_rate(at::kFloat, at::kCPU), bf16 = gemm_rate(at::kBFloat16, at::kCPU);
  const at::Device device = resolve_device(DeviceChoice::kAuto);
  const Precision precision = resolve_precision(Precision::kAuto, device);
  std::printf("infig            %s (%s)\n", INFIG_VERSION, build_commit());
  std::printf("CPU              %s\n", cpu_field("model name").c_str());
  std::printf("CPU features     %s\n", features.c_str());
  std::printf("cores            %u, compute threads %d\n", std::thread::hardware_concurrency(), at::get_num_threads());
  std::printf("libtorch         %s, CPU capability %s\n", TORCH_VERSION, at::get_cpu_capability().c_str());
  std::printf("memory           %s\n", jemalloc_arenas().c_str());
  std::printf("CUDA             %s\n", at::hasCUDA() ? "built in" : "not built in");
  std::printf("GEMM fp32        %.0f GFLOP/s\n", fp32);
  std::printf("GEMM bf16        %.0f GFLOP/s (%.2f times fp32)\n", bf16, bf16 / fp32);
  std::printf("device=auto      %s\n", device.str().c_str());
  if (device.is_cuda()) {
    const double gpu_fp32 = gemm_rate(at::kFloat, device), gpu_bf16 = gemm_rate(at::kBFloat16, device);
    std::printf("GPU GEMM fp32    %.0f GFLOP/s\n", gpu_fp32);
    std::printf("GPU GEMM bf16    %.0f GFLOP/s (%.2f times fp32)\n", gpu_bf16, gpu_bf16 / gpu_fp32);
  }
  const char* why = device.is_cuda() ? "GPUs multiply bf16 natively"
                    : cpu_has_bf16() ? "this CPU multiplies bf16 natively"
                                     : "this CPU has no native bf16 product: it would be slower than fp32";
  std::printf("precision=auto   %s (%s)\n", precision_name(precision), why);
}

}  // namespace

void add_doctor(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("doctor", "what this machine has, and what device=auto and precision=auto choose");
  verb->footer("Example:\n  infig doctor");
  verb->callback([] { doctor_verb(); });
}

}  // namespace infig

// Inner loops of resize: exact integer arithmetic, so every variant gives the same bytes. The widest one that the CPU has is chosen
// once; the others stay reachable so that tests can compare them.
#pragma once

#include <cstdint>
#include <span>

namespace infig {

inline constexpr int kResampleBits = 22;   // fraction bits of a coefficient
inline constexpr int64_t kPixelGroup = 4;  // source pixels that one step of the horizontal loop takes

// out[x, c] = clip((2^21 + sum_k coefficients[x, k] * row[first[x] + k, c]) >> 22), c = red, green, blue.
//   row           RGBX bytes; readable for 4 pixels beyond the last window's first pixel, their values are multiplied by zero coefficients
//   first         [outputs] int32, first source pixel of a window
//   coefficients  [outputs, groups, 4 pixels, 4 channels] int32: each coefficient is repeated four times, once per channel
//   out           RGB bytes; one byte behind the last pixel may be written as well
using HorizontalKernel = void (*)(const uint8_t* row, const int32_t* first, const int32_t* coefficients, int64_t groups, int64_t outputs,
                                  uint8_t* out);

// out[x] = clip((2^21 + sum_k coefficients[k] * rows[k * stride + x]) >> 22) for x in [0, bytes), k in [0, taps).
using VerticalKernel = void (*)(const uint8_t* rows, int64_t stride, const int32_t* coefficients, int64_t taps, int64_t bytes,
                                uint8_t* out);

struct ResampleKernels {
  const char* name;
  HorizontalKernel horizontal;
  VerticalKernel vertical;
};

// Every variant that this CPU can run, the plain one first.
std::span<const ResampleKernels> available_resample_kernels();

// The last of them.
const ResampleKernels& resample_kernels();

}  // namespace infig

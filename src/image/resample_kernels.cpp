#include "image/resample_kernels.h"

#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace infig {
namespace {

constexpr int32_t kHalf = 1 << (kResampleBits - 1);

uint8_t clip(int32_t sum) {
  sum >>= kResampleBits;
  return static_cast<uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

void horizontal_plain(const uint8_t* row, const int32_t* first, const int32_t* coefficients, int64_t groups, int64_t outputs,
                      uint8_t* out) {
  for (int64_t x = 0; x < outputs; ++x, out += 3) {
    const uint8_t* pixel = row + static_cast<int64_t>(first[x]) * 4;
    int32_t red = kHalf, green = kHalf, blue = kHalf;
    for (int64_t k = 0; k < groups * kPixelGroup; ++k, pixel += 4, coefficients += 4) {
      red += pixel[0] * coefficients[0];
      green += pixel[1] * coefficients[0];
      blue += pixel[2] * coefficients[0];
    }
    out[0] = clip(red);
    out[1] = clip(green);
    out[2] = clip(blue);
  }
}

// Sums of a block stay in the first cache, and the inner loop is a plain product of a row with one number, which compilers vectorise.
void vertical_plain(const uint8_t* rows, int64_t stride, const int32_t* coefficients, int64_t taps, int64_t bytes, uint8_t* out) {
  constexpr int64_t kBlock = 256;
  int32_t sums[kBlock];
  for (int64_t begin = 0; begin < bytes; begin += kBlock) {
    const int64_t count = bytes - begin < kBlock ? bytes - begin : kBlock;
    for (int64_t i = 0; i < count; ++i) sums[i] = kHalf;
    for (int64_t k = 0; k < taps; ++k) {
      const uint8_t* source = rows + k * stride + begin;
      const int32_t coefficient = coefficients[k];
      for (int64_t i = 0; i < count; ++i) sums[i] += source[i] * coefficient;
    }
    for (int64_t i = 0; i < count; ++i) out[begin + i] = clip(sums[i]);
  }
}

#if defined(__x86_64__)

[[gnu::target("avx2")]] inline __m256i widen(const uint8_t* eight) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(eight)));
}
[[gnu::target("avx2")]] inline __m256i load(const int32_t* eight) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(eight)); }

// Two pixels of four channels lie in a register; the two halves are added at the end.
[[gnu::target("avx2")]] void horizontal_avx2(const uint8_t* row, const int32_t* first, const int32_t* coefficients, int64_t groups,
                                             int64_t outputs, uint8_t* out) {
  const __m128i half = _mm_set1_epi32(kHalf);
  for (int64_t x = 0; x < outputs; ++x, out += 3) {
    const uint8_t* pixels = row + static_cast<int64_t>(first[x]) * 4;
    __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
    for (int64_t g = 0; g < groups; ++g, pixels += 16, coefficients += 16) {
      even = _mm256_add_epi32(even, _mm256_mullo_epi32(widen(pixels), load(coefficients)));
      odd = _mm256_add_epi32(odd, _mm256_mullo_epi32(widen(pixels + 8), load(coefficients + 8)));
    }
    const __m256i both = _mm256_add_epi32(even, odd);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    sum = _mm_srai_epi32(_mm_add_epi32(sum, half), kResampleBits);
    sum = _mm_packs_epi32(sum, sum);  // both packings cut to their range, the last one to 0..255
    const int packed = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
    std::memcpy(out, &packed, 4);  // the fourth byte is overwritten by the next pixel
  }
}

[[gnu::target("avx2")]] void vertical_avx2(const uint8_t* rows, int64_t stride, const int32_t* coefficients, int64_t taps, int64_t bytes,
                                           uint8_t* out) {
  const __m256i half = _mm256_set1_epi32(kHalf), order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  int64_t x = 0;
  for (; x + 32 <= bytes; x += 32) {
    __m256i a = half, b = half, c = half, d = half;
    const uint8_t* source = rows + x;
    for (int64_t k = 0; k < taps; ++k, source += stride) {
      const __m256i weight = _mm256_set1_epi32(coefficients[k]);
      a = _mm256_add_epi32(a, _mm256_mullo_epi32(widen(source), weight));
      b = _mm256_add_epi32(b, _mm256_mullo_epi32(widen(source + 8), weight));
      c = _mm256_add_epi32(c, _mm256_mullo_epi32(widen(source + 16), weight));
      d = _mm256_add_epi32(d, _mm256_mullo_epi32(widen(source + 24), weight));
    }
    const __m256i ab = _mm256_packs_epi32(_mm256_srai_epi32(a, kResampleBits), _mm256_srai_epi32(b, kResampleBits));
    const __m256i cd = _mm256_packs_epi32(_mm256_srai_epi32(c, kResampleBits), _mm256_srai_epi32(d, kResampleBits));
    // Packing works on each half of a register; `order` undoes the interleaving.
    const __m256i packed = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(ab, cd), order);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), packed);
  }
  if (x < bytes) vertical_plain(rows + x, stride, coefficients, taps, bytes - x, out + x);
}

#endif

std::vector<ResampleKernels> detect() {
  std::vector<ResampleKernels> found = {{"plain", horizontal_plain, vertical_plain}};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) found.push_back({"avx2", horizontal_avx2, vertical_avx2});
#endif
  return found;
}

}  // namespace

std::span<const ResampleKernels> available_resample_kernels() {
  static const std::vector<ResampleKernels> kernels = detect();
  return kernels;
}

const ResampleKernels& resample_kernels() { return available_resample_kernels().back(); }

}  // namespace infig

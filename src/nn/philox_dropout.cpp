// The mask kernel. It computes several Philox blocks side by side in arrays of fixed length, so that the compiler vectorises it.
#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "nn/dropout.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
// One binary for all x86-64 CPUs: the loader selects the widest version that the CPU supports. -O2 alone would not vectorise the rounds.
#define INFIG_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define INFIG_VECTOR_CLONES
#endif

namespace infig {
namespace {

constexpr int64_t kBlocks = 32;          // Philox blocks computed side by side
constexpr int64_t kWords = kBlocks * 8;  // 16-bit words, one per element
constexpr int64_t kGrain = 16 * kWords;  // smallest number of elements per thread

// Sets flags[8 b + 2 w + h], for half h (low first) of word w of block `first + b`, which is the order of elements: 1 = kept.
INFIG_VECTOR_CLONES
void keep_flags(uint64_t first, uint64_t key, uint32_t call, uint32_t threshold, uint8_t* flags) {
  std::array<uint32_t, kBlocks> c0, c1, c2, c3;  // NOLINT: filled right below
  for (int64_t b = 0; b < kBlocks; ++b) {
    const uint64_t counter = first + static_cast<uint64_t>(b);
    c0[b] = static_cast<uint32_t>(counter);
    c1[b] = static_cast<uint32_t>(counter >> 32);
    c2[b] = call;
    c3[b] = 0;
  }
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int64_t b = 0; b < kBlocks; ++b) {
      const uint64_t product0 = uint64_t{0xD2511F53} * c0[b];
      const uint64_t product1 = uint64_t{0xCD9E8D57} * c2[b];
      c0[b] = static_cast<uint32_t>(product1 >> 32) ^ c1[b] ^ k0;
      c1[b] = static_cast<uint32_t>(product1);
      c2[b] = static_cast<uint32_t>(product0 >> 32) ^ c3[b] ^ k1;
      c3[b] = static_cast<uint32_t>(product0);
    }
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  for (int64_t b = 0; b < kBlocks; ++b) {
    const std::array<uint32_t, 4> block = {c0[b], c1[b], c2[b], c3[b]};
    for (int64_t w = 0; w < 4; ++w) {
      flags[8 * b + 2 * w] = static_cast<uint8_t>((block[w] & 0xFFFFU) >= threshold);
      flags[8 * b + 2 * w + 1] = static_cast<uint8_t>((block[w] >> 16) >= threshold);
    }
  }
}

template <typename T>
void scale_kept(const T* x, T* y, int64_t count, const uint8_t* flags, float scale) {
  using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
  // Select instead of multiplying by 0: a dropped element that is infinite or NaN must become 0.
  for (int64_t i = 0; i < count; ++i) y[i] = flags[i] != 0 ? static_cast<T>(static_cast<Wide>(x[i]) * static_cast<Wide>(scale)) : T(0);
}

}  // namespace

template <typename T>
void philox_dropout(const T* x, T* y, int64_t count, uint64_t key, uint32_t call, uint32_t threshold, float scale, int64_t first) {
  // Groups are aligned to blocks. If the first element is inside a block, the elements before it belong to another range.
  const int64_t lead = first % 8, first_block = first / 8;
  const int64_t groups = (count + lead + kWords - 1) / kWords;
  at::parallel_for(0, groups, kGrain / kWords, [&](int64_t begin, int64_t end) {
    alignas(64) std::array<uint8_t, kWords> flags;  // NOLINT: filled by keep_flags
    for (int64_t group = begin; group < end; ++group) {
      keep_flags(static_cast<uint64_t>(first_block + group * kBlocks), key, call, threshold, flags.data());
      const int64_t skip = group == 0 ? lead : 0, start = group * kWords - lead + skip;
      scale_kept(x + start, y + start, std::min(kWords - skip, count - start), flags.data() + skip, scale);
    }
  });
}

template void philox_dropout<float>(const float*, float*, int64_t, uint64_t, uint32_t, uint32_t, float, int64_t);
template void philox_dropout<double>(const double*, double*, int64_t, uint64_t, uint32_t, uint32_t, float, int64_t);
template void philox_dropout<c10::Half>(const c10::Half*, c10::Half*, int64_t, uint64_t, uint32_t, uint32_t, float, int64_t);
template void philox_dropout<c10::BFloat16>(const c10::BFloat16*, c10::BFloat16*, int64_t, uint64_t, uint32_t, uint32_t, float, int64_t);

}  // namespace infig

// The masks of philox_dropout.cpp, bit for bit, with tensor operations, for devices without that kernel.
#include <ATen/ATen.h>

#include "nn/dropout.h"

namespace infig {
namespace {

constexpr int kRounds = 10;
constexpr int64_t kWordMask = 0xFFFFFFFF;

}  // namespace

PhiloxTables philox_tables(uint64_t key, const at::Device& device) {
  at::Tensor keys = at::empty({kRounds, 2, 1}, at::kLong);
  auto* out = keys.mutable_data_ptr<int64_t>();
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round) {
    out[2 * round] = k0;
    out[2 * round + 1] = k1;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {.keys = keys.to(device),
          .multipliers = at::tensor({int64_t{0xD2511F53}, int64_t{0xCD9E8D57}}, at::kLong).view({2, 1}).to(device)};
}

// 32-bit words are stored in int64. Their products wrap like unsigned ones, and bits above 31 that remain after shifts and products are
// cleared once per round. `even` is [c0; c2], the words multiplied in the round; `odd` is [c1; c3].
at::Tensor philox_dropped(int64_t count, const PhiloxTables& tables, uint32_t call, uint32_t threshold, int64_t first) {
  const at::NoGradGuard no_grad;
  const at::Tensor counter = at::arange(first / 8, (first + count + 7) / 8, tables.keys.options());
  at::Tensor even = at::stack({counter.bitwise_and(kWordMask), at::full_like(counter, static_cast<int64_t>(call))});
  at::Tensor odd = at::stack({counter.bitwise_right_shift(32), at::zeros_like(counter)});
  for (int round = 0; round < kRounds; ++round) {
    const at::Tensor crossed = (even * tables.multipliers).flip(0);  // the second product belongs to the first word
    even = crossed.bitwise_right_shift(32).bitwise_xor_(odd).bitwise_xor_(tables.keys[round]).bitwise_and_(kWordMask);
    odd = crossed;
  }
  // The four words of a block are adjacent in memory, low half first (little endian). Flipping the highest bit of each half maps the order
  // of unsigned 16-bit numbers to that of signed ones.
  const at::Tensor pairs = odd.bitwise_left_shift(32).bitwise_or_(even).bitwise_xor_(static_cast<int64_t>(0x8000800080008000U));
  const at::Tensor halves = pairs.t().contiguous().view(at::kShort).view({-1}).narrow(0, first % 8, count);
  return halves.lt(static_cast<int64_t>(threshold) - 32768);
}

}  // namespace infig

#include "core/random.h"

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace infig {
namespace {

uint64_t mix(uint64_t x) {  // splitmix64's finaliser
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMul0 = 0xD2511F53, kMul1 = 0xCD9E8D57;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMul0 * counter[0];
    const uint64_t product1 = kMul1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

uint64_t derive_seed(uint64_t seed, std::string_view name, uint64_t index) {
  uint64_t hash = 0xCBF29CE484222325ULL;  // FNV-1a over the name
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return mix(mix(mix(seed) ^ hash) ^ index);
}

RandomStream::RandomStream(uint64_t seed, std::string_view name, uint64_t index) {
  const uint64_t key = derive_seed(seed, name, index);
  key_ = {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
}

uint32_t RandomStream::next_u32() {
  const auto lane = static_cast<size_t>(position_ % 4);
  if (lane == 0) {
    const uint64_t counter = position_ / 4;
    block_ = philox4x32({static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0}, key_);
  }
  ++position_;
  return block_[lane];
}

uint64_t RandomStream::next_u64() {
  const uint64_t low = next_u32();
  return low | (static_cast<uint64_t>(next_u32()) << 32);
}

double RandomStream::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

double RandomStream::uniform(double low, double high) { return low + (high - low) * uniform(); }

uint64_t RandomStream::below(uint64_t n) {
  if (n == 0) throw std::invalid_argument("RandomStream: a draw from nothing (n = 0)");
  const uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // values at or above it would favour small results
  uint64_t value = next_u64();
  while (value >= limit) value = next_u64();
  return value % n;
}

int64_t RandomStream::between(int64_t low, int64_t high) {
  if (low > high) throw std::invalid_argument("RandomStream::between: low is above high");
  const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);  // unsigned: the whole range of int64 fits
  const uint64_t offset = span == UINT64_MAX ? next_u64() : below(span + 1);
  return static_cast<int64_t>(static_cast<uint64_t>(low) + offset);
}

bool RandomStream::chance(double probability) { return uniform() < probability; }

double RandomStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

void RandomStream::seek(uint64_t position) {
  position_ = position - position % 4;
  while (position_ < position) next_u32();
}

}  // namespace infig

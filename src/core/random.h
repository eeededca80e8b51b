// Named random streams from one seed. Counter-based (Philox 4x32-10, Salmon et al. 2011), so that a stream's position is
// one number, streams never overlap, and the same seed gives the same draws on every machine and for any thread count.
// Nothing here uses std:: distributions: their results differ between standard libraries.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace infig {

// One block of Philox 4x32-10.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A 64-bit key for (seed, name, index): what to give a generator of another library so that it belongs to the run's seed.
uint64_t derive_seed(uint64_t seed, std::string_view name, uint64_t index = 0);

class RandomStream {
 public:
  // Streams of different (seed, name, index) are independent. `index` is typically an epoch or a post.
  RandomStream(uint64_t seed, std::string_view name, uint64_t index = 0);

  uint32_t next_u32();
  uint64_t next_u64();
  double uniform();                            // [0, 1), 53 bits
  double uniform(double low, double high);     // [low, high)
  uint64_t below(uint64_t n);                  // 0 .. n-1 without modulo bias; throws std::invalid_argument for n = 0
  int64_t between(int64_t low, int64_t high);  // low .. high, both included; throws std::invalid_argument where low > high
  bool chance(double probability);
  double normal();  // mean 0, deviation 1 (Box-Muller, one value a call)

  template <typename T>
  void shuffle(std::span<T> items) {  // Fisher-Yates
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  template <typename C>
  const typename C::value_type& pick(const C& items) {
    return items[below(items.size())];
  }

  // Number of 32-bit words drawn so far; setting it continues the stream from there.
  uint64_t position() const { return position_; }
  void seek(uint64_t position);

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> block_{};
  uint64_t position_ = 0;
};

}  // namespace infig

#include "core/process_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <fstream>

namespace infig {
namespace {

constexpr double kMib = 96;

void touch_and_release() {
  const auto bytes = static_cast<size_t>(kMib * (1 << 20));
  void* block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  std::memset(block, 1, bytes);
  ::munmap(block, bytes);
}

TEST(ProcessMemory, ThePeakStaysWhenTheMemoryIsGivenBack) {
  const double before = resident_mib();
  ASSERT_GT(before, 0);
  touch_and_release();
  EXPECT_GE(peak_resident_mib(), before + 0.9 * kMib);
  EXPECT_LT(resident_mib(), before + 0.5 * kMib);
}

// A program started by one that holds much must not take that one's peak for its own. Starting anew resets the kernel's high-water mark, as
// writing 5 into clear_refs does (proc(5)).
TEST(ProcessMemory, ThePeakIsOfThisProgramAlone) {
  touch_and_release();
  const double high = peak_resident_mib();
  std::ofstream clear("/proc/self/clear_refs");
  clear << "5" << std::flush;
  if (!clear) GTEST_SKIP() << "this kernel does not reset the high-water mark";
  EXPECT_LT(peak_resident_mib(), high - 0.5 * kMib);
}

}  // namespace
}  // namespace infig

#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

namespace infig {
namespace {

TEST(ParallelFor, VisitsEveryItemOnce) {
  for (const int64_t threads : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{7}, int64_t{500}}) {
    std::vector<std::atomic<int>> visits(300);
    parallel_for(300, threads, [&](int64_t i) { ++visits[static_cast<size_t>(i)]; });
    for (const auto& count : visits) EXPECT_EQ(count.load(), 1);
  }
}

TEST(ParallelFor, NothingToDoIsFine) {
  std::atomic<int> calls{0};
  parallel_for(0, 4, [&](int64_t) { ++calls; });
  parallel_for(-3, 4, [&](int64_t) { ++calls; });
  EXPECT_EQ(calls, 0);
}

TEST(ParallelFor, AnExceptionStopsTheLoopAndIsRethrown) {
  for (const int64_t threads : {int64_t{1}, int64_t{4}}) {
    std::atomic<int64_t> done{0};
    try {
      parallel_for(1000000, threads, [&](int64_t i) {
        if (i == 10) throw std::runtime_error("item " + std::to_string(i));
        ++done;
      });
      FAIL() << "the exception was lost";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "item 10");
    }
    EXPECT_GE(done, 10 - threads);
    EXPECT_LT(done, 1000000 - 1) << "the other items were still worked on";
  }
}

TEST(ParallelFor, OneOfManyExceptionsIsRethrown) {
  EXPECT_THROW(parallel_for(100, 4, [](int64_t) { throw std::invalid_argument("each"); }), std::invalid_argument);
}

}  // namespace
}  // namespace infig

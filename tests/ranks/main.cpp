// Every rank runs the same tests in the same order; the first one's report counts, any rank's failure fails the program.
#include <gtest/gtest.h>

#include "distributed/ranks.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  infig::Ranks& ranks = infig::Ranks::world();
  if (!ranks.first()) {
    GTEST_FLAG_SET(output, "");
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    if (!GTEST_FLAG_GET(brief)) delete listeners.Release(listeners.default_result_printer());
  }
  const int failed = RUN_ALL_TESTS();
  ranks.finish();
  return failed;
}

// Every rank runs the same tests in the same order; the first one's report counts, any rank's failure fails the program.
#include <gtest/gtest.h>

#include "distributed/ranks.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  infig::Ranks& ranks = infig::Ranks::world();
  if (!ranks.first()) {
    // The listener that writes the report, since it exists from InitGoogleTest on: two ranks in one file garble it.
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_xml_generator());
    if (!GTEST_FLAG_GET(brief)) delete listeners.Release(listeners.default_result_printer());
  }
  const int failed = RUN_ALL_TESTS();
  ranks.finish();
  return failed;
}

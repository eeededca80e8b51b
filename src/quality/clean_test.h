// The test split without the posts that train or dev hold as well: clean-test.json.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "quality/verify.h"

namespace infig {

struct CleanTest {
  std::string data_sha256;       // of the posts it was made of
  std::vector<std::string> ids;  // test posts that stay, in file order
  struct LeftOut {
    std::string id;
    std::vector<std::string> kinds;  // leak_kind_name() of what was found, in their order
  };
  std::vector<LeftOut> left_out;   // in file order
  bool pictures = false;           // pictures were compared
  double near_text_threshold = 0;  // 0: nothing near was looked for
};

CleanTest make_clean_test(const VerifyReport& report);

// DATA/clean-test.json, or FILE.clean-test.json beside a table.
std::filesystem::path clean_test_path(const std::filesystem::path& data);
void write_clean_test(const CleanTest& clean, const std::filesystem::path& path);  // atomically
CleanTest read_clean_test(const std::filesystem::path& path);                      // throws DataError

}  // namespace infig

// What the tests of this folder share: a folder that goes away, small raw data, and checks of thrown messages.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "core/error.h"
#include "reference/temporary_folder.h"

namespace infig::test {

// A temporary folder in which files are quickly made.
class Scratch : public reference::TemporaryFolder {
 public:
  Scratch() : TemporaryFolder("data") {}
  // Writes a file, with its folders, and returns its path.
  std::filesystem::path file(const std::string& name, std::string_view bytes) const {
    const auto target = path() / name;
    std::filesystem::create_directories(target.parent_path());
    std::ofstream(target, std::ios::binary) << bytes;
    return target;
  }
};

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The message of the E that `work` must throw; a failure, and an empty text, where it throws none or another.
template <typename E, typename Work>
std::string thrown(Work&& work) {
  try {
    work();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

// Real data beside the checkout, or $INFIG_DATA; an empty path where there is none.
inline std::filesystem::path real_data(const std::string& name) {
  const char* given = std::getenv("INFIG_DATA");
  const auto root =
      given != nullptr ? std::filesystem::path(given) : std::filesystem::path(INFIG_SOURCE_DIR).parent_path() / "shared" / "data";
  return std::filesystem::exists(root / name) ? root / name : std::filesystem::path();
}

}  // namespace infig::test

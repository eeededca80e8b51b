// What the tests of archives share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "archive/by_hand.h"
#include "archive/safetensors.h"
#include "reference/temporary_folder.h"

namespace infig {

inline const std::filesystem::path kGolden = std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/archive";

// Names, types, shapes and bytes equal, and something there to compare.
inline void expect_same_tensors(const std::map<std::string, TensorView>& found, const std::map<std::string, TensorView>& expected) {
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [name, view] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    const TensorView& other = found.at(name);
    EXPECT_EQ(other.dtype, view.dtype) << name;
    EXPECT_EQ(other.shape, view.shape) << name;
    EXPECT_TRUE(std::equal(other.data.begin(), other.data.end(), view.data.begin(), view.data.end())) << name;
  }
}

using reference::TemporaryFolder;

}  // namespace infig

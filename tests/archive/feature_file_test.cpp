// A cache of features that is broken, cut off, or cut off while it is open.
#include "archive/feature_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "archive/safetensors_stream.h"
#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Features : public ::testing::Test {
 protected:
  // Rows [2, 2] of 10 r, 10 r + 1, ...
  void SetUp() override {
    SafetensorsStream stream(file(), kFeatureTensor, DType::kF32, {4, 2, 2}, {});
    for (int row = 0; row < 4; ++row) {
      for (int i = 0; i < 4; ++i) {
        const auto value = static_cast<float>(10 * row + i);
        stream.append(std::as_bytes(std::span(&value, 1)));
      }
    }
    stream.commit();
    record(R"({"bad": [{"row": 2, "id": "p2", "file": "x.jpg", "status": "broken", "reason": "why"}]})");
  }
  fs::path file() const { return folder_ / kFeatureTensors; }
  void record(const std::string& text) const { write_file_atomic(folder_ / kFeatureRecord, text); }
  std::vector<float> read(const FeatureFile& features, const std::vector<int64_t>& rows) const {
    std::vector<float> values(rows.size() * features.row_bytes() / sizeof(float));
    features.read(rows, std::as_writable_bytes(std::span(values)).data());
    return values;
  }
  std::string refused() const {
    try {
      const FeatureFile features(folder_.path(), 4);
    } catch (const CheckpointError& error) {
      return error.what();
    }
    return "nothing was thrown";
  }
  reference::TemporaryFolder folder_{"features"};
};

TEST_F(Features, RowsInAnyOrder) {
  const FeatureFile features(folder_.path(), 4);
  EXPECT_THAT(features.shape(), ElementsAre(2, 2));
  EXPECT_EQ(features.row_bytes(), 16U);
  EXPECT_THAT(read(features, {3, 0}), ElementsAre(30, 31, 32, 33, 0, 1, 2, 3));
  EXPECT_EQ(features.bad().at(2).reason, "why");
  EXPECT_THROW(read(features, {4}), ShapeError);
  EXPECT_THROW(read(features, {-1}), ShapeError);
}

TEST_F(Features, CutOffIsAnError) {
  const auto whole = fs::file_size(file());
  fs::resize_file(file(), whole + 8);
  EXPECT_THAT(refused(), HasSubstr("follow the last tensor"));
  for (const uintmax_t size : {whole - 1, whole / 2, uintmax_t{20}, uintmax_t{7}, uintmax_t{0}}) {
    fs::resize_file(file(), size);
    EXPECT_THAT(refused(), HasSubstr(file().string())) << size;
  }
}

// With a memory map this is SIGBUS.
TEST_F(Features, CutOffWhileItIsOpenIsAnError) {
  const FeatureFile features(folder_.path(), 4);
  fs::resize_file(file(), fs::file_size(file()) - 20);
  EXPECT_THAT(read(features, {1}), ElementsAre(10, 11, 12, 13));
  try {
    read(features, {0, 3});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const CheckpointError& error) {
    EXPECT_THAT(error.what(), HasSubstr(file().string() + ": row 3: 0 of 16 bytes"));
    EXPECT_THAT(error.what(), HasSubstr("remove the folder"));
  }
}

TEST_F(Features, ItsRecordIsRead) {
  for (const char* text : {"", "[]", "{}", R"({"bad": 1})", R"({"bad": [1]})", R"({"bad": [{}]})",
                           R"({"bad": [{"row": 4, "id": "a", "file": "b", "status": "c", "reason": "d"}]})",
                           R"({"bad": [{"row": -1, "id": "a", "file": "b", "status": "c", "reason": "d"}]})",
                           R"({"bad": [{"row": 1, "id": 5, "file": "b", "status": "c", "reason": "d"}]})"}) {
    record(text);
    EXPECT_THAT(refused(), HasSubstr((folder_ / kFeatureRecord).string())) << text;
  }
  fs::remove(folder_ / kFeatureRecord);
  EXPECT_THAT(refused(), HasSubstr(kFeatureRecord));
}

}  // namespace
}  // namespace infig

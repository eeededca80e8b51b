// The real posts of MVSA-Single, where they lie beside the checkout: nothing of them is in the project.
#include <map>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "data/data_set.h"
#include "data/mvsa.h"
#include "data/published_counts.h"
#include "data/scratch.h"
#include "data/utf8.h"
#include "prepare/prepare.h"

namespace infig {
namespace {

class RealMvsa : public testing::Test {
 protected:
  void SetUp() override {
    root_ = test::real_data("mvsa-single");
    if (root_.empty()) GTEST_SKIP() << "no mvsa-single/ in $INFIG_DATA or beside the checkout";
  }
  // id -> element of train.json and dev.json, read here and not by the code under test.
  std::map<std::string, nlohmann::json> split_rows() const {
    std::map<std::string, nlohmann::json> rows;
    for (const char* name : {"train.json", "dev.json"}) {
      for (const auto& row : nlohmann::json::parse(test::slurp(root_ / "splits" / name))) rows[row["id"].get<std::string>()] = row;
    }
    return rows;
  }
  std::filesystem::path root_;
};

TEST_F(RealMvsa, EveryRawTextDecodesToTheSplitFilesText) {
  const auto rows = split_rows();
  ASSERT_EQ(rows.size(), 4061U);
  int64_t cleaned = 0;
  for (const auto& [id, row] : rows) {
    const std::string bytes = read_file(root_ / "raw/data" / (id + ".txt"));
    ASSERT_EQ(decode_text(bytes, TextDecode::kUtf8Ignore), row["text"].get<std::string>()) << id;
    cleaned += find_invalid_utf8(bytes) != std::string_view::npos ? 1 : 0;
    EXPECT_NO_THROW(decode_text(bytes, TextDecode::kGb18030)) << id;
  }
  EXPECT_GT(cleaned, 800);  // about a quarter of the files is not UTF-8: the rule had work to do
}

TEST_F(RealMvsa, EveryLabelFollowsTheRule) {
  const auto rows = split_rows();
  const auto labels = parse_mvsa_single_labels(read_file(root_ / "raw/labelResultAll.txt"), "labelResultAll.txt");
  ASSERT_EQ(labels.size(), rows.size());
  for (const auto& label : labels) {
    const auto joint = joint_label(label.text_label, label.image_label);
    ASSERT_TRUE(joint.has_value()) << label.id;
    EXPECT_EQ(*joint, mvsa_labels()[rows.at(label.id)["emotion_label"].get<size_t>()]) << label.id;
  }
}

TEST_F(RealMvsa, PreparesThePublishedCounts) {
  const test::Scratch scratch;
  PrepareOptions options;
  options.pictures = PictureTransfer::kSymlink;
  const auto report = prepare_mvsa_single({.raw = root_ / "raw", .splits = root_ / "splits"}, scratch / "out", options);
  EXPECT_TRUE(report.dropped.empty());
  EXPECT_TRUE(report.notes.empty());
  const DataSet data = read_data_set(scratch / "out");
  EXPECT_TRUE(published_misses(data, "mvsa-single").empty());
  EXPECT_EQ(data.rows_of(Split::kTrain).size(), 3611U);
  EXPECT_EQ(data.rows_of(Split::kDev).size(), 450U);
  // The file order is the split files'.
  const auto train = nlohmann::json::parse(test::slurp(root_ / "splits/train.json"));
  for (size_t i = 0; i < train.size(); ++i) ASSERT_EQ(data.posts[i].id, train[i]["id"].get<std::string>());
}

}  // namespace
}  // namespace infig

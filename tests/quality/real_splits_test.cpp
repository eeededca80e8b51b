// The public splits, where they lie beside the checkout: known leaks and the known shortcut. Nothing of them is in the project.
#include <nlohmann/json.hpp>

#include "data/scratch.h"
#include "quality/leaks.h"
#include "quality/shortcuts.h"
#include "text/normal_form.h"

namespace infig {
namespace {

// train, dev and test of a public split as they are: id, text, emotion_label.
DataSet public_splits(const std::filesystem::path& folder, const std::vector<std::pair<const char*, Split>>& files,
                      std::vector<std::string> labels) {
  DataSet data{.name = folder.filename().string(), .folder = folder, .labels = std::move(labels), .posts = {}, .sha256 = ""};
  for (const auto& [file, split] : files) {
    for (const auto& row : nlohmann::json::parse(test::slurp(folder / file))) {
      const auto label = row.at("emotion_label").get<int64_t>();
      data.posts.push_back({.id = row.at("id"),
                            .text = row.at("text"),
                            .image = {},
                            .label = data.labels.at(static_cast<size_t>(label)),
                            .label_id = label,
                            .split = split});
    }
  }
  return data;
}

struct Found {
  int64_t posts = 0, other_label = 0;
  bool operator==(const Found&) const = default;
};
void PrintTo(const Found& found, std::ostream* out) { *out << found.posts << " posts, " << found.other_label << " with another label"; }

Found found_in(const DataSet& data, LeakKind kind, Split split, Split other) {
  std::vector<std::string> keys;
  for (const auto& post : data.posts) keys.push_back(kind == LeakKind::kText ? post.text : normal_form(post.text));
  const auto leaks = equal_leaks(data, group_contents(data, keys), kind);
  for (const auto& count : count_leaks(data, leaks)) {
    if (count.split == split && count.other == other) return {count.posts, count.other_label};
  }
  return {};
}

TEST(RealSplits, LeaksOfMvsaMultiple) {
  const auto root = test::real_data("mvsa-multiple-text");
  if (root.empty()) GTEST_SKIP() << "no mvsa-multiple-text/ in $INFIG_DATA or beside the checkout";
  const DataSet data = public_splits(root, {{"train.json", Split::kTrain}, {"dev.json", Split::kDev}, {"test.json", Split::kTest}},
                                     {"positive", "neutral", "negative"});
  EXPECT_EQ(found_in(data, LeakKind::kText, Split::kTest, Split::kTrain).posts, 70);
  EXPECT_EQ(found_in(data, LeakKind::kNormalisedText, Split::kTest, Split::kTrain), (Found{86, 12}));
  EXPECT_EQ(found_in(data, LeakKind::kText, Split::kDev, Split::kTrain).posts, 73);
}

TEST(RealSplits, LeaksAndTheShortcutOfHfm) {
  const auto root = test::real_data("hfm-text");
  if (root.empty()) GTEST_SKIP() << "no hfm-text/ in $INFIG_DATA or beside the checkout";
  const DataSet data = public_splits(root, {{"train.json", Split::kTrain}, {"valid.json", Split::kDev}, {"test.json", Split::kTest}},
                                     {"not sarcastic", "sarcastic"});
  EXPECT_EQ(found_in(data, LeakKind::kText, Split::kTest, Split::kTrain).posts, 55);
  EXPECT_EQ(found_in(data, LeakKind::kNormalisedText, Split::kTest, Split::kTrain), (Found{70, 15}));
  for (const auto& shortcut : find_shortcuts(data, {}, {.max_words = 2000})) {
    const ShortcutScore& score = shortcut.splits.at(Split::kTest);
    if (shortcut.name == "majority") {
      EXPECT_NEAR(score.accuracy, 0.6019, 5e-5);  // docs/verify.md
      EXPECT_NEAR(score.f1_macro, 0.3757, 5e-5);
    } else if (shortcut.name == "has #") {
      EXPECT_NEAR(score.accuracy, 0.637, 5e-4);
    }
  }
}

TEST(RealSplits, LeaksOfMvsaSingle) {
  const auto root = test::real_data("mvsa-single");
  if (root.empty()) GTEST_SKIP() << "no mvsa-single/ in $INFIG_DATA or beside the checkout";
  const DataSet data =
      public_splits(root / "splits", {{"train.json", Split::kTrain}, {"dev.json", Split::kDev}}, {"positive", "neutral", "negative"});
  EXPECT_EQ(found_in(data, LeakKind::kText, Split::kDev, Split::kTrain).posts, 32);                  // docs/verify.md
  EXPECT_EQ(found_in(data, LeakKind::kNormalisedText, Split::kDev, Split::kTrain), (Found{43, 4}));  // counted in Python
}

}  // namespace
}  // namespace infig

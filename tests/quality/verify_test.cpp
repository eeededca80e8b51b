#include "data/verify.h"

#include <nlohmann/json.hpp>

#include "data/data_set.h"
#include "data/published.h"
#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;
using test::slurp;
using test::thrown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// "good" and "half" are contents that stand for a sound and a truncated picture.
PictureVerdict check(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return {.status = "absent", .reason = "no such file", .usable = false};
  const auto bytes = slurp(path);
  if (bytes == "broken") return {.status = "broken", .reason = "no row", .usable = false};
  if (bytes == "half") return {.status = "truncated", .reason = "2 of 4 rows", .usable = true};
  return {.status = "ok", .reason = "", .usable = true};
}

void write_set(const Scratch& scratch) {
  DataSet data{.name = "v", .folder = scratch.path(), .labels = {"x", "y"}, .posts = {}, .sha256 = ""};
  const auto add = [&](const char* id, const char* text, const char* picture, int64_t label, Split split) {
    Post post{.id = id, .text = text, .image = "", .label = data.labels[static_cast<size_t>(label)], .label_id = label, .split = split};
    if (*picture != '\0') post.image = scratch.file(std::string("images/") + id + ".jpg", picture);
    data.posts.push_back(post);
  };
  add("1", "same", "good 1", 0, Split::kTrain);
  add("2", "own", "good 2", 1, Split::kTrain);
  add("3", "same", "half", 1, Split::kTrain);
  add("4", "same", "good 2", 0, Split::kDev);
  add("5", "", "broken", 1, Split::kDev);
  add("6", "six", "good 1", 1, Split::kTest);
  add("7", "seven", "", 1, Split::kTest);
  add("8", "seven", "good 2", 1, Split::kTest);
  write_data_set(data, {}, scratch.path());
}

TEST(Verify, CountsPicturesRepetitionsAndLeaks) {
  const Scratch scratch;
  write_set(scratch);
  for (const int64_t threads : {1, 4}) {
    const auto report = verify_data(scratch.path(), {.check_picture = check, .threads = threads});
    EXPECT_TRUE(report.good()) << report.misses.front();
    EXPECT_EQ(report.data.posts.size(), 8U);
    EXPECT_EQ(report.data.sha256, report.stated_sha256);
    EXPECT_THAT(report.pictures, ElementsAre(Pair("broken", 1), Pair("none", 1), Pair("ok", 5), Pair("truncated", 1)));
    ASSERT_EQ(report.picture_faults.size(), 2U);
    EXPECT_EQ(report.picture_faults[0].row, 2);
    EXPECT_TRUE(report.picture_faults[0].usable);
    EXPECT_EQ(report.picture_faults[1].row, 4);
    EXPECT_EQ(report.picture_faults[1].reason, "no row");
    EXPECT_EQ(report.repeated_texts, 2);     // "same" three times, "seven" twice
    EXPECT_EQ(report.conflicting_texts, 1);  // "same"
    EXPECT_EQ(report.repeated_pictures, 2);
    ASSERT_EQ(report.leaks.size(), 3U);
    EXPECT_EQ(report.leaks[0].texts, 1);     // 4 in train
    EXPECT_EQ(report.leaks[0].pictures, 1);  // 4 in train
    EXPECT_EQ(report.leaks[1].texts, 0);
    EXPECT_EQ(report.leaks[1].pictures, 2);  // 6 and 8 in train
    EXPECT_EQ(report.leaks[2].pictures, 1);  // 8 in dev
  }
  const auto strict = verify_data(scratch.path(), {.check_picture = check, .bad_picture_is_miss = true});
  EXPECT_THAT(strict.misses, ElementsAre("1 pictures cannot be used"));
  EXPECT_TRUE(verify_data(scratch.path(), {}).pictures.empty());
}

TEST(Verify, AnEditedFileIsAMiss) {
  const Scratch scratch;
  write_set(scratch);
  scratch.file("posts.jsonl", slurp(scratch / "posts.jsonl") + "{\"id\":\"9\",\"text\":\"t\",\"label\":\"y\",\"split\":\"dev\"}\n");
  const auto report = verify_data(scratch.path(), {.check_picture = check});
  EXPECT_THAT(report.misses, ElementsAre(HasSubstr("it was changed afterwards"), HasSubstr("dev: dataset.json states {")));
}

TEST(Verify, FaultyRowsAreAllListed) {
  const Scratch scratch;
  scratch.file("dataset.json", R"({"labels": ["x", "y"]})");
  scratch.file("posts.jsonl",
               "{\"id\":\"1\",\"label\":\"x\",\"split\":\"train\"}\nbroken\n{\"id\":\"1\",\"label\":\"x\",\"split\":\"train\"}\n"
               "{\"id\":\"2\",\"label\":\"z\",\"split\":\"train\"}\n{\"id\":\"3\",\"label\":\"y\",\"split\":\"dev\"}\n");
  const auto report = verify_data(scratch.path(), {});
  EXPECT_EQ(report.data.posts.size(), 2U);
  EXPECT_THAT(report.row_faults,
              ElementsAre(HasSubstr("row 2: no valid JSON"), HasSubstr("row 3: field \"id\" \"1\" stands already in row 1"),
                          HasSubstr("row 4: field \"label\" is \"z\"")));
  EXPECT_THAT(report.misses, ElementsAre("3 rows cannot be used"));
  scratch.file("posts.jsonl", "");
  EXPECT_THAT(verify_data(scratch.path(), {}).misses, ElementsAre("there is not one usable post"));
  EXPECT_THAT(thrown<DataError>([&] { verify_data(scratch / "none", {}); }), HasSubstr("no such data set"));
}

// datasets.md 1: 2147/376/1088, 268/47/135, 268/47/135.
TEST(Published, MvsaSingle) {
  DataSet data{.name = "", .folder = "", .labels = {"positive", "neutral", "negative"}, .posts = {}, .sha256 = ""};
  const auto add = [&](Split split, int64_t label, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      data.posts.push_back({.id = "", .text = "", .image = "", .label = "", .label_id = label, .split = split});
  };
  EXPECT_THAT(published_misses(data, "mvsa-single"), ElementsAre("there are no posts at all"));
  add(Split::kDev, 0, 268);
  add(Split::kDev, 1, 47);
  add(Split::kDev, 2, 134);
  EXPECT_THAT(published_misses(data, "mvsa-single"), ElementsAre("dev holds 134 posts labelled negative, mvsa-single has 135"));
  add(Split::kDev, 2, 1);
  EXPECT_THAT(published_misses(data, "mvsa-single"), ElementsAre());
  add(Split::kTrain, 0, 2147);
  add(Split::kTrain, 1, 376);
  EXPECT_THAT(published_misses(data, "mvsa-single"), ElementsAre(HasSubstr("train holds 0 posts labelled negative")));
  add(Split::kTrain, 2, 1088);
  EXPECT_THAT(published_misses(data, "mvsa-single"), ElementsAre());
  data.labels = {"neutral", "positive", "negative"};
  EXPECT_THAT(published_misses(data, "mvsa-single"), ElementsAre(HasSubstr("the labels are neutral, positive, negative")));
  EXPECT_THAT(thrown<ConfigError>([&] { published_misses(data, "mvsa"); }), HasSubstr("\"mvsa\" is not known, expected mvsa-single"));
  EXPECT_THAT(thrown<ConfigError>([] { verify_data("x", {.expect = "mvsa"}); }), HasSubstr("is not known"));
}

}  // namespace
}  // namespace infig

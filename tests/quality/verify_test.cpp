#include "quality/verify.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/data_set.h"
#include "data/published_counts.h"
#include "data/scratch.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/resize.h"

namespace infig {
namespace {

using test::Scratch;
using test::slurp;
using test::thrown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// A picture of its own for each number.
std::string picture(int number) {
  Image image = make_image(160, 120, 0, 0, 0);
  for (int64_t y = 0; y < 120; ++y) {
    for (int64_t x = 0; x < 160; ++x) {
      for (int c = 0; c < 3; ++c)
        image.at(x, y)[c] = static_cast<uint8_t>(128 + 90 * std::sin(0.03 * static_cast<double>((number + 1) * x + number * number * y)));
    }
  }
  return encode_jpeg(image, 90);
}

void write_set(const Scratch& scratch) {
  DataSet data{.name = "v", .folder = scratch.path(), .labels = {"x", "y"}, .posts = {}, .sha256 = ""};
  const auto add = [&](const char* id, const char* text, const std::string& bytes, int64_t label, Split split) {
    Post post{.id = id, .text = text, .image = "", .label = data.labels[static_cast<size_t>(label)], .label_id = label, .split = split};
    if (!bytes.empty()) post.image = scratch.file(std::string("images/") + id + ".jpg", bytes);
    data.posts.push_back(post);
  };
  const std::string one = picture(1), two = picture(2);
  add("1", "same", one, 0, Split::kTrain);
  add("2", "own", two, 1, Split::kTrain);
  add("3", "same", one.substr(0, one.size() - 500), 1, Split::kTrain);
  add("4", "same", two, 0, Split::kDev);
  add("5", "", "no picture at all, but text", 1, Split::kDev);
  add("6", "six", one, 1, Split::kTest);
  add("7", "seven", "", 1, Split::kTest);
  add("8", "seven", two, 1, Split::kTest);
  write_data_set(data, {}, scratch.path());
}

std::vector<std::string> lines_of(const VerifyReport& report) {
  std::vector<std::string> lines;
  for (const auto& count : report.leak_counts) {
    lines.push_back(std::string(leak_kind_name(count.kind)) + " " + split_name(count.split) + " in " + split_name(count.other) + " " +
                    std::to_string(count.posts) + "/" + std::to_string(count.other_label));
  }
  return lines;
}

TEST(Verify, CountsPicturesRepetitionsAndLeaks) {
  const Scratch scratch;
  write_set(scratch);
  for (const int64_t threads : {1, 4}) {
    const auto report = verify_data(scratch.path(), {.most_unusable = 0.15, .near = false, .threads = threads});
    EXPECT_TRUE(report.good()) << report.misses.front();
    EXPECT_EQ(report.data.posts.size(), 8U);
    EXPECT_EQ(report.data.sha256, report.stated_sha256);
    EXPECT_THAT(picture_statuses(report), ElementsAre(Pair("none", 1), Pair("ok", 5), Pair("truncated", 1), Pair("unknown_format", 1)));
    EXPECT_EQ(count_unusable(report), 1);
    EXPECT_TRUE(report.pictures[2].usable);
    EXPECT_EQ(report.pictures[4].status, "unknown_format");
    EXPECT_THAT(lines_of(report),
                ElementsAre("text dev in train 1/0", "normalised_text dev in train 1/0", "picture test in train 2/1",
                            "picture test in dev 1/1", "picture dev in train 1/1", "text test in test 1/0", "text train in train 1/1",
                            "normalised_text test in test 1/0", "normalised_text train in train 1/1"));
    EXPECT_THAT(leaked_test_rows(report), ElementsAre(5, 7));
    EXPECT_EQ(report.texts.odd.at(OddText::kEmpty).size(), 1U);
    EXPECT_FALSE(report.shortcuts.empty());
  }
  const auto strict = verify_data(scratch.path(), {.bad_picture_is_miss = true});
  EXPECT_THAT(strict.misses, ElementsAre("1 picture cannot be used"));
  // One of seven is more than a hundredth, and than 14 %.
  for (const double share : {0.01, 0.14}) {
    EXPECT_THAT(verify_data(scratch.path(), {.most_unusable = share}).misses,
                ElementsAre(HasSubstr("1 of the 7 pictures that are named cannot be used, more than the share")));
  }
  EXPECT_TRUE(verify_data(scratch.path(), {.lost_pictures_are_miss = false}).good());
  EXPECT_THAT(thrown<ConfigError>([&] { verify_data(scratch.path(), {.most_unusable = 2}); }), HasSubstr("most_unusable is 2"));
  const auto blind = verify_data(scratch.path(), {.pictures = false, .shortcuts = false});
  EXPECT_TRUE(blind.pictures.empty());
  EXPECT_TRUE(blind.shortcuts.empty());
}

TEST(Verify, NearTextsAndPictures) {
  const Scratch scratch;
  DataSet data{.name = "v", .folder = scratch.path(), .labels = {"x", "y"}, .posts = {}, .sha256 = ""};
  const auto add = [&](const char* id, const char* text, const std::string& bytes, Split split) {
    data.posts.push_back(
        {.id = id, .text = text, .image = scratch.file(std::string(id) + ".jpg", bytes), .label = "x", .label_id = 0, .split = split});
  };
  const std::string jpeg = picture(1);
  const Image small =
      resize(decode_image({reinterpret_cast<const uint8_t*>(jpeg.data()), jpeg.size()}, {}).image, 120, 90, Filter::kBilinear);
  add("1", "RT @a: What a wonderful day this is in the city! http://t.co/1", jpeg, Split::kTrain);
  add("2", "What a wonderful day this is in the city", encode_jpeg(small, 50), Split::kTest);
  add("3", "what a wonderful day it is in the city", picture(4), Split::kTest);
  write_data_set(data, {}, scratch.path());
  EXPECT_THAT(lines_of(verify_data(scratch.path(), {.near_text_threshold = 0.6})),
              ElementsAre("normalised_text test in train 1/0", "near_text test in train 1/0", "near_picture test in train 1/0",
                          "near_text test in test 1/0"));
  EXPECT_THAT(lines_of(verify_data(scratch.path(), {.near = false})), ElementsAre("normalised_text test in train 1/0"));
  EXPECT_THAT(thrown<ConfigError>([&] { verify_data(scratch.path(), {.near_text_threshold = 0}); }), HasSubstr("threshold is 0"));
  EXPECT_THAT(thrown<ConfigError>([&] { verify_data(scratch.path(), {.max_length = 0}); }), HasSubstr("max_length is 0"));
}

TEST(Verify, AnEditedFileIsAMiss) {
  const Scratch scratch;
  write_set(scratch);
  scratch.file("posts.jsonl", slurp(scratch / "posts.jsonl") + "{\"id\":\"9\",\"text\":\"t\",\"label\":\"y\",\"split\":\"dev\"}\n");
  const auto report = verify_data(scratch.path(), {.most_unusable = 0.15});
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
              ElementsAre(HasSubstr("line 2: no valid JSON"), HasSubstr("line 3: field \"id\" \"1\" is already in line 1"),
                          HasSubstr("line 4: field \"label\" is \"z\"")));
  EXPECT_THAT(report.misses, ElementsAre("3 rows cannot be used"));
  scratch.file("posts.jsonl", "");
  EXPECT_THAT(verify_data(scratch.path(), {}).misses, ElementsAre("there is not one usable post"));
  EXPECT_THAT(thrown<DataError>([&] { verify_data(scratch / "none", {}); }), HasSubstr("no such data set"));
}

// docs/published-data.md: 2147/376/1088, 268/47/135, 268/47/135.
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
  EXPECT_THAT(thrown<ConfigError>([&] { published_misses(data, "mvsa"); }),
              HasSubstr("\"mvsa\" is not known, expected hfm or mvsa-multiple or mvsa-single or tumemo"));
  EXPECT_THAT(thrown<ConfigError>([] { verify_data("x", {.expect = "mvsa"}); }), HasSubstr("is not known"));
}

}  // namespace
}  // namespace infig

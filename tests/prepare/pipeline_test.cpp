#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>

#include "data/data_set.h"
#include "data/scratch.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/resize.h"
#include "made_source.h"
#include "prepare/picture_step.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using test::made_job;
using test::MadePosts;
using test::Scratch;
using test::slurp;
using test::thrown;
using ::testing::HasSubstr;

// Every file below a folder with its bytes.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) all[entry.path().lexically_relative(folder).string()] = slurp(entry.path());
  }
  return all;
}

Image drawn(int64_t width, int64_t height, int seed) {
  Image image = make_image(width, height, 200, 120, 40);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) image.at(x, y)[1] = static_cast<uint8_t>(x * seed + y * 3);
  }
  return image;
}

// Pictures 0.jpg .. of which 2 is absent, 5 empty, 8 no picture, 10 cut off in the middle.
void write_pictures(const Scratch& scratch, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    std::string bytes = encode_jpeg(drawn(60 + i, 40 + i % 9, static_cast<int>(i)), 80);
    if (i == 5) bytes.clear();
    if (i == 8) bytes = "this is no picture";
    if (i == 10) bytes.resize(bytes.size() * 3 / 4);
    if (i != 2) scratch.file("pictures/" + std::to_string(i) + ".jpg", bytes);
  }
}

PrepareOptions packed(int64_t threads = 1, int64_t block = 0) {
  PrepareOptions options;
  options.pack = PackSettings{.side = 32, .quality = 85};
  options.threads = threads;
  options.block = block;
  options.save_seconds = 0;
  return options;
}

TEST(Prepare, WritesWhatTheSourceSays) {
  const Scratch scratch;
  const auto report = prepare_data_set(made_job({}), scratch / "out", {});
  EXPECT_THAT(report.counts, ::testing::ElementsAre(::testing::Pair("made", 41), ::testing::Pair("left", 40),
                                                    ::testing::Pair("posts with a text or a picture", 33)));
  EXPECT_EQ(report.dropped_count, 8);  // "gone", 11, and 3 10 17 24 31 38 without text
  EXPECT_THAT(slurp(scratch / "out/dropped.csv"),
              ::testing::StartsWith("id,reason\ngone,by a rule\n3,neither text nor picture\n10,neither text nor picture\n11,eleven\n17,"));
  EXPECT_THAT(slurp(scratch / "out/notes.csv"),
              ::testing::StartsWith("id,reason\n0,no picture named\n1,\"odd post: number, 1\"\n1,no picture"));
  EXPECT_THAT(
      slurp(scratch / "out/posts.jsonl"),
      ::testing::StartsWith(
          "{\"id\":\"0\",\"text\":\"text \xC3\xA9 \\\"0\\\"\\n\",\"label\":\"even\",\"split\":\"test\",\"attributes\":[\"a\",\"0\"]}\n"
          "{\"id\":\"1\",\"text\":\"text \xC3\xA9 \\\"1\\\"\\n\",\"label\":\"odd\",\"split\":\"train\"}\n"));
  EXPECT_EQ(slurp(scratch / "out/extra.csv"), "v1");
  const DataSet data = read_data_set(scratch / "out");
  EXPECT_EQ(data.posts.size(), 33U);
  const auto description = nlohmann::json::parse(slurp(scratch / "out/dataset.json"));
  EXPECT_EQ(description["sha256"], data.sha256);
  EXPECT_EQ(description["counts"], count_posts(data));
  EXPECT_EQ(description["rules"]["dropped"], 8);
  EXPECT_EQ(description["rules"]["noted"]["odd post"], 6);  // 1 7 13 19 25 37; 31 has no text
  EXPECT_FALSE(fs::exists(scratch / "out.unfinished"));
}

TEST(Prepare, BytesDoNotDependOnThreadsOrBlocks) {
  const Scratch scratch;
  write_pictures(scratch, 40);
  const auto job = made_job({.pictures = scratch / "pictures"});
  prepare_data_set(job, scratch / "one", packed());
  const auto expected = contents(scratch / "one");
  ASSERT_TRUE(expected.contains("images.pack"));
  for (const auto& [threads, block] : {std::pair{1, 1}, {4, 7}, {3, 128}, {8, 16}}) {
    prepare_data_set(job, scratch / "other", packed(threads, block));
    EXPECT_EQ(contents(scratch / "other"), expected) << threads << " threads, blocks of " << block;
    fs::remove_all(scratch / "other");
  }
}

TEST(Prepare, PacksPicturesAsPillowWouldShrinkThem) {
  const Scratch scratch;
  write_pictures(scratch, 40);
  prepare_data_set(made_job({.pictures = scratch / "pictures"}), scratch / "out", packed());
  const ImagePack pack(scratch / "out/images.pack");
  EXPECT_EQ(pack.size(), 36);  // 40 without the four... of which 10 is only truncated, and without 11, which is dropped
  int64_t i = 0;
  for (const auto& post : read_data_set(scratch / "out").posts) {
    if (post.image.empty()) continue;
    ASSERT_EQ(post.image.file, scratch / "out/images.pack");
    EXPECT_EQ(post.image.offset, pack.entry(i).offset);
    const auto picture = pack.bytes(post.image.offset, post.image.length);
    EXPECT_TRUE(pack.check_picture(i));
    const auto decoded = decode_image(picture, {});
    const int64_t number = std::stoll(post.id), width = 60 + number, height = 40 + number % 9;
    EXPECT_EQ(decoded.image.height, 32) << post.id;  // the shorter side
    EXPECT_EQ(decoded.image.width, 32 * width / height) << post.id;
    EXPECT_EQ(pack.entry(i).width, decoded.image.width);
    ++i;
  }
  EXPECT_EQ(i, pack.size());
}

TEST(Prepare, ShrinkNeverEnlargesAndFitsAJpeg) {
  const Image small = drawn(20, 31, 3);
  EXPECT_EQ(shrink_for_pack(small, 32).pixels, small.pixels);
  const Image wide = shrink_for_pack(drawn(65535, 2, 1), 256);
  EXPECT_EQ(wide.width, 65500);
  EXPECT_EQ(wide.height, 1);
  EXPECT_FALSE(encode_jpeg(wide, 80).empty());
  const Image shrunk = shrink_for_pack(drawn(301, 200, 5), 100);
  EXPECT_EQ(shrunk.width, 150);
  EXPECT_EQ(shrunk.pixels, resize(drawn(301, 200, 5), 150, 100, Filter::kBilinear).pixels);
}

TEST(Prepare, BadPicturesByPolicy) {
  const Scratch scratch;
  write_pictures(scratch, 14);
  const auto job = made_job({.count = 14, .pictures = scratch / "pictures"});
  for (const bool pack : {false, true}) {
    PrepareOptions options;
    if (pack) options.pack = PackSettings{.side = 32};
    options.bad_pictures = BadPictures::kMissing;
    const auto kept = prepare_data_set(job, scratch / "missing", options);
    EXPECT_THAT(kept.noted,
                ::testing::UnorderedElementsAre(::testing::Pair("odd post", 3), ::testing::Pair("text absent", 2),
                                                ::testing::Pair("picture absent", 1), ::testing::Pair("picture empty", 1),
                                                ::testing::Pair("picture unknown format", 1), ::testing::Pair("picture truncated", 1)));
    EXPECT_EQ(kept.dropped_count, 2);  // "gone" and 11
    const auto pictures = nlohmann::json::parse(slurp(scratch / "missing/dataset.json"))["pictures"];
    EXPECT_EQ(pictures["ok"], 9);
    EXPECT_EQ(pictures["truncated"], 1);
    EXPECT_EQ(pictures["absent"], 1);
    EXPECT_EQ(pictures["empty"], 1);
    EXPECT_EQ(pictures["unknown_format"], 1);
    options.bad_pictures = BadPictures::kSkip;
    const auto skipped = prepare_data_set(job, scratch / "skip", options);
    std::string dropped;
    for (const auto& note : skipped.dropped) dropped += note.id + " ";
    EXPECT_EQ(dropped, "gone 2 5 8 11 ");
    EXPECT_FALSE(fs::exists(scratch / "skip/images/8.jpg"));
    options.bad_pictures = BadPictures::kError;
    for (const int64_t threads : {1, 4}) {  // always the first one in order
      options.threads = threads;
      EXPECT_THAT(thrown<DataError>([&] { prepare_data_set(job, scratch / "error", options); }),
                  HasSubstr("post \"2\": picture absent: 2.jpg: no such file; --bad-image missing keeps"));
    }
    EXPECT_FALSE(fs::exists(scratch / "error"));
    EXPECT_FALSE(fs::exists(scratch / "error.unfinished"));
    fs::remove_all(scratch / "missing");
    fs::remove_all(scratch / "skip");
  }
}

// Stopped after every single block, from the first to the last.
TEST(Prepare, GoesOnWhereItWasStopped) {
  const Scratch scratch;
  write_pictures(scratch, 40);
  for (const bool pack : {true, false}) {
    PrepareOptions options = packed(2, 3);
    if (!pack) options.pack.reset();
    prepare_data_set(made_job({.pictures = scratch / "pictures"}), scratch / "whole", options);
    int64_t calls = 0;
    int64_t reads = 0;
    for (bool done = false; !done; ++calls) {
      ASSERT_LT(calls, 30);
      std::atomic<int> stop{0};
      std::atomic<int64_t> read{0};
      MadePosts made{.pictures = scratch / "pictures"};
      made.on_read = [&](int64_t) {
        if (++read == 5) stop = SIGINT;  // in the second block of this call
      };
      options.stop = &stop;
      try {
        prepare_data_set(made_job(made), scratch / "out", options);
        done = true;
      } catch (const Interrupted& error) {
        EXPECT_EQ(error.exit_code(), 130);
        EXPECT_THAT(error.what(), HasSubstr("the same command resumes from there"));
        EXPECT_FALSE(fs::exists(scratch / "out"));
        // A kill may leave more than was noted.
        for (const char* name : {"posts.jsonl", "dropped.csv", "notes.csv", "images.pack", "images.pack.index"}) {
          if (fs::exists(scratch / "out.unfinished/data" / name))
            std::ofstream(scratch / "out.unfinished/data" / name, std::ios::app) << "half a li";
        }
      }
      reads += read;
    }
    EXPECT_GT(calls, 10);
    EXPECT_LE(reads, 40 + 3 * calls);  // a block a call was lost, no more
    EXPECT_EQ(contents(scratch / "out"), contents(scratch / "whole"));
    EXPECT_FALSE(fs::exists(scratch / "out.unfinished"));
    fs::remove_all(scratch / "out");
    fs::remove_all(scratch / "whole");
  }
}

// Leaves unfinished work of `made` behind.
void leave_unfinished(const Scratch& scratch, MadePosts made, PrepareOptions options) {
  std::atomic<int> stop{0};
  made.on_read = [&](int64_t i) { stop = i == 20 ? SIGTERM : 0; };
  options.stop = &stop;
  EXPECT_THAT(thrown<Interrupted>([&] { prepare_data_set(made_job(made), scratch / "out", options); }), HasSubstr("out.unfinished"));
  EXPECT_TRUE(fs::exists(scratch / "out.unfinished/progress.json"));
}

TEST(Prepare, AnotherRequestOrOtherInputsStartAnew) {
  const Scratch scratch;
  write_pictures(scratch, 40);
  const MadePosts made{.pictures = scratch / "pictures"};
  PrepareOptions options = packed(1, 4);
  leave_unfinished(scratch, made, options);
  options.pack->quality = 70;
  prepare_data_set(made_job(made), scratch / "fresh", options);
  prepare_data_set(made_job(made), scratch / "out", options);
  EXPECT_EQ(contents(scratch / "out"), contents(scratch / "fresh"));
  fs::remove_all(scratch / "out");
  leave_unfinished(scratch, made, options);
  MadePosts changed = made;
  changed.mark = "v2";
  prepare_data_set(made_job(changed), scratch / "out", options);
  EXPECT_EQ(slurp(scratch / "out/extra.csv"), "v2");
  EXPECT_EQ(slurp(scratch / "out/posts.jsonl"), slurp(scratch / "fresh/posts.jsonl"));
  EXPECT_FALSE(fs::exists(scratch / "out.unfinished"));
}

TEST(Prepare, DamagedUnfinishedWorkStartsAnew) {
  const Scratch scratch;
  write_pictures(scratch, 40);
  const MadePosts made{.pictures = scratch / "pictures"};
  prepare_data_set(made_job(made), scratch / "whole", packed(1, 4));
  for (const char* name : {"posts.jsonl", "images.pack", "images.pack.index"}) {
    leave_unfinished(scratch, made, packed(1, 4));
    fs::resize_file(scratch / "out.unfinished/data" / name, 10);
    prepare_data_set(made_job(made), scratch / "out", packed(1, 4));
    EXPECT_EQ(contents(scratch / "out"), contents(scratch / "whole")) << name;
    fs::remove_all(scratch / "out");
  }
}

TEST(Prepare, FoldersInTheWay) {
  const Scratch scratch;
  scratch.file("out.unfinished/mine.txt", "precious");
  EXPECT_THAT(thrown<DataError>([&] { prepare_data_set(made_job({}), scratch / "out", {}); }), HasSubstr("move it away"));
  EXPECT_EQ(slurp(scratch / "out.unfinished/mine.txt"), "precious");
  fs::remove_all(scratch / "out.unfinished");
  leave_unfinished(scratch, {}, packed(1, 4));
  const int other = ::open((scratch / "out.unfinished").c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  EXPECT_THAT(thrown<DataError>([&] { prepare_data_set(made_job({}), scratch / "out", packed(1, 4)); }),
              HasSubstr("another infig prepare is at work"));
  ::close(other);
  prepare_data_set(made_job({}), scratch / "out", packed(1, 4));
  EXPECT_EQ(read_data_set(scratch / "out").posts.size(), 33U);
}

// Killed between moving the data set into place and tidying up: the same command only tidies up.
TEST(Prepare, TidiesUpAfterTheMove) {
  const Scratch scratch;
  PrepareOptions options = packed(1, 4);
  leave_unfinished(scratch, {}, options);
  auto progress = nlohmann::ordered_json::parse(slurp(scratch / "out.unfinished/progress.json"));
  prepare_data_set(made_job({}), scratch / "out", options);
  const auto expected = contents(scratch / "out");
  progress["progress"]["finished"] = true;
  scratch.file("out.unfinished/progress.json", progress.dump());
  scratch.file("out.unfinished/old/posts.jsonl", "of the data set that was replaced");
  MadePosts never;
  never.on_read = [](int64_t) { ADD_FAILURE() << "read again"; };
  const auto report = prepare_data_set(made_job(never), scratch / "out", options);
  EXPECT_EQ(report.counts.size(), 3U);
  EXPECT_EQ(contents(scratch / "out"), expected);
  EXPECT_FALSE(fs::exists(scratch / "out.unfinished"));
  // Without such work the folder is not touched.
  EXPECT_THAT(thrown<DataError>([&] { prepare_data_set(made_job({}), scratch / "out", options); }), HasSubstr("--overwrite"));
}

TEST(Prepare, ReplacesADataSetOnlyWhenTheNewOneIsWhole) {
  const Scratch scratch;
  PrepareOptions options = packed(1, 4);
  prepare_data_set(made_job({}), scratch / "out", options);
  const auto before = contents(scratch / "out");
  options.overwrite = true;
  leave_unfinished(scratch, {.count = 38}, options);
  EXPECT_EQ(contents(scratch / "out"), before);
  prepare_data_set(made_job({.count = 38}), scratch / "out", options);
  EXPECT_NE(contents(scratch / "out"), before);
  EXPECT_EQ(read_data_set(scratch / "out").posts.size(), 32U);
  EXPECT_FALSE(fs::exists(scratch / "out.unfinished"));
}

}  // namespace
}  // namespace infig

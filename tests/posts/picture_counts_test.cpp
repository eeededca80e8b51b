// Counts of the pictures that posts name, and what is said where none of them can be used.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "image/encode.h"
#include "posts/post_counts.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(PictureCounts, OfNamedPicturesAlone) {
  std::vector<Post> posts(4);
  posts[0].image = fs::path("a.jpg");
  posts[1].image = fs::path("b.jpg");
  posts[3].image = fs::path("d.jpg");
  const std::map<int64_t, BadPicture> bad = {{0, {"0", "a.jpg", "absent", "no such file"}}, {3, {"3", "d.jpg", "truncated", ""}}};
  EXPECT_EQ(count_pictures(posts, {0, 1, 2, 3}, bad).words(), "pictures: 2 of 3 used, 1 of them truncated, 1 absent");
  EXPECT_EQ(count_pictures(posts, {2}, bad).words(), "pictures: none named");
  EXPECT_TRUE(count_pictures(posts, {0, 2}, bad).all_lost());
  EXPECT_NO_THROW(require_a_used_picture("x", count_pictures(posts, {2}, bad)));
  EXPECT_THROW(require_a_used_picture("x", count_pictures(posts, {0}, bad)), DataError);
  const auto back = unpack_bad_pictures({pack_bad_pictures(bad), pack_bad_pictures({{1, {"1", "b.jpg", "broken", "\xff"}}})});
  ASSERT_EQ(back.size(), 3U);
  EXPECT_EQ(back.at(1).status, "broken");
  EXPECT_EQ(back.at(3).file, "d.jpg");
}

TEST(PictureCounts, AFolderWithoutAnyOfThemIsNamed) {
  const reference::TemporaryFolder folder("pictures");
  std::vector<Post> posts(3);
  posts[1].image = folder / "one.jpg";
  posts[2].image = folder / "two.jpg";
  try {
    require_a_picture("data/x", posts, {0, 1, 2});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("data/x: none of the 2 pictures that the posts name is there (the first is " +
                                        (folder / "one.jpg").string() + ")"));
    EXPECT_THAT(error.what(), HasSubstr("--bad-image missing"));
  }
  write_file_atomic(folder / "two.jpg", "");
  try {
    require_a_picture("data/x", posts, {0, 2, 1});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("none of the 2 pictures that the posts name can be used (1 absent, 1 bad) (the first is " +
                                        (folder / "two.jpg").string() + ", empty)"));
  }
  write_file_atomic(folder / "one.jpg", "<html>not found</html>");
  EXPECT_THROW(require_a_picture("data/x", posts, {0, 1, 2}), DataError);
  write_file_atomic(folder / "two.jpg", encode_jpeg(make_image(8, 8, 10, 200, 30), 90));
  EXPECT_NO_THROW(require_a_picture("data/x", posts, {0, 1, 2}));
  EXPECT_NO_THROW(require_a_picture("data/x", posts, {0}));
}

}  // namespace
}  // namespace infig

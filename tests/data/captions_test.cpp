#include "data/captions.h"

#include "scratch.h"

namespace infig {
namespace {

using test::thrown;
using testing::HasSubstr;

std::vector<Post> three_posts() {
  std::vector<Post> posts(3);
  posts[0].id = "1";
  posts[1].id = "b 2";
  posts[2].id = "3";
  return posts;
}

TEST(Captions, AreGivenToTheirPosts) {
  const test::Scratch folder;
  auto posts = three_posts();
  const auto file = folder.file("c.tsv", "3\ta dog\ton a boat\r\n\nb 2\t  caf\xC3\xA9 \n");
  EXPECT_EQ(add_captions(posts, "data/x", file), 2);
  EXPECT_EQ(posts[0].caption, "");
  EXPECT_EQ(posts[1].caption, "caf\xC3\xA9");
  EXPECT_EQ(posts[2].caption, "a dog\ton a boat");
}

TEST(Captions, FaultsNameFileAndLine) {
  const test::Scratch folder;
  const auto refused = [&folder](std::string_view bytes) {
    const auto file = folder.file("c.tsv", bytes);
    return thrown<DataError>([&] {
      auto posts = three_posts();
      add_captions(posts, "data/x", file);
    });
  };
  EXPECT_THAT(refused("1\ta\n7\tb\n"), HasSubstr("c.tsv, line 2: id \"7\" is no post of data/x, which has 3"));
  EXPECT_THAT(refused("1\ta\n\n1\tb\n"), HasSubstr("c.tsv, line 3: id \"1\" is already in line 1"));
  EXPECT_THAT(refused("1 a dog\n"), HasSubstr("line 1: has no tab"));
  EXPECT_THAT(refused("\ta dog\n"), HasSubstr("line 1: has no id before the tab"));
  EXPECT_THAT(refused("1\t \n"), HasSubstr("line 1: has no caption behind the tab"));
  EXPECT_THAT(refused("1\ta\xFF\n"), HasSubstr("line 1: is not UTF-8 (byte 3)"));
  EXPECT_THAT(thrown<DataError>([&] { for_each_caption(folder / "absent.tsv", [](const std::string&, std::string&&, int64_t) {}); }),
              HasSubstr("absent.tsv"));
}

}  // namespace
}  // namespace infig

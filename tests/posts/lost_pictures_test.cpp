// What is said of pictures that no post of a prepared data set names any more.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "posts/post_counts.h"

namespace infig {
namespace {

TEST(LostPictures, AreSaidBehindThoseThatPostsName) {
  PictureCounts counts{.named = 3};
  EXPECT_EQ(counts.words(), "pictures: 3 of 3 used");
  counts.lost = {.absent = 3};
  EXPECT_EQ(counts.words(), "pictures: 3 of 3 used; 3 more were absent when the data set was prepared (all splits)");
  EXPECT_EQ(counts.json()["images_lost_by_prepare_absent"], 3);
  counts.lost = {.absent = 0, .bad = 1};
  EXPECT_EQ(counts.words(), "pictures: 3 of 3 used; 1 more was bad when the data set was prepared (all splits)");
  counts = {.lost = {.absent = 2, .bad = 1}};
  EXPECT_EQ(counts.words(), "pictures: none named; 3 more were lost (2 absent, 1 bad) when the data set was prepared (all splits)");
  EXPECT_EQ(counts.json()["images_lost_by_prepare_bad"], 1);
}

}  // namespace
}  // namespace infig

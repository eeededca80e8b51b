#include "text/word_vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "data/scratch.h"

namespace infig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class WordVectors : public testing::Test {
 protected:
  WordVectorCounts read(std::string_view bytes, int64_t size) { return read_file_of(folder_.file("v.txt", bytes), size); }
  WordVectorCounts read_file_of(const std::filesystem::path& file, int64_t size) {
    found_.clear();
    return read_word_vectors(
        file, size,
        [this](std::string_view word) {
          const auto known = ids_.find(std::string(word));
          return known == ids_.end() ? int64_t{-1} : known->second;
        },
        [this](int64_t id, std::span<const float> vector) { found_[id].assign(vector.begin(), vector.end()); });
  }
  std::string refused(std::string_view bytes, int64_t size) {
    return test::thrown<DataError>([&] { read(bytes, size); });
  }

  test::Scratch folder_;
  std::map<std::string, int64_t> ids_ = {{"cat", 2}, {"the", 3}, {"new york", 4}, {".", 5}};
  std::map<int64_t, std::vector<float>> found_;
};

TEST_F(WordVectors, GloVe) {
  const auto counts = read("the 0.5 -1 2e-3\ndog 1 2 3\ncat +4 5.25 -6\n. 0 0 1\n", 3);
  EXPECT_EQ(counts.rows, 4);
  EXPECT_EQ(counts.found, 3);
  EXPECT_THAT(found_[3], ElementsAre(0.5F, -1.0F, 2e-3F));
  EXPECT_THAT(found_[2], ElementsAre(4.0F, 5.25F, -6.0F));
  EXPECT_FALSE(found_.contains(4));
}

// fastText's .vec and word2vec as text: a first line with rows and width, blanks at the ends of lines.
TEST_F(WordVectors, FirstLineWithRowsAndWidth) {
  EXPECT_EQ(read("3 2\r\nthe 1 2 \r\ncat 3 4 \r\nx 5 6 \r\n", 2).found, 2);
  EXPECT_THAT(found_[2], ElementsAre(3.0F, 4.0F));
}

TEST_F(WordVectors, AWordMayHoldSpacesAndComesOnce) {
  const auto counts = read("new york 1 2\ncat 3 4\ncat 9 9\n 7 8\n", 2);
  EXPECT_EQ(counts.rows, 4);
  EXPECT_EQ(counts.found, 2);
  EXPECT_THAT(found_[4], ElementsAre(1.0F, 2.0F));
  EXPECT_THAT(found_[2], ElementsAre(3.0F, 4.0F));  // the first one
}

TEST_F(WordVectors, NoEndOfLineAndTinyNumbers) {
  EXPECT_EQ(read("the 1e-60 -1e-300\ncat 1 2", 2).found, 2);
  EXPECT_THAT(found_[3], ElementsAre(0.0F, 0.0F));
  EXPECT_THAT(found_[2], ElementsAre(1.0F, 2.0F));
}

TEST_F(WordVectors, ManyRowsInPiecesOfTheFile) {
  const std::filesystem::path file = folder_ / "long.vec";
  {
    std::ofstream out(file);
    for (int i = 0; i < 200'000; ++i) out << "word" << i << " 0.125 " << i << '\n';
    out << "cat 7 8\n";
  }
  ids_["word123456"] = 9;
  const auto counts = read_file_of(file, 2);
  EXPECT_EQ(counts.rows, 200'001);
  EXPECT_EQ(counts.found, 2);
  EXPECT_THAT(found_[9], ElementsAre(0.125F, 123456.0F));
}

TEST_F(WordVectors, FaultsNameFileAndLine) {
  EXPECT_THAT(refused("the 1 2 3\n", 2), HasSubstr("v.txt, line 1: has vectors of 3 numbers, words.size is 2; set words.size=3"));
  EXPECT_THAT(refused("2 5\nthe 1 2 3 4 5\ncat 1 2 3 4 5\n", 4), HasSubstr("vectors of 5 numbers, words.size is 4"));
  EXPECT_THAT(refused("the 1 2\ndog 1\n", 2), HasSubstr("v.txt, line 2: has 2 parts, expected a word and 2 numbers"));
  EXPECT_THAT(refused("the 1 2\n\ncat x 2\n", 2), HasSubstr("line 3: number 1 is \"x\""));
  EXPECT_THAT(refused("the 1 2\ncat inf 2\n", 2), HasSubstr("line 2: number 1 is \"inf\""));
  EXPECT_THAT(refused("the 1 2\ncat 1e99 2\n", 2), HasSubstr("line 2: number 1"));
  EXPECT_THAT(refused("3 2\nthe 1 2\ncat 1 2\n", 2), HasSubstr("states 3 vectors, the file has 2"));
  EXPECT_THAT(refused("", 2), HasSubstr("holds no vectors"));
  EXPECT_THAT(refused("3 2\n", 2), HasSubstr("holds no vectors"));
  EXPECT_THAT(refused(std::string_view("the 1 2\n\0\1\2\n", 12), 2), HasSubstr("line 2: holds a zero byte"));
  EXPECT_THAT(refused("the 1 2\n" + std::string(100'000, 'x'), 2), HasSubstr("line 2: has over"));
  EXPECT_THAT(test::thrown<DataError>([this] { read_file_of(folder_ / "absent.vec", 2); }), HasSubstr("absent.vec: cannot be read"));
  EXPECT_THAT(test::thrown<DataError>([this] { read_file_of(folder_.path(), 2); }), HasSubstr("is a folder"));
}

}  // namespace
}  // namespace infig

// Postcards. Expected numbers of posts are worked by hand from the table in postcards.h; the PNG files are read back by libpng. The digests
// pin the bytes: g++ -O2, g++ -O1 with sanitizers and clang++ -O1 with libc++ gave the same ones.
#include "postcards/postcards.h"

#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "data/scratch.h"
#include "postcards/png.h"
#include "postcards/text.h"

namespace infig {
namespace {

using test::Scratch;

constexpr int kPraise = 0, kReport = 1, kComplaint = 2, kBright = 0, kPlain = 1, kGloomy = 2;
constexpr int kPositive = 0, kNeutral = 1, kNegative = 2;

// The table of the header, once more by hand, in posts of 2,000: [text][picture].
constexpr int kCells[3][3] = {{320, 200, 240}, {200, 480, 120}, {240, 120, 80}};
constexpr int kLabels[3][3] = {{kPositive, kPositive, kNegative}, {kPositive, kNeutral, kNegative}, {kNegative, kNegative, kNegative}};

const std::vector<Postcard>& default_cards() {
  static const std::vector<Postcard> kCards = plan_postcards({});
  return kCards;
}

struct Decoded {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> rgb;
};

Decoded decode_with_libpng(const std::string& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0) {
    ADD_FAILURE() << "libpng refuses the header: " << image.message;
    return {};
  }
  EXPECT_EQ(image.format, static_cast<png_uint_32>(PNG_FORMAT_RGB));
  image.format = PNG_FORMAT_RGB;
  Decoded decoded{.width = image.width, .height = image.height, .rgb = std::vector<uint8_t>(PNG_IMAGE_SIZE(image))};
  if (png_image_finish_read(&image, nullptr, decoded.rgb.data(), 0, nullptr) == 0 || image.warning_or_error != 0) {
    ADD_FAILURE() << "libpng refuses the pixels: " << image.message;
    return {};
  }
  return decoded;
}

// One line a post: everything that the file of posts and the pictures hold.
std::string set_digest(const PostcardsOptions& options, int64_t first_posts) {
  const std::vector<Postcard> cards = plan_postcards(options);
  std::vector<std::string> lines(static_cast<size_t>(first_posts));
  parallel_for(first_posts, 2, [&](int64_t i) {
    const Postcard& card = cards[static_cast<size_t>(i)];
    lines[static_cast<size_t>(i)] = card.id + "\t" + card.text + "\t" + std::to_string(card.label_id) + "\t" +
                                    std::to_string(static_cast<int>(card.split)) + "\t" + sha256_hex(draw_postcard(card, options)) + "\n";
  });
  std::string all;
  for (const std::string& line : lines) all += line;
  return sha256_hex(all);
}

TEST(Postcards, TheTableHoldsOverTheGeneratedPosts) {
  int counts[3][3][3] = {};
  for (const Postcard& card : default_cards()) {
    ++counts[static_cast<int>(card.text_kind)][static_cast<int>(card.picture_kind)][card.label_id];
  }
  int by_text = 0, by_picture = 0, by_both = 0;
  for (int a = 0; a < 3; ++a) {
    int text_row[3] = {}, picture_row[3] = {};
    for (int b = 0; b < 3; ++b) {
      for (int label = 0; label < 3; ++label) {
        EXPECT_EQ(counts[a][b][label], label == kLabels[a][b] ? kCells[a][b] : 0) << "text kind " << a << ", picture kind " << b;
        text_row[label] += counts[a][b][label];
        picture_row[label] += counts[b][a][label];
      }
      by_both += *std::max_element(counts[a][b], counts[a][b] + 3);
    }
    by_text += *std::max_element(text_row, text_row + 3);
    by_picture += *std::max_element(picture_row, picture_row + 3);
  }
  EXPECT_EQ(by_text, 1440);     // .72
  EXPECT_EQ(by_picture, 1440);  // .72
  EXPECT_EQ(by_both, 2000);     // 1.00
}

TEST(Postcards, SplitsHoldTheSharesOfTheWhole) {
  std::map<Split, std::array<int, 3>> counts;
  std::map<std::array<int, 3>, int> cells;
  for (const Postcard& card : default_cards()) {
    ++counts[card.split][static_cast<size_t>(card.label_id)];
    ++cells[{static_cast<int>(card.split), static_cast<int>(card.text_kind), static_cast<int>(card.picture_kind)}];
  }
  EXPECT_EQ(counts[Split::kTrain], (std::array<int, 3>{576, 384, 640}));
  EXPECT_EQ(counts[Split::kDev], (std::array<int, 3>{72, 48, 80}));
  EXPECT_EQ(counts[Split::kTest], (std::array<int, 3>{72, 48, 80}));
  for (int text = kPraise; text <= kComplaint; ++text) {
    for (int picture = kBright; picture <= kGloomy; ++picture) {
      const int cell = kCells[text][picture];
      EXPECT_EQ((cells[{static_cast<int>(Split::kTrain), text, picture}]), cell * 8 / 10);
      EXPECT_EQ((cells[{static_cast<int>(Split::kTest), text, picture}]), cell / 10) << "text " << text << ", picture " << picture;
    }
  }
}

TEST(Postcards, AnyCountKeepsEachCellWithinOnePostAndEachLabelInEachSplit) {
  for (const int64_t count : {50, 51, 73, 99, 137, 1001}) {
    const std::vector<Postcard> cards = plan_postcards({.count = count});
    ASSERT_EQ(static_cast<int64_t>(cards.size()), count);
    int cells[3][3] = {};
    std::set<std::pair<Split, int64_t>> seen;
    for (const Postcard& card : cards) {
      ++cells[static_cast<int>(card.text_kind)][static_cast<int>(card.picture_kind)];
      seen.insert({card.split, card.label_id});
    }
    EXPECT_EQ(seen.size(), 9U) << count;
    for (int text = kPraise; text <= kComplaint; ++text) {
      for (int picture = kBright; picture <= kGloomy; ++picture) {
        EXPECT_LT(std::abs(cells[text][picture] - static_cast<double>(count) * kCells[text][picture] / 2000), 1.0) << count;
      }
    }
  }
  static_assert(kReport == 1 && kPlain == 1);
}

bool is_utf8(const std::string& text) {  // shortest forms up to U+10FFFF, no surrogates
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t point = length == 1 ? lead : lead & (0x7FU >> length);
    for (size_t j = 1; j < length; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3FU);
    }
    if ((length == 3 && point < 0x800) || (length == 4 && point < 0x10000) || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
      return false;
    i += length;
  }
  return true;
}

TEST(Postcards, TextsAreCleanAndNoneComesTwice) {
  std::set<std::string> texts, ids;
  int beyond_ascii = 0;
  for (const Postcard& card : default_cards()) {
    EXPECT_GE(card.text.size(), 8U) << card.id;
    EXPECT_TRUE(is_utf8(card.text)) << card.id;
    EXPECT_EQ(card.text.find_first_of("{}\n\r\t"), std::string::npos) << card.text;
    EXPECT_EQ(card.text.find("  "), std::string::npos) << card.text;
    EXPECT_TRUE(texts.insert(card.text).second) << card.text;
    EXPECT_TRUE(ids.insert(card.id).second) << card.id;
    beyond_ascii += std::any_of(card.text.begin(), card.text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }) ? 1 : 0;
  }
  EXPECT_GT(beyond_ascii, 200);
  EXPECT_EQ(default_cards().front().id, "pc-0001");
  EXPECT_EQ(default_cards().back().id, "pc-2000");
  EXPECT_EQ(plan_postcards({.count = 10000}).front().id, "pc-00001");
}

TEST(Postcards, NoWordTellsThePictureBeyondTheTable) {
  // Within one text kind each word must meet the picture kinds in the table's proportion. Binomial deviation, 5 sigma (about a
  // thousand comparisons), words of 40 posts or more.
  for (int text = kPraise; text <= kComplaint; ++text) {
    std::map<std::string, std::array<int, 3>> words;
    for (const Postcard& card : default_cards()) {
      if (static_cast<int>(card.text_kind) != text) continue;
      std::set<std::string> in_post;
      std::istringstream stream(card.text);
      for (std::string word; stream >> word;) in_post.insert(word);
      for (const std::string& word : in_post) ++words[word][static_cast<size_t>(card.picture_kind)];
    }
    const double row = kCells[text][0] + kCells[text][1] + kCells[text][2];
    int compared = 0;
    for (const auto& [word, seen] : words) {
      const int total = seen[0] + seen[1] + seen[2];
      if (total < 40) continue;
      ++compared;
      for (size_t picture = 0; picture < 3; ++picture) {
        const double share = kCells[text][picture] / row;
        EXPECT_LT(std::abs(seen[picture] - total * share), 5 * std::sqrt(total * share * (1 - share))) << word;
      }
    }
    EXPECT_GT(compared, 20);
  }
}

TEST(Postcards, ThingsAreNamedWhereTheySayAndTellNothing) {
  std::map<int64_t, std::array<int, 3>> by_colour;
  int named = 0;
  for (const Postcard& card : default_cards()) {
    std::string lower = card.text;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const std::string thing = postcards::thing_colours().at(static_cast<size_t>(card.thing_colour)) + " " +
                              postcards::thing_names().at(static_cast<size_t>(card.thing));
    EXPECT_EQ(lower.find(thing) != std::string::npos, card.names_thing) << card.text;
    named += card.names_thing ? 1 : 0;
    ++by_colour[card.thing_colour][static_cast<size_t>(card.label_id)];
  }
  EXPECT_NEAR(named, 1500, 100);  // three in four; 5 sigma = 97
  for (const auto& [colour, labels] : by_colour) {
    const double total = labels[0] + labels[1] + labels[2];
    EXPECT_GT(total, 240);  // 2000 / 6
    EXPECT_NEAR(labels[kNegative] / total, .4, 5 * std::sqrt(.4 * .6 / total)) << colour;
  }
}

TEST(Postcards, PicturesAreValidAndTheirKindsDiffer) {
  const PostcardsOptions options{.count = 300, .size = 48};
  std::array<std::vector<double>, 3> light, colourfulness;
  for (const Postcard& card : plan_postcards(options)) {
    const Decoded picture = decode_with_libpng(draw_postcard(card, options));
    ASSERT_EQ(picture.width, 48);
    ASSERT_EQ(picture.height, 48);
    double sum = 0, spread = 0;
    for (size_t i = 0; i < picture.rgb.size(); i += 3) {
      const auto [low, high] = std::minmax({picture.rgb[i], picture.rgb[i + 1], picture.rgb[i + 2]});
      sum += (picture.rgb[i] + picture.rgb[i + 1] + picture.rgb[i + 2]) / 3.0;
      spread += high - low;
    }
    light[static_cast<size_t>(card.picture_kind)].push_back(sum / (48 * 48));
    colourfulness[static_cast<size_t>(card.picture_kind)].push_back(spread / (48 * 48));
  }
  const auto least = [](const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); };
  const auto most = [](const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); };
  EXPECT_GT(least(light[kBright]), most(light[kPlain]) - 20);
  EXPECT_GT(least(light[kPlain]), most(light[kGloomy]) + 20);
  EXPECT_GT(least(colourfulness[kBright]) + most(light[kPlain]), most(colourfulness[kPlain]) + 100);
}

TEST(Postcards, GoldenDigest) {
  EXPECT_EQ(set_digest({}, 2000), "34df28ac78f8fefe2ba3e917709b1d41a148fe5a8ca07ca42f1d3ab63302b06e");
  EXPECT_EQ(set_digest({.seed = 7, .count = 50, .size = 33}, 50), "ad975dc3e882b178c4056d4ab385d077241988100dd6213295d4238a6e8f2d55");
}

TEST(Postcards, TheSeedChangesTextsAndPictures) {
  const PostcardsOptions one{.seed = 1, .count = 50, .size = 32}, two{.seed = 2, .count = 50, .size = 32};
  const std::vector<Postcard> first = plan_postcards(one), second = plan_postcards(two);
  std::set<std::string> texts, pictures;
  for (const Postcard& card : first) texts.insert(card.text), pictures.insert(draw_postcard(card, one));
  for (const Postcard& card : second) texts.insert(card.text), pictures.insert(draw_postcard(card, two));
  EXPECT_EQ(texts.size(), 100U);
  EXPECT_EQ(pictures.size(), 100U);
}

TEST(Postcards, WritesTheSameFilesForAnyThreadCount) {
  const Scratch scratch;
  PostcardsOptions options{.seed = 3, .count = 60, .size = 40, .threads = 1};
  const DataSet alone = write_postcards(options, scratch.path() / "alone");
  options.threads = 5;
  const DataSet together = write_postcards(options, scratch.path() / "together");
  const std::vector<Postcard> cards = plan_postcards(options);
  EXPECT_EQ(alone.name, "postcards");
  EXPECT_EQ(alone.labels, (std::vector<std::string>{"positive", "neutral", "negative"}));
  ASSERT_EQ(alone.posts.size(), 60U);
  ASSERT_EQ(together.posts.size(), 60U);
  for (size_t i = 0; i < alone.posts.size(); ++i) {
    const Post& post = alone.posts[i];
    EXPECT_EQ(post.image, scratch.path() / "alone" / "images" / (post.id + ".png"));
    EXPECT_EQ(read_file(post.image.file), draw_postcard(cards[i], options));
    EXPECT_EQ(read_file(post.image.file), read_file(together.posts[i].image.file));
    EXPECT_EQ(post.text, together.posts[i].text);
    EXPECT_EQ(post.label, alone.labels.at(static_cast<size_t>(post.label_id)));
    EXPECT_EQ(post.label_id, cards[i].label_id);
    EXPECT_EQ(post.split, cards[i].split);
  }
  const auto files =
      std::distance(std::filesystem::directory_iterator(scratch.path() / "alone" / "images"), std::filesystem::directory_iterator());
  EXPECT_EQ(files, 60);
}

TEST(Postcards, RefusesWhatItCannotDo) {
  const auto message = [](const PostcardsOptions& options) -> std::string {
    try {
      plan_postcards(options);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message({.count = 49}), "postcards: count is 49; expected 50 .. 100000");
  EXPECT_EQ(message({.count = 100001}), "postcards: count is 100001; expected 50 .. 100000");
  EXPECT_EQ(message({.size = 31}), "postcards: size is 31; expected 32 .. 512");
  EXPECT_EQ(message({.size = 513}), "postcards: size is 513; expected 32 .. 512");
  EXPECT_EQ(message({.threads = -1}), "postcards: threads is -1; expected 0 .. 1024");
  EXPECT_EQ(message({.count = 50}), "accepted");
  const Scratch scratch;
  write_file_atomic(scratch.path() / "taken", "a file where the folder should be");
  EXPECT_THROW(write_postcards({.count = 50, .size = 32}, scratch.path() / "taken"), ResourceError);
}

TEST(StoredPng, LibpngReadsBackEveryPixel) {
  // 200 x 150 x 3 bytes need two stored blocks; 1 x 1 is the smallest picture.
  for (const auto& [width, height] : {std::pair<int64_t, int64_t>{200, 150}, {1, 1}, {7, 3}, {21845, 1}}) {
    std::vector<uint8_t> rgb(static_cast<size_t>(width * height * 3));
    uint32_t state = 1;
    for (uint8_t& value : rgb) value = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
    const Decoded decoded = decode_with_libpng(postcards::stored_png(rgb, width, height));
    EXPECT_EQ(decoded.width, width);
    EXPECT_EQ(decoded.height, height);
    EXPECT_EQ(decoded.rgb, rgb);
  }
  EXPECT_THROW(postcards::stored_png(std::vector<uint8_t>(5), 1, 2), std::invalid_argument);
  EXPECT_THROW(postcards::stored_png({}, 0, 0), std::invalid_argument);
}

}  // namespace
}  // namespace infig

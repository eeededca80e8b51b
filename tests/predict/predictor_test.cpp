// Scores, faults, pictures in memory and attention of Predictor, against the model run by hand.
#include "predict/predictor.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <span>

#include "core/error.h"
#include "core/files.h"
#include "image/encode.h"
#include "predict/by_hand.h"
#include "predict/calibration.h"
#include "predict/trained_run.h"

namespace infig {
namespace {

using ::testing::HasSubstr;

std::span<const uint8_t> bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

void expect_near(const std::vector<double>& found, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  ASSERT_FALSE(found.empty());
  for (size_t c = 0; c < found.size(); ++c) {
    ASSERT_TRUE(std::isfinite(found[c]));
    EXPECT_NEAR(found[c], expected[c], tolerance) << "class " << c;
  }
}

class PredictorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<reference::TemporaryFolder>("predictor");
    test::write_run(*folder_);
    predictor_ = std::make_unique<Predictor>(*folder_, PredictorOptions{.device = DeviceChoice::kCpu});
  }
  static void TearDownTestSuite() {
    predictor_.reset();
    folder_.reset();
  }
  static PostRequest request(const std::string& text, const std::optional<MemoryPicture>& picture = {}) {
    PostRequest one;
    one.post.text = text;
    one.post.picture = picture;
    return one;
  }
  static MemoryPicture pixels(const Image& image) {
    return {.bytes = image.pixels, .decoded = true, .width = image.width, .height = image.height};
  }
  static std::unique_ptr<reference::TemporaryFolder> folder_;
  static std::unique_ptr<Predictor> predictor_;
};
std::unique_ptr<reference::TemporaryFolder> PredictorTest::folder_;
std::unique_ptr<Predictor> PredictorTest::predictor_;

TEST_F(PredictorTest, SaysWhatTheModelSays) {
  const Image one = test::noise(40, 33, 1), two = test::noise(64, 32, 2);
  const std::vector<PostRequest> posts = {request("a lovely day", pixels(one)),
                                          request("the storm took the roof of the house", pixels(two)), request("hello there"),
                                          request("", pixels(two))};
  PredictingOptions options;
  options.scoring.batch_size = 3;  // two batches, padded texts among them
  const auto outcomes = predictor_->predict(posts, options);
  ASSERT_EQ(outcomes.size(), 4U);
  const Image* pictures[] = {&one, &two, nullptr, &two};
  for (size_t i = 0; i < posts.size(); ++i) {
    EXPECT_EQ(outcomes[i].fault, PostFault::kNone);
    expect_near(outcomes[i].probabilities, test::probabilities_by_hand(*folder_, posts[i].post.text, pictures[i]), 1e-5);
    EXPECT_EQ(outcomes[i].picture_used(), pictures[i] != nullptr);
  }
  EXPECT_GT(std::abs(outcomes[0].probabilities[0] - outcomes[1].probabilities[0]), 1e-3);  // the posts do differ
  EXPECT_GT(std::abs(outcomes[1].probabilities[0] - outcomes[3].probabilities[0]), 1e-3);
  EXPECT_TRUE(predictor_->predict({}, options).empty());
}

TEST_F(PredictorTest, TheTemperatureScalesTheLogits) {
  PredictingOptions options;
  options.temperature = 2.5;
  expect_near(predictor_->predict({request("a lovely day")}, options)[0].probabilities,
              test::probabilities_by_hand(*folder_, "a lovely day", nullptr, 2.5), 1e-6);
}

TEST_F(PredictorTest, APictureIsTheSameFromAFileFromBytesAndAsPixels) {
  const std::string jpeg = encode_jpeg(test::noise(50, 40, 3), 90);
  const auto path = folder_->path() / "picture.jpg";
  write_file_atomic(path, jpeg);
  const Image decoded = decode_image(bytes_of(jpeg), {}).image;
  PostRequest file = request("rain");
  file.post.image = path;
  const auto from = [&](const PostRequest& one) { return predictor_->predict({one}, {})[0].probabilities; };
  const std::vector<double> expected = from(file);
  ASSERT_EQ(expected.size(), 3U);
  EXPECT_EQ(from(request("rain", MemoryPicture{.bytes = bytes_of(jpeg)})), expected);
  EXPECT_EQ(from(request("rain", pixels(decoded))), expected);
  EXPECT_NE(from(request("rain")), expected);
}

TEST_F(PredictorTest, FaultsStayWithTheirPosts) {
  const Image good = test::noise(32, 32, 4);
  const std::string text_file = "no picture", jpeg = encode_jpeg(test::noise(96, 96, 5), 90);
  PostRequest unreadable;
  unreadable.fault = "line 3: not JSON";
  const std::vector<PostRequest> posts = {request("a lovely day", pixels(good)),
                                          unreadable,
                                          request("bad \xff byte", pixels(good)),
                                          request("rain", MemoryPicture{.bytes = bytes_of(text_file)}),
                                          request("rain", MemoryPicture{}),
                                          request("rain", MemoryPicture{.bytes = good.pixels, .decoded = true, .width = 32, .height = 31}),
                                          request("rain", MemoryPicture{.decoded = true, .width = 0, .height = 5}),
                                          request("rain", MemoryPicture{.decoded = true, .width = int64_t{1} << 40, .height = 1 << 30}),
                                          request("rain", MemoryPicture{.bytes = bytes_of(jpeg).first(jpeg.size() * 2 / 3)}),
                                          request("hello there")};
  const std::vector<double> text_alone = predictor_->predict({request("rain")}, {})[0].probabilities;
  for (const BadImage policy : {BadImage::kMissing, BadImage::kSkip}) {
    PredictingOptions options;
    options.scoring.batch_size = 1;  // so that a post's bits do not depend on the others
    options.scoring.loader.bad_image = policy;
    const auto outcomes = predictor_->predict(posts, options);
    ASSERT_EQ(outcomes.size(), posts.size());
    EXPECT_EQ(outcomes[0].probabilities, predictor_->predict({posts[0]}, {})[0].probabilities);
    EXPECT_EQ(outcomes[9].probabilities, predictor_->predict({posts[9]}, {})[0].probabilities);
    EXPECT_TRUE(outcomes[9].picture.empty());
    EXPECT_EQ(outcomes[1].fault, PostFault::kRow);
    EXPECT_EQ(outcomes[1].message, "line 3: not JSON");
    EXPECT_EQ(outcomes[2].fault, PostFault::kText);
    EXPECT_THAT(outcomes[2].message, HasSubstr("byte 4"));
    const char* reasons[] = {"unknown format: ", "empty: ", "broken: 3072 bytes for 32 x 31 pixels; expected 2976", "broken: 0 x 5 pixels",
                             "too large: "};
    for (size_t i = 0; i < 5; ++i) {
      const PostOutcome& outcome = outcomes[3 + i];
      EXPECT_THAT(outcome.picture, ::testing::StartsWith(reasons[i]));
      EXPECT_FALSE(outcome.picture_used());
      if (policy == BadImage::kSkip) {
        EXPECT_EQ(outcome.fault, PostFault::kPicture);
        EXPECT_EQ(outcome.message, "image " + outcome.picture);
        EXPECT_TRUE(outcome.probabilities.empty());
      } else {
        EXPECT_EQ(outcome.probabilities, text_alone);
      }
    }
    EXPECT_THAT(outcomes[8].picture, ::testing::StartsWith("truncated: "));
    EXPECT_TRUE(outcomes[8].picture_used());
    EXPECT_EQ(outcomes[8].probabilities.size(), 3U);
  }
  PredictingOptions strict;
  strict.scoring.loader.bad_image = BadImage::kError;
  EXPECT_THROW(predictor_->predict({posts[3]}, strict), DataError);
}

TEST_F(PredictorTest, WhatHasNeitherTextNorPictureHasNoAnswer) {
  const Image good = test::noise(32, 32, 4);
  const std::string text_file = "no picture";
  const std::vector<PostRequest> posts = {request("rain"), request(""), request(" \n"), request("", pixels(good)),
                                          request("", MemoryPicture{.bytes = bytes_of(text_file)})};
  for (const BadImage policy : {BadImage::kMissing, BadImage::kSkip}) {
    PredictingOptions options;
    options.scoring.batch_size = 1;
    options.scoring.loader.bad_image = policy;
    const auto outcomes = predictor_->predict(posts, options);
    ASSERT_EQ(outcomes.size(), posts.size());
    for (const size_t i : {size_t{1}, size_t{2}, size_t{4}}) {
      EXPECT_EQ(outcomes[i].fault, PostFault::kEmpty);
      EXPECT_TRUE(outcomes[i].probabilities.empty());
    }
    EXPECT_EQ(outcomes[1].message, "neither text nor picture");
    EXPECT_THAT(outcomes[4].message, ::testing::StartsWith("no text, and image unknown format: "));
    for (const size_t i : {size_t{0}, size_t{3}})
      EXPECT_EQ(outcomes[i].probabilities, predictor_->predict({posts[i]}, options)[0].probabilities);
  }
}

TEST_F(PredictorTest, AttentionIsOfThePostWithoutPadding) {
  const Image picture = test::noise(32, 32, 5);
  std::vector<Post> posts = {request("rain", pixels(picture)).post, request("the storm took the roof of the house", pixels(picture)).post};
  const auto all = predictor_->attention(posts, {});
  ASSERT_EQ(all.size(), 2U);
  LoadedModel loaded = load_model(*folder_);
  for (size_t i = 0; i < 2; ++i) {
    const ForwardResult alone = test::forward_by_hand(loaded, posts[i].text, &picture);
    const int64_t tokens = alone.attention.size(2);
    EXPECT_EQ(all[i].heads, 2);
    EXPECT_EQ(all[i].image_tokens, 4);  // 32 pixels become a grid of 2 x 2
    const Encoding encoding = loaded.tokenizer->encode(posts[i].text, 32);
    EXPECT_EQ(all[i].tokens, (std::vector<std::string>(encoding.tokens.begin() + 1, encoding.tokens.end())));
    EXPECT_EQ(all[i].offsets, (std::vector<std::pair<int64_t, int64_t>>(encoding.offsets.begin() + 1, encoding.offsets.end())));
    ASSERT_EQ(tokens, 4 + static_cast<int64_t>(all[i].tokens.size()));
    ASSERT_EQ(all[i].attention.size(), static_cast<size_t>(2 * tokens * tokens));
    ASSERT_EQ(all[i].pooling.size(), static_cast<size_t>(tokens));
    const at::Tensor found = at::tensor(all[i].attention).view({2, tokens, tokens});
    EXPECT_LT((found - alone.attention[0]).abs().max().item<double>(), 1e-5);
    EXPECT_LT((found.sum(2) - 1).abs().max().item<double>(), 1e-5);
    EXPECT_LT((at::tensor(all[i].pooling) - alone.scores[0]).abs().max().item<double>(), 1e-5);
  }
}

TEST_F(PredictorTest, WithClsItTakesPartInFusion) {
  const reference::TemporaryFolder folder("predictor-cls");
  test::write_run(folder, true);
  const Image picture = test::noise(32, 32, 6);
  const Predictor predictor(folder, {.device = DeviceChoice::kCpu});
  const auto one = predictor.attention({request("rain", pixels(picture)).post}, {}).front();
  EXPECT_EQ(one.image_tokens, 5);
  ASSERT_GE(one.tokens.size(), 3U);
  EXPECT_EQ(one.tokens.front(), "[CLS]");
  EXPECT_EQ(one.tokens.back(), "[SEP]");
  EXPECT_EQ(one.attention.size(), one.pooling.size() * one.pooling.size() * 2);
}

TEST_F(PredictorTest, ItsThreadsAreItsOwn) {
  const int before = at::get_num_threads();
  int during = 0;
  PredictingOptions options;
  options.scoring.on_batch = [&](int64_t) { during = at::get_num_threads(); };
  const Predictor one(*folder_, {.device = DeviceChoice::kCpu, .threads = before + 1});
  EXPECT_EQ(at::get_num_threads(), before);
  one.predict({request("rain")}, options);
  EXPECT_EQ(during, before + 1);
  EXPECT_EQ(at::get_num_threads(), before);
}

TEST_F(PredictorTest, WhatIsNoRunIsNamed) {
  EXPECT_THROW(Predictor("no such run", {}), CheckpointError);
  EXPECT_THROW(Predictor(std::filesystem::temp_directory_path(), {}), CheckpointError);
}

TEST(Calibration, IsKeptBesideTheCheckpoint) {
  const reference::TemporaryFolder folder("calibration");
  write_file_atomic(folder / "model.safetensors", "");
  EXPECT_FALSE(read_calibration(folder).has_value());
  EXPECT_EQ(chosen_temperature(folder, "none"), 1);
  EXPECT_THROW(chosen_temperature(folder, "fitted"), CheckpointError);
  EXPECT_THROW(chosen_temperature(folder, "hot"), ConfigError);
  write_calibration(folder, {.temperature = 1.75, .posts = 9, .data_sha256 = "feed"});
  EXPECT_EQ(chosen_temperature(folder, "fitted"), 1.75);
  EXPECT_EQ(read_calibration(folder)->posts, 9);
  write_file_atomic(folder / "calibration.json", R"({"temperature": 0})");
  EXPECT_THROW(read_calibration(folder), CheckpointError);
}

}  // namespace
}  // namespace infig

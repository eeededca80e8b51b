// The public interface: what a caller of libinfig gets, one thread or many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <infig/infig.h>

#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/files.h"
#include "image/decode.h"
#include "image/encode.h"
#include "predict/by_hand.h"
#include "predict/calibration.h"
#include "predict/trained_run.h"

namespace infig {
namespace {

using ::testing::HasSubstr;

// The kind of the Error that `work` throws, and its message; any other outcome fails.
template <typename Work>
api::ErrorKind kind_of(const Work& work, std::string& message) {
  try {
    work();
  } catch (const api::Error& error) {
    message = error.what();
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return api::ErrorKind::kInternal;
}

class LibraryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<reference::TemporaryFolder>("library");
    test::write_run(*folder_);
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static api::Predictor load(const api::LoadOptions& options = {}) { return api::Predictor::load(folder_->path().string(), options); }
  static api::Post post(const std::string& text, const api::Image& image = {}) {
    api::Post one;
    one.text = text;
    one.image = image;
    return one;
  }
  static std::unique_ptr<reference::TemporaryFolder> folder_;
};
std::unique_ptr<reference::TemporaryFolder> LibraryTest::folder_;

TEST_F(LibraryTest, PredictsWhatTheModelSays) {
  const api::Predictor predictor = load();
  const Image noise = test::noise(48, 40, 1);
  const api::Prediction one = predictor.predict(post("a lovely day", api::Image::rgb8(noise.pixels.data(), 48, 40)));
  ASSERT_TRUE(one.ok());
  const std::vector<double> expected = test::probabilities_by_hand(*folder_, "a lovely day", &noise);
  ASSERT_EQ(one.probabilities.size(), 3U);
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(one.probabilities[c], expected[c], 1e-6);
  EXPECT_EQ(one.label_id, std::max_element(expected.begin(), expected.end()) - expected.begin());
  EXPECT_EQ(one.label, test::run_labels()[static_cast<size_t>(one.label_id)]);
  EXPECT_TRUE(one.image_note.empty());
  EXPECT_FALSE(one.explanation.has_value());
  EXPECT_EQ(predictor.labels(), test::run_labels());
  EXPECT_EQ(predictor.device().substr(0, 3), at::hasCUDA() ? predictor.device().substr(0, 3) : "cpu");
  EXPECT_EQ(predictor.precision(), "fp32");
  EXPECT_EQ(predictor.temperature(), 1);
  EXPECT_EQ(predictor.checkpoint(), folder_->path().string());
  EXPECT_EQ(nlohmann::json::parse(predictor.model_config()).at("id2label").at("2"), "positive");
  EXPECT_FALSE(predictor.run_config().has_value());
  EXPECT_STREQ(api::version(), INFIG_VERSION);
}

TEST_F(LibraryTest, EncodedBytesAndFaults) {
  const api::Predictor predictor = load();
  const std::string jpeg = encode_jpeg(test::noise(40, 40, 2), 90);
  const std::vector<uint8_t> bytes(jpeg.begin(), jpeg.end());
  const Image decoded = decode_image(bytes, {}).image;
  const std::vector<api::Post> posts = {post("rain", api::Image::encoded(jpeg)),
                                        post("rain", api::Image::encoded(bytes)),
                                        post("rain", api::Image::rgb8(decoded.pixels.data(), 40, 40)),
                                        post("bad \xc3"),
                                        post("rain", api::Image::encoded(std::string_view())),
                                        post("rain"),
                                        post("rain", api::Image::rgb8(nullptr, 4, 4)),
                                        post(""),
                                        post("", api::Image::encoded(std::string_view()))};
  api::PredictOptions options;
  options.batch_size = 1;
  auto found = predictor.predict(posts, options);
  ASSERT_EQ(found.size(), posts.size());
  EXPECT_EQ(found[0].probabilities, found[1].probabilities);
  EXPECT_EQ(found[0].probabilities, found[2].probabilities);
  EXPECT_NE(found[0].probabilities, found[5].probabilities);
  EXPECT_EQ(found[3].fault, api::Fault::kText);
  EXPECT_EQ(found[3].label_id, -1);
  EXPECT_TRUE(found[3].probabilities.empty());
  EXPECT_THAT(found[3].fault_message, HasSubstr("not UTF-8"));
  EXPECT_THAT(found[4].image_note, HasSubstr("empty"));  // an empty file is no absent one
  EXPECT_EQ(found[4].probabilities, found[5].probabilities);
  EXPECT_TRUE(found[5].image_note.empty());
  EXPECT_THAT(found[6].image_note, HasSubstr("0 bytes for 4 x 4 pixels"));
  for (const size_t i : {size_t{7}, size_t{8}}) {  // nothing to judge by
    EXPECT_EQ(found[i].fault, api::Fault::kEmpty);
    EXPECT_EQ(found[i].label_id, -1);
    EXPECT_TRUE(found[i].label.empty() && found[i].probabilities.empty());
  }
  EXPECT_EQ(found[7].fault_message, "neither text nor picture");
  EXPECT_THAT(found[8].fault_message, HasSubstr("no text, and image empty"));
  EXPECT_THAT(found[8].image_note, HasSubstr("empty"));
  options.bad_image = api::BadImage::kFault;
  const auto strict = predictor.predict(posts, options);
  EXPECT_EQ(strict[0].probabilities, found[0].probabilities);
  EXPECT_EQ(strict[4].fault, api::Fault::kImage);
  EXPECT_TRUE(strict[5].ok());
  EXPECT_EQ(strict[6].fault, api::Fault::kImage);
  EXPECT_EQ(strict[7].fault, api::Fault::kEmpty);
  EXPECT_EQ(strict[8].fault, api::Fault::kEmpty);
}

TEST_F(LibraryTest, ExplainsWithoutChangingTheNumbers) {
  const api::Predictor predictor = load();
  const Image noise = test::noise(32, 32, 3);
  api::PredictOptions options;
  const std::vector<api::Post> posts = {post("the storm\xf0\x9f\x8c\xa9 took the roof", api::Image::rgb8(noise.pixels.data(), 32, 32)),
                                        post("\xff"), post("rain")};
  const auto plain = predictor.predict(posts, options);
  options.explain = true;
  const auto explained = predictor.predict(posts, options);
  for (size_t i = 0; i < posts.size(); ++i) EXPECT_EQ(explained[i].probabilities, plain[i].probabilities);
  EXPECT_FALSE(explained[1].explanation.has_value());
  for (const size_t i : {size_t{0}, size_t{2}}) {
    ASSERT_TRUE(explained[i].explanation.has_value());
    const api::Explanation& e = *explained[i].explanation;
    const size_t n = static_cast<size_t>(e.image_tokens) + e.text.size();
    EXPECT_EQ(e.heads, 2);
    EXPECT_EQ(e.image_tokens, 4);
    ASSERT_EQ(e.attention.size(), 2 * n * n);
    ASSERT_EQ(e.pooling.size(), n);
    double sum = 0;
    for (const float weight : e.pooling) sum += static_cast<double>(weight);
    EXPECT_NEAR(sum, 1, 1e-5);
    double row = 0;
    for (size_t k = 0; k < n; ++k) row += static_cast<double>(e.attention[n + k]);
    EXPECT_NEAR(row, 1, 1e-5);
  }
  // Offsets count code points: behind "the storm" and a cloud of one code point (four bytes) comes a space, then "took".
  const auto& text = explained[0].explanation->text;
  EXPECT_EQ(text.back().piece, "[SEP]");
  EXPECT_EQ(text.back().end, 0);
  EXPECT_EQ(text[text.size() - 2].end, 24);
  // The picture that is not there: nothing attends to it.
  const api::Explanation& alone = *explained[2].explanation;
  for (int64_t k = 0; k < alone.image_tokens; ++k) {
    EXPECT_EQ(alone.pooling[static_cast<size_t>(k)], 0);
    EXPECT_EQ(alone.attention[alone.pooling.size() * 4 + static_cast<size_t>(k)], 0);
  }
}

TEST_F(LibraryTest, ErrorsHaveAKind) {
  std::string message;
  EXPECT_EQ(kind_of([] { api::Predictor::load("no/such/run"); }, message), api::ErrorKind::kCheckpoint);
  EXPECT_THAT(message, HasSubstr("no/such/run"));
  api::LoadOptions options;
  options.threads = -1;
  EXPECT_EQ(kind_of([&] { load(options); }, message), api::ErrorKind::kConfig);
  EXPECT_THAT(message, HasSubstr("threads is -1"));
  options = {};
  options.fitted_temperature = true;
  EXPECT_EQ(kind_of([&] { load(options); }, message), api::ErrorKind::kCheckpoint);
  if (!at::hasCUDA()) {
    options = {};
    options.device = api::Device::kCuda;
    EXPECT_EQ(kind_of([&] { load(options); }, message), api::ErrorKind::kConfig);
    EXPECT_THAT(message, HasSubstr("cuda"));
  }
  const reference::TemporaryFolder broken("library-broken");
  std::filesystem::copy(*folder_, broken, std::filesystem::copy_options::recursive);
  write_file_atomic(broken / "model.safetensors", "cut");
  EXPECT_EQ(kind_of([&] { api::Predictor::load(broken.path().string()); }, message), api::ErrorKind::kCheckpoint);
  EXPECT_THAT(message, HasSubstr("model.safetensors"));
  const api::Predictor predictor = load();
  api::PredictOptions how;
  how.batch_size = 0;
  EXPECT_EQ(kind_of([&] { predictor.predict(post("x"), how); }, message), api::ErrorKind::kConfig);
  how = {};
  how.image_threads = -2;
  EXPECT_EQ(kind_of([&] { predictor.predict(post("x"), how); }, message), api::ErrorKind::kConfig);
}

TEST_F(LibraryTest, AFittedTemperatureIsUsedWhereAskedFor) {
  write_calibration(*folder_, {.temperature = 3});
  api::LoadOptions options;
  options.fitted_temperature = true;
  const api::Predictor predictor = load(options);
  EXPECT_EQ(predictor.temperature(), 3);
  const auto found = predictor.predict(post("rain")).probabilities;
  const auto expected = test::probabilities_by_hand(*folder_, "rain", nullptr, 3);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t c = 0; c < found.size(); ++c) EXPECT_NEAR(found[c], expected[c], 1e-6);
  std::filesystem::remove(folder_->path() / "calibration.json");
}

TEST_F(LibraryTest, ManyThreadsGetWhatOneGets) {
  api::LoadOptions options;
  options.threads = 1;
  const api::Predictor predictor = load(options);
  std::vector<Image> pictures;
  std::vector<api::Post> posts;
  for (uint64_t i = 0; i < 24; ++i) pictures.push_back(test::noise(32 + static_cast<int64_t>(i), 32, i));
  const char* texts[] = {"rain", "a lovely day at the beach", "", "the storm took the roof"};
  for (size_t i = 0; i < pictures.size(); ++i)
    posts.push_back(post(texts[i % 4], api::Image::rgb8(pictures[i].pixels.data(), pictures[i].width, pictures[i].height)));
  // The first forward pass packs the weights: it happens in the threads, all at once.
  std::vector<std::vector<api::Prediction>> found(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int turn = 0; turn < 5; ++turn) found[t] = predictor.predict(posts);
      for (size_t i = t; i < posts.size(); i += 4) EXPECT_EQ(predictor.predict(posts[i]).label, found[t][i].label);
    });
  for (auto& thread : threads) thread.join();
  const auto expected = load(options).predict(posts);
  for (const auto& one : found) {
    ASSERT_EQ(one.size(), posts.size());
    for (size_t i = 0; i < posts.size(); ++i) EXPECT_EQ(one[i].probabilities, expected[i].probabilities);
  }
}

TEST_F(LibraryTest, PrintsNothingAndTellsHowFarItIs) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  std::vector<std::string> heard;
  api::LoadOptions load_options;
  load_options.log = [&](api::LogLevel, const std::string& message) { heard.push_back(message); };
  const api::Predictor predictor = load(load_options);
  std::vector<int64_t> done;
  api::PredictOptions options;
  options.batch_size = 2;
  options.image_threads = 0;
  options.progress = [&](int64_t now, int64_t total) {
    done.push_back(now);
    EXPECT_EQ(total, 5);
    TORCH_WARN("of libtorch");
  };
  predictor.predict({post("rain"), post("a day"), post("x"), post("y"), post("\xff")}, options);
  EXPECT_EQ(done, (std::vector<int64_t>{2, 4, 5}));
  EXPECT_THAT(heard, ::testing::Contains("libtorch: of libtorch"));
  EXPECT_EQ(::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace infig

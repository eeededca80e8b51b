// The cache of frozen features: what it holds, what makes a new one, and what batches get from it.
#include "model/feature_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "encoders/clip.h"
#include "encoders/resnet.h"
#include "encoders/vision_transformer.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/resize.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"
#include "tensor/loader.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

class FeatureCache : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* texts[] = {"a lovely day at the beach", "rain", "", "the storm took the roof of the house", "hello there"};
    for (int i = 0; i < 5; ++i) {
      Image image = make_image(48 + 4 * i, 40, static_cast<uint8_t>(50 * i), 100, 200);
      for (int64_t x = 0; x < 30; ++x) image.at(x, x)[1] = static_cast<uint8_t>(255 - 8 * x);
      const fs::path path = folder_ / (std::to_string(i) + ".jpg");
      write_file_atomic(path, encode_jpeg(image, 95));
      data_.posts.push_back({.id = "p" + std::to_string(i),
                             .text = texts[i],
                             .image = path,
                             .label = "x",
                             .label_id = i % 2,
                             .split = i == 1 ? Split::kDev : Split::kTrain});
    }
    write_file_atomic(folder_ / "broken.jpg", "this is no picture");
    data_.posts[3].image = folder_ / "broken.jpg";
    data_.labels = {"x", "y"};
    data_.sha256 = "abc";
    backbone_->initialize(3);
    pixels_.size = pixels_.resize = 32;
    pixels_.augment = Augment::kNone;
    std::vector<std::string> corpus;
    for (int i = 0; i < 30; ++i) corpus.insert(corpus.end(), {"a lovely day at the beach", "the storm took the roof", "hello there rain"});
    tokenizer_ = train_sentencepiece(corpus, {.vocab_size = 40});
  }
  FeatureCacheOptions cache(bool half = false) const { return {.folder = folder_ / "cache", .half = half, .batch_size = 2}; }
  size_t folders() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_ / "cache")) ++count;
    return count;
  }
  // One picture on its own, without the code that makes batches of them.
  at::Tensor pixels_of(const FileSpan& picture, const ImageOptions& options) const {
    at::Tensor pixels = at::empty({1, options.size, options.size, 3});
    normalize_image(transform_image(decode_image_file(picture, options.decode()).image, options, nullptr), options,
                    pixels.data_ptr<float>());
    return pixels.permute({0, 3, 1, 2}).contiguous();
  }

  reference::TemporaryFolder folder_;
  DataSet data_;
  ResNet backbone_{ResNetOptions{.bottleneck = false, .layers = {1, 1, 1, 1}, .widths = {4, 4, 6, 8}, .stem_kernel = 3, .stem_width = 4}};
  ImageOptions pixels_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(FeatureCache, HoldsTheGridOfEveryPost) {
  const auto store = cached_grids(*backbone_, data_, pixels_, cache()).store;
  const at::NoGradGuard no_grad;
  for (int64_t row : {0, 1, 2, 4}) {
    const at::Tensor expected = backbone_->features(pixels_of(data_.posts[static_cast<size_t>(row)].image.file, pixels_), false);
    EXPECT_TRUE(reference::close(store->gather({row}).permute({0, 3, 1, 2}), expected, 1e-5)) << row;
    EXPECT_TRUE(store->usable(row));
  }
  EXPECT_FALSE(store->usable(3));
  ASSERT_EQ(store->bad().size(), 1u);
  EXPECT_EQ(store->bad().at(3).id, "p3");
  const auto half = cached_grids(*backbone_, data_, pixels_, cache(true)).store;
  EXPECT_TRUE(reference::close(half->gather({0, 4}), store->gather({0, 4}), 2e-3));
  EXPECT_EQ(folders(), 2u);
}

TEST_F(FeatureCache, IsNotMadeWhereNoPictureIsThere) {
  EXPECT_TRUE(may_cache_features(pixels_, true, data_));
  EXPECT_FALSE(may_cache_features(pixels_, false, data_));
  for (Post& post : data_.posts) post.image = fs::path(folder_ / "gone.png");
  EXPECT_FALSE(may_cache_features(pixels_, true, data_));
  for (Post& post : data_.posts) post.image = {};
  EXPECT_FALSE(may_cache_features(pixels_, true, data_));
}

TEST_F(FeatureCache, IsFoundAgainAndMadeAnewWhenAnythingElseIsAsked) {
  static_cast<void>(cached_grids(*backbone_, data_, pixels_, cache()));
  const fs::path file = fs::directory_iterator(folder_ / "cache")->path() / "features.safetensors";
  const auto written = fs::last_write_time(file);
  static_cast<void>(cached_grids(*backbone_, data_, pixels_, cache()));
  EXPECT_EQ(fs::last_write_time(file), written);
  EXPECT_EQ(folders(), 1u);

  const std::string key = feature_key(*backbone_, data_, pixels_, false);
  pixels_.augment = Augment::kFlip;  // plays no part: what is cached is not augmented
  EXPECT_EQ(feature_key(*backbone_, data_, pixels_, false), key);
  EXPECT_NE(feature_key(*backbone_, data_, pixels_, true), key);
  EXPECT_NE(feature_key(*backbone_, data_, pixels_, false, "more"), key);
  ImageOptions other = pixels_;
  other.mean[0] += 0.25;
  EXPECT_NE(feature_key(*backbone_, data_, other, false), key);
  data_.sha256 = "abd";
  EXPECT_NE(feature_key(*backbone_, data_, pixels_, false), key);
  data_.sha256 = "abc";
  write_file_atomic(data_.posts[0].image.file, read_file(data_.posts[1].image.file));
  const std::string rewritten = feature_key(*backbone_, data_, pixels_, false);
  EXPECT_NE(rewritten, key);
  {
    const at::NoGradGuard no_grad;
    backbone_->parameters().back().add_(1);
  }
  EXPECT_NE(feature_key(*backbone_, data_, pixels_, false), rewritten);
}

// What a loop over regions gives, written from the definition: cut, resized, normalised, through the network, its grid averaged.
at::Tensor regions_one_by_one(ResNet& network, const Image& whole, const ImageOptions& options, int64_t size) {
  const int64_t side = whole.width / 32;
  at::Tensor found = at::empty({network->feature_size(), side, side});
  for (int64_t i = 0; i < side; ++i) {
    for (int64_t j = 0; j < side; ++j) {
      Image cut = make_image(32, 32, 0, 0, 0);
      for (int64_t y = 0; y < 32; ++y) {
        for (int64_t x = 0; x < 32; ++x) {
          for (int c = 0; c < 3; ++c) cut.at(x, y)[c] = whole.at(32 * j + x, 32 * i + y)[c];
        }
      }
      const Image large = resize(cut, size, size, Filter::kBilinear);
      at::Tensor seen = at::empty({1, 3, size, size});
      for (int64_t c = 0; c < 3; ++c) {
        for (int64_t y = 0; y < size; ++y) {
          for (int64_t x = 0; x < size; ++x) {
            const auto k = static_cast<size_t>(c);
            seen[0][c][y][x] = (large.at(x, y)[c] / 255.0 - options.mean[k]) / options.std[k];
          }
        }
      }
      const at::Tensor grid = network->forward(seen, false)[0];
      for (int64_t channel = 0; channel < grid.size(0); ++channel) {
        double sum = 0;
        for (int64_t y = 0; y < grid.size(1); ++y) {
          for (int64_t x = 0; x < grid.size(2); ++x) sum += grid[channel][y][x].item<double>();
        }
        found[channel][i][j] = sum / static_cast<double>(grid.size(1) * grid.size(2));
      }
    }
  }
  return found;
}

TEST_F(FeatureCache, HoldsTheRegionsOfEveryPicture) {
  pixels_.size = pixels_.resize = 96;  // 3 x 3 regions
  pixels_.resize_mode = ResizeMode::kSquash;
  const auto store = cached_regions(*backbone_, 40, data_, pixels_, cache()).store;
  const at::NoGradGuard no_grad;
  for (const int64_t row : {0, 4}) {
    const FileSpan& picture = data_.posts[static_cast<size_t>(row)].image;
    const Image whole = resize(decode_image_file(picture, pixels_.decode()).image, 96, 96, Filter::kBilinear);
    const at::Tensor expected = regions_one_by_one(backbone_, whole, pixels_, 40);
    EXPECT_TRUE(reference::close(store->gather({row})[0].permute({2, 0, 1}), expected, 1e-5)) << row;
    EXPECT_GT((expected - expected.mean({1, 2}, true)).abs().max().item<double>(), 1e-3);  // the regions differ
  }
  EXPECT_FALSE(store->usable(3));
  EXPECT_EQ(store->gather({3}).abs().sum().item<double>(), 0);  // and no pass was spent on it
  // Neither a grid nor regions of another size.
  EXPECT_NE(cached_regions(*backbone_, 48, data_, pixels_, cache()).folder, cached_regions(*backbone_, 40, data_, pixels_, cache()).folder);
  static_cast<void>(cached_grids(*backbone_, data_, pixels_, cache()));
  EXPECT_EQ(folders(), 3u);
}

TEST_F(FeatureCache, RegionsNeedPicturesThatAreCutEvenlyAndPixelsThatCanBeHadBack) {
  pixels_.size = pixels_.resize = 40;
  EXPECT_THROW(cached_regions(*backbone_, 40, data_, pixels_, cache()), ConfigError);
  pixels_.size = pixels_.resize = 64;
  pixels_.mean[1] = 1e8;
  EXPECT_THROW(cached_regions(*backbone_, 40, data_, pixels_, cache()), ConfigError);
  EXPECT_FALSE(fs::exists(folder_ / "cache") && folders() > 0);
}

TEST_F(FeatureCache, APartOfTheRowsIsAStoreOfItsOwn) {
  const auto store = cached_grids(*backbone_, data_, pixels_, cache()).store;
  const auto part = store->of_rows({4, 3, 0});
  EXPECT_TRUE(part->gather({2, 0}).equal(store->gather({0, 4})));
  EXPECT_TRUE(part->usable(0) && !part->usable(1) && part->usable(2));
  EXPECT_EQ(part->bad().at(1).id, "p3");
  const auto again = part->of_rows({1, 0});
  EXPECT_TRUE(again->gather({1}).equal(store->gather({4})));
  EXPECT_FALSE(again->usable(0));
  EXPECT_THROW(static_cast<void>(part->of_rows({3})), ShapeError);
}

// A start that is stopped leaves what it has; the next one ends in the bytes of one that was never stopped.
TEST_F(FeatureCache, RegionsOfAStartThatWasStoppedAreKept) {
  pixels_.size = pixels_.resize = 64;
  const CachedFeatures whole = cached_regions(*backbone_, 40, data_, pixels_, cache());
  FeatureCacheOptions stopped = cache();
  stopped.folder = folder_ / "stopped";
  const std::atomic<int> signal{2};
  stopped.stop = &signal;
  for (int start = 0; start < 4; ++start) {
    EXPECT_THROW(cached_regions(*backbone_, 40, data_, pixels_, stopped), Interrupted) << start;  // one picture further each time
    EXPECT_TRUE(fs::exists(stopped.folder / (whole.folder + ".rows.partial")));
  }
  stopped.stop = nullptr;
  const CachedFeatures resumed = cached_regions(*backbone_, 40, data_, pixels_, stopped);
  EXPECT_EQ(resumed.folder, whole.folder);
  for (const char* name : {"features.safetensors", "features.json"})
    EXPECT_EQ(read_file(stopped.folder / whole.folder / name), read_file(folder_ / "cache" / whole.folder / name)) << name;
  EXPECT_EQ(resumed.store->bad().at(3).id, "p3");
  EXPECT_FALSE(fs::exists(stopped.folder / (whole.folder + ".rows.partial")));
}

// The lower layers of a Vision Transformer: tokens in place of a grid. The activation is in no weight, and counts in the key all the same.
TEST_F(FeatureCache, HoldsTheTokensOfAVisionTransformer) {
  VisionTransformerOptions options = {
      .hidden_size = 8, .num_hidden_layers = 2, .num_attention_heads = 2, .intermediate_size = 12, .image_size = 32, .patch_size = 16};
  const VisionPart lower = {.embeddings = true, .first = 0, .last = 1};
  VisionTransformer backbone(options, lower);
  backbone->initialize(5);
  const auto store = cached_grids(*backbone, data_, pixels_, cache()).store;
  const at::NoGradGuard no_grad;
  for (int64_t row : {0, 4}) {
    const at::Tensor expected = backbone->features(pixels_of(data_.posts[static_cast<size_t>(row)].image.file, pixels_), false);
    ASSERT_EQ(expected.sizes(), (std::vector<int64_t>{1, 5, 8}));
    EXPECT_TRUE(reference::close(store->gather({row}), expected, 1e-5)) << row;
  }
  EXPECT_EQ(cached_grids(*backbone, data_, pixels_, cache()).store->gather({0}).sizes(), (std::vector<int64_t>{1, 5, 8}));
  EXPECT_EQ(folders(), 1U);
  options.hidden_act = Activation::kRelu;
  VisionTransformer other(options, lower);
  other->initialize(5);
  cached_grids(*other, data_, pixels_, cache());
  EXPECT_EQ(folders(), 2U);
}

TEST_F(FeatureCache, BatchesCarryFeaturesInsteadOfPixels) {
  const auto store = cached_grids(*backbone_, data_, pixels_, cache()).store;
  PostLoader loader(data_.posts, *tokenizer_, pixels_, 16, {.bad_image = BadImage::kSkip}, 1);
  loader.use_features(store);
  EXPECT_EQ(loader.prepare({0, 2, 3, 4}, "test"), (std::vector<int64_t>{0, 2, 4}));
  const Batch batch = loader.make_batch({4, 3}, 0);
  EXPECT_FALSE(batch.pixel_values.defined());
  EXPECT_TRUE(at::equal(batch.feature_map, store->gather({4, 3}).permute({0, 3, 1, 2})));
  EXPECT_TRUE(batch.has_image[0].item<bool>());
  EXPECT_FALSE(batch.has_image[1].item<bool>());
  PostLoader strict(data_.posts, *tokenizer_, pixels_, 16, {.bad_image = BadImage::kError}, 1);
  EXPECT_THROW(strict.use_features(store), DataError);
}

TEST_F(FeatureCache, ABrokenOneIsRefusedByName) {
  static_cast<void>(cached_grids(*backbone_, data_, pixels_, cache()));
  const fs::path folder = fs::directory_iterator(folder_ / "cache")->path();
  EXPECT_THROW(FeatureStore(folder, 4), CheckpointError);  // of another number of posts
  write_file_atomic(folder / "features.json", "{\"bad\": [{}]}");
  EXPECT_THROW(FeatureStore(folder, 5), CheckpointError);
  fs::resize_file(folder / "features.safetensors", 100);
  EXPECT_THROW(FeatureStore(folder, 5), CheckpointError);
}

TEST_F(FeatureCache, ClipEmbedsOfTrainingPosts) {
  ClipOptions options;
  options.vision = {.hidden_size = 8, .intermediate_size = 16, .num_hidden_layers = 1, .num_attention_heads = 2};
  options.text = {.hidden_size = 12, .intermediate_size = 16, .num_hidden_layers = 1, .num_attention_heads = 2};
  options.projection_dim = 5;
  options.image_size = 16;
  options.patch_size = 8;
  options.vocab_size = 45;
  options.max_position_embeddings = 6;
  options.eos_token_id = 44;
  ClipEncoder clip;
  clip.model = std::make_shared<ClipModelImpl>(options);
  clip.model->initialize(7);
  clip.pixels = clip_pixels(options);
  clip.tokenizer = tokenizer_.get();
  clip.own_end = 44;
  const std::vector<int64_t> rows = data_.rows_of(Split::kTrain);
  const auto store = cached_clip_embeds(clip, data_, rows, cache()).store;
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Post& post = data_.posts[static_cast<size_t>(rows[i])];
    std::vector<int64_t> ids = tokenizer_->encode(post.text, 6).ids;
    ids.back() = 44;
    const at::Tensor embeds = store->gather({static_cast<int64_t>(i)});
    ASSERT_EQ(embeds.sizes(), (std::vector<int64_t>{1, 2, 5}));
    EXPECT_TRUE(reference::close(embeds.select(1, 1), clip.model->text_embeds(at::tensor(ids, at::kLong).unsqueeze(0)), 1e-5)) << i;
    if (post.id == "p3") continue;
    EXPECT_TRUE(reference::close(embeds.select(1, 0), clip.model->image_embeds(pixels_of(post.image.file, clip.pixels)), 1e-5)) << i;
  }
  PostLoader loader(data_.posts, *tokenizer_, pixels_, 16, {}, 1);
  loader.use_clip(store, rows);
  EXPECT_TRUE(at::equal(loader.make_batch({4, 0}, 0).clip_embeds, store->gather({3, 0})));  // row 4 is the fourth training post
  EXPECT_FALSE(loader.make_batch({1, 0}, -1).clip_embeds.defined());                        // in training alone
  options.vocab_size = 20;
  clip.model = std::make_shared<ClipModelImpl>(options);
  EXPECT_THROW(cached_clip_embeds(clip, data_, rows, cache()), CheckpointError);
}

}  // namespace
}  // namespace infig

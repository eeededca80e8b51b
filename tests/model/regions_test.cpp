// Pictures as regions, each put through the network by itself: what a network of Table 2 is given (the features: feature_cache_test.cpp).
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "core/random.h"
#include "image/encode.h"
#include "image/resize.h"
#include "model/baseline_fixture.h"
#include "reference/tensors.h"

namespace infig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RegionNet : public AllNet {
 public:
  using AllNet::AllNet;
  BaselineNeeds needs() const override { return {.object_grid = true, .regions = true}; }
};

class NamedRegionNet : public AllNet {
 public:
  using AllNet::AllNet;
  BaselineNeeds needs() const override { return {.attributes = true, .object_grid = true, .regions = true}; }
};

using RegionsTest = BaselineModelTest;

// Regions, each put through the network by itself, in place of the grid; without a picture zeros. What tells the classes is the picture in
// one piece, as with the grid.
TEST_F(RegionsTest, RegionsArePutThroughTheNetworkOneByOne) {
  options_ = make_baseline<RegionNet, AllOptions>({.name = "regions"});
  all_ = &small(*options_);
  all_->image.pixels.size = all_->image.pixels.resize = 64;
  all_->image.region_size = 24;
  EXPECT_THAT(all_->marks(), ElementsAre("regions=grid", "random vectors", "random picture features"));
  all_->image.regions = Regions::kPasses;
  EXPECT_THAT(all_->marks(), ElementsAre("random vectors", "random picture features"));
  BaselineModel& model = made();
  Batch batch = batch_of(false);
  Image shown = make_image(64, 64, 10, 20, 30);
  for (int64_t y = 0; y < 64; ++y) {
    for (int64_t x = 0; x < 64; ++x) shown.at(x, y)[x % 3] = static_cast<uint8_t>(3 * x + y);
  }
  at::Tensor pixels = at::zeros({3, 64, 64, 3});
  normalize_image(shown, all_->image.pixels, pixels.data_ptr<float>() + int64_t{2} * 64 * 64 * 3);
  batch.pixel_values = pixels.permute({0, 3, 1, 2});
  batch.has_image = at::tensor({0, 0, 1}).to(at::kBool);
  model.forward(batch, {});
  const at::Tensor& seen = dynamic_cast<const AllNet&>(model.net()).seen.object_grid;
  ASSERT_EQ(seen.sizes(), at::IntArrayRef({3, 4, 16}));
  EXPECT_EQ(seen.slice(0, 0, 2).abs().sum().item<double>(), 0);
  ResNetImpl alone(kTiny);
  alone.initialize(derive_seed(7, "init.image_encoder"));
  for (int64_t region = 0; region < 4; ++region) {
    Image cut = make_image(32, 32, 0, 0, 0);
    for (int64_t y = 0; y < 32; ++y) {
      for (int64_t x = 0; x < 32; ++x) std::copy_n(shown.at(32 * (region % 2) + x, 32 * (region / 2) + y), 3, cut.at(x, y));
    }
    at::Tensor one = at::empty({1, 24, 24, 3});
    normalize_image(resize(cut, 24, 24, Filter::kBilinear), all_->image.pixels, one.data_ptr<float>());
    const at::Tensor expected = alone.forward(one.permute({0, 3, 1, 2}), false)[0].mean({1, 2});
    EXPECT_TRUE(reference::close(seen[2][region], expected, 1e-6)) << region;
  }
}

// Names of classes are those of the picture in one piece, also where the grid is of regions; the cache gives what the pictures give.
TEST_F(RegionsTest, RegionsAndClassesFromTheCacheAreThoseOfThePictures) {
  options_ = make_baseline<NamedRegionNet, AllOptions>({.name = "regions"});
  all_ = &small(*options_);
  all_->image.pixels.size = all_->image.pixels.resize = 64;
  all_->image.region_size = 24;
  all_->image.regions = Regions::kPasses;
  all_->attributes = {.from = PictureWords::kClasses, .count = 3};
  all_->image.model = published(6).string();
  all_->image.class_names = file("names.txt", "cat\nlion\nshark\nboat\nhen\nlamp\n").string();
  all_->image.own_pixels = false;
  all_->image.scratch = {};
  options_->resolve(false);
  for (const size_t row : {size_t{0}, size_t{2}}) {
    Image shown = make_image(80, 70, 10, 20, 30);
    for (int64_t x = 0; x < 80; ++x) shown.at(x, 5 * static_cast<int64_t>(row) + x % 50)[x % 3] = 255;
    data_.posts[row].image = file(row == 0 ? "0.jpg" : "2.jpg", encode_jpeg(shown, 95));
  }
  BaselineModel& model = made();
  model.load_pretrained();
  const auto read = [&](bool cached) {
    PostLoader loader(data_.posts, model.inputs(tokenizer_.get()), {.workers = 0}, 1);
    if (cached) {
      const auto folders = model.add_training_inputs(loader, {.data = &data_, .folder = folder_ / "cache"});
      EXPECT_EQ(folders.size(), 2u);
    }
    const Batch batch = loader.make_batch({0, 1, 2}, -1);
    EXPECT_EQ(batch.pixel_values.defined(), !cached);
    return model.read(batch, {});
  };
  const BaselineInputs live = read(false), stored = read(true);
  EXPECT_TRUE(reference::close(stored.object_grid, live.object_grid, 1e-6));
  EXPECT_TRUE(stored.attributes.equal(live.attributes));
  all_->image.regions = Regions::kGrid;
  made().load_pretrained();
  PostLoader loader(data_.posts, model_->inputs(tokenizer_.get()), {.workers = 0}, 1);
  const BaselineInputs grid = model_->read(loader.make_batch({0, 1, 2}, -1), {});
  EXPECT_TRUE(live.attributes.equal(grid.attributes));
  EXPECT_FALSE(live.attributes[0].equal(live.attributes[1]));
}

TEST_F(RegionsTest, RegionsMustFit) {
  options_ = make_baseline<RegionNet, AllOptions>({.name = "regions"});
  all_ = &small(*options_);
  all_->image.regions = Regions::kPasses;
  const auto refused = [this]() -> std::string {
    try {
      options_->finish();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refused(), "");
  all_->image.pixels.size = all_->image.pixels.resize = 40;
  EXPECT_THAT(refused(), HasSubstr("image.size: 40 pixels cannot be cut into regions of 32"));
  all_->image.regions = Regions::kGrid;
  EXPECT_EQ(refused(), "");
}

}  // namespace
}  // namespace infig

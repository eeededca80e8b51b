// BaselineModel: what a network of Table 2 is given, and what stands in for what is missing.
#include "model/baselines/baseline_model.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/random.h"
#include "encoders/resnet.h"
#include "model/baseline_fixture.h"
#include "model/baselines/class_words.h"
#include "model/models.h"
#include "reference/tensors.h"
#include "tensor/archive.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(BaselineModelTest, GivesTheNetworkWhatItReads) {
  BaselineModel& model = made();
  const Batch batch = batch_of(true);
  model.forward(batch, {});
  const BaselineInputs& seen = net().seen;
  const auto id = [this](const char* word) { return dynamic_cast<const WordVocabulary&>(*tokenizer_).id_of(word); };
  const auto ids = [](const at::Tensor& row) {
    return std::vector<int64_t>(row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.numel());
  };
  EXPECT_THAT(ids(seen.words[0]), ElementsAre(id("the"), id("cat"), id("sat")));
  EXPECT_THAT(ids(seen.words[1]), ElementsAre(id("the"), id("dog"), 0));
  EXPECT_THAT(ids(seen.words[2]), ElementsAre(0, 0, 0));
  ASSERT_EQ(seen.captions.sizes(), at::IntArrayRef({3, 20}));
  EXPECT_EQ(seen.captions[0][4].item<int64_t>(), id("mat"));
  EXPECT_EQ(seen.captions[0][5].item<int64_t>(), 0);
  EXPECT_EQ(seen.captions[1].ne(0).sum().item<int64_t>(), 0);
  EXPECT_THAT(ids(seen.attributes[0]), ElementsAre(id("tree"), id("sky"), 0, 0, 0));
  EXPECT_GT(id("sky"), 1);
  // The grid row by row and its mean, of the frozen network alone; zeros where there is no picture.
  ResNetImpl alone(kTiny);
  alone.initialize(derive_seed(7, "init.image_encoder"));
  const at::Tensor map = alone.forward(batch.pixel_values, false);
  EXPECT_TRUE(reference::close(seen.object_grid[2], map[2].flatten(1).t(), 1e-6));
  EXPECT_TRUE(reference::close(seen.object[2], map[2].mean({1, 2}), 1e-6));
  EXPECT_TRUE(seen.scene.equal(seen.object) && seen.scene_grid.equal(seen.object_grid));
  EXPECT_EQ(seen.object_grid[1].abs().sum().item<double>(), 0);
  EXPECT_EQ(seen.object[1].abs().sum().item<double>(), 0);
}

TEST_F(BaselineModelTest, WhatIsHiddenIsNotRead) {
  made();
  PostLoader loader(data_.posts, model_->inputs(tokenizer_.get()), {.workers = 0, .without = Without::kImage}, 1);
  Batch batch = loader.make_batch({0, 1, 2}, -1);
  EXPECT_EQ(batch.columns.at(BatchColumn::kCaptions).ne(0).sum().item<int64_t>(), 0);
  EXPECT_EQ(batch.columns.at(BatchColumn::kAttributes).ne(0).sum().item<int64_t>(), 0);
  batch.has_text = at::tensor({0, 1, 1}).to(at::kBool);
  model_->forward(batch, {});
  EXPECT_EQ(net().seen.words[0].ne(0).sum().item<int64_t>(), 0);
  EXPECT_EQ(net().seen.words[1].ne(0).sum().item<int64_t>(), 2);
}

TEST_F(BaselineModelTest, RandomVectorsHaveTheirDeviationAndThePaddingNone) {
  for (int i = 0; i < 3000; ++i) data_.posts[0].text += " word" + std::to_string(i);
  made();
  const at::Tensor table = net().words->named_parameters()["weight"];
  EXPECT_EQ(table[0].abs().sum().item<double>(), 0);
  EXPECT_NEAR(table.slice(0, 1).std().item<double>(), 0.1, 0.005);
  EXPECT_NEAR(table.slice(0, 1).mean().item<double>(), 0, 0.005);
}

TEST_F(BaselineModelTest, PublishedVectorsReplaceTheRandomOnes) {
  all_->words.vectors = file("v.txt", "cat 1 2 3 4\nunheard 9 9 9 9\nthe -1 0.5 0 1e-3\n").string();
  BaselineModel& model = made();
  const at::Tensor before = net().words->named_parameters()["weight"].detach().clone();
  model.load_pretrained();
  const at::Tensor table = net().words->named_parameters()["weight"].detach();
  const auto& words = dynamic_cast<const WordVocabulary&>(*tokenizer_);
  EXPECT_TRUE(table[words.id_of("cat")].equal(at::tensor({1.0F, 2.0F, 3.0F, 4.0F})));
  EXPECT_TRUE(table[words.id_of("the")].equal(at::tensor({-1.0F, 0.5F, 0.0F, 1e-3F})));
  EXPECT_TRUE(table[words.id_of("dog")].equal(before[words.id_of("dog")]));
  EXPECT_TRUE(table[1].equal(before[1]));
  const nlohmann::json facts = model.facts();
  EXPECT_EQ(facts.at("word_vectors"), (nlohmann::json{{"file", "v.txt"}, {"found", 2}}));
  EXPECT_EQ(facts.at("word_rows"), words.vocab_size());
  all_->words.vectors = file("w.txt", "nothing 1 2 3 4\n").string();
  EXPECT_THROW(made().load_pretrained(), DataError);
  all_->words.vectors = file("x.txt", "cat 1 2 3\n").string();
  EXPECT_THROW(made().load_pretrained(), DataError);
}

TEST_F(BaselineModelTest, MarksSayWhatStandsIn) {
  EXPECT_THAT(all_->marks(), ElementsAre("reconstruction", "random vectors", "random picture features", "scene=surrogate"));
  all_->captions.from = PictureWords::kAttributes;
  all_->attributes.from = PictureWords::kClasses;
  all_->image.model = "resnet";
  all_->image.scene_model = "places";
  all_->words.vectors = "glove";
  EXPECT_THAT(all_->marks(), ElementsAre("reconstruction", "caption=surrogate", "attributes=surrogate"));
}

TEST_F(BaselineModelTest, NamesOfClassesStandIn) {
  all_->captions = {.from = PictureWords::kClasses, .file = "", .max_length = 7};
  all_->attributes.from = PictureWords::kClasses;
  all_->attributes.count = 3;
  all_->image.model = published(6).string();
  all_->image.class_names = file("names.txt", "tabby, tabby cat\nsea lion\ngreat white shark, man-eater\nboat\nhen\nlamp\n").string();
  all_->image.own_pixels = false;
  all_->image.scratch = {};
  options_->resolve(false);
  BaselineModel& model = made();
  model.load_pretrained();
  const Batch batch = batch_of(true);
  model.forward(batch, {});
  const BaselineInputs& seen = net().seen;
  const TensorMap tensors = load_tensors(all_->image.model);
  const std::vector<std::vector<std::string>> names = {{"tabby"}, {"sea", "lion"}, {"great", "white", "shark"},
                                                       {"boat"},  {"hen"},         {"lamp"}};
  const auto& words = dynamic_cast<const WordVocabulary&>(*tokenizer_);
  for (const int64_t row : {0, 2}) {
    const at::Tensor scores = tensors.at("fc.weight").mv(seen.object[row]) + tensors.at("fc.bias");
    std::vector<int64_t> order = {0, 1, 2, 3, 4, 5};
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return scores[a].item<float>() > scores[b].item<float>(); });
    std::vector<int64_t> caption, attributes;
    for (size_t i = 0; i < 5; ++i) {
      for (const auto& word : names[static_cast<size_t>(order[i])]) caption.push_back(words.id_of(word));
      if (i < 3) attributes.push_back(words.id_of(names[static_cast<size_t>(order[i])].back()));
    }
    caption.resize(7, 0);
    EXPECT_TRUE(seen.captions[row].equal(at::tensor(caption))) << seen.captions[row] << at::tensor(caption);
    EXPECT_TRUE(seen.attributes[row].equal(at::tensor(attributes)));
  }
  EXPECT_EQ(seen.captions[1].sum().item<int64_t>() + seen.attributes[1].sum().item<int64_t>(), 0);  // no picture
  for (const auto& name : names) {
    for (const auto& word : name) EXPECT_GT(words.id_of(word), 1) << word;
  }
}

TEST_F(BaselineModelTest, NamesOfClassesMustFitTheClassifier) {
  const auto refused = [this](const std::string& names, int64_t classes) -> std::string {
    all_->captions = {.from = PictureWords::kClasses, .file = ""};
    all_->image.model = published(classes).string();
    all_->image.class_names = file("names.txt", names).string();
    all_->image.own_pixels = false;
    all_->image.scratch = {};
    try {
      options_->resolve(false);
      made().load_pretrained();
    } catch (const Error& problem) {
      return problem.what();
    }
    return "";
  };
  EXPECT_THAT(refused("a\nb\n", 3), HasSubstr("holds 2 names, the classifier of image.model="));
  EXPECT_THAT(refused("a\n\nb\n", 2), HasSubstr("names.txt, line 2: is blank"));
  EXPECT_THAT(refused("", 2), HasSubstr("holds no names"));
}

TEST_F(BaselineModelTest, KeysThatDoNothingAreRefused) {
  const auto refused = [this](const auto& change) -> std::string {
    auto options = make_baseline<AllNet, AllOptions>({.name = "all"});
    change(small(*options));
    try {
      options->finish();
    } catch (const ConfigError& problem) {
      return problem.what();
    }
    return "";
  };
  EXPECT_THAT(refused([](BaselineOptions&) {}), HasSubstr("captions.from=given: captions.file is empty"));
  EXPECT_THAT(refused([](BaselineOptions& o) { o.captions = {.from = PictureWords::kAttributes, .file = "c.tsv"}; }),
              HasSubstr("captions.file=c.tsv: is not read"));
  EXPECT_THAT(refused([](BaselineOptions& o) { o.captions = {.from = PictureWords::kClasses, .file = ""}; }),
              HasSubstr("image.model: is empty"));
  EXPECT_THAT(refused([](BaselineOptions& o) {
                o.captions.file = "c.tsv";
                o.image.class_names = "names.txt";
              }),
              HasSubstr("image.class_names=names.txt: is read with"));
}

// Several ranks add up to one; in parts as at once.
TEST_F(BaselineModelTest, ThePenaltyIsALossOfItsOwn) {
  BaselineModel& model = made();
  Batch batch = batch_of(true);
  const auto gradients = [&model] {
    std::vector<at::Tensor> all;
    for (const auto& item : model.named_parameters()) {
      if (item.value().requires_grad()) all.push_back(item.value().grad().clone());
      if (item.value().requires_grad()) item.value().mutable_grad() = at::Tensor();
    }
    return all;
  };
  const auto objective = model.make_objective({.train_posts = 3, .batch_size = 3});
  EXPECT_THAT(objective->loss_names(), ElementsAre("penalty"));
  const Losses whole = objective->step(batch, {});
  const double penalty = 0.5 * net().out->weight.square().sum().item<double>();
  EXPECT_NEAR(whole.part("penalty").mean().item<double>(), penalty, 1e-6);
  EXPECT_NEAR(whole.total.item<double>(), whole.classification.mean().item<double>() + penalty, 1e-6);
  whole.total.backward();
  const auto expected = gradients();
  const Losses parts = objective->step_in_parts(batch, {}, {.micro_batch = 2});
  EXPECT_NEAR(parts.total.item<double>(), whole.total.item<double>(), 1e-6);
  const auto found = gradients();
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(reference::close_to_norm(found[i], expected[i], 1e-5)) << i;
}

}  // namespace
}  // namespace infig

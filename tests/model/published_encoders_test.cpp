// text.model, image.model and clip.model: what a run takes from published folders, and what it says where they do not fit.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "alignment/global.h"
#include "core/error.h"
#include "core/files.h"
#include "model/infig.h"
#include "model/infig_objective.h"
#include "model/pretrained.h"
#include "reference/alignment_reference.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"
#include "text/tokenizer.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Folders as transformers saves them, from the golden files of the encoders.
class Published : public ::testing::Test {
 protected:
  fs::path folder_of(const std::string& name, const std::string& golden_name, const std::string& prefix = "") {
    const reference::Golden golden = reference::load_golden("encoders/" + golden_name);
    const fs::path folder = folder_ / name;
    fs::create_directories(folder);
    write_file_atomic(folder / "config.json", golden.settings.dump());
    TensorMap weights;
    for (const auto& [key, tensor] : golden.under("weight.")) weights[prefix + key] = tensor;
    save_tensors(folder / "model.safetensors", weights);
    return folder;
  }
  fs::path text_folder() { return folder_of("text", "bert_two_types"); }
  fs::path image_folder() { return folder_of("image", "published_resnet_bottleneck", "resnet."); }
  fs::path clip_folder() { return folder_of("clip", "clip_end"); }

  // Sizes that go with both; text.model and image.model are not set.
  static InfigOptions options() {
    InfigOptions o;
    o.text.max_length = 24;
    o.image.encoder.num_hidden_layers = 2;
    o.image.encoder.layer.num_attention_heads = 3;
    o.image.encoder.layer.intermediate_size = 20;
    o.image.pixels.augment = Augment::kNone;
    o.fusion.layers = 1;
    o.fusion.layer.num_attention_heads = 3;
    o.fusion.layer.intermediate_size = 20;
    o.hfam.layers = 2;
    o.gam.queue_size = 12;
    return o;
  }
  reference::TemporaryFolder folder_;
};

Batch batch_of(const at::Tensor& input_ids, const at::Tensor& mask, const at::Tensor& pixel_values) {
  Batch batch;
  batch.input_ids = input_ids;
  batch.attention_mask = mask;
  batch.pixel_values = pixel_values;
  const int64_t size = input_ids.size(0);
  batch.labels = at::arange(size, at::kLong).remainder(2);
  batch.has_text = at::ones({size}, at::kBool);
  batch.has_image = at::ones({size}, at::kBool);
  batch.post_ids = at::arange(size, at::kLong);
  for (int64_t i = 0; i < size; ++i) batch.rows.push_back(i);
  return batch;
}

TEST_F(Published, EncodersCarryTheirWeightsIntoTheModel) {
  InfigOptions o = options();
  o.text.model = text_folder();
  o.image.model = image_folder();
  o.resolve(false);
  o.finish();
  EXPECT_EQ(o.hidden_size(), 12);
  EXPECT_EQ(o.image.encoder.channels(), reference::load_golden("encoders/published_resnet_bottleneck")["map"].size(1));
  InfigModel model(o, 2, 1);
  const reference::Golden text = reference::load_golden("encoders/bert_two_types"),
                          image = reference::load_golden("encoders/published_resnet_bottleneck");
  const at::NoGradGuard no_grad;
  const at::Tensor pixels = reference::wave({3, 3, 224, 224});
  const ForwardResult result = model->run(batch_of(text["input_ids"], text["attention_mask"], pixels), {});
  for (size_t k = 0; k < 3; ++k)
    EXPECT_TRUE(reference::close(result.text_hidden[k], text["hidden_states." + std::to_string(k)], 1e-5)) << k;
  EXPECT_TRUE(reference::close(model->image_encoder->features(image["pixel_values"], false), image["map"], 1e-5));
  EXPECT_EQ(result.image_hidden[0].sizes(), (std::vector<int64_t>{3, 1 + 49, 12}));
  for (const auto& parameter : model->image_encoder->backbone()->parameters()) EXPECT_FALSE(parameter.requires_grad());
  EXPECT_EQ(o.image.pixels.resize, 256);  // the model's own preprocessing
}

TEST_F(Published, ACheckpointStandsWithoutTheFolders) {
  InfigOptions o = options();
  o.text.model = text_folder();
  o.image.model = image_folder();
  o.clip.model = clip_folder();
  o.clip.variant = ClipVariant::kAny;
  o.resolve(false);
  std::vector<std::string> corpus(40, "a lovely day at the beach");
  const auto tokenizer = train_sentencepiece(corpus, {.vocab_size = 22});
  o.finish();
  InfigModel model(o, 2, 1);
  fs::create_directories(folder_ / "saved");
  const std::vector<std::string> labels = {"no", "yes"};
  ModelConfig config;
  infig_options(config) = o;
  save_model({*model, config, tokenizer.get(), labels, Precision::kFp32}, folder_ / "saved");
  for (const char* gone : {"text", "image", "clip"}) fs::remove_all(folder_ / gone);
  LoadedModel loaded = load_model(folder_ / "saved");
  const reference::Golden text = reference::load_golden("encoders/bert_two_types");
  const at::NoGradGuard no_grad;
  const Batch batch = batch_of(text["input_ids"], text["attention_mask"], reference::wave({3, 3, 224, 224}));
  EXPECT_TRUE(at::equal(model->forward(batch, {}).logits, loaded.model->forward(batch, {}).logits));
  EXPECT_TRUE(at::equal(model->gam->clip_text_projection->weight,
                        std::dynamic_pointer_cast<InfigModelImpl>(loaded.model)->gam->clip_text_projection->weight));
}

TEST_F(Published, KeysOfEncodersFromScratchAreRefusedBesideThem) {
  InfigOptions o = options();
  o.text.model = text_folder();
  o.text.encoder.hidden_size = 96;
  const std::string text = error_of([&] { o.resolve(false); });
  EXPECT_NE(text.find("text.hidden_size=96"), std::string::npos) << text;
  EXPECT_NE(text.find("text.model"), std::string::npos) << text;
  o = options();
  o.image.model = image_folder();
  o.image.pixels.mean = {0.1, 0.2, 0.3};
  EXPECT_NE(error_of([&] { o.resolve(false); }).find("image.preprocess=config"), std::string::npos);
  o.image.own_pixels = false;
  EXPECT_EQ(error_of([&] { o.resolve(false); }), "");
  EXPECT_EQ(o.image.pixels.mean[1], 0.2);
}

TEST_F(Published, AConfigOfOtherSizesThanTheWeightsNamesTheTensors) {
  const fs::path folder = text_folder();
  nlohmann::json config = nlohmann::json::parse(read_file(folder / "config.json"));
  config["intermediate_size"] = 24;
  write_file_atomic(folder / "config.json", config.dump());
  InfigOptions o = options();
  o.text.model = folder;
  o.resolve(false);
  o.finish();
  const std::string message = error_of([&] { InfigModelImpl(o, 2).load_pretrained(); });
  for (const char* part : {"encoder.layer.0.intermediate.dense.weight", "encoder.layer.1.output.dense.weight", "[24, 12]", "[20, 12]"})
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
}

TEST_F(Published, AllMissingFoldersAreNamedAtOnce) {
  InfigOptions o = options();
  o.text.model = folder_ / "deberta-v3-base";
  o.image.model = folder_ / "resnet-50/";
  o.clip.model = folder_ / "clip-vit-b32";
  const std::string message = error_of([&] { o.resolve(false); });
  for (const char* part : {"text.model: ", "microsoft/deberta-v3-base", "spm.model", "image.model: ", "microsoft/resnet-50",
                           "clip.model: ", "openai/clip-vit-base-patch32", "infig weights pull", "--random-init"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
  o.loss.lambda_g = 0;  // without GAM no CLIP is needed
  EXPECT_EQ(error_of([&] { o.resolve(false); }).find("clip.model"), std::string::npos);
  o.image.model = folder_ / "something-else";
  EXPECT_NE(error_of([&] { o.resolve(false); }).find("infig weights pull NAME"), std::string::npos);
}

TEST_F(Published, RandomInitNeedsNoFolder) {
  InfigOptions o = options();
  o.text.model = "nowhere";
  o.image.model = "nowhere";
  o.clip.model = "nowhere";
  o.clip.variant = ClipVariant::kVitL14;
  o.resolve(true);
  EXPECT_EQ(o.clip.embed_dim, 768);
  EXPECT_EQ(o.hidden_size(), 768);  // DeBERTa-v3-base, the default
  o.loss.lambda_g = 0;
  o.clip.embed_dim = 0;
  o.resolve(true);
  EXPECT_EQ(o.clip.embed_dim, 0);
}

TEST_F(Published, ClipMustBeTheVariant) {
  InfigOptions o = options();
  o.clip.model = clip_folder();
  const std::string message = error_of([&] { o.resolve(false); });
  EXPECT_NE(message.find("patches of 4 pixels"), std::string::npos) << message;
  EXPECT_NE(message.find("patches of 32 pixels"), std::string::npos) << message;
  o.clip.variant = ClipVariant::kAny;
  o.resolve(false);
  EXPECT_EQ(o.clip.embed_dim, 7);
}

// Rows 15 and 16: representation = [cls / |cls| , P clip / |P clip|], the keys by the twins' projections; the loss itself has its own test.
TEST_F(Published, GamSeesClipBesideTheCls) {
  for (const bool literal : {false, true}) {
    InfigOptions o = options();
    o.text.model = text_folder();
    o.clip.embed_dim = 5;
    o.gam.clip_dim = 4;
    o.gam.literal_concat = literal;
    o.resolve(false);
    o.finish();
    EXPECT_EQ(o.global_size(), 16);
    InfigModel model(o, 2, 1);
    InfigObjective objective(model, 100, 3, 1);
    const reference::Golden text = reference::load_golden("encoders/bert_two_types");
    Batch batch = batch_of(text["input_ids"], text["attention_mask"], reference::wave({3, 3, 224, 224}));
    batch.clip_embeds = reference::wave({3, 2, 5}, 0.4);
    const ForwardResult forward = model->run(batch, {});
    const auto side = [&](const at::Tensor& hidden, const torch::nn::Linear& projection, int64_t which) {
      reference::Mat rows;
      for (int64_t b = 0; b < 3; ++b) {
        reference::Vec cls = reference::to_rows(hidden.select(1, 0))[static_cast<size_t>(b)], clip(4, 0.0);
        for (int64_t i = 0; i < 4; ++i) {
          for (int64_t k = 0; k < 5; ++k)
            clip[static_cast<size_t>(i)] += projection->weight[i][k].item<double>() * batch.clip_embeds[b][which][k].item<double>();
        }
        if (!literal) {
          for (auto* part : {&cls, &clip}) {
            const double length = std::sqrt(reference::dot(*part, *part));
            for (double& value : *part) value /= length;
          }
        }
        cls.insert(cls.end(), clip.begin(), clip.end());
        rows.push_back(cls);
      }
      return rows;
    };
    reference::NaiveGlobalInput naive;
    naive.image = side(forward.image_hidden.back(), model->gam->clip_image_projection, 0);
    naive.text = side(forward.text_hidden.back(), model->gam->clip_text_projection, 1);
    naive.image_key = naive.image;  // the twins start equal
    naive.text_key = naive.text;
    naive.ids = {0, 1, 2};
    naive.counted = {true, true, true};
    const auto expected = reference::naive_global(naive, 0.07, false);
    ASSERT_EQ(expected.count, 3);
    const Losses losses = objective.step(batch, {});
    EXPECT_NEAR(losses.part("gam").mean().item<double>(), expected.sum / 3, 1e-5);
    losses.total.backward();
    EXPECT_GT(model->gam->clip_text_projection->weight.grad().abs().max().item<double>(), 0);
    EXPECT_GT(model->gam->clip_image_projection->weight.grad().abs().max().item<double>(), 0);
    for (const auto& parameter : objective.twins()->parameters()) EXPECT_FALSE(parameter.grad().defined());
    objective.commit();
    EXPECT_EQ(objective.queue()->image().sizes(), (std::vector<int64_t>{3, 16}));
    EXPECT_TRUE(objective.state().contains("momentum.gam.clip_image_projection.weight"));
  }
}

}  // namespace
}  // namespace infig

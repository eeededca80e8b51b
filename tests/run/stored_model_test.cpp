// What a model's folder says of itself, against what lies in it.
#include "run/stored_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"
#include "run/small_run.h"

namespace infig {
namespace {

using nlohmann::json;
using reference::small_config;
using reference::small_tensors;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Stored : public ::testing::Test {
 protected:
  StoredModel read(const json& config) const {
    write_file_atomic(folder_ / "config.json", config.dump());
    return read_stored_model(folder_.path());
  }
  // The message of what is thrown where `pointer` of the config is `value`; "fits" where nothing is.
  std::string with(const std::string& pointer, const json& value, json config = small_config()) const {
    config[json::json_pointer(pointer)] = value;
    return message(config);
  }
  std::string message(const json& config) const { return message(config, small_tensors()); }
  std::string message(const json& config, const std::map<std::string, TensorView>& tensors) const {
    try {
      check_stored_sizes(read(config), tensors, "weights");
    } catch (const CheckpointError& error) {
      EXPECT_THAT(error.what(), HasSubstr((folder_ / "config.json").string()));
      return error.what();
    }
    return "fits";
  }
  reference::TemporaryFolder folder_{"stored"};
};

TEST_F(Stored, ReadsWhatIsThere) {
  const StoredModel stored = read(small_config());
  EXPECT_EQ(stored.model_type, "infig");
  EXPECT_THAT(stored.labels, ElementsAre("no", "yes"));
  EXPECT_EQ(stored.options["text"]["hidden_size"], 4);
  EXPECT_EQ(stored.text_encoder["vocab_size"], 20);
  EXPECT_EQ(stored.clip_embed_dim, 0);
  EXPECT_EQ(message(small_config()), "fits");
}

TEST_F(Stored, NamesFileAndKeyOfWhatCannotBeRead) {
  EXPECT_THAT(with("/model_type", 5), HasSubstr("key model_type: is 5, expected a text"));
  EXPECT_THAT(with("/id2label", json::array({"a", "b"})), HasSubstr("key id2label: is array, expected an object"));
  EXPECT_THAT(with("/id2label/1", json::object()), HasSubstr("key id2label.1: is object, expected a text"));
  EXPECT_THAT(with("/id2label", {{"0", "a"}, {"2", "b"}}), HasSubstr("key id2label.1: is absent"));
  EXPECT_THAT(with("/infig/text", "none"), HasSubstr("key infig.text: is \"none\", expected an object"));
  EXPECT_THAT(with("/infig/text/hidden_size", "4"), HasSubstr("key infig.text.hidden_size: is \"4\", expected a whole number"));
  EXPECT_THAT(with("/infig/text/hidden_size", 4.5), HasSubstr("key infig.text.hidden_size: is 4.5"));
  EXPECT_THAT(with("/text_encoder", nullptr), HasSubstr("key text_encoder: is null, expected an object"));
  EXPECT_THAT(with("/clip_embed_dim", -1), HasSubstr("key clip_embed_dim: is -1"));
  write_file_atomic(folder_ / "config.json", "{\"model_type\": \"infig\", ");
  EXPECT_THROW(read_stored_model(folder_.path()), CheckpointError);
  write_file_atomic(folder_ / "config.json", std::string(100'000, '['));
  EXPECT_THROW(read_stored_model(folder_.path()), CheckpointError);
  write_file_atomic(folder_ / "config.json", "[]");
  EXPECT_THROW(read_stored_model(folder_.path()), CheckpointError);
}

// Every whole number that decides how much is allocated: any other than the weights' own is refused, by its key.
TEST_F(Stored, SizesAreThoseOfTheWeights) {
  for (const char* key :
       {"/infig/text/hidden_size", "/infig/text/num_hidden_layers", "/infig/text/intermediate_size", "/text_encoder/vocab_size",
        "/infig/text/position_buckets", "/infig/image/num_hidden_layers", "/infig/image/intermediate_size", "/infig/image/stem_width",
        "/infig/image/stem_kernel", "/infig/fusion/num_hidden_layers", "/infig/fusion/intermediate_size"}) {
    for (const json& value : {json(0), json(-1), json(1'000'000'000), json(INT64_MAX), json(UINT64_MAX), json(1e30)}) {
      std::string dotted = std::string(key).substr(1);
      std::replace(dotted.begin(), dotted.end(), '/', '.');
      if (dotted.ends_with("position_buckets") && (value == 0 || (!value.is_number_unsigned() && value == -1)))
        dotted = "infig.text.max_position_embeddings";
      EXPECT_THAT(with(key, value), HasSubstr("key " + dotted + ": is ")) << value;
    }
    json config = small_config();
    json::json_pointer pointer(key);
    config[pointer.parent_pointer()].erase(pointer.back());
    if (std::string(key).ends_with("position_buckets")) continue;  // may be absent: one row a distance
    EXPECT_THAT(message(config), HasSubstr("is absent")) << key;
  }
  EXPECT_THAT(with("/infig/image/stage_widths/2", 1'000'000'000), HasSubstr("key infig.image.stage_widths"));
  EXPECT_THAT(with("/infig/image/stage_blocks/0", 1'000'000'000), HasSubstr("key infig.image.stage_blocks"));
  EXPECT_THAT(with("/infig/image/stage_blocks", json::array({1})), HasSubstr("expected 4 stages"));
  EXPECT_THAT(with("/infig/gam/proj_dim", 1'000'000'000), HasSubstr("key infig.gam.proj_dim"));
  EXPECT_THAT(with("/infig/hfam/proj_dim", 1'000'000'000), HasSubstr("key infig.hfam.proj_dim"));
  EXPECT_THAT(with("/clip_embed_dim", 1'000'000'000), HasSubstr("key clip_embed_dim"));
  EXPECT_THAT(with("/infig/text/position_biased_input", true), HasSubstr("which weights does not hold"));
  EXPECT_THAT(with("/infig/image/pos", "learned"), HasSubstr("image_encoder.position_embeddings"));
  json three = small_config();
  three["id2label"]["2"] = "maybe";
  EXPECT_THAT(message(three), HasSubstr("key id2label: is 3, but head.classifier.weight in weights has 2"));
}

TEST_F(Stored, SizesOfPublishedEncoders) {
  json config = small_config();
  config["infig"]["text"]["model"] = "bert";
  config["infig"]["image"]["model"] = "resnet";
  config["text_encoder"] = {{"model_type", "deberta-v2"},     {"vocab_size", 20},           {"hidden_size", 4},
                            {"num_hidden_layers", 2},         {"intermediate_size", 8},     {"max_position_embeddings", 16},
                            {"position_biased_input", false}, {"relative_attention", true}, {"position_buckets", 3}};
  config["image_backbone"] = {{"model_type", "resnet"},       {"layer_type", "basic"}, {"depths", {1, 1, 2, 1}},
                              {"hidden_sizes", {4, 4, 6, 8}}, {"embedding_size", 4},   {"stem_kernel", 3}};
  EXPECT_EQ(message(config), "fits");
  for (const char* key :
       {"/text_encoder/hidden_size", "/text_encoder/num_hidden_layers", "/text_encoder/intermediate_size", "/text_encoder/position_buckets",
        "/text_encoder/embedding_size", "/text_encoder/type_vocab_size", "/text_encoder/conv_kernel_size", "/image_backbone/depths/1",
        "/image_backbone/hidden_sizes/3", "/image_backbone/embedding_size", "/image_backbone/stem_kernel"}) {
    EXPECT_NE(with(key, 1'000'000'000, config), "fits") << key;
  }
  config["text_encoder"]["model_type"] = "mpnet";
  EXPECT_THAT(message(config), HasSubstr("position_embeddings"));
}

// The config of a run over the published backbone that `stated` describes, with the shapes that it should have, and every change that must
// be noticed.
struct StatedBackbone {
  json stated;
  std::map<std::string, std::vector<int64_t>> shapes;
  std::vector<const char*> keys;
};

std::vector<StatedBackbone> stated_backbones() {
  const auto block = [](const char* kind, int64_t in, int64_t expanded, int64_t out, int64_t squeezed) {
    return json{{"kind", kind}, {"in_channels", in}, {"expanded", expanded}, {"out_channels", out},
                {"kernel", 3},  {"stride", 2},       {"squeezed", squeezed}};
  };
  return {{.stated = {{"model_type", "convnext"},
                      {"depths", {1, 1}},
                      {"hidden_sizes", {4, 6}},
                      {"kernel_sizes", {7, 3}},
                      {"stem", "patch"},
                      {"patch_size", 4}},
           .shapes = {{"stem.0.weight", {4, 3, 4, 4}},
                      {"stages.0.blocks.0.conv_dw.weight", {4, 1, 7, 7}},
                      {"stages.1.blocks.0.conv_dw.weight", {6, 1, 3, 3}}},
           .keys = {"depths/0", "depths/1", "hidden_sizes/0", "hidden_sizes/1", "kernel_sizes/0", "kernel_sizes/1", "patch_size"}},
          {.stated = {{"model_type", "inverted-net"},
                      {"stem_width", 4},
                      {"head_width", 10},
                      {"stages",
                       {json::array({block("separable", 4, 4, 6, 2)}),
                        json::array({block("inverted", 6, 12, 8, 0), block("plain", 8, 8, 9, 0)})}}},
           .shapes = {{"conv_stem.weight", {4, 3, 3, 3}},
                      {"conv_head.weight", {10, 9, 1, 1}},
                      {"blocks.0.0.conv_dw.weight", {4, 1, 3, 3}},
                      {"blocks.0.0.conv_pw.weight", {6, 4, 1, 1}},
                      {"blocks.0.0.se.conv_reduce.weight", {2, 4, 1, 1}},
                      {"blocks.1.0.conv_dw.weight", {12, 1, 3, 3}},
                      {"blocks.1.0.conv_pwl.weight", {8, 12, 1, 1}},
                      {"blocks.1.1.conv.weight", {9, 8, 1, 1}}},
           .keys = {"stem_width", "head_width", "stages/0/0/expanded", "stages/0/0/out_channels", "stages/0/0/kernel",
                    "stages/0/0/squeezed", "stages/1/0/expanded", "stages/1/0/out_channels", "stages/1/1/out_channels"}},
          {.stated = {{"model_type", "resnet"},
                      {"layer_type", "bottleneck"},
                      {"depths", {1, 1, 1, 1}},
                      {"hidden_sizes", {16, 16, 24, 32}},
                      {"embedding_size", 8},
                      {"deep_stem", {3, 4}},
                      {"base_width", 48},
                      {"groups", 2}},
           .shapes = {{"bn1.weight", {8}},
                      {"conv1.0.weight", {3, 3, 3, 3}},
                      {"conv1.3.weight", {4, 3, 3, 3}},
                      {"layer1.0.bn2.weight", {6}},
                      {"layer2.0.bn2.weight", {6}},
                      {"layer3.0.bn2.weight", {8}},
                      {"layer4.0.bn2.weight", {12}},
                      {"layer1.0.bn3.weight", {16}},
                      {"layer2.0.bn3.weight", {16}},
                      {"layer3.0.bn3.weight", {24}},
                      {"layer4.0.bn3.weight", {32}}},
           .keys = {"depths/0", "hidden_sizes/3", "embedding_size", "deep_stem/0", "deep_stem/1", "base_width", "groups"}}};
}

TEST_F(Stored, SizesOfPublishedConvolutions) {
  for (const StatedBackbone& one : stated_backbones()) {
    json config = small_config();
    config["infig"]["image"]["model"] = "published";
    config["image_backbone"] = one.stated;
    std::map<std::string, TensorView> tensors = small_tensors();
    std::erase_if(tensors, [](const auto& item) { return item.first.starts_with("image_encoder.backbone."); });
    for (const auto& [name, shape] : one.shapes)
      tensors["image_encoder.backbone." + name] = {.dtype = DType::kF32, .shape = shape, .data = {}};
    EXPECT_EQ(message(config, tensors), "fits");
    for (const char* key : one.keys) {
      for (const json& value : {json(1), json(-1), json(1'000'000'000), json(INT64_MAX), json("4")}) {
        json changed = config;
        json& place = changed[json::json_pointer(std::string("/image_backbone/") + key)];
        if (place == value) continue;
        place = value;
        EXPECT_THAT(message(changed, tensors), ::testing::AnyOf(HasSubstr("key image_backbone."), HasSubstr("key stages[")))
            << key << " = " << value;
      }
    }
    config["image_backbone"][one.stated.contains("stages") ? "stages" : "depths"] = 3;
    EXPECT_THAT(message(config, tensors), HasSubstr("key image_backbone."));
  }
}

// DistilBERT and a Vision Transformer of three layers, of which the uppermost is the tower's own.
std::map<std::string, TensorView> vision_tensors() {
  std::map<std::string, TensorView> tensors;
  for (const auto& [name, tensor] : small_tensors()) {
    if (!name.starts_with("image_encoder.") && !name.starts_with("text_encoder.")) tensors[name] = tensor;
  }
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    tensors[name] = {.dtype = DType::kF32, .shape = std::move(shape), .data = {}};
  };
  add("text_encoder.embeddings.word_embeddings.weight", {20, 4});
  add("text_encoder.embeddings.position_embeddings.weight", {16, 4});
  add("text_encoder.transformer.layer.0.ffn.lin1.weight", {8, 4});
  add("image_encoder.backbone.embeddings.patch_embeddings.projection.weight", {6, 3, 4, 4});
  add("image_encoder.backbone.embeddings.position_embeddings", {1, 10, 6});
  for (const char* layer : {"backbone.encoder.layer.0", "backbone.encoder.layer.1", "vision.encoder.layer.2"})
    add(std::string("image_encoder.") + layer + ".intermediate.dense.weight", {8, 6});
  return tensors;
}

TEST_F(Stored, SizesOfDistilBertAndAVisionTransformer) {
  json config = small_config();
  config["infig"]["text"]["model"] = "distilbert";
  config["infig"]["image"]["model"] = "vit";
  config["text_encoder"] = {{"model_type", "distilbert"},   {"vocab_size", 20}, {"dim", 4}, {"n_layers", 1}, {"hidden_dim", 8},
                            {"max_position_embeddings", 16}};
  config["image_backbone"] = {{"model_type", "vit"}, {"hidden_size", 6}, {"num_hidden_layers", 3},
                              {"image_size", 12},    {"patch_size", 4},  {"intermediate_size", 8}};
  const auto check = [&](const json& stated) -> std::string {
    try {
      check_stored_sizes(read(stated), vision_tensors(), "weights");
    } catch (const CheckpointError& error) {
      return error.what();
    }
    return "fits";
  };
  EXPECT_EQ(check(config), "fits");
  for (const char* key : {"/text_encoder/vocab_size", "/text_encoder/dim", "/text_encoder/n_layers", "/text_encoder/hidden_dim",
                          "/text_encoder/max_position_embeddings", "/image_backbone/hidden_size", "/image_backbone/num_hidden_layers",
                          "/image_backbone/image_size", "/image_backbone/patch_size", "/image_backbone/intermediate_size",
                          "/infig/image/num_hidden_layers"}) {
    for (const int64_t wrong : {int64_t{0}, int64_t{5}, int64_t{1'000'000'000}}) {
      json other = config;
      other[json::json_pointer(key)] = wrong;
      EXPECT_NE(check(other), "fits") << key << " = " << wrong;
    }
  }
}

}  // namespace
}  // namespace infig

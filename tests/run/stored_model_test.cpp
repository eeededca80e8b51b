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
  std::string message(const json& config) const {
    try {
      check_stored_sizes(read(config), small_tensors(), "weights");
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

}  // namespace
}  // namespace infig

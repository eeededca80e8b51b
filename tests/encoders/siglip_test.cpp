#include "encoders/siglip.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"

namespace infig {
namespace {

class SiglipFolder : public ::testing::Test {
 protected:
  void save(const nlohmann::json& config, const TensorMap& weights) const {
    write_file_atomic(folder_.path() / "config.json", config.dump());
    save_tensors(folder_.path() / "model.safetensors", weights);
  }
  reference::TemporaryFolder folder_;
  reference::Golden golden_ = reference::load_golden("encoders/siglip");
};

TEST_F(SiglipFolder, AgreesWithTransformers) {
  save(golden_.settings, golden_.under("weight."));
  const PublishedImageText published = load_image_text(folder_.path());
  for (const bool inference : {false, true}) {
    const c10::InferenceMode mode(inference);
    EXPECT_TRUE(reference::close(published.model->text_embeds(golden_["input_ids"]), golden_["text_embeds"], 1e-5)) << inference;
    EXPECT_TRUE(reference::close(published.model->image_embeds(golden_["pixel_values"]), golden_["image_embeds"], 1e-5)) << inference;
  }
  EXPECT_EQ(published.model->embed_dim(), 12);
  EXPECT_EQ(published.model->max_length(), 7);
  EXPECT_EQ(published.model->vocab_size(), 29);
  EXPECT_EQ(siglip_embed_dim(folder_.path()), 12);
  for (const auto& parameter : published.model->parameters()) EXPECT_FALSE(parameter.requires_grad());
}

// Row 2 of the golden file is one token and padding: given alone, it is padded to the same.
TEST_F(SiglipFolder, PadsEveryTextToItsFullLength) {
  save(golden_.settings, golden_.under("weight."));
  const auto model = load_image_text(folder_.path()).model;
  const at::Tensor short_ids = golden_["input_ids"].slice(0, 2, 3).slice(1, 0, 1);
  EXPECT_TRUE(reference::close(model->text_embeds(model->padded(short_ids, 1)), golden_["text_embeds"].slice(0, 2, 3), 1e-5));
  EXPECT_THROW(model->text_embeds(short_ids), ShapeError);
}

TEST_F(SiglipFolder, IsLoadedStrictly) {
  TensorMap weights = golden_.under("weight.");
  weights.erase("text_model.head.bias");
  weights["text_model.strange"] = at::zeros({2});
  save(golden_.settings, weights);
  try {
    load_image_text(folder_.path());
    ADD_FAILURE() << "accepted";
  } catch (const CheckpointError& error) {
    for (const char* key : {"text_model.head.bias", "text_model.strange"})
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
  }
}

TEST_F(SiglipFolder, RefusesWhatDoesNotFit) {
  for (const auto& [section, key, value] :
       std::vector<std::tuple<const char*, const char*, nlohmann::json>>{{"text_config", "projection_size", 5},
                                                                         {"text_config", "hidden_act", "swiglu"},
                                                                         {"text_config", "num_attention_heads", 3},
                                                                         {"text_config", "vocab_size", 0},
                                                                         {"vision_config", "vision_use_head", false},
                                                                         {"vision_config", "patch_size", 13}}) {
    nlohmann::json config = golden_.settings;
    config[section][key] = value;
    try {
      siglip_options_from_json(config);
      ADD_FAILURE() << key << " was accepted";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace infig

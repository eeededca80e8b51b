// SigLIP (Zhai et al. 2023) and SigLIP 2 of a fixed picture size (Tschannen et al. 2025): image tower with attention pooling, text tower
// whose last position is the text's embedding. Parameter names as transformers' SiglipModel publishes them. Used frozen.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "encoders/image_text_model.h"
#include "encoders/vision_transformer.h"
#include "nn/pre_norm.h"

namespace infig {

struct SiglipTextOptions {  // names and meaning as in transformers' SiglipTextConfig
  int64_t vocab_size = 32000;
  int64_t hidden_size = 768;
  int64_t intermediate_size = 3072;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t max_position_embeddings = 64;
  Activation hidden_act = Activation::kGeluTanh;
  double layer_norm_eps = 1e-6;
  int64_t projection_size = 768;  // width of the embedding, which must be the image tower's
};

struct SiglipOptions {
  SiglipTextOptions text;
  VisionTransformerOptions vision;
  void validate() const;  // throws ConfigError
};

// config.json as transformers writes it (text_config, vision_config; absent keys: its defaults). Throws ConfigError.
SiglipOptions siglip_options_from_json(const nlohmann::json& json);

class SiglipModelImpl : public ImageTextModel {
 public:
  explicit SiglipModelImpl(const SiglipOptions& options);
  at::Tensor image_embeds(const at::Tensor& pixel_values) override;
  // The state of the last position behind the final LayerNorm, through the head; positions attend to all, padding included.
  at::Tensor text_embeds(const at::Tensor& input_ids) override;
  int64_t embed_dim() const override { return options_.text.projection_size; }
  int64_t vocab_size() const override { return options_.text.vocab_size; }
  int64_t max_length() const override { return options_.text.max_position_embeddings; }
  bool wants_full_length() const override { return true; }
  std::string settings() const override;
  void initialize(uint64_t seed) override;  // initialize_transformer() with 0.02
  const SiglipOptions& options() const { return options_; }

 private:
  SiglipOptions options_;
  at::Tensor token_embedding_, positions_;
  std::vector<PreNormLayer> text_layers_;
  torch::nn::LayerNorm final_norm_{nullptr};
  torch::nn::Linear head_{nullptr};
  std::shared_ptr<VisionTransformerImpl> vision_;
};
TORCH_MODULE(SiglipModel);

// A folder as transformers saves it. Throws CheckpointError, ConfigError.
PublishedImageText load_siglip(const std::filesystem::path& folder);

}  // namespace infig

// Vision Transformers (Dosovitskiy et al. 2021): ViT, DeiT (Touvron et al. 2021), DINOv2 with and without registers (Oquab et al. 2024,
// Darcet et al. 2024), the image towers of CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023; SigLIP 2 of a fixed resolution is the
// same network). Parameter names as transformers publishes them. The modules are in vision_transformer.cpp, config.json in
// vision_options.cpp, checkpoints in vision_files.cpp.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "encoders/image_backbone.h"
#include "nn/pre_norm.h"

namespace infig {

enum class VisionKind { kVit, kDeit, kDinov2, kClip, kSiglip };

struct VisionTransformerOptions {  // names and meaning as in transformers' configs
  VisionKind kind = VisionKind::kVit;
  std::string model_type = "vit";  // vit, deit, dinov2, dinov2_with_registers, clip_vision_model, siglip_vision_model
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;  // divides hidden_size
  int64_t intermediate_size = 3072;  // of DINOv2's gated layers each half's
  int64_t image_size = 224;          // pixels a side that the positions are made for
  int64_t patch_size = 16;           // pixels a side
  int64_t num_register_tokens = 0;   // DINOv2 with registers: tokens between CLS and patches that take part in attention alone
  Activation hidden_act = Activation::kGelu;
  double layer_norm_eps = 1e-12;
  bool qkv_bias = true;
  bool use_swiglu_ffn = false;                // DINOv2: gated feed-forward part
  double hidden_dropout_prob = 0.0;           // [0, 1): of layers that are trained
  double attention_probs_dropout_prob = 0.0;  // [0, 1): likewise
  double initializer_range = 0.02;            // for random initial weights

  int64_t grid() const { return image_size / patch_size; }  // patches a side at image_size
  bool has_cls() const { return kind != VisionKind::kSiglip; }
  // Tokens before the patches: CLS, DeiT's distillation token, registers.
  int64_t extra_tokens() const { return (has_cls() ? 1 : 0) + (kind == VisionKind::kDeit ? 1 : 0) + num_register_tokens; }
  // Pictures of another size than image_size: DINOv2 resamples its positions, as published; the others refuse them.
  bool any_size() const { return kind == VisionKind::kDinov2; }
  int64_t feature_size() const { return hidden_size; }
  int64_t stride() const { return patch_size; }
  PreNormLayerOptions layer() const;
  void validate() const;  // throws ConfigError
};

// config.json as transformers writes it, of one of the model_types above; "clip" and "siglip" give their vision_config. Absent keys are
// transformers' defaults. Throws ConfigError for a wrong type, a value out of range, or what is not supported.
VisionTransformerOptions vision_options_from_json(const nlohmann::json& json);
nlohmann::json to_json(const VisionTransformerOptions& options);

// Whether vision_options_from_json() knows the config.json of this model_type.
bool is_vision_transformer(const std::string& model_type);

// The parts of a layer in CLIP and SigLIP, in both towers.
PreNormNames clip_layer_names();

// What pictures of such a network look like without a preprocessor: of the network's size, by a centre crop.
ImageOptions vision_pixels(const VisionTransformerOptions& options);

// A published network with its weights. `config`: config.json of transformers (model_type), or of timm (architecture, model_args). Throws
// CheckpointError, ConfigError.
PublishedBackbone load_vision_transformer(const TensorMap& published, const nlohmann::json& config, const std::string& where);

// Whether timm's `architecture` is a Vision Transformer, known here or not.
bool is_timm_vision(const std::string& architecture);

// timm's `architecture`, `model_args` and shapes as options; what they say and this code lacks is refused by name. Throws ConfigError,
// CheckpointError.
VisionTransformerOptions vision_options_from_timm(const nlohmann::json& config, const TensorMap& tensors, const std::string& where);
// timm's names -> transformers' names of that kind of network: joined query, key and value are taken apart.
TensorMap vision_from_timm(const TensorMap& tensors, const VisionTransformerOptions& options);

// SigLIP's attention pooling: one learned query over all tokens, and a feed-forward part. [B, P, D] -> [B, D].
class AttentionPoolingHeadImpl : public torch::nn::Module {
 public:
  explicit AttentionPoolingHeadImpl(const VisionTransformerOptions& options);
  at::Tensor forward(const at::Tensor& x);

 private:
  int64_t heads_;
  Activation activation_;
  at::Tensor probe_, in_weight_, in_bias_;  // [1, 1, D], [3 D, D], [3 D]
  torch::nn::Linear out_{nullptr}, fc1_{nullptr}, fc2_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(AttentionPoolingHead);

// Which part of the network a module holds: layers first .. last - 1, with the embeddings below them or not. The part that ends with the
// network's last layer has its final LayerNorm and, in SigLIP, the pooling head.
struct VisionPart {
  bool embeddings = true;
  int64_t first = 0;
  int64_t last = 0;
};

// The network, or a part of it under the same parameter names.
class VisionTransformerImpl : public ImageBackbone {
 public:
  explicit VisionTransformerImpl(const VisionTransformerOptions& options);  // all of it
  VisionTransformerImpl(const VisionTransformerOptions& options, const VisionPart& part);

  // pixel_values [B, 3, S, S] float. Of the whole network the tokens of the last hidden state, behind the final LayerNorm: [B, 1 + P, D],
  // the CLS first. Of a part without the last layer what enters the layer above, [B, extra_tokens + P, D]. Throws ShapeError.
  using ImageBackbone::features;
  at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) override;
  at::Tensor grid(const at::Tensor& features) const override { return features.slice(1, 1); }
  at::Tensor pooled(const at::Tensor& features) const override { return features.select(1, 0); }
  // hidden_states as transformers gives them, without a final LayerNorm: the input of the first layer, and the output of every layer, each
  // [B, extra_tokens + P, D].
  std::vector<at::Tensor> hidden_states(const at::Tensor& pixel_values) override;

  // The part's layers on `x` [B, extra_tokens + P, D]: x itself and the output of every layer. A null source: no dropout; depth is given
  // beside it.
  std::vector<at::Tensor> run(const at::Tensor& x, DropoutSource* source, const StochasticDepth& depth = {});
  // Patches of a hidden state with a visual CLS before them: [B, extra_tokens + P, D] -> [B, 1 + P, D]. `last`: the final LayerNorm goes
  // over all tokens first. SigLIP, which has no CLS, pools the state by its own head (behind the final LayerNorm). The part must end with
  // the last layer.
  at::Tensor tokens(const at::Tensor& state, bool last);

  void initialize(uint64_t seed) override;  // initialize_transformer() with initializer_range
  int64_t feature_size() const override { return options_.hidden_size; }
  int64_t stride() const override { return options_.patch_size; }
  nlohmann::json config() const override;  // of the whole network
  const VisionTransformerOptions& options() const { return options_; }

 private:
  void make_embeddings();
  at::Tensor embed(const at::Tensor& pixel_values);
  at::Tensor positions(int64_t rows, int64_t columns) const;

  VisionTransformerOptions options_;
  VisionPart part_;
  at::Tensor cls_token_, distillation_token_, register_tokens_, patch_weight_, patch_bias_, position_embeddings_;
  torch::nn::LayerNorm pre_norm_{nullptr}, final_norm_{nullptr};
  std::vector<PreNormLayer> layers_;
  AttentionPoolingHead head_{nullptr};
};
TORCH_MODULE(VisionTransformer);

}  // namespace infig

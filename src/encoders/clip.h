// CLIP (Radford et al. 2021), Vision Transformer and text tower, projected embeddings. Parameter names as transformers' CLIPModel publishes
// them; checkpoints of OpenAI and open_clip are renamed when they are read. Used frozen.
// The modules are in clip.cpp, config.json, renaming and loading in clip_files.cpp.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "encoders/image_text_model.h"
#include "image/transform.h"
#include "nn/packed_linear.h"
#include "nn/transformer.h"
#include "tensor/archive.h"

namespace infig {

struct ClipTowerOptions {
  int64_t hidden_size = 768;
  int64_t intermediate_size = 3072;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;  // divides hidden_size
  Activation hidden_act = Activation::kQuickGelu;
  double layer_norm_eps = 1e-5;
};

struct ClipOptions {  // defaults: ViT-B/32
  ClipTowerOptions vision;
  ClipTowerOptions text = {.hidden_size = 512, .intermediate_size = 2048, .num_attention_heads = 8};
  int64_t projection_dim = 512;
  int64_t image_size = 224;  // pixels a side; a multiple of patch_size
  int64_t patch_size = 32;
  int64_t vocab_size = 49408;
  int64_t max_position_embeddings = 77;
  // Position of the text's embedding: the first one with this id; if it is 2, as in old configs, the one with the largest id.
  int64_t eos_token_id = 49407;
  // Of open_clip alone: no LayerNorm before the picture's first layer; the picture's embedding from the mean of its patches instead of the
  // class token, the last LayerNorm then behind the mean instead of before it.
  bool pre_norm = true, mean_pool = false, norm_after_pool = false;
  void validate() const;  // throws ConfigError
};

// config.json as transformers writes it (text_config, vision_config, projection_dim; absent keys: its defaults). Throws ConfigError.
ClipOptions clip_options_from_json(const nlohmann::json& json);
nlohmann::json to_json(const ClipOptions& options);

// The published Vision Transformers; kAny: whichever a file holds.
enum class ClipVariant { kAny, kVitB32, kVitB16, kVitL14 };
ClipOptions clip_options(ClipVariant variant);  // the sizes of one, of ViT-B/32 for kAny
// Throws ConfigError, whose message begins with `where`, unless the model has the variant's sizes.
void check_variant(const ClipOptions& options, ClipVariant variant, const std::string& where);

// Whether a checkpoint carries OpenAI's names (visual.conv1.weight, transformer.resblocks.0.attn.in_proj_weight, ...).
bool has_openai_names(const TensorMap& tensors);
// The sizes of such a checkpoint from its shapes; heads are 64 wide. Throws CheckpointError.
ClipOptions clip_options_from_openai(const TensorMap& tensors, Activation activation, const std::string& where);
// OpenAI's and open_clip's tensors under transformers' names: joined query, key and value taken apart, projections transposed.
TensorMap clip_from_openai(const TensorMap& tensors);

// self_attn.{q,k,v,out}_proj, layer_norm1, mlp.{fc1,fc2}, layer_norm2: h = x + Attention(LN1(x)); y = h + FFN(LN2(h)).
class ClipLayerImpl : public torch::nn::Module {
 public:
  explicit ClipLayerImpl(const ClipTowerOptions& options);
  at::Tensor forward(const at::Tensor& x, bool causal);  // [B, T, D] -> [B, T, D]; causal: position i attends to 0 .. i

 private:
  int64_t heads_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, out_{nullptr}, fc2_{nullptr};
  ActivatedLinear fc1_;
  PackedLinear packed_qkv_, packed_out_, packed_fc2_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
};
TORCH_MODULE(ClipLayer);

class ClipModelImpl : public ImageTextModel {
 public:
  explicit ClipModelImpl(const ClipOptions& options);
  // pixel_values [B, 3, S, S] float, S = image_size -> [B, projection_dim], not normalised. Throws ShapeError.
  at::Tensor image_embeds(const at::Tensor& pixel_values) override;
  // input_ids [B, L] int64, L <= max_position_embeddings, padded behind the end token (which is causal, so padding changes nothing)
  // -> [B, projection_dim], not normalised. Throws ShapeError.
  at::Tensor text_embeds(const at::Tensor& input_ids) override;
  int64_t embed_dim() const override { return options_.projection_dim; }
  int64_t vocab_size() const override { return options_.vocab_size; }
  int64_t max_length() const override { return options_.max_position_embeddings; }
  bool wants_full_length() const override { return false; }
  std::string settings() const override;
  void initialize(uint64_t seed) override;  // initialize_transformer() with 0.02
  const ClipOptions& options() const { return options_; }

 private:
  ClipOptions options_;
  at::Tensor class_embedding_, patch_weight_, vision_positions_, token_embedding_, text_positions_;
  torch::nn::LayerNorm pre_norm_{nullptr}, post_norm_{nullptr}, final_norm_{nullptr};
  torch::nn::ModuleList vision_layers_, text_layers_;
  torch::nn::Linear visual_projection_{nullptr}, text_projection_{nullptr};
};
TORCH_MODULE(ClipModel);

// The preprocessing without a preprocessor_config.json: bicubic to image_size, centre crop, CLIP's mean and deviation.
ImageOptions clip_pixels(const ClipOptions& options);

struct PublishedClip {
  ClipModel model{nullptr};
  ImageOptions pixels;  // as the folder states them; where it does not, clip_pixels() with the crop of the maker of the weights
};

// A folder as transformers or open_clip saves it, or a file of OpenAI or open_clip. The names of the weights say whose they are: by
// transformers' config.json and processor files are read; by OpenAI's and open_clip's the whole open_clip_config.json beside them, and
// without one they are OpenAI's (quick_gelu). Throws CheckpointError, ConfigError.
PublishedClip load_clip(const std::filesystem::path& path);

// Where the files beside the weights are: the folder itself, or the one that holds the file.
std::filesystem::path folder_of_clip(const std::filesystem::path& path);

// The sizes of such a model, without making it. Throws CheckpointError, ConfigError.
ClipOptions read_clip_options(const std::filesystem::path& path);

}  // namespace infig

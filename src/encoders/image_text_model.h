// The prior knowledge of GAM: a frozen model that puts pictures and texts into one space. CLIP (clip.h) and SigLIP (siglip.h) are such
// models.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "image/transform.h"

namespace infig {

class ImageTextModel : public torch::nn::Module {
 public:
  // pixel_values [B, 3, S, S] float, S the model's size -> [B, embed_dim()], projected, not normalised. Throws ShapeError.
  virtual at::Tensor image_embeds(const at::Tensor& pixel_values) = 0;
  // input_ids [B, L] int64, padded; L <= max_length(), of SigLIP L = max_length() -> [B, embed_dim()], projected, not normalised. Throws
  // ShapeError.
  virtual at::Tensor text_embeds(const at::Tensor& input_ids) = 0;
  virtual int64_t embed_dim() const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t max_length() const = 0;      // tokens of the longest text
  virtual bool wants_full_length() const = 0;  // every text is padded to max_length(), and padding counts
  virtual void initialize(uint64_t seed) = 0;  // random initial weights

  // What the embeddings depend on beside weights and inputs (activations, epsilons), for the key of a cache; empty: OpenAI's.
  virtual std::string settings() const = 0;
  // input_ids with as much padding as text_embeds() wants.
  at::Tensor padded(const at::Tensor& input_ids, int64_t pad_token_id) const;
};

struct PublishedImageText {
  std::shared_ptr<ImageTextModel> model;  // without gradients
  ImageOptions pixels;                    // of preprocessor_config.json; without one the model's own
};

// A folder of transformers with a config.json of model_type clip or siglip, or whatever else load_clip() reads. Throws CheckpointError,
// ConfigError.
PublishedImageText load_image_text(const std::filesystem::path& path);

// Width of the embeddings of a folder whose config.json is of model_type siglip; 0 for any other. Throws ConfigError.
int64_t siglip_embed_dim(const std::filesystem::path& path);

}  // namespace infig

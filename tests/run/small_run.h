// The config and the shapes of a model that nobody trained: what a run folder says of itself, small enough to be read.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "archive/safetensors.h"

namespace infig::reference {

inline nlohmann::json small_config() {
  return {{"model_type", "infig"},
          {"id2label", {{"0", "no"}, {"1", "yes"}}},
          {"text_encoder", {{"model_type", "deberta-v2"}, {"vocab_size", 20}}},
          {"image_backbone", {{"model_type", "resnet"}}},
          {"infig",
           {{"text",
             {{"model", ""},
              {"hidden_size", 4},
              {"num_hidden_layers", 2},
              {"intermediate_size", 8},
              {"max_position_embeddings", 16},
              {"position_biased_input", false},
              {"relative_attention", true},
              {"max_relative_positions", -1},
              {"position_buckets", 3}}},
            {"image",
             {{"model", ""},
              {"size", 32},
              {"pos", "none"},
              {"num_hidden_layers", 1},
              {"intermediate_size", 8},
              {"stage_blocks", {1, 1, 2, 1}},
              {"stage_widths", {4, 4, 6, 8}},
              {"stem_width", 4},
              {"stem_kernel", 3},
              {"stem_stride", 2},
              {"stem_pool", true}}},
            {"gam", {{"proj_dim", 0}, {"clip_dim", 256}}},
            {"hfam", {{"proj_dim", 0}}},
            {"fusion", {{"num_hidden_layers", 1}, {"intermediate_size", 8}}}}}};
}

// Shapes without data: no size of config.json may be compared with anything else.
inline std::map<std::string, TensorView> small_tensors() {
  std::map<std::string, TensorView> tensors;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    tensors[name] = {.dtype = DType::kF32, .shape = std::move(shape), .data = {}};
  };
  add("text_encoder.embeddings.word_embeddings.weight", {20, 4});
  add("text_encoder.embeddings.LayerNorm.weight", {4});
  add("text_encoder.encoder.rel_embeddings.weight", {6, 4});
  for (const char* layer : {"text_encoder.encoder.layer.0", "text_encoder.encoder.layer.1", "image_encoder.layer.0", "fusion.layer.0"})
    add(std::string(layer) + ".intermediate.dense.weight", {8, 4});
  add("image_encoder.backbone.conv1.weight", {4, 3, 3, 3});
  const std::vector<int64_t> widths = {4, 4, 6, 8}, blocks = {1, 1, 2, 1};
  for (size_t stage = 0; stage < 4; ++stage) {
    for (int64_t block = 0; block < blocks[stage]; ++block) {
      add("image_encoder.backbone.layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".conv1.weight",
          {widths[stage], 4, 3, 3});
    }
  }
  add("head.classifier.weight", {2, 4});
  return tensors;
}

}  // namespace infig::reference

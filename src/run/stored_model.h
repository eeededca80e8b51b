// What a model's folder says of itself (config.json), read before anything is made of it. Free of torch. Such a folder may come from
// somebody else: every entry has the type that is expected, and every size is one that model.safetensors really has.
// The comparison of sizes is in stored_sizes.cpp, the rest in stored_model.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/weight_archive.h"

namespace infig {

struct StoredModel {
  std::string model_type;
  std::string where;                // of config.json, for messages
  std::vector<std::string> labels;  // in id order
  nlohmann::json options;           // the model's own section ("infig"), an object; an object of nothing where it has none
  nlohmann::json text_encoder;      // config of the text encoder; null where it has none
  nlohmann::json image_backbone;    // of the image backbone; likewise
  int64_t clip_embed_dim = 0;       // width of CLIP's embeddings; 0: none
  std::string precision = "fp32";   // that it was trained in; checkpoints from before this key are scored in fp32
  bool half_features = false;       // features of frozen encoders are rounded to fp16
  std::string trained_without;      // side of every post that was hidden in training: "image", "text"; empty: none
  nlohmann::json config;            // all of it, an object
};

// Reads `folder`/config.json. Throws CheckpointError naming file and key.
StoredModel read_stored_model(const std::filesystem::path& folder);

// Compares the sizes that the options and configs state with the tensors that are there, before memory is taken for any of them. A size
// that decides how much is allocated must be stated, and be the one of the tensor that it belongs to: "FILE: key infig.text.hidden_size:
// is 1000000000, but text_encoder.embeddings.LayerNorm.weight in WEIGHTS has 16". Throws CheckpointError.
void check_stored_sizes(const StoredModel& stored, const std::map<std::string, TensorView>& tensors, const std::string& weights);

// Both, with the weights of the folder opened in between (their header is checked then, nothing is read).
StoredModel read_checked_model(const std::filesystem::path& folder);

}  // namespace infig

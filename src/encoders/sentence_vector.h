// The sentence vector of a folder that sentence-transformers saved: what its modules make of the encoder's last hidden states.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "nn/activation.h"
#include "run/sentence_folder.h"

namespace infig {

struct SentenceDense {
  at::Tensor weight = {}, bias = {};  // [out, in], [out]; bias may be undefined
  at::Tensor residual = {};           // [out, in]; undefined: the input itself is added, where use_residual says so
  Activation activation = Activation::kTanh;
  bool use_residual = false;
};

struct SentenceModules {
  std::filesystem::path encoder;         // the folder of the encoder and its tokenizer: of the first module
  std::vector<SentencePooling> pooling;  // one behind the other
  std::vector<std::variant<SentenceDense, SentenceNormalize>> steps;
  std::string prompt;          // before every text
  bool include_prompt = true;  // whether its tokens count in the pooling; if not, their places are 0 in sentence_vectors()' mask
  int64_t max_length = 0;      // tokens of the longest text, special ones included; 0: as the encoder has it
};

// read_sentence_folder() with the weights of Dense. Throws as that does, and CheckpointError for weights that are not what config.json
// says.
SentenceModules read_sentence_modules(const std::filesystem::path& folder);

// hidden_states [B, L, D] float of the last layer, attention_mask [B, L] int64 (0 behind the text, and before the part that counts) -> [B,
// d]. With m the mask and t the place of a token from 1: mean sum(m h) / sum(m); mean_sqrt_len_tokens sum(m h) / sqrt(sum(m)); weightedmean
// sum(t m h) / sum(t m); cls and lasttoken the first and the last that counts (of a text without one: cls the first, lasttoken 0); max of
// every column over them. Several are joined. Throws ShapeError.
at::Tensor sentence_vectors(const SentenceModules& modules, const at::Tensor& hidden_states, const at::Tensor& attention_mask);

}  // namespace infig

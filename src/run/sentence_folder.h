// A folder that sentence-transformers saved, as far as its JSON goes: which modules make a vector of a text. Weights are read elsewhere
// (encoders/sentence_vector.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace infig {

enum class SentencePooling { kCls, kMax, kMean, kMeanSqrtLength, kWeightedMean, kLastToken };

struct SentenceDenseFile {
  std::filesystem::path folder;  // with its weights
  int64_t in_features = 0, out_features = 0;
  bool bias = true;
  std::string activation;  // Tanh, Identity, ReLU, GELU, SiLU or Sigmoid
  bool use_residual = false;
};
struct SentenceNormalize {};

struct SentenceFolder {
  std::filesystem::path encoder;         // the folder of the encoder and its tokenizer: of the first module; `folder` or one in it
  std::vector<SentencePooling> pooling;  // one behind the other; at least one
  std::vector<std::variant<SentenceDenseFile, SentenceNormalize>> steps;
  std::string prompt;          // before every text
  bool include_prompt = true;  // whether its tokens count in the pooling
  int64_t max_length = 0;      // tokens of the longest text, special ones included; 0: as the encoder has it
};

// Whether `folder` has a modules.json.
bool has_sentence_modules(const std::filesystem::path& folder);

// modules.json, 1_Pooling/config.json (`pooling_mode` of sentence-transformers 6, or the keys pooling_mode_* before it), Dense and
// Normalize; the default prompt, the longest text. Throws CheckpointError for a file that is missing or damaged, and, naming file,
// key and value, for modules, keys and values that are not known or that would change a vector otherwise.
SentenceFolder read_sentence_folder(const std::filesystem::path& folder);

}  // namespace infig

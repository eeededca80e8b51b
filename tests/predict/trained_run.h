// A checkpoint folder of a small model with random weights, and pictures for it: what the tests of this folder load.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "image/image.h"
#include "model/infig.h"
#include "model/pretrained.h"
#include "model/small_model.h"
#include "reference/temporary_folder.h"
#include "text/tokenizer.h"

namespace infig::test {

inline const std::vector<std::string>& run_labels() {
  static const std::vector<std::string> labels = {"negative", "neutral", "positive"};
  return labels;
}

// Writes model, tokenizer and labels into `folder`.
inline void write_run(const std::filesystem::path& folder, bool with_cls = false) {
  std::vector<std::string> corpus;
  for (int i = 0; i < 30; ++i)
    corpus.insert(corpus.end(), {"a lovely day at the beach", "the storm took the roof of the house", "hello there rain"});
  const auto tokenizer = train_sentencepiece(corpus, {.vocab_size = 60});
  InfigOptions options = small_model_options();
  options.text.encoder.vocab_size = tokenizer->vocab_size();
  options.text.encoder.initializer_range = .5;  // so that posts differ
  options.image.encoder.initializer_range = .5;
  options.fusion.with_cls = with_cls;
  options.finish();
  const InfigModel model(options, 3, 7);
  ModelConfig choice;
  infig_options(choice) = std::move(options);
  save_model({*model, choice, tokenizer.get(), run_labels(), Precision::kFp32}, folder);
}

// Noise, another one for every seed.
inline Image noise(int64_t width, int64_t height, uint64_t seed) {
  Image image = make_image(width, height, 0, 0, 0);
  RandomStream stream(seed, "noise");
  for (auto& value : image.pixels) value = static_cast<uint8_t>(stream.uniform() * 256);
  return image;
}

}  // namespace infig::test

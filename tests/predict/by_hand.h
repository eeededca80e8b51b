// What a run says about one post, computed without src/predict: the text's ids and the picture's pixels as one row through the model.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "image/transform.h"
#include "model/infig.h"
#include "model/pretrained.h"

namespace infig::test {

inline ForwardResult forward_by_hand(LoadedModel& loaded, const std::string& text, const Image* picture) {
  const InfigOptions& options = infig_options(loaded.options);
  const std::vector<int64_t> ids = loaded.tokenizer->encode(text, options.text.max_length).ids;
  const int64_t side = options.image.pixels.size;
  Batch batch;
  batch.rows = {0};
  batch.input_ids = at::tensor(ids, at::kLong).unsqueeze(0);
  batch.attention_mask = at::ones_like(batch.input_ids);
  batch.has_text = at::full({1}, !text.empty(), at::kBool);
  batch.has_image = at::full({1}, picture != nullptr, at::kBool);
  at::Tensor pixels = at::zeros({1, side, side, 3});
  if (picture != nullptr)
    normalize_image(transform_image(*picture, options.image.pixels, nullptr), options.image.pixels, pixels.data_ptr<float>());
  batch.pixel_values = pixels.permute({0, 3, 1, 2});
  const c10::InferenceMode inference;
  return std::dynamic_pointer_cast<InfigModelImpl>(loaded.model)->run(batch, {.want_attention = true});
}

// exp(l_c / T) / sum of all, in double.
inline std::vector<double> probabilities_by_hand(const std::filesystem::path& folder, const std::string& text, const Image* picture,
                                                 double temperature = 1) {
  LoadedModel loaded = load_model(folder);
  const at::Tensor logits = forward_by_hand(loaded, text, picture).logits[0].to(at::kDouble);
  std::vector<double> result;
  double sum = 0;
  for (int64_t c = 0; c < logits.size(0); ++c) sum += result.emplace_back(std::exp(logits[c].item<double>() / temperature));
  for (double& value : result) value /= sum;
  return result;
}

}  // namespace infig::test

#include "encoders/image_text_model.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "encoders/clip.h"
#include "encoders/config_reader.h"
#include "encoders/siglip.h"
#include "encoders/text_encoder.h"

namespace infig {
namespace {

bool is_siglip(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path / "config.json")) return false;
  const nlohmann::json config = read_model_config(path);
  return config.value("model_type", nlohmann::json()) == "siglip";
}

}  // namespace

at::Tensor ImageTextModel::padded(const at::Tensor& input_ids, int64_t pad_token_id) const {
  if (!wants_full_length() || input_ids.size(1) >= max_length()) return input_ids;
  return at::constant_pad_nd(input_ids, {0, max_length() - input_ids.size(1)}, pad_token_id);
}

PublishedImageText load_image_text(const std::filesystem::path& path) {
  if (is_siglip(path)) return load_siglip(path);
  const PublishedClip clip = load_clip(path);
  return {.model = clip.model.ptr(), .pixels = clip.pixels};
}

int64_t siglip_embed_dim(const std::filesystem::path& path) {
  if (!is_siglip(path)) return 0;
  return of_config_in(path, [&] { return siglip_options_from_json(read_model_config(path)); }).text.projection_size;
}

}  // namespace infig

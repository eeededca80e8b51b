#include "encoders/text_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "encoders/config_reader.h"

namespace infig {

int64_t TextEncoder::layer_of(const std::string& parameter) const {
  for (const std::string_view list : {"layer.", "layers."}) {  // encoder.layer.N.*, transformer.layer.N.*, layers.N.*
    const size_t found = parameter.find(list);
    if (found == std::string::npos || (found > 0 && parameter[found - 1] != '.')) continue;
    int64_t layer = -1;
    std::from_chars(parameter.data() + found + list.size(), parameter.data() + parameter.size(), layer);
    return layer + 1;
  }
  return 0;
}

nlohmann::json read_model_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  if (!std::filesystem::exists(path)) {
    // sentence-transformers before 2021 kept the encoder in a folder of its own.
    if (std::filesystem::exists(folder / "modules.json") && std::filesystem::exists(folder / "0_Transformer" / "config.json")) {
      throw CheckpointError(fmt::format("{}: no config.json; this folder's encoder is in 0_Transformer, give {}", folder.string(),
                                        (folder / "0_Transformer").string()));
    }
    throw CheckpointError(
        fmt::format("{}: no config.json; expected a model folder with config.json and model.safetensors or "
                    "pytorch_model.bin, as transformers saves it",
                    folder.string()));
  }
  nlohmann::json config = parse_foreign_json(read_file(path));
  if (!config.is_object()) throw CheckpointError(fmt::format("{}: expected a JSON object", path.string()));
  return config;
}

std::shared_ptr<TextEncoder> load_text_encoder(const std::filesystem::path& folder) {
  const auto encoder = of_config_in(folder, [&] { return make_text_encoder(read_model_config(folder)); });
  load_published(*encoder, load_tensors(folder), encoder->names(), weights_file(folder).string());
  return encoder;
}

void check_text_input(const char* model, const at::Tensor& input_ids, const at::Tensor& attention_mask, int64_t longest) {
  if (input_ids.dim() != 2 || input_ids.size(1) < 1 || input_ids.scalar_type() != at::kLong) {
    throw ShapeError(fmt::format("{}: expected input_ids [B, L] int64 with L >= 1, found [{}] {}", model,
                                 fmt::join(input_ids.sizes(), ", "), c10::toString(input_ids.scalar_type())));
  }
  if (attention_mask.sizes() != input_ids.sizes()) {
    throw ShapeError(fmt::format("{}: expected attention_mask of the shape of input_ids [{}], found [{}]", model,
                                 fmt::join(input_ids.sizes(), ", "), fmt::join(attention_mask.sizes(), ", ")));
  }
  if (longest > 0 && input_ids.size(1) > longest) {
    throw ShapeError(fmt::format("{}: texts have {} tokens but the model has positions for {} (max_position_embeddings); cut the texts",
                                 model, input_ids.size(1), longest));
  }
}

}  // namespace infig

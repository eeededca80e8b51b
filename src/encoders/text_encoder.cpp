#include "encoders/text_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "encoders/bert.h"
#include "encoders/config_reader.h"
#include "encoders/deberta.h"

namespace infig {
namespace {

struct TextEncoderEntry {
  const char* model_type;
  std::shared_ptr<TextEncoder> (*make)(const nlohmann::json&);
  TextEncoderFacts (*facts)(const nlohmann::json&);
};

std::shared_ptr<TextEncoder> make_deberta(const nlohmann::json& config) {
  return std::make_shared<DebertaModelImpl>(deberta_options_from_json(config));
}

std::shared_ptr<TextEncoder> make_bert(const nlohmann::json& config) {
  return std::make_shared<BertModelImpl>(bert_options_from_json(config));
}

TextEncoderFacts deberta_facts(const nlohmann::json& config) {
  const DebertaOptions options = deberta_options_from_json(config);
  return {.hidden_size = options.hidden_size,
          .num_hidden_layers = options.num_hidden_layers,
          .vocab_size = options.vocab_size,
          .max_length = options.position_biased_input ? options.max_position_embeddings : 0};
}

TextEncoderFacts bert_facts(const nlohmann::json& config) {
  const BertOptions options = bert_options_from_json(config);
  return {.hidden_size = options.hidden_size,
          .num_hidden_layers = options.num_hidden_layers,
          .vocab_size = options.vocab_size,
          .max_length = options.max_length()};
}

// Every text encoder there is.
constexpr std::array<TextEncoderEntry, 5> kTextEncoders = {{{"deberta-v2", make_deberta, deberta_facts},
                                                            {"bert", make_bert, bert_facts},
                                                            {"roberta", make_bert, bert_facts},
                                                            {"xlm-roberta", make_bert, bert_facts},
                                                            {"mpnet", make_bert, bert_facts}}};

const TextEncoderEntry& find_entry(const nlohmann::json& config) {
  const std::string type = config.is_object() && config.contains("model_type") && config["model_type"].is_string()
                               ? config["model_type"].get<std::string>()
                               : std::string();
  std::vector<std::string> known;
  for (const auto& entry : kTextEncoders) {
    if (type == entry.model_type) return entry;
    known.emplace_back(entry.model_type);
  }
  throw ConfigError(fmt::format("config.json: model_type is \"{}\", which is no text encoder known here; supported are {}", type,
                                fmt::join(known, ", ")));
}

}  // namespace

std::shared_ptr<TextEncoder> make_text_encoder(const nlohmann::json& config) { return find_entry(config).make(config); }

TextEncoderFacts text_encoder_facts(const nlohmann::json& config) { return find_entry(config).facts(config); }

nlohmann::json read_model_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  if (!std::filesystem::exists(path)) {
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
  load_published(*encoder, load_tensors(folder), encoder->names(), folder.string());
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

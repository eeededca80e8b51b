#include "any_model/models.h"

#include "any_model/frozen_linear.h"

namespace infig::test {

const ModelList& tried_models() {
  static const ModelList kModels = {
      built_in_models().front(),
      {"frozen-linear", "FrozenLinear", frozen_linear_options},
  };
  return kModels;
}

std::vector<std::string> small_keys(const std::string& name) {
  if (name != "infig") return {};
  return {"text.vocab_size=64",
          "text.hidden_size=16",
          "text.num_hidden_layers=3",
          "text.num_attention_heads=2",
          "text.intermediate_size=32",
          "text.position_buckets=8",
          "text.max_position_embeddings=64",
          "text.max_length=16",
          "image.size=32",
          "image.resize=32",
          "image.augment=none",
          "image.bottleneck=false",
          "image.stage_blocks=[1, 1, 1, 1]",
          "image.stage_widths=[16, 16, 16, 16]",
          "image.stem_width=16",
          "image.num_hidden_layers=3",
          "image.num_attention_heads=2",
          "image.intermediate_size=32",
          "fusion.num_hidden_layers=1",
          "fusion.num_attention_heads=2",
          "fusion.intermediate_size=32",
          "gam.queue_size=10"};
}

}  // namespace infig::test

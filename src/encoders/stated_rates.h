// Rates of dropout and stochastic depth that a published image model's config.json states.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace infig {

struct StatedRate {
  std::string key;   // as the file has it: "model_args.drop_path_rate"
  double rate = 0;   // stated
  std::string ours;  // the key that means it here: "drop_path", "hidden_dropout_prob", "attention_probs_dropout_prob"; empty: none
};

// At the top, in vision_config, model_args and pretrained_cfg, in the names of transformers and timm: drop_path_rate, drop_connect_rate,
// hidden_dropout_prob, dropout, proj_drop_rate, pos_drop_rate, patch_drop_rate, drop_block_rate, attention_probs_dropout_prob,
// attention_dropout, attn_drop_rate. Those of the classifier are left out, as the classifier is. A value that is no number is none.
std::vector<StatedRate> stated_rates(const nlohmann::json& config);

}  // namespace infig

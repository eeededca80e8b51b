#include "encoders/stated_rates.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

namespace infig {
namespace {

struct RateName {
  const char* theirs;
  const char* ours;
};
constexpr std::array<RateName, 11> kRateNames = {{{"drop_path_rate", "drop_path"},
                                                  {"drop_connect_rate", "drop_path"},
                                                  {"hidden_dropout_prob", "hidden_dropout_prob"},
                                                  {"dropout", "hidden_dropout_prob"},
                                                  {"proj_drop_rate", "hidden_dropout_prob"},
                                                  {"attention_probs_dropout_prob", "attention_probs_dropout_prob"},
                                                  {"attention_dropout", "attention_probs_dropout_prob"},
                                                  {"attn_drop_rate", "attention_probs_dropout_prob"},
                                                  {"pos_drop_rate", ""},
                                                  {"patch_drop_rate", ""},
                                                  {"drop_block_rate", ""}}};

}  // namespace

std::vector<StatedRate> stated_rates(const nlohmann::json& config) {
  std::vector<StatedRate> rates;
  if (!config.is_object()) return rates;
  for (const std::string_view section : {"", "vision_config", "model_args", "pretrained_cfg"}) {
    const nlohmann::json part = section.empty() ? config : config.value(section, nlohmann::json());
    if (!part.is_object()) continue;
    for (const RateName& name : kRateNames) {
      const auto found = part.find(name.theirs);
      if (found == part.end() || !found->is_number()) continue;
      rates.push_back({.key = section.empty() ? name.theirs : std::string(section) + "." + name.theirs,
                       .rate = found->get<double>(),
                       .ours = name.ours});
    }
  }
  return rates;
}

}  // namespace infig

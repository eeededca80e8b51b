#include "encoders/weight_names.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "core/error.h"
#include "core/log.h"

namespace infig {
namespace {

bool belongs_elsewhere(const std::string& key, const WeightNames& names) {
  return std::ranges::any_of(names.other_parts, [&](const std::string& part) { return key.starts_with(part); }) ||
         std::ranges::any_of(names.other_endings, [&](const std::string& ending) { return key.ends_with(ending); });
}

std::string with_new_ending(std::string key, const WeightNames& names) {
  for (const auto& [old, now] : names.endings) {
    if (key.ends_with(old)) return key.substr(0, key.size() - old.size()) + now;
  }
  return key;
}

std::string own_name(std::string key, const WeightNames& names) {
  for (const std::string& prefix : names.prefixes) {
    if (key.starts_with(prefix)) {
      key.erase(0, prefix.size());
      break;
    }
  }
  return with_new_ending(std::move(key), names);
}

constexpr size_t kNamedKeys = 5;  // of those that a message cannot list all

std::string some_of(const std::vector<std::string>& keys) {
  const std::vector<std::string> first(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(std::min(keys.size(), kNamedKeys)));
  return fmt::format("{}{}", fmt::join(first, ", "), keys.size() > kNamedKeys ? ", ..." : "");
}

TensorMap strip_prefix(TensorMap tensors, const std::string& prefix, const std::string& where) {
  TensorMap plain;
  std::vector<std::string> left_out;
  for (auto& [key, tensor] : tensors) {
    if (key.starts_with(prefix)) {
      plain.emplace(key.substr(prefix.size()), std::move(tensor));
    } else {
      left_out.push_back(key);
    }
  }
  const std::string others =
      left_out.empty() ? "" : fmt::format("; {} tensors without it are left out: {}", left_out.size(), some_of(left_out));
  log_info("{}: the weights are read under the prefix '{}'{}", where, prefix, others);
  return plain;
}

[[noreturn]] void fail_several(const std::vector<std::string>& prefixes, const std::string& where) {
  std::vector<std::string> quoted;
  for (const std::string& prefix : prefixes) quoted.push_back("'" + prefix + "'");
  throw CheckpointError(fmt::format("{}: holds the network {} times, under the prefixes {}; which is meant is not known, so save one alone",
                                    where, prefixes.size(), fmt::join(quoted, " and ")));
}

// How well the names fit below one prefix.
struct PrefixFit {
  size_t named = 0;   // parameters whose name is there
  size_t shaped = 0;  // ... with the right shape
};

// Parameters that a checkpoint must hold: all but those that may be missing.
bool must_be_there(const std::string& name, const WeightNames& names) {
  return std::ranges::none_of(names.other_endings, [&](const std::string& ending) { return name.ends_with(ending); });
}

std::map<std::string, PrefixFit> fits_of(const TensorMap& own, const TensorMap& tensors, const WeightNames& names) {
  std::map<std::string, PrefixFit> fits;
  for (const auto& [key, tensor] : tensors) {
    const std::string name = with_new_ending(key, names);
    for (size_t at = 0; at != std::string::npos; at = name.find('.', at), at += at == std::string::npos ? 0 : 1) {
      const auto found = own.find(name.substr(at));
      if (found == own.end() || !must_be_there(found->first, names)) continue;
      PrefixFit& fit = fits[name.substr(0, at)];
      ++fit.named;
      fit.shaped += found->second.sizes() == tensor.sizes();
    }
  }
  return fits;
}

// The tensors under the prefix below which the module lies in them; unchanged where it has none.
TensorMap fitted(TensorMap tensors, const TensorMap& own, const WeightNames& names, const std::string& where) {
  size_t wanted = 0;
  for (const auto& item : own) wanted += must_be_there(item.first, names);
  std::vector<std::string> whole;
  std::string best;
  size_t most = 0;
  for (const auto& [prefix, fit] : fits_of(own, tensors, names)) {
    if (fit.shaped == wanted) whole.push_back(prefix);
    if (fit.named > most) {
      best = prefix;
      most = fit.named;
    }
  }
  if (whole.size() > 1) fail_several(whole, where);
  if (whole.size() == 1) best = whole.front();
  // Those of training scripts are said even where a library's own models have them, too.
  const bool of_script = best == "model." || best == "module.";
  const bool known = best.empty() || (!of_script && std::ranges::find(names.prefixes, best) != names.prefixes.end());
  // Below a published prefix the parts that a published file has beside the network are known; others, of a training script, are left out.
  const auto foreign = [&](const auto& item) { return !item.first.starts_with(best) && !belongs_elsewhere(item.first, names); };
  const bool alone = whole.empty() || std::ranges::none_of(tensors, foreign);
  return known && alone ? tensors : strip_prefix(std::move(tensors), best, where);
}

}  // namespace

std::vector<std::string> dotted_parts(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

TensorMap rename_weights(const TensorMap& tensors, const WeightNames& names, const std::string& where) {
  TensorMap renamed;
  for (const auto& [key, tensor] : tensors) {
    const std::string name = own_name(key, names);
    if (belongs_elsewhere(key, names) || belongs_elsewhere(name, names)) continue;
    if (!renamed.emplace(name, tensor).second) {
      throw CheckpointError(
          fmt::format("{}: two keys stand for {}, one of them is {}; the file must hold the model once", where, name, key));
    }
  }
  return renamed;
}

TensorMap without_prefix(TensorMap tensors, const std::vector<std::string>& anchors, const std::string& where,
                         const std::vector<std::string>& makers) {
  const auto ends_with_part = [](std::string_view name, std::string_view part) {
    return name == part || (name.ends_with(part) && name[name.size() - part.size() - 1] == '.');
  };
  std::vector<std::string> prefixes;
  for (const auto& item : tensors) {
    for (const std::string& anchor : anchors) {
      if (!ends_with_part(item.first, anchor)) continue;
      std::string_view prefix(item.first);
      prefix.remove_suffix(anchor.size());
      const auto maker = std::ranges::find_if(makers, [&](const std::string& one) { return ends_with_part(prefix, one); });
      if (maker != makers.end()) prefix.remove_suffix(maker->size());
      prefixes.emplace_back(prefix);
    }
  }
  std::ranges::sort(prefixes);
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  if (prefixes.size() > 1) fail_several(prefixes, where);
  return prefixes.empty() || prefixes.front().empty() ? tensors : strip_prefix(std::move(tensors), prefixes.front(), where);
}

void load_published(torch::nn::Module& module, const TensorMap& tensors, const WeightNames& names, const std::string& where) {
  const TensorMap below = fitted(tensors, state_dict(module), names, where);
  load_state_dict(module, rename_weights(below, names, where), where, names.other_endings);
}

}  // namespace infig

#include "experiments/plans.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <span>

#include "core/error.h"
#include "core/random.h"
#include "model/infig_options.h"

namespace infig {
namespace {

// "gam.layer=2", with '_' for characters that a folder name must not contain.
std::string folder_word(const std::string& key, const std::string& value) {
  std::string name = key + "=";
  for (const char c : value) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == '_';
    name += plain ? c : '_';
  }
  return name;
}

Variant combine(const std::vector<SweepAxis>& axes, uint64_t number) {
  Variant variant;
  uint64_t rest = number;
  std::vector<std::string> values(axes.size());
  for (size_t i = axes.size(); i-- > 0;) {
    values[i] = axes[i].values[static_cast<size_t>(rest % axes[i].values.size())];
    rest /= axes[i].values.size();
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    variant.name += (i == 0 ? "" : "+") + folder_word(axes[i].key, values[i]);
    variant.title += fmt::format("{}{}={}", i == 0 ? "" : ", ", axes[i].key, values[i]);
    variant.overrides.push_back(fmt::format("{}={}", axes[i].key, values[i]));
    variant.axes.emplace_back(axes[i].key, values[i]);
  }
  return variant;
}

}  // namespace

std::vector<Variant> ablation_variants(const RunConfig& config) {
  const InfigOptions& infig = infig_options(config.model);
  const bool gam = infig.loss.lambda_g > 0, hfam = infig.loss.lambda_f > 0;
  if (!gam && !hfam) throw ConfigError("ablate: the config has loss.lambda_g=0 and loss.lambda_f=0, so there is nothing to leave out");
  std::vector<Variant> variants = {{.name = "full", .title = "INFIG", .overrides = {}}};
  if (gam && !infig.clip.model.empty()) variants.push_back({.name = "without-clip", .title = "w/o CLIP", .overrides = {"clip.model="}});
  if (gam) variants.push_back({.name = "without-gam", .title = "w/o GAM", .overrides = {"loss.lambda_g=0"}});
  if (hfam) variants.push_back({.name = "without-hfam", .title = "w/o HFAM", .overrides = {"loss.lambda_f=0"}});
  if (gam && hfam)
    variants.push_back({.name = "without-both", .title = "w/o GAM and HFAM", .overrides = {"loss.lambda_g=0", "loss.lambda_f=0"}});
  return variants;
}

SweepAxis parse_axis(const std::string& word) {
  const size_t equals = word.find('=');
  SweepAxis axis{.key = word.substr(0, equals), .values = {}};
  if (equals == std::string::npos || axis.key.empty())
    throw ConfigError(fmt::format("sweep: \"{}\": expected KEY=VALUE,VALUE,..., as gam.layer=1,2,3,4", word));
  std::string value;
  int depth = 0;
  char quote = 0;
  for (size_t i = equals + 1; i <= word.size(); ++i) {
    const char c = i < word.size() ? word[i] : ',';
    if (quote == 0 && (c == '[' || c == '{')) ++depth;
    if (quote == 0 && (c == ']' || c == '}')) --depth;
    if (c == '"' || c == '\'') quote = quote == 0 ? c : quote == c ? 0 : quote;
    if (i == word.size() || (c == ',' && depth == 0 && quote == 0)) {
      if (value.empty()) throw ConfigError(fmt::format("sweep: \"{}\" has an empty value", word));
      if (std::find(axis.values.begin(), axis.values.end(), value) != axis.values.end())
        throw ConfigError(fmt::format("sweep: \"{}\" has the value {} twice", word, value));
      axis.values.push_back(std::move(value));
      value.clear();
    } else {
      value += c;
    }
  }
  return axis;
}

std::vector<Variant> sweep_variants(const std::vector<SweepAxis>& axes, int64_t random, uint64_t seed) {
  constexpr uint64_t kMost = 100'000;
  std::set<std::string> keys;
  uint64_t count = 1;
  for (const SweepAxis& axis : axes) {
    if (!keys.insert(axis.key).second) throw ConfigError(fmt::format("sweep: {} is named twice", axis.key));
    count *= axis.values.size();
    if (count > kMost) throw ConfigError(fmt::format("sweep: more than {} combinations", kMost));
  }
  std::vector<uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), uint64_t{0});
  if (random > 0 && static_cast<uint64_t>(random) < count) {
    RandomStream stream(seed, "sweep");
    stream.shuffle(std::span<uint64_t>(numbers));
    numbers.resize(static_cast<size_t>(random));
    std::sort(numbers.begin(), numbers.end());
  }
  std::vector<Variant> variants;
  for (const uint64_t number : numbers) variants.push_back(combine(axes, number));
  return variants;
}

}  // namespace infig

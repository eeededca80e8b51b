#include "apps/config_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "apps/help_format.h"
#include "core/error.h"
#include "training/run_config.h"

namespace infig {
namespace {

std::vector<ConfigKey> keys_of_all_models() {
  std::vector<ConfigKey> keys;
  std::set<std::string> seen;
  for (const ModelKind& kind : built_in_models()) {
    RunConfig config;
    config.model.choose(kind.name);
    ConfigBinder binder;
    bind_options(binder, config);
    for (const ConfigField& field : binder.fields()) {
      if (seen.insert(field.key).second) keys.push_back({field.key, field.get(), field.comment, field.words});
    }
  }
  std::vector<std::string> models;
  for (const ModelKind& kind : built_in_models()) models.emplace_back(kind.name);
  for (ConfigKey& key : keys) {
    if (key.key == "model.name") key.words = models;
  }
  return keys;
}

// A value as the key's own table writes it, so that 2 and 02 are equal; as it is where the table refuses it, which reading it will say.
std::string as_stored(const std::string& key, const std::string& value) {
  RunConfig config;
  ConfigBinder binder;
  bind_options(binder, config);
  try {
    apply_override(binder, key + "=" + value);
  } catch (const ConfigError&) {
    return value;
  }
  for (const ConfigField& field : binder.fields()) {
    if (field.key == key) return field.get();
  }
  return value;
}

// Without the reference to a row of the table of decisions, which says nothing to one who reads the help.
std::string without_row(const std::string& comment) {
  const size_t row = comment.rfind(" row ");
  return row == std::string::npos || row == 0 ? comment : comment.substr(0, row - 1);
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> kKeys = keys_of_all_models();
  return kKeys;
}

const ConfigKey* find_config_key(const std::string& key) {
  const auto& keys = config_keys();
  const auto found = std::find_if(keys.begin(), keys.end(), [&key](const ConfigKey& one) { return one.key == key; });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::string> keys_ending_in(const std::string& name) {
  std::vector<std::string> found;
  for (const ConfigKey& one : config_keys()) {
    const size_t dot = one.key.rfind('.');
    if (one.key.substr(dot == std::string::npos ? 0 : dot + 1) == name) found.push_back(one.key);
  }
  return found;
}

std::string common_keys_help() {
  constexpr std::array<const char*, 10> kCommon = {"train.epochs",      "train.batch_size",  "optim.lr",   "train.patience",
                                                   "train.best_metric", "train.micro_batch", "text.model", "image.model",
                                                   "clip.model",        "text.max_length"};
  constexpr size_t kKeyWidth = 18, kValueWidth = 10, kTextWidth = 78;
  std::string text = "The keys that people set most (key=value), their defaults where the config file says nothing, and their meaning:\n";
  for (const char* name : kCommon) {
    const ConfigKey* key = find_config_key(name);
    if (key == nullptr) continue;
    text += fmt::format("  {:<{}} {:<{}} {}\n", name, kKeyWidth, key->value == "\"\"" ? "(none)" : key->value, kValueWidth,
                        wrapped(without_row(key->comment), kTextWidth, kKeyWidth + kValueWidth + 4));
  }
  return text + "configs/reference.yaml lists all of them.\n";
}

void KeyFlags::add(CLI::App& verb, const std::string& flag, const std::string& key, const std::string& help) {
  const ConfigKey* known = find_config_key(key);
  if (known == nullptr) throw std::logic_error(flag + ": no key " + key);
  Flag& one = flags_.emplace_back(Flag{flag, key, {}, nullptr});
  const std::string text = help.empty() ? known->comment : help;
  CLI::Option* option = verb.add_option(flag, one.value, fmt::format("{} ({})", text, key));
  if (!known->words.empty()) option->check(CLI::IsMember(known->words));
  const bool number = !known->value.empty() && known->value.find_first_not_of("0123456789") == std::string::npos;
  if (number) option->type_name("INT");
  one.option = option;
}

void KeyFlags::add_common(CLI::App& verb, bool seed) {
  if (seed) add(verb, "--seed", "seed", "of every random draw");
  add(verb, "--device", "device", "where to compute; auto: cuda where there is one");
  add(verb, "--precision", "precision", "of the computation; auto: bf16 where the device has it natively");
  add(verb, "--threads", "threads", "compute threads; 0: all cores");
  add(verb, "--limit", "data.limit", "use at most so many posts of every split, to try things; 0: all");
}

std::vector<std::string> KeyFlags::overrides(std::vector<std::string> typed) const {
  std::vector<std::string> all = std::move(typed);
  const size_t pairs = all.size();
  for (const Flag& flag : flags_) {
    if (flag.option->count() == 0) continue;
    const std::string start = flag.key + "=";
    for (size_t i = pairs; i-- > 0;) {  // of several pairs the last one holds
      if (!all[i].starts_with(start)) continue;
      const std::string value = all[i].substr(start.size());
      if (as_stored(flag.key, value) != as_stored(flag.key, flag.value)) {
        throw ConfigError(fmt::format("{} {} and {} contradict each other; give one of the two", flag.name, flag.value, all[i]));
      }
      break;
    }
    all.push_back(start + flag.value);
  }
  return all;
}

void refuse_seed(const std::vector<std::string>& overrides, const std::string& verb) {
  for (const std::string& pair : overrides) {
    if (!pair.starts_with("seed=")) continue;
    throw ConfigError(
        fmt::format("{}: {}: the seeds of the runs are those of --seeds, as in --seeds 3 (1, 2 and 3) or --seeds 4,7,1", verb, pair));
  }
}

}  // namespace infig

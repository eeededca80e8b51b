#include "apps/suggestions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "apps/config_keys.h"
#include "core/config.h"

namespace infig {
namespace {

// Names of the same thing elsewhere: scikit-learn, transformers, open_clip, Ludwig, AutoGluon.
constexpr std::array<std::pair<const char*, const char*>, 18> kOtherVerbs = {{{"fit", "train"},
                                                                              {"finetune", "train"},
                                                                              {"fine-tune", "train"},
                                                                              {"test", "evaluate"},
                                                                              {"eval", "evaluate"},
                                                                              {"score", "evaluate"},
                                                                              {"infer", "predict"},
                                                                              {"inference", "predict"},
                                                                              {"classify", "predict"},
                                                                              {"label", "predict"},
                                                                              {"validate", "verify-data"},
                                                                              {"check-data", "verify-data"},
                                                                              {"import", "prepare"},
                                                                              {"preprocess", "prepare"},
                                                                              {"download", "weights pull"},
                                                                              {"embed", "encode"},
                                                                              {"benchmark", "bench"},
                                                                              {"version", "--version"}}};

// The same of flags; what stands here with a dot is a key.
constexpr std::array<std::pair<const char*, const char*>, 22> kOtherFlags = {{{"learning-rate", "optim.lr"},
                                                                              {"num-epochs", "train.epochs"},
                                                                              {"num-train-epochs", "train.epochs"},
                                                                              {"max-epochs", "train.epochs"},
                                                                              {"per-device-train-batch-size", "train.batch_size"},
                                                                              {"train-batch-size", "train.batch_size"},
                                                                              {"per-device-eval-batch-size", "train.eval_batch_size"},
                                                                              {"bs", "train.batch_size"},
                                                                              {"warmup-ratio", "optim.warmup"},
                                                                              {"lr-scheduler-type", "optim.schedule"},
                                                                              {"lr-scheduler", "optim.schedule"},
                                                                              {"max-grad-norm", "optim.clip"},
                                                                              {"grad-clip-norm", "optim.clip"},
                                                                              {"optimizer", "optim.name"},
                                                                              {"early-stopping-patience", "train.patience"},
                                                                              {"eval-steps", "train.eval_every"},
                                                                              {"save-steps", "train.save_every"},
                                                                              {"logging-steps", "train.log_every"},
                                                                              {"metric-for-best-model", "train.best_metric"},
                                                                              {"max-seq-length", "text.max_length"},
                                                                              {"text-model", "text.model"},
                                                                              {"image-model", "image.model"}}};

template <typename Table>
std::string other_name(const Table& table, const std::string& word) {
  for (const auto& [theirs, ours] : table) {
    if (word == theirs) return ours;
  }
  return "";
}

// The only word that `word` begins; empty where there is none or several.
std::string only_completion(const std::string& word, const std::vector<std::string>& known) {
  std::string found;
  for (const std::string& one : known) {
    if (word.size() < 2 || !one.starts_with(word)) continue;
    if (!found.empty()) return "";
    found = one;
  }
  return found;
}

std::string nearest_of(const std::string& word, const std::vector<std::string>& known) {
  const std::string begun = only_completion(word, known);
  return begun.empty() ? nearest_word(word, known) : begun;
}

std::string with_underscores(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string with_dashes(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

// The keys that a flag's name may mean: its own, those that end in it, the one that others call so.
std::vector<std::string> keys_meant(const std::string& name) {
  const std::string key = with_underscores(name);
  if (find_config_key(key) != nullptr) return {key};
  std::vector<std::string> keys = keys_ending_in(key);
  const std::string other = other_name(kOtherFlags, with_dashes(name));
  if (keys.empty() && other.find('.') != std::string::npos && find_config_key(other) != nullptr) keys.push_back(other);
  return keys;
}

std::string as_pairs(const std::vector<std::string>& keys, const std::string& value) {
  std::vector<std::string> pairs;
  for (const std::string& key : keys) pairs.push_back(fmt::format("{}={}", key, value.empty() ? "VALUE" : value));
  return fmt::format("{}{}", pairs.size() > 1 ? "one of " : "", fmt::join(pairs, ", "));
}

const CLI::App& root_of(const CLI::App& verb) {
  const CLI::App* app = &verb;
  while (app->get_parent() != nullptr) app = app->get_parent();
  return *app;
}

void collect_owners(const CLI::App& app, const std::string& flag, std::vector<std::string>& owners) {
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (child->get_option_no_throw(flag) != nullptr)
      owners.push_back(child->get_parent() == &root_of(*child) ? child->get_name()
                                                               : child->get_parent()->get_name() + " " + child->get_name());
    collect_owners(*child, flag, owners);
  }
}

// "; predict, evaluate have it": which verbs have a flag.
std::string owners_of(const CLI::App& verb, const std::string& flag) {
  std::vector<std::string> owners;
  collect_owners(root_of(verb), flag, owners);
  if (owners.empty()) return "";
  return fmt::format("; {} {} it", fmt::join(owners, ", "), owners.size() == 1 ? "has" : "have");
}

// What stands without a flag, where a flag for it was typed: "; its source stands without a flag: infig weights import FILE".
std::string place_meant_by(const CLI::App& verb, const std::string& name, const std::string& value) {
  constexpr std::array<const char*, 10> kOfPlaces = {"input", "source", "path", "file", "folder", "raw", "data", "model", "run", "name"};
  if (std::ranges::find(kOfPlaces, name) == kOfPlaces.end()) return "";
  const auto places = verb.get_options([](const CLI::Option* one) { return one->get_positional() && one->get_required(); });
  if (places.empty()) return "";
  const std::string word = places.front()->get_name(true);
  return fmt::format("; its {0} stands without a flag: {1} {2}", word, verb_path(verb), value.empty() ? word : value);
}

std::string help_of(const CLI::App& verb) { return fmt::format("{} --help lists what it takes", verb_path(verb)); }

// What a name that the verb does not know may mean, behind a semicolon: a key or flag that is near, the verbs that have such a flag, or
// that it is a key and the verb reads none; empty where there is nothing to say.
std::string meant_by(const CLI::App& verb, const std::string& name, const std::string& value) {
  const auto question = [](const std::string& text) { return fmt::format("; did you mean {}?", text); };
  const auto pairs = [&](const std::vector<std::string>& keys) {
    return question(as_pairs(keys, value)) + " Keys of the config are typed as key=value, without dashes.";
  };
  const std::vector<std::string> keys = keys_meant(name), flags = long_flags(verb);
  if (takes_keys(verb) && !keys.empty()) return pairs(keys);
  std::vector<std::string> known;
  for (const std::string& flag : flags) known.push_back(flag.substr(2));
  // A flag that other verbs have is known by its name, whatever is near. Of the others, names are compared with flags first: a flag of the
  // verb is more likely meant than one of two hundred keys.
  const std::string dashed = with_dashes(name);
  std::string place = place_meant_by(verb, dashed, value);
  if (!place.empty()) return place;
  std::string owned = takes_keys(verb) ? "" : owners_of(verb, "--" + dashed);
  if (!owned.empty()) return owned;
  const std::string flag = nearest_of(dashed, known);
  if (!flag.empty()) return question(fmt::format("--{}{}", flag, value.empty() ? "" : " " + value));
  if (takes_keys(verb)) {
    std::vector<std::string> all;
    for (const ConfigKey& key : config_keys()) all.push_back(key.key);
    const std::string key = nearest_word(with_underscores(name), all);
    return key.empty() ? owners_of(verb, "--" + dashed) : pairs({key});
  }
  if (keys.empty()) return "";
  return fmt::format("; {} reads no config, {} is a key of train's", verb_path(verb), fmt::join(keys, ", "));
}

}  // namespace

std::string verb_path(const CLI::App& verb) {
  return verb.get_parent() == nullptr ? verb.get_name() : verb_path(*verb.get_parent()) + " " + verb.get_name();
}

std::vector<std::string> children_of(const CLI::App& parent) {
  std::vector<std::string> names;
  for (const CLI::App* child : parent.get_subcommands([](const CLI::App*) { return true; })) names.push_back(child->get_name());
  return names;
}

bool takes_keys(const CLI::App& verb) {
  return verb.get_option_no_throw("overrides") != nullptr || verb.get_option_no_throw("keys") != nullptr;
}

std::vector<std::string> long_flags(const CLI::App& verb) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "help" && name != "version") flags.push_back("--" + name);
    }
  }
  return flags;
}

std::string unknown_verb(const CLI::App& parent, const std::string& word) {
  const bool top = parent.get_parent() == nullptr;
  const std::vector<std::string> known = children_of(parent);
  const std::string other = top ? other_name(kOtherVerbs, word) : "";
  const std::string near = other.empty() ? nearest_of(word, known) : other;
  std::string message = fmt::format("{} has no {} '{}'", verb_path(parent), top ? "verb" : "kind", word);
  if (!near.empty()) message += fmt::format("; did you mean {} {}?", verb_path(parent), near);
  message += fmt::format("\n{}: {}", top ? "verbs" : "kinds", fmt::join(known, ", "));
  return message + fmt::format("\n{} --help explains them", verb_path(parent));
}

std::string missing_kind(const CLI::App& verb) {
  return fmt::format("{0} needs a kind: {1}\n{0} --help explains them", verb_path(verb), fmt::join(children_of(verb), ", "));
}

std::string unknown_flag(const CLI::App& verb, const std::string& flag, const std::string& value) {
  const std::string name = flag.substr(std::min(flag.find_first_not_of('-'), flag.size()));
  if (flag.size() > 1 && flag[1] != '-' && verb.get_option_no_throw("--" + name) != nullptr) {
    return fmt::format("{} has no flag {}; did you mean -{}?", verb_path(verb), flag, flag);
  }
  return fmt::format("{} has no flag {}{}\n{}", verb_path(verb), flag, meant_by(verb, name, value), help_of(verb));
}

std::string unknown_pair(const CLI::App& verb, const std::string& pair) {
  const size_t equals = pair.find('=');
  const std::string key = pair.substr(0, equals), name = key.substr(key.rfind('.') == std::string::npos ? 0 : key.rfind('.') + 1);
  return fmt::format("{}: '{}': it has no flag --{}{}\n{}", verb_path(verb), pair, with_dashes(name),
                     meant_by(verb, name, pair.substr(equals + 1)), help_of(verb));
}

}  // namespace infig

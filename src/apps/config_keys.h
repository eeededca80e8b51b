// The keys of the config as the command line sees them: for help, suggestions and completion, and the flags that stand for a key.
#pragma once

#include <CLI/CLI.hpp>
#include <list>
#include <string>
#include <vector>

namespace infig {

// One key, from the options' own table (bind_options).
struct ConfigKey {
  std::string key;                 // "train.epochs"
  std::string value;               // the program's default, as YAML
  std::string comment;             // meaning, unit, range
  std::vector<std::string> words;  // the allowed values, where there is a fixed set of them
};

// Every key of every model; each once.
const std::vector<ConfigKey>& config_keys();
// The key of that name, or null.
const ConfigKey* find_config_key(const std::string& key);
// Keys whose last part is `name`: of "model" text.model, image.model, clip.model.
std::vector<std::string> keys_ending_in(const std::string& name);

// The keys that people set most, with default and meaning, a paragraph for the help of train.
std::string common_keys_help();

// Flags that stand for a key of the config: --threads 2 is threads=2.
class KeyFlags {
 public:
  KeyFlags() = default;
  KeyFlags(const KeyFlags&) = delete;  // CLI11 holds the addresses of the values
  KeyFlags& operator=(const KeyFlags&) = delete;

  // One flag; its words are the key's. `help` empty: the key's comment.
  void add(CLI::App& verb, const std::string& flag, const std::string& key, const std::string& help = "");
  // --device, --precision, --threads, --limit; --seed too where a verb trains a single run.
  void add_common(CLI::App& verb, bool seed);

  // The key=value pairs that were typed, then those of the flags. Throws ConfigError where a flag and a pair give one key two values.
  std::vector<std::string> overrides(std::vector<std::string> typed) const;

 private:
  struct Flag {
    std::string name, key, value;
    const CLI::Option* option = nullptr;
  };
  std::list<Flag> flags_;
};

// Throws ConfigError where the pairs set the seed of a verb whose runs have the seeds of --seeds.
void refuse_seed(const std::vector<std::string>& overrides, const std::string& verb);

}  // namespace infig

// Typed options <-> YAML. Each component has an options aggregate and a function `bind_options(ConfigBinder&, Options&)` that
// names its fields once, with comment and range; reading, dotted overrides, the resolved dump and the reference file all
// come from that one list. No component ever looks up a value by its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace infig {

// One key of the config. `set` takes the YAML text of a value and throws std::invalid_argument with what is expected.
struct ConfigField {
  std::string key;      // dotted: "gam.queue_size"
  std::string comment;  // meaning, unit, range, equation or row of method.md
  std::function<void(const std::string& yaml)> set;
  std::function<std::string()> get;     // YAML text of the present value
  std::vector<std::string> words = {};  // the allowed values, where there is a fixed set of them
};

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;   // low itself is not allowed
  bool high_open = false;  // high itself is not allowed
};

class ConfigBinder {
 public:
  // Keys of later fields start with `section.`; an empty section is the top level.
  void section(std::string section) { section_ = std::move(section); }

  void field(const std::string& name, bool& value, const std::string& comment);
  void field(const std::string& name, int64_t& value, Range range, const std::string& comment);
  void field(const std::string& name, uint64_t& value, const std::string& comment);
  void field(const std::string& name, double& value, Range range, const std::string& comment);
  void field(const std::string& name, std::string& value, const std::string& comment);
  void field(const std::string& name, std::vector<int64_t>& value, Range range, const std::string& comment);
  void field(const std::string& name, std::vector<double>& value, Range range, size_t count, const std::string& comment);  // count numbers
  void field(const std::string& name, std::vector<std::string>& value, const std::string& comment);

  // An enum (or a bool whose two values have names): the value is one of the listed words.
  template <typename Enum>
  void choice(const std::string& name, Enum& value, const std::vector<std::pair<std::string, Enum>>& words, const std::string& comment) {
    static_assert(std::is_enum_v<Enum> || std::is_same_v<Enum, bool>);
    std::vector<std::string> names;
    for (const auto& word : words) names.push_back(word.first);
    add_choice(
        name, names, [&value, words](size_t index) { value = words[index].second; },
        [&value, words] {
          size_t index = 0;
          while (index + 1 < words.size() && words[index].second != value) ++index;
          return index;
        },
        comment);
  }

  // A key that is no plain value. `set` and `get` as in ConfigField.
  void add(const std::string& name, const std::string& comment, std::function<void(const std::string&)> set,
           std::function<std::string()> get);

  const std::vector<ConfigField>& fields() const { return fields_; }

 private:
  void add_choice(const std::string& name, const std::vector<std::string>& words, const std::function<void(size_t)>& set,
                  const std::function<size_t()>& get, const std::string& comment);
  std::string section_;
  std::vector<ConfigField> fields_;
};

// Sets fields from a YAML file. Throws ConfigError naming file, line, key, what is expected and what was found; an unknown key
// comes with the nearest known one. DataError if the file cannot be read; for an absent file it lists the configs in its folder.
void read_config_file(const ConfigBinder& binder, const std::filesystem::path& path);
void read_config_text(const ConfigBinder& binder, const std::string& yaml, const std::string& where);

// The value of one key before the others are read: of the last override that sets it, else of the file; nothing where neither does, or the
// file cannot be read (which reading it will say).
std::optional<std::string> find_config_value(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                                             const std::string& key);

// Applies "gam.queue_size=512" (value in YAML). Throws ConfigError.
void apply_override(const ConfigBinder& binder, const std::string& assignment);

// All keys with their present values as YAML; with_comments adds each field's comment, for the reference file.
std::string dump_config(const ConfigBinder& binder, bool with_comments);

// The same as nested JSON, for a checkpoint's config.json; read it back with read_config_text (JSON is YAML).
nlohmann::json config_json(const ConfigBinder& binder);

// The known word nearest to `word` by edit distance (two neighbours exchanged are one slip); empty where none is near.
std::string nearest_word(const std::string& word, const std::vector<std::string>& known);

}  // namespace infig

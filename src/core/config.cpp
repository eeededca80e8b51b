#include "core/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace {

std::string yaml_quoted(const std::string& text) {
  YAML::Emitter out;
  out << YAML::DoubleQuoted << text;
  return out.c_str();
}

std::string describe(const Range& range) {
  const bool low = std::isfinite(range.low), high = std::isfinite(range.high);
  const char* above = range.low_open ? ">" : ">=";
  const char* below = range.high_open ? "<" : "<=";
  if (low && high) return fmt::format("{} {} and {} {}", above, range.low, below, range.high);
  if (low) return fmt::format("{} {}", above, range.low);
  if (high) return fmt::format("{} {}", below, range.high);
  return "any";
}

bool inside(const Range& range, double value) {
  if (std::isnan(value)) return false;
  const bool above = range.low_open ? value > range.low : value >= range.low;
  const bool below = range.high_open ? value < range.high : value <= range.high;
  return above && below;
}

template <typename T>
T parse_scalar(const YAML::Node& node, const char* expected) {
  T value{};
  if (!node.IsScalar() || !YAML::convert<T>::decode(node, value)) throw std::invalid_argument(expected);
  return value;
}

// Decimal digits and nothing else: yaml-cpp would read 010 as 8.
template <typename T>
bool parse_decimal(const YAML::Node& node, T& value) {
  const std::string text = node.IsScalar() ? node.Scalar() : "";
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

double parse_number(const YAML::Node& node, const Range& range, const std::string& expected) {
  const auto value = parse_scalar<double>(node, expected.c_str());
  if (!inside(range, value) || std::isinf(value)) throw std::invalid_argument(expected);
  return value;
}

int64_t parse_integer(const YAML::Node& node, const Range& range) {
  int64_t value = 0;
  if (!parse_decimal(node, value) || !inside(range, static_cast<double>(value))) {
    throw std::invalid_argument(fmt::format("a whole number, {}", describe(range)));
  }
  return value;
}

YAML::Node parse_yaml(const std::string& text) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception&) {
    return YAML::Node(text);
  }
}

// Letters put in, left out, replaced, or two neighbours exchanged: the fewest such slips that make b of a.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::vector<std::string> known_keys(const ConfigBinder& binder) {
  std::vector<std::string> keys;
  for (const auto& field : binder.fields()) keys.push_back(field.key);
  return keys;
}

void set_key(const ConfigBinder& binder, const std::string& key, const YAML::Node& value, const std::string& where) {
  for (const auto& field : binder.fields()) {
    if (field.key != key) continue;
    const std::string text = YAML::Dump(value);
    try {
      field.set(text);
    } catch (const std::invalid_argument& problem) {
      throw ConfigError(fmt::format("{}: {}: expected {}, found {}", where, key, problem.what(), text));
    }
    return;
  }
  const std::string near = nearest_word(key, known_keys(binder));
  throw ConfigError(fmt::format("{}: unknown key '{}'; {}configs/reference.yaml lists every key", where, key,
                                near.empty() ? "" : fmt::format("did you mean '{}'? ", near)));
}

bool starts_with_section(const std::string& key, const std::string& section) {
  return key.size() > section.size() && key[section.size()] == '.' && key.compare(0, section.size(), section) == 0;
}

// A node of the file: a field's value, or a section whose keys are visited in turn.
void set_tree(const ConfigBinder& binder, const std::string& prefix, const YAML::Node& node, const std::string& where,
              std::set<std::string>& seen) {
  const auto known = known_keys(binder);
  for (const auto& entry : node) {
    const std::string at = fmt::format("{}:{}", where, entry.first.Mark().line + 1);
    const std::string key = prefix.empty() ? entry.first.Scalar() : prefix + "." + entry.first.Scalar();
    const bool section = std::any_of(known.begin(), known.end(), [&key](const auto& name) { return starts_with_section(name, key); });
    if (!seen.insert(key).second) throw ConfigError(fmt::format("{}: key '{}' occurs twice", at, key));
    if (section && (entry.second.IsNull() || (entry.second.IsMap() && entry.second.size() == 0)))
      continue;  // "gam:" with every key below it commented out
    const bool leaf = std::find(known.begin(), known.end(), key) != known.end();
    // An unknown section is walked too, so that the message can name its first key; no deeper, since an alias may be endless.
    if (!leaf && entry.second.IsMap() && entry.second.size() > 0 && (section || prefix.empty())) {
      set_tree(binder, key, entry.second, where, seen);
    } else if (section && !leaf) {
      throw ConfigError(
          fmt::format("{}: '{}' is a section: expected keys with values below it, found {}", at, key, YAML::Dump(entry.second)));
    } else {
      set_key(binder, key, entry.second, at);
    }
  }
}

// A value as typed on a command line. Unless it is a list or quoted it is taken literally: "C# notes", "a: b".
YAML::Node typed_value(const std::string& text) {
  const bool structured = !text.empty() && std::string_view("[{\"'").find(text.front()) != std::string_view::npos;
  if (structured) return parse_yaml(text);
  YAML::Node plain = text.find('#') == std::string::npos ? parse_yaml(text) : YAML::Node(text);
  if (text.empty() || !(plain.IsScalar() || plain.IsNull())) plain = YAML::Node(text);
  return plain;
}

}  // namespace

void ConfigBinder::add(const std::string& name, const std::string& comment, std::function<void(const std::string&)> set,
                       std::function<std::string()> get) {
  fields_.push_back({section_.empty() ? name : section_ + "." + name, comment, std::move(set), std::move(get), {}});
}

void ConfigBinder::field(const std::string& name, bool& value, const std::string& comment) {
  add(
      name, comment, [&value](const std::string& text) { value = parse_scalar<bool>(parse_yaml(text), "true or false"); },
      [&value] { return value ? "true" : "false"; });
  fields_.back().words = {"true", "false"};
}

void ConfigBinder::field(const std::string& name, int64_t& value, Range range, const std::string& comment) {
  add(
      name, comment, [&value, range](const std::string& text) { value = parse_integer(parse_yaml(text), range); },
      [&value] { return std::to_string(value); });
}

void ConfigBinder::field(const std::string& name, uint64_t& value, const std::string& comment) {
  add(
      name, comment,
      [&value](const std::string& text) {
        uint64_t parsed = 0;
        if (!parse_decimal(parse_yaml(text), parsed)) throw std::invalid_argument("a whole number from 0 to 18446744073709551615");
        value = parsed;
      },
      [&value] { return std::to_string(value); });
}

void ConfigBinder::field(const std::string& name, double& value, Range range, const std::string& comment) {
  add(
      name, comment,
      [&value, range](const std::string& text) {
        value = parse_number(parse_yaml(text), range, fmt::format("a number, {}", describe(range)));
      },
      [&value] { return fmt::format("{}", value); });
}

void ConfigBinder::field(const std::string& name, std::string& value, const std::string& comment) {
  add(
      name, comment,
      [&value](const std::string& text) {
        const YAML::Node node = parse_yaml(text);
        if (node.IsNull()) {
          value.clear();
        } else {
          value = parse_scalar<std::string>(node, "a text");
        }
      },
      [&value] { return yaml_quoted(value); });
}

void ConfigBinder::field(const std::string& name, std::vector<int64_t>& value, Range range, const std::string& comment) {
  add(
      name, comment,
      [&value, range](const std::string& text) {
        const YAML::Node node = parse_yaml(text);
        if (!node.IsSequence()) throw std::invalid_argument("a list of whole numbers, as [1, 2]");
        std::vector<int64_t> parsed;
        for (const auto& item : node) parsed.push_back(parse_integer(item, range));
        value = std::move(parsed);
      },
      [&value] { return fmt::format("[{}]", fmt::join(value, ", ")); });
}

void ConfigBinder::field(const std::string& name, std::vector<double>& value, Range range, size_t count, const std::string& comment) {
  add(
      name, comment,
      [&value, range, count](const std::string& text) {
        const YAML::Node node = parse_yaml(text);
        const std::string expected = fmt::format("a list of {} numbers, each {}", count, describe(range));
        if (!node.IsSequence() || node.size() != count) throw std::invalid_argument(expected);
        std::vector<double> parsed;
        for (const auto& item : node) parsed.push_back(parse_number(item, range, expected));
        value = std::move(parsed);
      },
      [&value] { return fmt::format("[{}]", fmt::join(value, ", ")); });
}

void ConfigBinder::field(const std::string& name, std::vector<std::string>& value, const std::string& comment) {
  add(
      name, comment,
      [&value](const std::string& text) {
        const YAML::Node node = parse_yaml(text);
        if (!node.IsSequence()) throw std::invalid_argument("a list of texts, as [a, b]");
        std::vector<std::string> parsed;
        for (const auto& item : node) parsed.push_back(parse_scalar<std::string>(item, "a list of texts, as [a, b]"));
        value = std::move(parsed);
      },
      [&value] {
        std::vector<std::string> items;
        for (const auto& item : value) items.push_back(yaml_quoted(item));
        return fmt::format("[{}]", fmt::join(items, ", "));
      });
}

void ConfigBinder::add_choice(const std::string& name, const std::vector<std::string>& words, const std::function<void(size_t)>& set,
                              const std::function<size_t()>& get, const std::string& comment) {
  add(
      name, comment,
      [words, set](const std::string& text) {
        const YAML::Node node = parse_yaml(text);
        const std::string word = node.IsScalar() ? node.Scalar() : "";
        const auto found = std::find(words.begin(), words.end(), word);
        if (found == words.end()) throw std::invalid_argument(fmt::format("one of {}", fmt::join(words, ", ")));
        set(static_cast<size_t>(found - words.begin()));
      },
      [words, get] { return words[get()]; });
  fields_.back().words = words;
}

void read_config_text(const ConfigBinder& binder, const std::string& yaml, const std::string& where) {
  YAML::Node root;
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(yaml);
    if (documents.size() > 1)
      throw ConfigError(fmt::format("{}: expected one YAML document, found {} (parted by '---')", where, documents.size()));
    if (!documents.empty()) root = documents.front();
  } catch (const YAML::Exception& problem) {
    throw ConfigError(fmt::format("{}:{}: not YAML: {}", where, problem.mark.line + 1, problem.msg));
  }
  if (root.IsNull()) return;
  if (!root.IsMap())
    throw ConfigError(fmt::format("{}: expected keys with values, found {}", where, root.IsSequence() ? "a list" : "one value"));
  std::set<std::string> seen;
  set_tree(binder, "", root, where, seen);
}

// A config that is absent is most often a preset called otherwise, so the folder's presets are named.
[[noreturn]] static void fail_absent(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  for (const fs::path& other : {fs::path(path.string() + ".yaml"), "configs" / path, "configs" / fs::path(path.string() + ".yaml")}) {
    if (fs::is_regular_file(other)) throw ConfigError(fmt::format("{}: no such file; did you mean {}?", path.string(), other.string()));
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::vector<std::string> others;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".yaml" || entry.path().extension() == ".yml") others.push_back(entry.path().filename().string());
  }
  std::sort(others.begin(), others.end());
  constexpr size_t kNamed = 20;
  if (others.size() > kNamed) {
    others.resize(kNamed);
    others.emplace_back("...");
  }
  throw ConfigError(
      fmt::format("{}: cannot be opened: No such file or directory{}", path.string(),
                  others.empty() ? "; expected a YAML file" : fmt::format("; {} holds {}", folder.string(), fmt::join(others, ", "))));
}

void read_config_file(const ConfigBinder& binder, const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) fail_absent(path);
  read_config_text(binder, read_file(path), path.string());
}

std::optional<std::string> find_config_value(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                                             const std::string& key) {
  for (size_t i = overrides.size(); i-- > 0;) {
    if (overrides[i].starts_with(key + "=")) return overrides[i].substr(key.size() + 1);
  }
  if (file.empty() || !std::filesystem::is_regular_file(file)) return std::nullopt;
  try {
    const YAML::Node root = YAML::Load(read_file(file));
    if (!root.IsMap()) return std::nullopt;
    const size_t dot = key.find('.');
    const YAML::Node whole = root[key], section = root[key.substr(0, dot)];
    const YAML::Node nested = section && section.IsMap() && dot != std::string::npos ? section[key.substr(dot + 1)] : YAML::Node();
    const YAML::Node& found = whole && whole.IsScalar() ? whole : nested;
    if (found && found.IsScalar()) return found.Scalar();
    return std::nullopt;
  } catch (const YAML::Exception&) {
    return std::nullopt;  // reading the file as a whole says where
  }
}

void apply_override(const ConfigBinder& binder, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    const bool key = std::ranges::any_of(binder.fields(), [&](const ConfigField& field) { return field.key == assignment; });
    throw ConfigError(
        key ? fmt::format("'{}': the value is missing; write it behind an equals sign, without blanks: {}=VALUE", assignment, assignment)
            : fmt::format("'{}': expected key=value, as in gam.queue_size=512", assignment));
  }
  set_key(binder, assignment.substr(0, equals), typed_value(assignment.substr(equals + 1)), "command line");
}

std::string dump_config(const ConfigBinder& binder, bool with_comments) {
  // Section by section, top-level keys first, regardless of the order of binding: a repeated section could not be read back.
  std::vector<std::pair<std::string, std::string>> sections = {{"", ""}};
  for (const auto& field : binder.fields()) {
    const size_t dot = field.key.rfind('.');
    const std::string here = dot == std::string::npos ? "" : field.key.substr(0, dot);
    auto at = std::find_if(sections.begin(), sections.end(), [&here](const auto& section) { return section.first == here; });
    if (at == sections.end()) at = sections.insert(at, {here, (with_comments ? "\n" : "") + here + ":\n"});
    at->second += fmt::format("{}{}: {}", here.empty() ? "" : "  ", field.key.substr(dot == std::string::npos ? 0 : dot + 1), field.get());
    if (with_comments) at->second += "  # " + field.comment;
    at->second += "\n";
  }
  std::string text;
  for (const auto& section : sections) text += section.second;
  return text;
}

nlohmann::json config_json(const ConfigBinder& binder) {
  nlohmann::json root = nlohmann::json::object();
  for (const auto& field : binder.fields()) {
    nlohmann::json* place = &root;
    size_t start = 0;
    for (size_t dot = field.key.find('.'); dot != std::string::npos; dot = field.key.find('.', start)) {
      place = &(*place)[field.key.substr(start, dot - start)];
      start = dot + 1;
    }
    const std::string text = field.get();
    const nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
    (*place)[field.key.substr(start)] = value.is_discarded() ? nlohmann::json(text) : value;  // a bare word is a text
  }
  return root;
}

std::string nearest_word(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  size_t best_distance = std::max<size_t>(3, word.size() / 2);
  for (const auto& candidate : known) {
    // A key given without its section is as near as its own name is.
    const size_t dot = candidate.rfind('.');
    size_t distance = edit_distance(word, candidate);
    if (dot != std::string::npos) distance = std::min(distance, edit_distance(word, candidate.substr(dot + 1)) + 1);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace infig

#include "apps/completion_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/config_keys.h"

namespace infig {

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string value_name(const TableValue& value) {
  switch (value.kind) {
    case ValueKind::kNone:
      return "";
    case ValueKind::kOther:
      return "@other";
    case ValueKind::kWords:
      return fmt::format("{}", fmt::join(value.words, " "));
    case ValueKind::kFile:
      return "@file";
    case ValueKind::kFolder:
      return "@folder";
  }
  return "";
}

std::string joined_path(const TableVerb& verb) { return fmt::format("{}", fmt::join(verb.path, " ")); }

std::string case_branches(const std::vector<TableVerb>& table, const std::string& variable, std::string (*list)(const TableVerb&)) {
  std::string lines;
  for (const TableVerb& verb : table) {
    const std::string words = list(verb);
    if (!words.empty()) lines += fmt::format("    {}) {}={} ;;\n", shell_quoted(joined_path(verb)), variable, shell_quoted(words));
  }
  return lines;
}

std::string flags_of(const TableVerb& verb) {
  std::vector<std::string> names;
  for (const TableFlag& flag : verb.flags) names.push_back(flag.name);
  return fmt::format("{}", fmt::join(names, " "));
}

std::string children_list(const TableVerb& verb) { return fmt::format("{}", fmt::join(verb.children, " ")); }

namespace {

// "'train --device') value='cpu cuda auto' ;;" a line.
std::string flag_branches(const std::vector<TableVerb>& table) {
  std::string lines;
  for (const TableVerb& verb : table) {
    for (const TableFlag& flag : verb.flags) {
      const std::string name = value_name(flag.value);
      if (!name.empty())
        lines += fmt::format("    {}) value={} ;;\n", shell_quoted(joined_path(verb) + " " + flag.name), shell_quoted(name));
    }
  }
  return lines;
}

// "'data.bad_image') value='missing skip error' ;;" a line, of keys that have something to complete.
std::string key_branches() {
  std::string lines;
  for (const ConfigKey& key : config_keys()) {
    const TableValue value = value_of_key(key);
    if (value.kind != ValueKind::kOther)
      lines += fmt::format("    {}) value={} ;;\n", shell_quoted(key.key), shell_quoted(value_name(value)));
  }
  return lines;
}

// "@file", of what stands without a flag; the last one holds for all that follow.
std::string places_of(const TableVerb& verb) { return verb.places.empty() ? "" : value_name(verb.places.front()); }

// "yes" or empty.
std::string takes_keys_of(const TableVerb& verb) { return verb.takes_keys ? "yes" : ""; }

}  // namespace

std::string shared_rows(const std::vector<TableVerb>& table) {
  std::string script = "  case $1 in\n" + case_branches(table, "place", places_of) + "  esac\n";
  script += "  case $1 in\n" + case_branches(table, "keys", takes_keys_of) + "  esac\n}\n\n";
  script +=
      "# What the flag $1 (\"VERB --FLAG\") takes.\n_infig_value() {\n  value=''\n  case $1 in\n" + flag_branches(table) + "  esac\n}\n\n";
  return script + "# What the key $1 takes.\n_infig_key() {\n  value=''\n  case $1 in\n" + key_branches() + "  esac\n}\n";
}

}  // namespace infig

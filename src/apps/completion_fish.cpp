#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/completion.h"
#include "apps/completion_rows.h"
#include "apps/config_keys.h"

namespace infig {
namespace {

constexpr const char* kFishRules = R"FISH(
# The verb, with its kind, that the line has so far.
function __infig_where
    set -l where ''
    set -l waiting ''
    for word in (commandline -opc)[2..-1]
        if test -n "$waiting"
            set waiting ''
        else if string match -q -- '-*' $word
            contains -- "$where $word" $__infig_valued; and set waiting yes
        else
            set -l longer (string trim -- "$where $word")
            contains -- $longer $__infig_verbs; and set where $longer
        end
    end
    echo $where
end

function __infig_at
    test (__infig_where) = "$argv[1]"
end

# key=value: the keys, or the values of the one that is typed.
function __infig_pairs
    set -l token (commandline -ct)
    if not string match -q -- '*=*' $token
        string match -q -- '?*' $token; and printf '%s=\n' $__infig_keys
        return
    end
    set -l parts (string split -m 1 = -- $token)
    set -l key $parts[1]
    set -l value (__infig_key $key)
    switch "$value"
        case ''
        case @file @folder
            printf "$key=%s\n" (__fish_complete_path $parts[2])
        case '*'
            printf "$key=%s\n" (string split ' ' -- $value)
    end
end

complete -c infig -f
)FISH";

std::string fish_value(const TableValue& value) {
  switch (value.kind) {
    case ValueKind::kNone:
      return "";
    case ValueKind::kOther:
      return " -x";
    case ValueKind::kWords:
      return " -x -a " + shell_quoted(value_name(value));
    case ValueKind::kFile:
      return " -r -F";
    case ValueKind::kFolder:
      return " -x -a '(__fish_complete_directories)'";
  }
  return "";
}

// In fish a backslash in quotes escapes a quote alone, so '\'' reads there as in the other shells.
std::string fish_lines(const TableVerb& verb, const std::vector<TableVerb>& table) {
  const std::string start = fmt::format("complete -c infig -n {}", shell_quoted("__infig_at \"" + joined_path(verb) + "\""));
  std::string lines;
  for (const TableVerb& child : table) {
    if (child.path.size() != verb.path.size() + 1 || !std::equal(verb.path.begin(), verb.path.end(), child.path.begin())) continue;
    lines += fmt::format("{} -a {} -d {}\n", start, child.path.back(), shell_quoted(child.help));
  }
  for (const TableFlag& flag : verb.flags)
    lines += fmt::format("{} -l {}{} -d {}\n", start, flag.name.substr(2), fish_value(flag.value), shell_quoted(flag.help));
  lines += start + " -l help -d 'explain it'\n";
  if (verb.takes_keys) lines += start + " -a '(__infig_pairs)'\n";
  if (verb.places.empty()) return lines;
  const TableValue& place = verb.places.front();
  if (place.kind == ValueKind::kWords) lines += fmt::format("{} -a {}\n", start, shell_quoted(value_name(place)));
  if (place.kind == ValueKind::kFile) lines += start + " -F\n";
  if (place.kind == ValueKind::kFolder) lines += start + " -a '(__fish_complete_directories)'\n";
  return lines;
}

}  // namespace

std::string fish_completion(const CLI::App& app) {
  const std::vector<TableVerb> table = command_table(app);
  std::string script = "# Completion of infig " INFIG_VERSION " for fish. Made by: infig completion fish\n\n";
  script += "set -g __infig_keys";
  for (const ConfigKey& key : config_keys()) script += " " + key.key;
  script += "\nset -g __infig_verbs";
  for (const TableVerb& verb : table) {
    if (!verb.path.empty()) script += " " + shell_quoted(joined_path(verb));
  }
  script += "\nset -g __infig_valued";
  for (const TableVerb& verb : table) {
    for (const TableFlag& flag : verb.flags) {
      if (flag.value.kind != ValueKind::kNone) script += " " + shell_quoted(joined_path(verb) + " " + flag.name);
    }
  }
  script += "\n\n# What a key takes.\nfunction __infig_key\n    switch $argv[1]\n";
  for (const ConfigKey& key : config_keys()) {
    const TableValue value = value_of_key(key);
    if (value.kind != ValueKind::kOther)
      script += fmt::format("        case {}\n            echo {}\n", shell_quoted(key.key), shell_quoted(value_name(value)));
  }
  script += std::string("    end\nend\n") + kFishRules;
  for (const TableVerb& verb : table) script += fish_lines(verb, table);
  return script;
}

}  // namespace infig

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/completion.h"
#include "apps/completion_rows.h"
#include "apps/config_keys.h"

namespace infig {
namespace {

// `words` and CURRENT are zsh's own: the words of the line, "infig" the first, and which of them holds the cursor.
constexpr const char* kZshRules = R"ZSH(
# Candidates of one value.
_infig_candidates() {
  case $1 in
    ''|@other) return 1 ;;
    @file) _files ;;
    @folder) _files -/ ;;
    *) compadd -- ${=1} ;;
  esac
}

_infig() {
  local where='' waiting='' word cur place keys value
  local -a kinds flags
  integer i placed=0
  _infig_verb "$where"
  for ((i = 2; i < CURRENT; i++)); do
    word=${words[i]}
    if [[ -n $waiting ]]; then
      waiting=''
    elif [[ $word == -*=* ]]; then
      :
    elif [[ $word == -* ]]; then
      _infig_value "$where $word"
      waiting=$value
    elif (( ${kinds[(I)$word:*]} )); then
      where=${where:+$where }$word
      _infig_verb "$where"
    elif [[ $word != *=* ]]; then
      placed=$((placed + 1))
    fi
  done
  cur=${words[CURRENT]}
  if [[ -n $waiting ]]; then
    _infig_candidates "$waiting"
  elif [[ $cur == -*=* ]]; then
    _infig_value "$where ${cur%%=*}"
    compset -P '*='
    _infig_candidates "$value"
  elif [[ $cur == -* ]]; then
    _describe -o flag flags
  elif (( ${#kinds} )); then
    _describe verb kinds
  elif [[ -n $keys && $cur == *=* ]]; then
    _infig_key "${cur%%=*}"
    compset -P '*='
    _infig_candidates "$value"
  elif [[ -n $place ]] && [[ $placed == 0 || -z $keys ]]; then
    _infig_candidates "$place"
  elif [[ -n $keys && -n $cur ]]; then
    compadd -S '' -- $_infig_keys
  else
    _describe -o flag flags
  fi
}

# Found on $fpath this file is the function itself; sourced (behind compinit) it makes it known.
if [[ ${funcstack[1]} == _infig ]]; then
  _infig "$@"
else
  compdef _infig infig
fi
)ZSH";

// "NAME:what it is", as _describe takes them, a line each.
std::string described(const std::string& name, const std::string& help) { return "      " + shell_quoted(name + ":" + help) + "\n"; }

std::string zsh_flags(const TableVerb& verb) {
  std::string lines;
  for (const TableFlag& flag : verb.flags) lines += described(flag.name, flag.help);
  return lines + described("--help", "explain it");
}

std::string zsh_children(const TableVerb& verb, const std::vector<TableVerb>& table) {
  std::string lines;
  for (const TableVerb& child : table) {
    if (child.path.size() != verb.path.size() + 1 || !std::equal(verb.path.begin(), verb.path.end(), child.path.begin())) continue;
    lines += described(child.path.back(), child.help);
  }
  return lines;
}

}  // namespace

std::string zsh_completion(const CLI::App& app) {
  const std::vector<TableVerb> table = command_table(app);
  std::vector<std::string> keys;
  for (const ConfigKey& key : config_keys()) keys.push_back(key.key + "=");
  std::string script = "#compdef infig\n# Completion of infig " INFIG_VERSION " for zsh. Made by: infig completion zsh\n\n";
  script += fmt::format("typeset -ga _infig_keys\n_infig_keys=({})\n\n", fmt::join(keys, " "));
  script += "# Of the verb $1: its kinds, its flags, what stands without a flag, whether it takes key=value.\n_infig_verb() {\n";
  script += "  kinds=() flags=() place='' keys=''\n  case $1 in\n";
  for (const TableVerb& verb : table) {
    const std::string children = zsh_children(verb, table);
    if (!children.empty()) script += fmt::format("    {}) kinds=(\n{}    ) ;;\n", shell_quoted(joined_path(verb)), children);
  }
  script += "  esac\n  case $1 in\n";
  for (const TableVerb& verb : table)
    script += fmt::format("    {}) flags=(\n{}    ) ;;\n", shell_quoted(joined_path(verb)), zsh_flags(verb));
  script += "  esac\n";
  script += shared_rows(table);
  return script + kZshRules;
}

}  // namespace infig

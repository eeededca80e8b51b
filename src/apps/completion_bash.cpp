#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/completion.h"
#include "apps/completion_rows.h"
#include "apps/config_keys.h"

namespace infig {
namespace {

// The part that is no table. Words: what is typed behind "infig", the last one up to the cursor.
constexpr const char* kBashRules = R"BASH(
# Candidates of one value for the word $2, into COMPREPLY.
_infig_candidates() {
  case $1 in
    '') ;;
    @other) ;;
    @file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
    @folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2") ;;
  esac
}

# The same behind "NAME=". Where '=' parts words, bash puts the candidates behind it by itself.
_infig_behind_equals() {
  _infig_candidates "$1" "${2#*=}"
  local i
  if [[ $COMP_WORDBREAKS != *=* ]]; then
    for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]="${2%%=*}=${COMPREPLY[i]}"; done
  fi
}

_infig() {
  local words=() word where='' waiting='' cur kinds flags place keys value i placed=0 glued=0
  COMPREPLY=()
  # bash has parted "a=b" into three words; they are one here.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == =* ]] && ((${#words[@]})); then
      words[-1]+=$word
      glued=1
    elif ((glued)) && [[ -n $word ]]; then
      words[-1]+=$word
      glued=0
    else
      words+=("$word")
      glued=0
    fi
  done
  cur=${words[-1]}
  _infig_verb "$where"
  for ((i = 0; i < ${#words[@]} - 1; i++)); do
    word=${words[i]}
    if [[ -n $waiting ]]; then
      waiting=''
    elif [[ $word == -*=* ]]; then
      :
    elif [[ $word == -* ]]; then
      _infig_value "$where $word"
      waiting=$value
    elif [[ " $kinds " == *" $word "* ]]; then
      where=${where:+$where }$word
      _infig_verb "$where"
    elif [[ $word != *=* ]]; then
      placed=$((placed + 1))
    fi
  done
  if [[ -n $waiting ]]; then
    _infig_candidates "$waiting" "$cur"
  elif [[ $cur == -*=* ]]; then
    _infig_value "$where ${cur%%=*}"
    _infig_behind_equals "$value" "$cur"
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags --help" -- "$cur")
  elif [[ -n $kinds ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$kinds" -- "$cur")
  elif [[ -n $keys && $cur == *=* ]]; then
    _infig_key "${cur%%=*}"
    _infig_behind_equals "$value" "$cur"
  elif [[ -n $place && ($placed == 0 || -z $keys) ]]; then
    _infig_candidates "$place" "$cur"
  elif [[ -n $keys && -n $cur ]]; then
    compopt -o nospace 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -W "$_infig_keys" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "$flags --help" -- "$cur")
  fi
}

complete -F _infig infig
)BASH";

}  // namespace

std::string bash_completion(const CLI::App& app) {
  const std::vector<TableVerb> table = command_table(app);
  std::vector<std::string> keys;
  for (const ConfigKey& key : config_keys()) keys.push_back(key.key + "=");
  std::string script = "# Completion of infig " INFIG_VERSION " for bash. Made by: infig completion bash\n\n";
  script += fmt::format("_infig_keys={}\n\n", shell_quoted(fmt::format("{}", fmt::join(keys, " "))));
  script += "# Of the verb $1: its kinds, its flags, what stands without a flag, whether it takes key=value.\n_infig_verb() {\n";
  script += "  kinds='' flags='' place='' keys=''\n";
  script += "  case $1 in\n" + case_branches(table, "kinds", children_list) + "  esac\n";
  script += "  case $1 in\n" + case_branches(table, "flags", flags_of) + "  esac\n";
  script += shared_rows(table);
  return script + kBashRules;
}

}  // namespace infig

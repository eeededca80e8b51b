# Part of tools/setup.sh: the system's packages.
readonly package_table=tools/packages.tsv

# The column of the table that this system takes; empty where it is not Debian-like. Sets `column` and `column_note`.
choose_column() {
  local release=${INFIG_OS_RELEASE:-/etc/os-release} id="" like="" version="" name=""
  column="" column_note=""
  command -v dpkg-query >/dev/null || return 0
  if [[ -r $release ]]; then
    id=$(release_value ID) like=$(release_value ID_LIKE) version=$(release_value VERSION_ID) name=$(release_value PRETTY_NAME)
  fi
  if has_column "$id-$version"; then
    column=$id-$version
    return
  fi
  if [[ " $id $like " == *" ubuntu "* ]]; then column=ubuntu-24.04; else column=debian-13; fi
  column_note="${name:-this system} has no column in $package_table; its packages are taken to be named as $column's (untried)"
}

release_value() { sed -n "s/^$1=//p" "$release" | tr -d "\"'" | head -n 1; }
has_column() { table_rows | head -n 1 | tr '\t' '\n' | grep -qxF -- "$1"; }
table_rows() { sed -e '/^#/d' "$package_table"; }

# Rows of one column: "kind<TAB>name<TAB>for".
column_rows() {
  table_rows | awk -F '\t' -v column="$1" '
    NR == 1 {for (i = 1; i <= NF; ++i) if ($i == column) at = i; next}
    $at != "-" {print $1 "\t" $at "\t" $NF}'
}

# Names of the column's packages that are not installed. A virtual name (libjpeg-dev) counts as there when a package that provides it is.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n${db:Status-Status} ${Provides}\n' |
    awk '$1 == "installed" {$1 = ""; gsub(/\([^)]*\)/, ""); gsub(/,/, "\n"); print}' | tr -d ' ')
  column_rows "$column" | while IFS=$'\t' read -r kind name purpose; do
    grep -qxF -- "$name" <<<"$installed" || printf '%s\t%s\t%s\n' "$kind" "$name" "$purpose"
  done
}

# Drops the formats that this system's index lacks, with a line each; `wanted` has rows, prints names.
without_absent_formats() {
  while IFS=$'\t' read -r kind name purpose; do
    if [[ $kind == format ]] && ! apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then
      say "this system's package index has no $name: infig is built without $purpose"
    else
      printf '%s ' "$name"
    fi
  done
}

hint_elsewhere() {
  [[ ! -f $stamp ]] || return 0
  [[ $(uname -s) != Darwin ]] || say "macOS is not supported: nothing here was ever built or run on it"
  say "this system is not Debian-like: install its own packages (headers included) for what follows, if the build misses one; in brackets Debian's names"
  column_rows debian-13 | awk -F '\t' '$1 != "check" {printf "setup:   %s (%s)\n", $3, $2}' >&2
}

install_packages() {
  local missing names prefix=()
  choose_column
  if [[ -z $column ]]; then
    hint_elsewhere
    return
  fi
  missing=$(missing_packages)
  # A format that is missing because the index lacks it is no reason to start anew each time.
  if [[ -z $missing ]] || [[ -f $stamp && -z $(grep -v '^format' <<<"$missing") ]]; then
    return 0
  fi
  [[ -z $column_note ]] || say "$column_note"
  if [[ $(id -u) -ne 0 ]]; then
    if ! sudo -n true 2>/dev/null; then
      names=$(cut -f 2 <<<"$missing" | tr '\n' ' ')
      die "these packages are missing: $names
setup: install them and run this again:
  sudo apt-get update && sudo apt-get install --no-install-recommends -y $names"
    fi
    prefix=(sudo -n)
  fi
  # Package lists are fetched again once: a mirror that is just being updated fails for a moment.
  "${prefix[@]}" apt-get update -qq || { sleep 5; "${prefix[@]}" apt-get update -qq; }
  names=$(without_absent_formats <<<"$missing")
  [[ -n $names ]] || return 0
  say "installing $(wc -w <<<"$names") packages (a minute or two from nothing): $names"
  # shellcheck disable=SC2086  # one word a package
  "${prefix[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y -qq $names >/dev/null </dev/null
}

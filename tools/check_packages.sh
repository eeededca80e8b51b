#!/usr/bin/env bash
# Compares the Debian columns of tools/packages.tsv with the distributions' own package indexes, fetched from the mirror that apt is
# configured with (into a temporary folder; the system's lists stay as they are). Needs apt and Debian's archive keys; nothing is installed.
#   tools/check_packages.sh [COLUMN[:ARCHITECTURE] ...]     default: debian-12 and debian-13, on amd64 and arm64
# Exit 1 where a name is in no index, or where what the names ask for cannot be installed together. ubuntu-24.04 would need Ubuntu's own mirror and keys.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/setup/packages.sh

say() { printf '%s\n' "check_packages: $*" >&2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Addresses of the mirror that the system's own sources name for Debian.
mirror() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
    awk '!/^#/ {for (i = 1; i <= NF; ++i) if ($i ~ /^(https?|file):.*\/debian\/?$/ && !found++) print $i}'
}

# The options that give apt a root of its own.
apt_options() {
  local root=$1 architecture=$2
  printf '%s\n' -o "Dir::Etc::sourcelist=$root/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o "Dir::State=$root/state" -o "Dir::State::status=$root/state/status" -o "Dir::Cache=$root/cache" \
    -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o "APT::Sandbox::User=root"
}

check_column() {
  local column=${1%%:*} architecture=${1#*:} suite root options name names found absent=0
  case $column in
    debian-12) suite=bookworm ;;
    debian-13) suite=trixie ;;
    *) say "no index is known for $column; known are debian-12 and debian-13"; return 1 ;;
  esac
  root=$work/$column-$architecture
  mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial"
  : >"$root/state/status"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$debian" "$suite" >"$root/sources.list"
  mapfile -t options < <(apt_options "$root" "$architecture")
  apt-get "${options[@]}" update -qq
  mapfile -t names < <(column_rows "$column" | cut -f 2)
  [[ ${#names[@]} -gt 0 ]] || { say "$column has no names"; return 1; }
  found=$(apt-cache "${options[@]}" show --no-all-versions "${names[@]}" 2>/dev/null | sed -n 's/^Package: //p')
  for name in "${names[@]}"; do
    grep -qxF -- "$name" <<<"$found" || { say "$column $architecture: no package $name"; absent=1; }
  done
  [[ $absent -eq 0 ]] || return 1
  apt-get "${options[@]}" install --simulate --no-install-recommends -qq "${names[@]}" >/dev/null
  printf '%s %s: %d names found, all installable together\n' "$column" "$architecture" "${#names[@]}"
}

debian=$(mirror)
[[ -n $debian ]] || { say "apt's sources name no mirror of Debian"; exit 1; }
[[ $# -gt 0 ]] || set -- debian-12:amd64 debian-13:amd64 debian-12:arm64 debian-13:arm64
failed=0
for wanted; do
  [[ $wanted == *:* ]] || wanted=$wanted:amd64
  check_column "$wanted" || failed=1
done
exit $failed

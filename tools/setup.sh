#!/usr/bin/env bash
# Installs what infig is built with: Debian packages (tools/debian-packages.txt) and, in the project's own .venv, libtorch
# and the tools of the checks (tools/requirements-*.txt). Safe to repeat; says nothing where nothing is missing.
#   LIBTORCH=DIR        use this libtorch (2.5 or newer) and install none
#   INFIG_PYTHON=FILE   the Python that makes .venv (default: the first usable one, 3.10 or newer)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly venv=.venv stamp=.venv/setup.stamp
readonly requirements=(tools/requirements-torch.txt tools/requirements-dev.txt)

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# pip and apt keep caches under HOME; an empty one (containers, CI) would make them fail.
if [[ -z "${HOME:-}" || ! -w "${HOME:-}" ]]; then
  export HOME="$PWD/build/home"
  mkdir -p "$HOME"
fi

packages() { sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' tools/debian-packages.txt; }

missing_packages() {
  local name
  # A virtual name (libjpeg-dev) counts as there when a package that provides it is.
  while read -r name; do
    grep -qxF "$name" <<<"$1" || printf '%s\n' "$name"
  done < <(packages)
}

install_packages() {
  local installed missing prefix=()
  if ! command -v dpkg-query >/dev/null; then
    [[ -f $stamp ]] || say "this is no Debian; if the build misses a library, install your system's packages for: $(packages | tr '\n' ' ')"
    return
  fi
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n${db:Status-Status} ${Provides}\n' | awk '$1 == "installed" {$1 = ""; gsub(/\([^)]*\)/, ""); gsub(/,/, "\n"); print}' | tr -d ' ')
  missing=$(missing_packages "$installed" | tr '\n' ' ')
  [[ -n "$missing" ]] || return 0
  if [[ $(id -u) -ne 0 ]]; then
    if ! sudo -n true 2>/dev/null; then
      die "these packages are missing: $missing
setup: install them and run this again:
  sudo apt-get update && sudo apt-get install --no-install-recommends -y $missing"
    fi
    prefix=(sudo -n)
  fi
  say "installing $missing"
  # Package lists are fetched again once: a mirror that is just being updated fails for a moment.
  "${prefix[@]}" apt-get update -qq || { sleep 5; "${prefix[@]}" apt-get update -qq; }
  # shellcheck disable=SC2086  # one word a package
  "${prefix[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y -qq $missing >/dev/null </dev/null
}

usable_python() {
  local candidate
  for candidate in "${INFIG_PYTHON:-}" python3 /usr/bin/python3; do
    [[ -n "$candidate" ]] || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.10 or newer with venv was found; install python3-venv or set INFIG_PYTHON to one"
}

# A wheel for CUDA is gigabytes large and of use with a GPU alone; say so before it is fetched.
refuse_cuda_wheel() {
  local report
  [[ -n ${INFIG_CUDA:-} ]] || command -v nvidia-smi >/dev/null && return
  report=$("$venv/bin/python" -m pip install --disable-pip-version-check --quiet --dry-run --no-deps --ignore-installed --report - -r "${requirements[0]}" </dev/null) || return 0
  if "$venv/bin/python" -c '
import json, sys
wheel = json.load(sys.stdin)["install"][0]["metadata"]
needs = " ".join(wheel.get("requires_dist", []))
sys.exit("nvidia" not in needs and "cuda" not in needs)' <<<"$report"; then
    die "the torch wheel that pip would take here is CUDA's, and this machine shows no NVIDIA GPU (nvidia-smi). Choose one:
  - the CPU wheel: set PIP_EXTRA_INDEX_URL to PyTorch's index of CPU wheels (pytorch.org, Get Started, Compute Platform CPU) and run this again
  - your own libtorch, 2.5 or newer: set LIBTORCH to its folder and run this again
  - the CUDA wheel all the same: set INFIG_CUDA=1 and run this again"
  fi
}

install_python() {
  local wanted python
  wanted=$(cat "${BASH_SOURCE[0]}" "${requirements[@]}" <(echo "${LIBTORCH:+own libtorch}") | sha256sum)
  if [[ -x $venv/bin/python ]] && [[ "$(cat $stamp 2>/dev/null)" == "$wanted" ]] && "$venv/bin/python" -c '' 2>/dev/null; then
    return
  fi
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(usable_python)
    say "making $venv with $python"
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
  say "installing into $venv: $(cat "${requirements[@]}" | sed -e '/^#/d' | tr '\n' ' ')"
  if [[ -z "${LIBTORCH:-}" ]]; then
    "$venv/bin/python" -c 'import importlib.metadata as m; m.version("torch")' 2>/dev/null || refuse_cuda_wheel
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet -r "${requirements[0]}" </dev/null
  fi
  "$venv/bin/python" -m pip install --disable-pip-version-check --quiet -r "${requirements[1]}" </dev/null
  printf '%s\n' "$wanted" >$stamp
}

install_packages
install_python

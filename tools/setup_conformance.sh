#!/usr/bin/env bash
# Makes the environments that `make conformance` compares with: .venv-conformance (tools/requirements-conformance.txt) and .venv-timm
# (tools/requirements-timm.txt), or only the named ones. Safe to repeat; says nothing where nothing is missing.
#   tools/setup_conformance.sh [conformance] [timm]
#   INFIG_PYTHON=FILE   the Python that makes them (default: that of .venv, else python3)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z "${HOME:-}" || ! -w "${HOME:-}" ]]; then
  export HOME="$PWD/build/home"
  mkdir -p "$HOME"
fi
python=${INFIG_PYTHON:-}
[[ -n "$python" ]] || python=$([[ -x .venv/bin/python ]] && echo .venv/bin/python || echo python3)

make_environment() {  # name
  local venv=.venv-$1 requirements=tools/requirements-$1.txt wanted
  local stamp=$venv/setup.stamp
  wanted=$(cat tools/setup_conformance.sh "$requirements" | sha256sum)
  if [[ -x $venv/bin/python ]] && [[ "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]] && $venv/bin/python -c '' 2>/dev/null; then
    return
  fi
  printf 'setup: installing into %s: %s\n' "$venv" "$(sed -e '/^#/d' "$requirements" | tr '\n' ' ')" >&2
  $venv/bin/python -m pip --version >/dev/null 2>&1 || { rm -rf "$venv"; "$python" -m venv "$venv"; }
  $venv/bin/python -m pip install --disable-pip-version-check --quiet -r "$requirements" </dev/null
  printf '%s\n' "$wanted" >"$stamp"
}

[[ $# -gt 0 ]] || set -- conformance timm
for name in "$@"; do make_environment "$name"; done

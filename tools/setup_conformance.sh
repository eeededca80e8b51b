#!/usr/bin/env bash
# Makes .venv-conformance with what `make conformance` compares with (tools/requirements-conformance.txt). Safe to repeat; says nothing
# where nothing is missing.
#   INFIG_PYTHON=FILE   the Python that makes it (default: that of .venv, else python3)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly venv=.venv-conformance requirements=tools/requirements-conformance.txt
readonly stamp=$venv/setup.stamp

if [[ -z "${HOME:-}" || ! -w "${HOME:-}" ]]; then
  export HOME="$PWD/build/home"
  mkdir -p "$HOME"
fi

wanted=$(cat "${BASH_SOURCE[0]}" $requirements | sha256sum)
if [[ -x $venv/bin/python ]] && [[ "$(cat $stamp 2>/dev/null)" == "$wanted" ]] && $venv/bin/python -c '' 2>/dev/null; then
  exit 0
fi
python=${INFIG_PYTHON:-}
[[ -n "$python" ]] || python=$([[ -x .venv/bin/python ]] && echo .venv/bin/python || echo python3)
printf 'setup: installing into %s: %s\n' $venv "$(sed -e '/^#/d' $requirements | tr '\n' ' ')" >&2
$venv/bin/python -m pip --version >/dev/null 2>&1 || { rm -rf $venv; "$python" -m venv $venv; }
$venv/bin/python -m pip install --disable-pip-version-check --quiet -r $requirements </dev/null
printf '%s\n' "$wanted" >$stamp

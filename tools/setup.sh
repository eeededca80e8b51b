#!/usr/bin/env bash
# Installs what infig is built with: the system's packages (tools/packages.tsv) and, in the project's own .venv, libtorch, Arrow and the
# tools of the checks (tools/requirements-*.txt). Safe to repeat and to interrupt; says nothing where nothing is missing.
#   LIBTORCH=DIR           use this libtorch (2.5 or newer) and install none
#   INFIG_PYTHON=FILE      the Python that makes .venv, 3.11 to 3.14 (default: the first usable one)
#   INFIG_CUDA=1, 0        take CUDA's torch, or the CPU's, whatever this machine shows (default: as nvidia-smi says)
#   INFIG_CPU_INDEX=URL    index of CPU wheels to use instead of PyTorch's own
#   INFIG_OS_RELEASE=FILE  read this instead of /etc/os-release
# pip's own configuration, its PIP_* variables included, holds throughout. docs/install.md lists what happens when.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly venv=.venv stamp=.venv/setup.stamp
readonly requirements=(tools/requirements-torch.txt tools/requirements-dev.txt tools/requirements-parquet.txt)

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# pip and apt keep caches under HOME; an empty one (containers, CI) would make them fail.
if [[ -z "${HOME:-}" || ! -w "${HOME:-}" ]]; then
  export HOME="$PWD/build/home"
  mkdir -p "$HOME"
fi

source tools/setup/packages.sh
source tools/setup/torch.sh
source tools/setup/python.sh

install_packages
install_python

# Part of tools/setup.sh: the project's .venv.

is_usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; }

usable_python() {
  local candidate
  if [[ -n "${INFIG_PYTHON:-}" ]]; then
    is_usable "$INFIG_PYTHON" || die "INFIG_PYTHON=$INFIG_PYTHON is no Python 3.11 to 3.14 with venv"
    command -v "$INFIG_PYTHON"
    return
  fi
  for candidate in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
    if is_usable "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.11 to 3.14 with venv was found; install python3-venv or set INFIG_PYTHON to one"
}

install_python() {
  local wanted python torch_arguments=()
  # What is installed follows from the requirements alone; how it is chosen may change without anything to install.
  wanted=$(cat "${requirements[@]}" <(echo "${LIBTORCH:+own libtorch}${INFIG_CUDA:+ INFIG_CUDA=$INFIG_CUDA}") | sha256sum)
  if [[ -x $venv/bin/python ]] && [[ "$(cat $stamp 2>/dev/null)" == "$wanted" ]] && "$venv/bin/python" -c '' 2>/dev/null; then
    return
  fi
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(usable_python)
    say "making $venv with $python"
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
  if [[ -z "${LIBTORCH:-}" ]]; then
    choose_torch
    pip install --disable-pip-version-check --quiet "${torch_arguments[@]}" -r "${requirements[0]}"
  else
    [[ -d $LIBTORCH ]] || die "LIBTORCH=$LIBTORCH is no folder"
  fi
  say "installing into $venv: $(sed -e '/^#/d' "${requirements[1]}" | tr '\n' ' ')"
  pip install --disable-pip-version-check --quiet -r "${requirements[1]}"
  if ! pip install --disable-pip-version-check --quiet --no-deps -r "${requirements[2]}"; then
    say "pip could not install what ${requirements[2]} names: infig is built without Parquet, and says so where a Parquet file is named"
  fi
  printf '%s\n' "$wanted" >$stamp
}

# Part of tools/setup.sh: which torch wheel is taken. Python alone never decides: pip is asked first what it would take.
readonly cpu_index=${INFIG_CPU_INDEX:-https://download.pytorch.org/whl/cpu}
readonly stated_gigabytes=3  # torch for CUDA on x86-64 with NVIDIA's libraries, where pip's index does not tell sizes

pip() { "$venv/bin/python" -m pip "$@" </dev/null; }
wheel() { "$venv/bin/python" tools/setup/torch_wheel.py "$@"; }

# 0: take CUDA's wheel. INFIG_CUDA decides, else whether nvidia-smi names a GPU.
wants_cuda() {
  case ${INFIG_CUDA:-} in
    1) return 0 ;;
    0) return 1 ;;
    "") ;;
    *) die "INFIG_CUDA is \"$INFIG_CUDA\"; allowed are 1 (CUDA's torch) and 0 (the CPU's)" ;;
  esac
  command -v nvidia-smi >/dev/null && timeout 30 nvidia-smi -L 2>/dev/null | grep -q '^GPU '
}

# What pip would take for torch, with these further arguments: "satisfied", "cpu VERSION", "cuda VERSION", or "none" where it finds nothing.
would_take() {
  local report found=none
  report=$(mktemp)
  if pip install --disable-pip-version-check --quiet --dry-run --no-deps --report "$report" -r "${requirements[0]}" "$@" >/dev/null 2>&1; then
    found=$(wheel kind "$report")
  fi
  rm -f "$report"
  printf '%s\n' "$found"
}

uses_no_index() {
  pip config list 2>/dev/null | grep -qiE "^(:env:|global|install|site|user)\.no-index='?(1|true|yes|on|y|t)'?$"
}

# Gigabytes that CUDA's wheel and what it needs come to. pip is asked again, with dependencies; what cannot be learnt is stated.
gigabytes() {
  local report size=""
  report=$(mktemp)
  if timeout 120 "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --dry-run --use-feature=fast-deps --report "$report" \
    -r "${requirements[0]}" >/dev/null 2>&1 </dev/null; then
    size=$(wheel gigabytes "$report") || size=""
  fi
  rm -f "$report"
  printf '%s\n' "${size:-about $stated_gigabytes}"
}

# A torch of the other kind stands in the way of what INFIG_CUDA asks for.
refuse_other_kind() {
  local there
  there=$(wheel installed)
  case ${INFIG_CUDA:-}:$there in
    1:cpu*|0:cuda*) die "INFIG_CUDA=$INFIG_CUDA, but $venv holds torch ${there#* } (${there%% *}); remove $venv and run this again" ;;
  esac
}

# Sets `torch_arguments`, what pip gets beside the requirement, and says what is taken.
choose_torch() {
  local found better why
  torch_arguments=()
  found=$(would_take)
  if [[ $found == satisfied ]]; then
    refuse_other_kind
    return
  fi
  if wants_cuda; then
    if [[ $found == cpu* && -n ${INFIG_CUDA:-} ]]; then
      die "INFIG_CUDA=1 asks for CUDA's torch, but pip, as it is configured here, offers the CPU's (${found#* }); take the index or folder of CPU wheels out of its configuration (pip config list, PIP_*), or unset INFIG_CUDA"
    fi
    [[ $found != cpu* ]] || say "this machine has an NVIDIA GPU, but pip, as it is configured here, offers the CPU's torch (${found#* }): the GPU stays unused"
    [[ $found != cuda* ]] || say "downloading and installing torch ${found#* } for CUDA: $(gigabytes) GB, several minutes"
    return 0
  fi
  if [[ $found != cpu* ]]; then
    if uses_no_index; then
      why="pip uses no index (--no-index)"
    elif ! wheel probe "$cpu_index"; then
      why="the index of CPU wheels ($cpu_index) did not answer within 5 seconds"
    else
      better=$(would_take --extra-index-url "$cpu_index")
      if [[ $better == cpu* ]]; then
        found=$better torch_arguments=(--extra-index-url "$cpu_index")
      else
        why="the index of CPU wheels ($cpu_index) has none that fits"
      fi
    fi
  fi
  case $found in
    cpu*) say "downloading and installing torch ${found#* } (CPU): 200 MB, about half a minute" ;;
    cuda*) say "the torch wheel that pip has is CUDA's (${found#* }): $(gigabytes) GB come, of no use without a GPU; $why" ;;
    *) say "pip found no torch wheel, and $why; trying once more, with pip's own messages" ;;
  esac
}

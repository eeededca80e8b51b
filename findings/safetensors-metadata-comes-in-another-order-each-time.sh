#!/usr/bin/env bash
# safetensors 0.8.0 (2026): the same tensors with the same metadata, saved twice, are two different files.
#
# `__metadata__` is written in the order of a hash map that is seeded anew in every process. With one entry (transformers writes {"format": "pt"}) nothing shows; with
# five, as training scripts and merge tools write them, hardly two runs give the same bytes. So a hash of a checkpoint says nothing about its weights: caches keyed
# by it miss, "did this change?" says yes. infig writes metadata in the order of their names: equal content is equal bytes (tests/archive).
#
# Seen with 0.8.0, numpy 2.4.6, Python 3.11. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cat >save.py <<'CODE'
import hashlib
import sys

import numpy as np
from safetensors.numpy import save

names = ["alpha", "beta", "gamma", "delta", "epsilon"][: int(sys.argv[1])]
print(hashlib.sha256(save({"weight": np.ones(3, np.float32)}, {name: name for name in names})).hexdigest())
CODE
distinct() { for _ in 1 2 3 4 5 6 7 8; do venv/bin/python save.py "$1"; done | sort -u | wc -l; }
one=$(distinct 1) five=$(distinct 5)
echo "safetensors 0.8.0: distinct files of 8 processes: with one entry of metadata $one, with five $five"
# Eight draws of 120 orders: all equal once in 10^14.
if ((one != 1 || five < 2)); then
  echo "changed: expected 1 and more than 1" >&2
  exit 1
fi
echo "as documented here"

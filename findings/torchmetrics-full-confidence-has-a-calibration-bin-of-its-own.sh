#!/usr/bin/env bash
# torchmetrics 1.9.0 (2026): a confidence of exactly 1 falls into a calibration bin of its own, behind the last one.
#
# The expected calibration error (Guo et al. 2017) of n bins has (1 - 1/n, 1] as its last. Here the edges are open on the right, so 1.0 begins a bin n + 1. A softmax in
# bfloat16 or float16 gives 1.0 to everything above .998 or .9998, float32 to everything above 1 - 3e-8: a model that is trained to the end has many of them. Below, two posts,
# one right and one wrong: with 1.0 for the wrong one the error is .5250, with .9999 (the same bin, by the definition) .4749. By hand: one bin gives
# |(1 + .95) / 2 - 1/2| = .4750, two bins give (|1 - 0| + |.95 - 1|) / 2 = .5250. infig counts 1.0 into the last bin (src/metrics/calibration.h).
#
# Seen with 1.9.0, torch 2.13.0. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check torch==2.13.0 torchmetrics==1.9.0 numpy==2.4.6
cat >bins.py <<'CODE'
import torch
from torchmetrics.functional.classification import multiclass_calibration_error


def error(confidence):
    return multiclass_calibration_error(torch.tensor([[1 - confidence, confidence], [0.05, 0.95]]), torch.tensor([0, 1]), num_classes=2, n_bins=15, norm="l1").item()


print(f"{error(1.0):.4f} {error(0.9999):.4f} {float(torch.tensor([-7.0, 0.0], dtype=torch.bfloat16).softmax(0)[1])}")
CODE
found=$(venv/bin/python bins.py 2>/dev/null)
echo "torchmetrics 1.9.0: error with a wrong answer at 1.0 and at .9999; a softmax of two logits 7 apart in bfloat16: $found"
if [[ "$found" != "0.5250 0.4749 1.0" ]]; then
  echo "changed: expected 0.5250 0.4749 1.0" >&2
  exit 1
fi
echo "as documented here"

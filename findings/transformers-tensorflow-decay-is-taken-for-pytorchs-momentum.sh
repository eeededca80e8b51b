#!/usr/bin/env bash
# transformers 5.24.0: EfficientNet, MobileNetV1 and MobileNetV2 give TensorFlow's decay of the running statistics (.99, .9997, .997) to PyTorch's `momentum`, which is one minus it.
#
# TensorFlow keeps `decay` of the old mean at each step, PyTorch keeps 1 - `momentum`. These networks were ported from TensorFlow, and their numbers came along as they were: in
# training mode one batch replaces 99 % and more of the statistics that the published weights carry, so that a fine-tuned network is evaluated with the statistics of its last
# batch. In EfficientNet only most layers: those of the expansion (51 of 163 in b7, the default) keep PyTorch's .1. Nothing shows while the network is frozen or in eval mode.
# infig follows such a folder as its maker does (docs/encoders.md), where image.batch_norm_train lets the statistics move at all.
#
# Seen with torch 2.13.0. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check torch==2.13.0 transformers==5.24.0 numpy==2.4.6
cat >momentum.py <<'CODE'
import collections

import torch
from transformers import (EfficientNetConfig, EfficientNetModel, MobileNetV1Config, MobileNetV1Model, MobileNetV2Config, MobileNetV2Model, ResNetConfig,
                          ResNetModel)

torch.manual_seed(1)
for config, model in [(EfficientNetConfig, EfficientNetModel), (MobileNetV1Config, MobileNetV1Model), (MobileNetV2Config, MobileNetV2Model), (ResNetConfig, ResNetModel)]:
    net = model(config()).train()
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    first, seen = norms[0], {}
    first.running_mean.fill_(100.0)  # stands for what the published weights carry
    first.register_forward_hook(lambda module, inputs, output: seen.update(batch=inputs[0].mean((0, 2, 3))))
    net(torch.randn(4, 3, 64, 64))
    kept = ((first.running_mean - seen["batch"]) / (100.0 - seen["batch"])).mean().item()
    counts = sorted(collections.Counter(norm.momentum for norm in norms).items())
    print(f"{model.__name__}: {', '.join(f'{count} x {momentum}' for momentum, count in counts)}; kept of the first mean after one batch: {kept:.4f}")
CODE
found=$(venv/bin/python momentum.py 2>/dev/null)
echo "$found"
expected="EfficientNetModel: 51 x 0.1, 112 x 0.99; kept of the first mean after one batch: 0.0100
MobileNetV1Model: 27 x 0.9997; kept of the first mean after one batch: 0.0003
MobileNetV2Model: 52 x 0.997; kept of the first mean after one batch: 0.0030
ResNetModel: 53 x 0.1; kept of the first mean after one batch: 0.9000"
if [[ "$found" != "$expected" ]]; then
  echo "changed" >&2
  exit 1
fi
echo "as documented here"

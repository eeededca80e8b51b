"""A ResNet of torchvision's names and sizes with random weights, as a safetensors file: for measuring where the published ones are not at hand. Needs no package."""

import array
import json
import math
import random
import struct

BLOCKS = {"resnet-50": (3, 4, 6, 3), "resnet-101": (3, 4, 23, 3), "resnet-152": (3, 8, 36, 3)}


def shapes(blocks):
    """Names and shapes of every parameter and running statistic."""
    found = {}

    def convolution(name, norm, out, into, kernel):
        found[f"{name}.weight"] = (out, into, kernel, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{norm}.{part}"] = (out,)

    convolution("conv1", "bn1", 64, 3, 7)
    width = 64
    for stage, count in enumerate(blocks):
        inner = 64 << stage
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            convolution(f"{name}.conv1", f"{name}.bn1", inner, width, 1)
            convolution(f"{name}.conv2", f"{name}.bn2", inner, inner, 3)
            convolution(f"{name}.conv3", f"{name}.bn3", 4 * inner, inner, 1)
            if block == 0:
                convolution(f"{name}.downsample.0", f"{name}.downsample.1", 4 * inner, width, 1)
            width = 4 * inner
    return found


def write_resnet(file, kind, seed=1):
    """Weights of N(0, 2 / inputs), of which 65,536 different ones are repeated; each block adds a fifth, so that 50 of them stay of one size."""
    draw = random.Random(seed)
    normal = [draw.gauss(0, 1) for _ in range(1 << 16)]
    header, offset, blobs = {}, 0, []
    for name, shape in shapes(BLOCKS[kind]).items():
        count = math.prod(shape)
        if len(shape) == 4:
            scale = math.sqrt(2 / math.prod(shape[1:]))
            some = array.array("f", [scale * value for value in normal]).tobytes()
            data = (some * (4 * count // len(some) + 1))[:4 * count]
        else:
            value = 0.2 if name.endswith("bn3.weight") else 1.0 if name.endswith(("weight", "var")) else 0.0
            data = array.array("f", [value] * count).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        blobs.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(file, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for blob in blobs:
            out.write(blob)

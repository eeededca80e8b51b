"""What the tests of encoders against original implementations share: running infig encode, comparing, random weights, real posts."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("INFIG_BINARY", ROOT / "build/bin/infig"))
WEIGHTS = Path(os.environ.get("INFIG_WEIGHTS", ROOT / "weights"))
DATA = Path(os.environ.get("INFIG_DATA", ROOT.parent / "shared/data"))
WORDS = [chr(first) + second for first in range(97, 123) for second in "aeiou"]


def encode(kind, model, rows, folder, *more):
    """Runs infig encode on rows (dicts of id, text, image) and returns its tensors and metadata."""
    source, output = folder / "posts.jsonl", folder / f"{kind}.safetensors"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [str(BINARY), "encode", kind, "--model", str(model), "--input", str(source), "--output", str(output), *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1800)
    assert done.returncode == 0, done.stderr
    with safe_open(output, "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["ids"]) == [row["id"] for row in rows]
    return load_file(output)


def near(found, expected, tolerance, what=""):
    """Largest difference over the largest value: relative to the tensor, so that zeros among its values do not count as infinitely far."""
    assert found.shape == expected.shape and found.numel() > 0, (what, found.shape, expected.shape)
    assert torch.isfinite(found).all() and torch.isfinite(expected).all(), what
    error = (found.double() - expected.double()).abs().max().item() / max(expected.abs().max().item(), 1e-12)
    assert error <= tolerance, (what, error)
    return error


def probe(states):
    """The scalar of --gradients."""
    total, first = torch.zeros((), dtype=torch.float64), 1
    for state in states:
        index = torch.arange(first, first + state.numel(), dtype=torch.float64)
        total = total + (state.reshape(-1).double() * index.cos()).sum()
        first += state.numel()
    return total


def randomize(model, seed=7, std=0.15):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = parameter[0].numel() ** -0.5 if parameter.dim() == 4 else std
            noise = torch.randn(parameter.shape, generator=generator) * scale
            parameter.copy_(1 + noise if parameter.dim() == 1 and name.endswith("weight") else noise)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.2)
            elif name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return model.eval()


def posts(lengths):
    generator = np.random.default_rng(3)
    return [dict(id=f"p{index}", text=" ".join(generator.choice(WORDS, count))) for index, count in enumerate(lengths)]


def weights_of(*names):
    for name in names:
        if (WEIGHTS / name).exists():
            return WEIGHTS / name
    target = "base-weights" if set(names) <= {"mpnet-base", "efficientnet-lite2"} else "lite-weights"
    pytest.skip(f"none of {', '.join(names)} in {WEIGHTS}: run `make {target}`")


def real_posts(count, kind):
    raw = DATA / "mvsa-single/raw/data"
    if not raw.is_dir():
        pytest.skip(f"{raw} is absent")
    files = sorted(raw.rglob("*.txt" if kind == "text" else "*.jpg"), key=lambda path: (len(path.stem), path.stem))
    files = [path for path in files if path.stem.isdigit()][:count]
    if len(files) < count:
        pytest.skip(f"{raw} holds {len(files)} files, {count} are needed")
    if kind == "image":
        return [dict(id=path.stem, image=str(path)) for path in files]
    return [dict(id=path.stem, text=path.read_bytes().decode("gb18030", "replace")) for path in files]

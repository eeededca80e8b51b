"""Golden files of the safetensors reader and writer, made by the Python package.   Run from anywhere: python tools/golden/make_archive.py

every_dtype.safetensors and one_metadata.safetensors: the C++ reader must read them, the C++ writer must give the same bytes.
With --check FILE it loads a file that infig wrote and prints what is in it.
"""
import argparse
import pathlib

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "archive"


def tensors():
    return {
        "a.bool": torch.tensor([True, False, True]),
        "b.u8": torch.tensor([[0, 255]], dtype=torch.uint8),
        "c.i8": torch.tensor([-128, 127], dtype=torch.int8),
        "d.i16": torch.tensor([-32768, 32767, 5], dtype=torch.int16),
        "e.i32": torch.tensor([-2147483648, 2147483647], dtype=torch.int32),
        "f.i64": torch.tensor([-(2**63), 2**63 - 1], dtype=torch.int64),
        "g.f16": torch.tensor([1.5, -0.25, 65504.0], dtype=torch.float16),
        "h.bf16": torch.tensor([1.0, -2.0], dtype=torch.bfloat16),
        "i.f32": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4,
        "j.f64": torch.tensor(3.141592653589793, dtype=torch.float64),  # a scalar: shape []
        "k.empty": torch.zeros(0, 3),
        "k.f32": torch.tensor([-1.0]),
        'quote"\\é\n': torch.tensor([7], dtype=torch.int64),
    }


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    save_file(tensors(), OUT / "every_dtype.safetensors")
    save_file({"w": torch.tensor([1.0, 2.0])}, OUT / "one_metadata.safetensors", metadata={"format": "pt"})
    for path in sorted(OUT.glob("*.safetensors")):
        print(path, path.stat().st_size)


def check(path):
    with safe_open(path, framework="pt") as file:
        print("metadata", file.metadata())
    loaded = load_file(path)
    for name, value in loaded.items():
        print(repr(name), value.dtype, tuple(value.shape), value.flatten()[:4].tolist())
    if set(loaded) == set(tensors()):
        assert all(torch.equal(loaded[name], value) and loaded[name].dtype == value.dtype for name, value in tensors().items())
        print("equal to the golden tensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", metavar="FILE")
    arguments = parser.parse_args()
    check(arguments.check) if arguments.check else main()

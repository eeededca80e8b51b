"""Golden files of the archive readers and writer, made by the Python packages.   Run from anywhere: python tools/golden/make_archive.py

every_dtype.safetensors and one_metadata.safetensors: the C++ reader must read them, the C++ writer must give the same bytes.
torch_*.pth, .pt, .bin: what torch.save writes, in both forms, with the tensors they hold in torch_expected.safetensors;
checkpoint_*.pt and nested.pt: dicts around a state dict; sharded_*/: an index with two shards.
With --check FILE it loads a file that infig wrote and prints what is in it.
"""
import argparse
import collections
import json
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


def views():
    """Tensors as PyTorch may hold them: slices, transposes, expanded sizes, shared and tied memory, parameters."""
    grid = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8
    shared = torch.arange(5, dtype=torch.float32)
    values = {name: value for name, value in tensors().items() if "\n" not in name}
    values.update({
        "view.transposed": grid.t(),
        "view.slice": grid[1:3, 2:5],
        "view.row": grid[2],
        "view.step": torch.arange(10, dtype=torch.int64)[1::3],
        "view.permuted": torch.arange(24, dtype=torch.float16).reshape(2, 3, 4).permute(2, 0, 1),
        "view.ones": torch.arange(6, dtype=torch.float64).reshape(1, 6, 1).transpose(0, 2),
        "tied.a": shared,
        "tied.b": shared,
        "parameter": torch.nn.Parameter(torch.tensor([[0.5, -0.5]])),
        "gradient": torch.tensor([2.5], requires_grad=True),
        "h\u00fclle": torch.tensor([3], dtype=torch.int32),
    })
    return collections.OrderedDict(values)


def whole(values):
    return {name: value.detach().clone().contiguous() for name, value in values.items()}


def torch_files():
    values = views()
    torch.save(values, OUT / "torch_zip.pth")
    torch.save(values, OUT / "torch_protocol4.pth", pickle_protocol=4)
    torch.save(values, OUT / "torch_legacy.pth", _use_new_zipfile_serialization=False)
    save_file(whole(values), OUT / "torch_expected.safetensors")

    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(2, 2)).sum().backward()
    optimizer.step()
    checkpoint = {"epoch": 3, "state_dict": module.state_dict(), "optimizer": optimizer.state_dict(), "best": 0.5, "args": None}
    torch.save(checkpoint, OUT / "checkpoint_zip.pt")
    torch.save(checkpoint, OUT / "checkpoint_legacy.pt", _use_new_zipfile_serialization=False)
    save_file(whole(module.state_dict()), OUT / "checkpoint_expected.safetensors")
    nested = {"step": 7, "encoder": {"w": torch.tensor([1.0, 2.0]), "deep": {0: torch.tensor([3], dtype=torch.int64)}},
              "heads": [torch.tensor([4.0]), (torch.tensor([5.0]), "x")], "names": ["a", "b"]}
    torch.save(nested, OUT / "nested.pt")
    torch.save(module, OUT / "module.pt")  # refused: it needs code
    torch.save(torch.ones(2), OUT / "single.pt")  # refused: a tensor without a name
    torch.save({"x": torch.ones(1).expand(1000)}, OUT / "expanded.pt")  # refused
    torch.save({"x": torch.ones(2, dtype=torch.complex64)}, OUT / "complex.pt")  # refused


def shards():
    values = whole(views())
    names = sorted(values)
    halves = [names[: len(names) // 2], names[len(names) // 2:]]
    for stem, suffix, save in [("model", "safetensors", lambda part, path: save_file(part, path, metadata={"format": "pt"})),
                               ("pytorch_model", "bin", torch.save)]:
        folder = OUT / f"sharded_{suffix}"
        folder.mkdir(exist_ok=True)
        index = {"metadata": {"total_size": sum(value.nbytes for value in values.values())}, "weight_map": {}}
        for number, half in enumerate(halves, 1):
            name = f"{stem}-{number:05}-of-00002.{suffix}"
            save({key: values[key] for key in half}, folder / name)
            index["weight_map"].update({key: name for key in half})
        (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    save_file(tensors(), OUT / "every_dtype.safetensors")
    save_file({"w": torch.tensor([1.0, 2.0])}, OUT / "one_metadata.safetensors", metadata={"format": "pt"})
    torch_files()
    shards()
    for path in sorted(path for path in OUT.rglob("*") if path.is_file()):
        print(path.relative_to(OUT), path.stat().st_size)


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

"""Compresses the golden files of encoders and models, as they are committed: NAME.safetensors becomes NAME.safetensors.gz, the same bytes for the same file.

    python tools/golden/pack.py

Run after a maker of golden files. tests/reference/tensors.h reads both forms.
"""
import gzip
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"

for folder in ("encoders", "model"):
    for path in sorted((ROOT / folder).glob("*.safetensors")):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        path.unlink()

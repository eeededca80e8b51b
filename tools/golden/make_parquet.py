#!/usr/bin/env python3
"""Parquet as `datasets` and pandas write it, and what stands in it, into tests/golden/data.

    python tools/golden/make_parquet.py tests/golden/data      (needs tools/requirements-golden.txt)
"""

import hashlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

datasets.disable_progress_bars()
OUT = Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)


def png(i):
    file = io.BytesIO()
    Image.new("RGB", (4 + i, 3), (40 * i, 10, 255 - 40 * i)).save(file, "PNG")
    return file.getvalue()


FEATURES = datasets.Features(
    {
        "guid": datasets.Value("int64"),
        "Tweet": datasets.Value("string"),
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=["positive", "negative", "neutral"]),
        "lang": datasets.Value("string"),
        "score": datasets.Value("float32"),
    }
)
ROWS = {
    "guid": [10, 11, 12, 13, 14],
    "Tweet": ["good & fine", "zwei\nlines", None, "caf\u00e9 \U0001f600", ""],
    "image": [{"bytes": png(0), "path": "zero.png"}, {"bytes": png(1), "path": None}, {"bytes": png(2), "path": "a/two.png"}, None, {"bytes": png(4), "path": "4.png"}],
    "label": [0, 1, 2, 1, -1],
    "lang": ["en", "de", "en", "fr", "en"],
    "score": [0.5, 1.0, 2.0, 3.0, 4.0],
}
data = datasets.Dataset.from_dict(ROWS, features=FEATURES)
data.to_parquet(OUT / "hub-test-00000-of-00001.parquet", batch_size=2)  # a row group for each two rows

# Pictures by path: to_parquet leaves their bytes out (and asks the files for their sizes all the same).
OUT = OUT.absolute()
os.chdir(tempfile.mkdtemp())
os.mkdir("pictures")
for name in "ab":
    Path(f"pictures/{name}.png").write_bytes(png(1))
paths = datasets.Dataset.from_dict({"text": ["a", "b"], "image": ["pictures/a.png", "pictures/b.png"], "label": ["x", "y"]})
paths.cast_column("image", datasets.Image()).to_parquet(OUT / "paths.parquet")

# As a script with pyarrow writes it: other types, another codec, a dictionary, lists beside.
plain = pa.table(
    {
        "id": pa.array(["p1", "p2", "p3"]),
        "text": pa.array(["one", "two", "three"]).dictionary_encode(),
        "image": pa.array([png(1), None, png(2)], pa.binary()),
        "label": pa.array([1.0, 0.0, None], pa.float64()),
        "split": pa.array(["train", "test", "test"], pa.large_string()),
        "labels": pa.array([["a"], ["b"], []], pa.list_(pa.string())),
        "when": pa.array([1, 2, 3], pa.timestamp("ms")),
        "good": pa.array([True, None, False]),
        "small": pa.array([1, 2, 255], pa.uint8()),
    }
)
pq.write_table(plain, OUT / "plain.parquet", compression="zstd", data_page_version="2.0", row_group_size=2)

json.dump(
    {"pictures": [hashlib.sha256(png(i)).hexdigest() for i in range(5)]},
    open(OUT / "parquet.json", "w"),
    indent=1,
)

#!/usr/bin/env bash
# datasets 5.2.0 (PyPI's): Dataset.to_parquet writes pictures that were given by path without their bytes, and still opens every one of them.
#
# The file then holds paths of the machine that wrote it (bytes null): read elsewhere, it has no pictures, and nothing says so. Though nothing of a picture is
# written, its file is opened to estimate sizes, so that one absent picture ends the export with FileNotFoundError. infig counts such rows and says what to do
# (docs/data.md, Parquet).
#
# Seen on Debian 12, Python 3.11. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check datasets==5.2.0 pillow==13.0.0 pyarrow==26.0.1
cat >export.py <<'CODE'
from datasets import Dataset, Features, Image, Value
from PIL import Image as Picture
import pyarrow.parquet

Picture.new("RGB", (8, 8)).save("there.png")
features = Features({"text": Value("string"), "image": Image()})


def export(name, picture):
    Dataset.from_dict({"text": ["a post"], "image": [picture]}, features=features).to_parquet(name)
    return pyarrow.parquet.read_table(name)["image"][0].as_py()


there = export("there.parquet", "there.png")
try:
    export("absent.parquet", "absent.png")
    absent = "written"
except Exception as error:
    absent = type(error).__name__
print("bytes:", there["bytes"], "path kept:", there["path"].endswith("there.png"), "absent:", absent)
CODE
found=$(HF_HUB_OFFLINE=1 venv/bin/python export.py 2>/dev/null)
echo "$found"
if [[ $found != "bytes: None path kept: True absent: FileNotFoundError" ]]; then
  echo "changed: expected bytes: None path kept: True absent: FileNotFoundError" >&2
  exit 1
fi
echo "as documented here"

"""What the tests against original implementations share: the binary, the real texts, and an honest skip where they are not there."""
import importlib.util
import json
import os
import pathlib
import subprocess

import pytest
import torchvision_beside_cpu  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]


def data_folder():
    return pathlib.Path(os.environ.get("INFIG_DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def infig():
    binary = pathlib.Path(os.environ.get("INFIG_BINARY") or ROOT / "build" / "bin" / "infig")
    if not binary.is_file():
        pytest.fail(f"{binary} is not there; run make build first, or name the program in INFIG_BINARY")
    return binary


@pytest.fixture(scope="session")
def data():
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"real data is absent: {folder} (or name it in INFIG_DATA)")
    return folder


def run(binary, *arguments, **options):
    """The program's standard output; its own message where it fails."""
    done = subprocess.run([str(binary), *map(str, arguments)], capture_output=True, **options)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout


def real_texts(folder):
    """Every text in the shared data, in one order: the public splits of MVSA-Multiple and HFM, MVSA-Single as raw bytes and as split,
    HFM's raw rows, TumEmo."""
    texts = []
    for path in sorted((folder / "mvsa-multiple-text").glob("*.json")) + sorted((folder / "hfm-text").glob("*.json")) + \
            sorted((folder / "mvsa-single" / "splits").glob("*.json")):
        texts += [row["text"] for row in json.loads(path.read_text(encoding="utf-8"))]
    for path in sorted((folder / "mvsa-single" / "raw" / "data").glob("*.txt")):
        texts.append(path.read_bytes().decode("gb18030", "replace"))
    for path in sorted((folder / "hfm-raw" / "text").glob("*.txt")):
        texts += path.read_bytes().decode("utf-8").splitlines()
    for path in sorted((folder / "tumemo-mgnns").glob("*anno.json")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                row = json.loads(line)
                texts.append(row["text"] if isinstance(row["text"], str) else " ".join(row["text"]))
    return texts

# timm has an environment of its own; the file says how it is made.
collect_ignore = [] if importlib.util.find_spec("timm") else ["test_timm_encoders.py"]

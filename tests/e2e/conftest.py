"""A small trained run that the tests of the command line share."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("INFIG_BINARY", ROOT / "build/bin/infig"))

# A model that trains in a second or two: the shape of configs/tiny.yaml, smaller.
SMALL = [
    "threads=1", "text.vocab_size=300", "text.hidden_size=16", "text.num_hidden_layers=3", "text.num_attention_heads=2", "text.intermediate_size=32", "image.size=32",
    "image.resize=32", "image.stage_widths=[4, 4, 8, 8]", "image.stem_width=4", "image.num_hidden_layers=3", "image.num_attention_heads=2", "image.intermediate_size=32",
    "fusion.num_hidden_layers=1", "fusion.num_attention_heads=2", "fusion.intermediate_size=32", "train.epochs=2", "train.batch_size=16", "gam.queue_size=32",
]


class Done:
    def __init__(self, completed):
        self.code = completed.returncode
        self.out = completed.stdout
        self.err = completed.stderr
        self.all = completed.stdout + completed.stderr


def infig(*words, cwd=None, preexec_fn=None):
    command = [str(BINARY), *[str(word) for word in words]]
    return Done(subprocess.run(command, capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL, timeout=600, preexec_fn=preexec_fn))


def train(data, run, *more):
    return infig("train", "--config", ROOT / "configs/tiny.yaml", "--data", data, "--output-dir", run, *SMALL, *more)


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("infig")


@pytest.fixture(scope="session")
def postcards(work):
    folder = work / "postcards"
    done = infig("prepare", "postcards", "--out", folder, "--count", 120)
    assert done.code == 0, done.all
    return folder


@pytest.fixture(scope="session")
def run(work, postcards):
    folder = work / "run"
    done = train(postcards, folder)
    assert done.code == 0, done.all
    done = infig("evaluate", "--run", folder, "--data", postcards, "--split", "test")
    assert done.code == 0, done.all
    return folder

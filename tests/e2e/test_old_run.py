"""A run folder of infig 0.1.0, from before models had an interface, goes on being what it was: it predicts, evaluates and resumes.

tests/golden/runs/run-of-0.1.0.tar.xz was written by commit 6b9c4e3: a very small INFIG, stopped after its first epoch of four, on 48 posts a
split of the built-in postcards. The figures below are what that program printed.
"""

import json
import tarfile
from pathlib import Path

import pytest
from conftest import infig

ARCHIVE = Path(__file__).parent.parent / "golden" / "runs" / "run-of-0.1.0.tar.xz"
LABELS = ["positive", "neutral", "negative"]
TEXTS = {
    "What a fantastic morning!": [0.333626478, 0.335228508, 0.331145014],
    "the storm took the roof, and nobody is laughing": [0.334172753, 0.334296854, 0.331530394],
    "What a [SEP] fantastic [MASK] morning!": [0.333608072, 0.334848425, 0.331543504],  # before text.special_in_text, which means keep
}
BOTH_SIDES = [0.3340044562565053, 0.3337998901510539, 0.33219565359244085]  # the first text and postcard 1330
DEV_LOSS_OF_STEP = {6: 1.098581704693253, 12: 1.09863629202483, 18: 1.0987364319769515, 24: 1.0987404935963119}
NEAR = 3e-6  # another CPU adds in another order; a tensor in the wrong place moves these by 1e-4 and more


@pytest.fixture(scope="module")
def all_postcards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old-run") / "postcards"
    done("prepare", "postcards", "--out", folder)
    return folder


def done(*words):
    result = infig(*words)
    assert result.code == 0, result.all
    return result.out


@pytest.fixture
def run(tmp_path):
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "run-of-0.1.0"


def test_it_predicts_what_it_predicted(run, all_postcards):
    for text, expected in TEXTS.items():
        line = json.loads(done("predict", "--run", run, "--text", text, "--threads", "1"))
        assert [line[f"p_{label}"] for label in LABELS] == pytest.approx(expected, abs=NEAR)
    picture = all_postcards / "images" / "pc-1330.png"
    line = json.loads(done("predict", "--run", run, "--text", next(iter(TEXTS)), "--image", picture, "--threads", "1"))
    assert [line[f"p_{label}"] for label in LABELS] == pytest.approx(BOTH_SIDES, abs=NEAR)


def test_it_is_evaluated(run, all_postcards):
    done("evaluate", "--run", run, "--data", all_postcards, "--split", "dev")
    result = json.loads((run / "eval" / "dev.json").read_text())
    assert result["eval_samples"] == 200
    assert result["eval_loss"] == pytest.approx(1.098321912220643, abs=NEAR)


def test_it_resumes_to_the_end(run, all_postcards):
    done("train", "--config", run / "config.yaml", "--data", all_postcards, "--output-dir", run, "--resume", "latest")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    found = {line["step"]: line["eval_loss"] for line in lines if "eval_loss" in line}
    assert found == pytest.approx(DEV_LOSS_OF_STEP, abs=NEAR)

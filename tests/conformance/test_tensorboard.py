"""TensorBoard itself reads what `train` writes into RUN/tensorboard: the scalars of metrics.jsonl, once each, after an interrupt too."""

import importlib.util
import json
import math
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("small_run", ROOT / "tests/e2e/conftest.py")
small_run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(small_run)
infig, train, BINARY, SMALL = small_run.infig, small_run.train, small_run.BINARY, small_run.SMALL


def scalars(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"), purge_orphaned_data=True)
    events.Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}, events


def wanted(run):
    tags = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        for key, value in json.loads(line).items():
            if key != "step":
                tags.setdefault("eval/" + key[5:] if key.startswith("eval_") else "train/" + key, {})[json.loads(line)["step"]] = value
    return tags


def check(run):
    read, events = scalars(run)
    assert read, "no scalars"
    expected = wanted(run)
    assert set(read) == set(expected)
    for tag, values in expected.items():
        assert set(read[tag]) == set(values), tag
        assert all(math.isclose(read[tag][step], value, rel_tol=1e-6, abs_tol=1e-7) for step, value in values.items()), tag
        assert len(events.Scalars(tag)) == len(values), f"{tag}: a step twice"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tensorboard") / "postcards"
    assert infig("prepare", "postcards", "--out", folder, "--count", "300").code == 0
    return folder


def test_tensorboard_reads_a_run(data, tmp_path):
    run = tmp_path / "run"
    assert train(data, run, "train.log_every=3").code == 0
    check(run)


def test_tensorboard_sees_no_step_twice_after_a_kill(data, tmp_path):
    run = tmp_path / "run"
    words = ["train", "--config", ROOT / "configs/tiny.yaml", "--data", data, "--output-dir", run, "--resume", "latest", *SMALL, "train.epochs=4", "train.log_every=1", "train.save_every=4"]
    process = subprocess.Popen([str(BINARY), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = run / "metrics.jsonl"
    while process.poll() is None and not (journal.exists() and journal.read_text().count("\n") > 6):
        time.sleep(.01)
    assert process.poll() is None, "the run ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert infig(*words).code == 0
    check(run)


def test_none_writes_no_events(data, tmp_path):
    run = tmp_path / "run"
    assert train(data, run, "--report-to", "none", "train.epochs=1").code == 0
    assert (run / "metrics.jsonl").exists() and not (run / "tensorboard").exists()

"""Several ranks under mpirun: the same results as one, and what happens when one of them dies."""

import importlib.util
import json
import os
import signal
import subprocess
import time

import pytest
from conftest import BINARY, ROOT, SMALL, Done, infig, train

spec = importlib.util.spec_from_file_location("crash_test", ROOT / "tools/crash_test.py")
crash = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crash)

ENVIRONMENT = {**os.environ, **crash.MPI_ENVIRONMENT}


def mpi(ranks, *words):
    command = [*crash.MPIRUN, "-n", str(ranks), str(BINARY), *map(str, words)]
    return Done(subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, env=ENVIRONMENT))


def training(data, run, *more):
    return ["train", "--config", ROOT / "configs/tiny.yaml", "--data", data, "--output-dir", run, *SMALL, *more]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "steps, more", [(3, ["train.modality_dropout=0.4", "image.batch_norm_train=false"]),
                    (3, ["image.batch_norm_train=false", "train.micro_batch=3", "train.activation_checkpointing=true"]), (2, [])], ids=["whole", "parts", "batch-norm"])
def test_ranks_train_as_one_does(postcards, tmp_path, steps, more):
    # With plain gradient descent rounding stays rounding for some steps; Adam's first ones, and tokens that change places in HFAM's
    # selection, blow it up.
    widths = ["image.stage_widths=[16, 16, 32, 32]", "image.stem_width=16"]
    settings = [*more, *widths, "optim.name=sgd", "optim.lr=0.05", "train.log_every=1", "train.patience=0", "optim.momentum=0"]
    runs = {}
    for ranks in [1, 2, 4]:
        run = runs[ranks] = tmp_path / f"ranks-{ranks}"
        done = mpi(ranks, *training(postcards, run, *settings)) if ranks > 1 else train(postcards, run, *settings)
        assert done.code == 0, done.all
        if ranks > 1:
            assert done.err.count("steps an epoch") == 1 and f"in each of {ranks} ranks" in done.err  # the first one speaks
    whole = lines(runs[1] / "metrics.jsonl")
    for ranks in [2, 4]:
        parts = lines(runs[ranks] / "metrics.jsonl")
        assert len(parts) == len(whole) > 10
        for a, b in zip(whole, parts):
            assert a.keys() == b.keys()
            for name in ["loss", "loss_classification", "loss_gam", "loss_hfam"]:
                if name in a and a["step"] <= steps:
                    assert b[name] == pytest.approx(a[name], rel=1e-4), (ranks, a["step"], name)


def test_a_repeated_run_has_the_same_bits(postcards, tmp_path):
    for name in ["a", "b"]:
        done = mpi(2, *training(postcards, tmp_path / name, "image.augment=rand"))
        assert done.code == 0, done.all
    for file in ["metrics.jsonl", "checkpoints/latest/model.safetensors", "checkpoints/latest/trainer.safetensors"]:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_killed_ranks_end_in_the_same_bytes(tmp_path):
    assert crash.crash_test(tmp_path, 3, 1, seed=1, ranks=2) == (3, 1)


def test_evaluate_and_predict_share_the_work(run, postcards, tmp_path):
    for ranks in [1, 3]:
        words = ["evaluate", "--run", run, "--data", postcards, "--split", "test", "--threads", 1, "--batch-size", 4, "--modalities", "--no-report"]
        done = mpi(ranks, *words) if ranks > 1 else infig(*words)
        assert done.code == 0, done.all
        for name in ["test-predictions.csv", "test.json", "test-without-image.json"]:
            (tmp_path / f"{ranks}-{name}").write_bytes((run / "eval" / name).read_bytes())
        words = ["predict", "--run", run, "--input", postcards, "--output", tmp_path / f"{ranks}.csv", "--threads", 1, "--block-rows", 16]
        done = mpi(ranks, *words) if ranks > 1 else infig(*words)
        assert done.code == 0 and "120 rows written" in done.err, done.all
        assert done.err.count("rows written") == 1
    for name in ["{}-test-predictions.csv", "{}-test.json", "{}-test-without-image.json", "{}.csv"]:
        assert (tmp_path / name.format(1)).read_bytes() == (tmp_path / name.format(3)).read_bytes(), name


def start(data, run, *more, ranks=2):
    words = [*crash.MPIRUN, "-n", str(ranks), str(BINARY), *map(str, training(data, run, "train.epochs=400", "train.patience=0", "train.save_every=2", "--resume", "latest", *more))]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)


def ranks_of(process):
    job = crash.Job.__new__(crash.Job)
    job.ranks, job.process = 2, process
    return job.pids()


def wait_for(path):
    deadline = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def saved_step(run):
    while True:
        try:
            return json.loads((run / "checkpoints/latest/trainer_state.json").read_text())["global_step"]
        except FileNotFoundError:  # a newer one takes its place
            time.sleep(0.005)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_dead_rank_ends_the_run_which_others_continue(postcards, tmp_path, victim):
    run = tmp_path / "run"
    process = start(postcards, run)
    wait_for(run / "checkpoints/latest")
    began = time.monotonic()
    os.kill(ranks_of(process)[victim], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert process.returncode != 0 and "exited on signal 9" in err or "is gone" in err, err
    for ranks in [4, 1]:  # other numbers of them go on
        steps = saved_step(run)
        process = start(postcards, run, ranks=ranks)
        deadline = time.monotonic() + 300
        while saved_step(run) < steps + 4:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGUSR1)  # mpirun passes it on; all end the step and save
        _, err = process.communicate(timeout=120)
        assert f"resuming from {run.resolve()}/checkpoints/step-{steps:06d}" in err
        assert "by request; saved" in err, err
        assert not list(run.rglob("*.partial*"))


def test_what_ranks_cannot_do(run, postcards, tmp_path):
    out = tmp_path / "run"
    done = mpi(3, *training(postcards, out))
    assert done.code == 2 and "train.batch_size=16" in done.err and "3 ranks" in done.err and "multiple of 3" in done.err
    assert not out.exists()
    done = mpi(2, *training(postcards, out, "device=cuda"))
    assert done.code == 2 and "device=cuda" in done.err
    done = mpi(2, "predict", "--run", run, "--text", "hello")
    assert done.code == 2 and "one rank" in done.err
    done = mpi(2, "ablate", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--output-dir", out)
    assert done.code == 2 and "leave out mpirun" in done.err
    assert not out.exists()


def test_ranks_with_unequal_data_or_config(postcards, tmp_path):
    other = tmp_path / "other"
    assert infig("prepare", "postcards", "--out", other, "--count", 120, "--seed", 2).code == 0
    out = tmp_path / "run"

    def two(first, second):
        command = [*crash.MPIRUN, "-n", "1", str(BINARY), *map(str, first), ":", "-n", "1", str(BINARY), *map(str, second)]
        return Done(subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=100, env=ENVIRONMENT))

    done = two(training(postcards, out), training(other, out))
    assert done.code == 1 and "rank 1 reads other posts than rank 0" in done.err, done.all
    done = two(training(postcards, out), training(postcards, out, "optim.lr=0.5"))
    assert done.code == 1 and "another config than rank 0" in done.err, done.all
    assert not out.exists()


def test_a_run_in_use_is_refused_to_ranks(postcards, tmp_path):
    run = tmp_path / "run"
    first = start(postcards, run)
    try:
        wait_for(run / "checkpoints/latest")
        second = mpi(2, *training(postcards, run, "train.epochs=400", "train.patience=0", "train.save_every=2", "--resume", "latest"))
        assert second.code == 1 and "another --output-dir" in second.err, second.all
        assert first.poll() is None
    finally:
        for pid in ranks_of(first).values():
            os.kill(pid, signal.SIGKILL)
        first.communicate(timeout=60)

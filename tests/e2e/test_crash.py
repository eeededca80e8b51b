"""Training that survives: kills at any moment, full disks, locks, signals."""

import contextlib
import fcntl
import importlib.util
import json
import os
import resource
import signal
import subprocess
import time

import pytest
from conftest import BINARY, ROOT, SMALL, infig, train

spec = importlib.util.spec_from_file_location("crash_test", ROOT / "tools/crash_test.py")
crash = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crash)


def test_killed_runs_end_in_the_same_bytes(tmp_path):
    assert crash.crash_test(tmp_path, 5, 2, seed=1) == (5, 2)


def start(data, run, *more, preexec_fn=None):
    words = ["train", "--config", ROOT / "configs/tiny.yaml", "--data", data, "--output-dir", run, *SMALL, "train.epochs=400", "train.patience=0", "--resume", "latest", *more]
    return subprocess.Popen([str(BINARY), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=preexec_fn)


def wait_for(path):
    deadline = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def test_a_run_in_use_is_refused(postcards, tmp_path):
    run = tmp_path / "run"
    first = start(postcards, run)
    try:
        wait_for(run / "checkpoints/latest")
        second = train(postcards, run, "train.epochs=400", "train.patience=0", "--resume", "latest")
        assert second.code == 1
        assert f"process {first.pid} on " in second.err and "another --output-dir" in second.err
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()
    with open(run / ".lock") as file:  # the system has given it back
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_disk_that_fills_up_later_loses_nothing(postcards, tmp_path):
    run = tmp_path / "run"
    process = start(postcards, run, "train.save_every=1")
    wait_for(run / "checkpoints/latest")
    # A file-size limit stands for the full disk: both refuse further bytes in the middle of a file.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (60_000, 60_000))
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1, err
    assert "checkpoints/step-" in err and "writing failed" in err
    assert not list(run.rglob("*.partial*"))
    saved = json.loads((run / "checkpoints/latest/trainer_state.json").read_text())["global_step"]
    assert saved >= 1
    done = infig("evaluate", "--run", run / "checkpoints/latest", "--data", postcards, "--no-report")
    assert done.code == 0, done.all
    again = start(postcards, run, "train.save_every=1")
    wait_for(run / f"checkpoints/step-{saved + 1:06d}")
    again.send_signal(signal.SIGTERM)
    _, err = again.communicate(timeout=300)
    assert again.returncode == 143, err
    assert f"resuming from {run.resolve()}/checkpoints/step-{saved:06d}" in err


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, for which one must be root")
def test_a_full_disk_of_its_own(postcards, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        run = disk / "run"
        process = start(postcards, run, "train.save_every=1", "train.report_to=none")
        wait_for(run / "checkpoints/latest")
        with open(disk / "other", "wb") as other, contextlib.suppress(OSError):  # somebody else fills what there was room for at the start
            while True:
                other.write(bytes(65536))
                other.flush()
        _, err = process.communicate(timeout=300)
        assert process.returncode == 1, err
        assert str(disk) in err and ("No space left" in err or "writing failed" in err)
        assert not list(run.rglob("*.partial*"))
        assert json.loads((run / "checkpoints/latest/trainer_state.json").read_text())["global_step"] >= 1
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_read_only_run_folder(postcards, tmp_path):
    run = tmp_path / "run"
    assert train(postcards, run, "train.epochs=1").code == 0
    if os.geteuid() == 0:  # whom permissions do not stop: a read-only mount does
        mounted = subprocess.run(f"mount --bind {run} {run} && mount -o remount,ro,bind {run}", shell=True, capture_output=True, text=True)
        if mounted.returncode != 0:
            subprocess.run(["umount", run], capture_output=True)
            pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    else:
        run.chmod(0o500)
        (run / ".lock").chmod(0o400)
    try:
        done = train(postcards, run, "train.epochs=1", "--resume", "latest")
        assert done.code == 1 and "cannot be written to" in done.err and str(run) in done.err
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", run], check=True)
        else:
            run.chmod(0o700)
            (run / ".lock").chmod(0o600)


def test_a_second_signal_stops_at_once(postcards, tmp_path):
    run = tmp_path / "run"
    process = start(postcards, run, "train.save_every=1000", "train.eval_every=1000")
    wait_for(run / "metrics.jsonl")
    while not (run / "metrics.jsonl").read_text():
        time.sleep(0.02)
    # Both wait for the stopped process: it wakes up to the first and, before any step can end, to the second.
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (130, 143), err
    assert "saved" not in err
    assert not (run / "checkpoints/latest").exists()


def test_evaluation_and_features_stop_at_the_first_signal(postcards, tmp_path):
    """evaluate, and what train computes before its first step, look at the signal between batches, not at their end."""
    run = tmp_path / "run"
    assert train(postcards, run, "train.epochs=1").code == 0
    rows = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    many = [{**row, "id": f"{row['id']}-{i}", "image": str(postcards / row["image"])} for i in range(8000 // len(rows)) for row in rows]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in many))
    evaluate = ["evaluate", "--run", run, "--data", tmp_path / "many.jsonl", "--split", "train", "--threads", "1", "--batch-size", "4"]
    features = ["train", "--config", ROOT / "configs/tiny.yaml", "--data", tmp_path / "many.jsonl", "--output-dir", tmp_path / "new", *SMALL,
                "image.augment=none", "image.finetune=false", "image.batch_norm_train=false"]
    for words, said in [(evaluate, "nothing was written"), (features, "nothing was written")]:
        process = subprocess.Popen([str(BINARY), *map(str, words)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        time.sleep(1.5)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 130 and said in err, (words[0], out, err)
        assert time.monotonic() - begun < 20
    assert not (run / "eval").exists() or not list((run / "eval").rglob("train*"))
    left = [path for path in (tmp_path / "new").rglob("*") if path.name not in ("cache", ".lock")] if (tmp_path / "new").exists() else []
    assert not left


def test_signals_while_one_step_runs(postcards, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    settings = ["train.epochs=3", "train.save_every=1000", "train.log_every=1", "train.micro_batch=5", "image.batch_norm_train=false", "train.modality_dropout=0.2"]
    assert train(postcards, whole, *settings, "train.patience=0").code == 0
    process = start(postcards, run, *settings)
    wait_for(run / "metrics.jsonl")
    while not (run / "metrics.jsonl").read_text():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode in (0, 130), err  # 0: the run was through before the signal came
    assert train(postcards, run, *settings, "train.patience=0", "--resume", "latest").code == 0
    for name in ["metrics.jsonl", "checkpoints/latest/model.safetensors", "checkpoints/latest/trainer.safetensors"]:
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name


def test_modalities_side_by_side(postcards, tmp_path):
    run = tmp_path / "run"
    assert train(postcards, run, "train.modality_dropout=0.4").code == 0
    assert "null_tokens: true" in (run / "config.yaml").read_text()
    done = infig("evaluate", "--run", run, "--data", postcards, "--modalities")
    assert done.code == 0, done.all
    both = json.loads((run / "eval/test.json").read_text())
    for side, hidden in [("text_only", "image"), ("image_only", "text")]:
        alone = json.loads((run / f"eval/test-without-{hidden}.json").read_text())
        for score in ["accuracy", "f1_macro", "f1_weighted"]:
            assert both[f"eval_{side}_{score}"] == alone[f"eval_{score}"]
    page = (run / "report.html").read_text()
    assert "text alone" in page and "picture alone" in page
    # predict sees a post without picture as evaluate does
    posts = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    rows = [{"id": post["id"], "text": post["text"]} for post in posts if post["split"] == "test"]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert infig("predict", "--run", run, "--input", tmp_path / "texts.jsonl", "--output", tmp_path / "out.jsonl").code == 0
    predicted = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    labels = {post["id"]: post["label"] for post in posts}
    right = sum(row["prediction"] == labels[row["id"]] for row in predicted) / len(predicted)
    assert right == pytest.approx(both["eval_text_only_accuracy"], abs=1e-12)
    wrong = infig("evaluate", "--run", run, "--data", postcards, "--modalities", "--without", "text")
    assert wrong.code == 2 and "--modalities" in wrong.err

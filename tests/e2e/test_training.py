"""Training as people meet it: splits that are small or absent, pictures that are not there, limits of time and disk, runs that go on."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest
from conftest import BINARY, ROOT, SMALL, infig, train

WORDS = {"good": ["lovely", "fine", "bright"], "bad": ["storm", "broken", "sad"], "dull": ["road", "table", "grey"]}


def table(path, **splits):
    """A table of texts: posts a split, of three classes in turn."""
    rows = ["id,text,label,split"]
    for split, count in splits.items():
        for i in range(count):
            label = list(WORDS)[i % 3]
            rows.append(f"{split}{i},a {WORDS[label][i // 3 % 3]} thing of number {i},{label},{split}")
    path.write_text("\n".join(rows) + "\n")
    return path


def state_of(run, checkpoint="latest"):
    return json.loads((run / "checkpoints" / checkpoint / "trainer_state.json").read_text())


def lines_of(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def steps_in(run):
    return sorted(path.name for path in (run / "checkpoints").iterdir() if not path.is_symlink())


# Splits


def test_without_a_dev_split_the_last_checkpoint_is_the_best_and_says_so(tmp_path):
    data, run = table(tmp_path / "posts.csv", train=24, test=9), tmp_path / "run"
    done = train(data, run, "train.epochs=3")
    assert done.code == 0, done.all
    assert "no post of the split dev" in done.err and "train.patience" in done.err
    assert "best is the last checkpoint, of step 3 (no dev split)" in done.err
    state = state_of(run)
    assert state["best_metric"] is None and state["best_f1_weighted"] is None and state["best_step"] == 3
    assert (run / "checkpoints/best").resolve() == (run / "checkpoints/latest").resolve()
    evaluated = infig("evaluate", "--run", run, "--data", data, "--split", "test")
    assert evaluated.code == 0, evaluated.all
    again = train(data, run, "train.epochs=3", "--resume", "latest")
    assert again.code == 0 and "no dev split" in again.err
    texts = [done.all, evaluated.all, again.all, *[path.read_text() for path in [*run.glob("eval/*.json"), run / "model-card.md", run / "report.html", run / "train.log"]]]
    for text in texts:
        assert not re.search(r"-1\.0+\b|best_metric\W+-1", text), text
    assert "no dev split" in (run / "model-card.md").read_text() and "no dev split" in (run / "report.html").read_text()
    refused = train(data, tmp_path / "average", "train.average_best=2")
    assert refused.code == 1 and "train.average_best=2" in refused.err and not (tmp_path / "average").exists()
    seeds = train(data, tmp_path / "seeds", "--seeds", "2")
    assert seeds.code == 1 and "dev" in seeds.err and not (tmp_path / "seeds").exists()


def test_posts_left_out_of_every_epoch_are_counted_and_the_batch_that_is_proposed_leaves_none(tmp_path):
    data = table(tmp_path / "posts.csv", train=98, dev=6)
    done = train(data, tmp_path / "a", "train.batch_size=64", "train.epochs=1")
    assert done.code == 0, done.all
    said = re.search(r"34 of 98 training posts \(34.7 %\) are left out of every epoch.*; train\.batch_size=(\d+) leaves out none", done.err)
    assert said, done.err
    done = train(data, tmp_path / "b", f"train.batch_size={said[1]}", "train.epochs=1")
    assert done.code == 0 and "left out" not in done.err and f"{said[1]} posts a step, 2 steps an epoch" in done.err, done.all
    done = train(data, tmp_path / "c", "train.batch_size=16", "train.epochs=1")  # 2 of 98: no word
    assert done.code == 0 and "left out" not in done.err, done.all


def test_a_split_smaller_than_a_batch_trains_with_a_smaller_batch(tmp_path):
    data, run = table(tmp_path / "posts.csv", train=5, dev=6), tmp_path / "run"
    done = train(data, run)
    assert done.code == 0, done.all
    assert "the training split has 5 posts, fewer than train.batch_size=16: every batch has 5" in done.err
    assert "5 posts a step, 1 step an epoch" in done.err and state_of(run)["global_step"] == 2
    again = train(data, run, "train.epochs=3", "--resume", "latest")
    assert again.code == 0 and state_of(run)["global_step"] == 3, again.all


# Pictures


@pytest.fixture
def without_pictures(postcards, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(postcards, folder)
    shutil.rmtree(folder / "images")
    return folder


def test_pictures_that_are_all_absent_are_named_and_the_advice_works(without_pictures, tmp_path):
    run = tmp_path / "run"
    for more in [], ["data.bad_image=skip"]:
        done = train(without_pictures, run, *more)
        assert done.code == 1 and "pc-" in done.err and "images/" in done.err, done.all
        assert "smaller batch" not in done.err and "batch_size" not in done.err.splitlines()[-1]
        assert not run.exists(), "a start that failed leaves nothing in the way of the next one"
    assert "none of the 120 pictures" in done.err and "--bad-image missing" in done.err
    done = train(without_pictures, run, "--bad-image", "missing", "train.epochs=1")
    assert done.code == 0, done.all
    assert "pictures: 0 of 110 used, 110 absent" in done.err, done.err
    pictures = json.loads((run / "description.json").read_text())["pictures"]
    assert pictures["images_named"] == 110 and pictures["images_absent"] == 110


def test_pictures_that_are_dropped_are_counted(postcards, tmp_path):
    data, run = tmp_path / "data", tmp_path / "run"
    shutil.copytree(postcards, data)
    posts = [json.loads(line) for line in (data / "posts.jsonl").read_text().splitlines()]
    for post in [post for post in posts if post["split"] == "train"][:10]:
        (data / post["image"]).unlink()
    done = train(data, run, "--bad-image", "skip", "train.epochs=1")
    assert done.code == 0, done.all
    assert "10 of 98 train posts are dropped with their pictures: 10 absent" in done.err
    assert "5 steps an epoch" in done.err  # (98 - 10) / 16
    for post in posts:  # and not one of dev is left
        if post["split"] == "dev":
            (data / post["image"]).unlink()
    done = train(data, tmp_path / "other", "--bad-image", "skip", "train.epochs=1")
    assert done.code == 1 and "none of 12 dev posts are left" in done.err and not (tmp_path / "other").exists(), done.all


# Going on


def rate(step, total, top=1e-3, warmup=0.1):
    """Linear warm-up over a share of all steps, then linearly to 0."""
    warm = int(warmup * total)
    return top * (step + 1) / warm if step < warm else top * (1 - (step - warm) / (total - warm))


def test_epochs_may_grow(postcards, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    more = ["train.log_every=1", "train.save_every=1", "train.save_total_limit=50", "train.patience=0"]
    assert train(postcards, whole, *more).code == 0
    before, length = lines_of(whole), 12  # 98 posts, 16 a batch, 2 epochs
    weights = (whole / "checkpoints/latest/model.safetensors").read_bytes()
    assert state_of(whole)["global_step"] == length
    done = train(postcards, whole, *more, "train.epochs=3", "--resume", "latest")
    assert done.code == 0, done.all
    assert "train.epochs has grown from 2 to 3: up to step 12 the rates are those of 2 epochs, from there on those of 3" in done.err
    after = lines_of(whole)
    assert after[: len(before)] == before, "what was done stays"
    assert (whole / "checkpoints/step-000012/model.safetensors").read_bytes() == weights
    rates = {line["step"]: line["learning_rate"] for line in after if "learning_rate" in line}
    assert sorted(rates) == list(range(1, 19))
    for step, found in rates.items():
        assert found == pytest.approx(rate(step - 1, 12 if step <= 12 else 18)), step
    assert state_of(whole)["planned_epochs"] == [2, 3]
    # The same from a run that was stopped before the first end: what counts is what was planned, not when.
    process = subprocess.Popen([str(BINARY), *map(str, ["train", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--output-dir", cut, *SMALL, *more])],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (cut / "checkpoints/step-000003").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=300) in (143, 0)
    done = train(postcards, cut, *more, "train.epochs=3", "--resume", "latest")
    assert done.code == 0, done.all
    for file in ["metrics.jsonl", "checkpoints/latest/model.safetensors", "checkpoints/latest/optimizer.safetensors", "checkpoints/latest/trainer.safetensors"]:
        assert (cut / file).read_bytes() == (whole / file).read_bytes(), file
    fewer = train(postcards, whole, *more, "train.epochs=2", "--resume", "latest")
    assert fewer.code == 2 and "train.epochs=3, now it is 2" in fewer.err, fewer.all


def test_a_run_that_stopped_early_goes_on_with_more_patience(tmp_path):
    data, run = table(tmp_path / "posts.csv", train=32, dev=6), tmp_path / "run"
    still = ["optim.lr=1e-30", "train.epochs=4"]  # nothing moves, so nothing gets better
    assert train(data, run, *still, "train.patience=1").code == 0
    assert state_of(run)["epoch"] == 2
    done = train(data, run, *still, "train.patience=1", "--resume", "latest")
    assert done.code == 0 and "stopped early, after 1 evaluation " in done.err and "larger train.patience, or 0" in done.err, done.all
    done = train(data, run, *still, "train.patience=0", "--resume", "latest")
    assert done.code == 0 and state_of(run)["epoch"] == 4, done.all


def test_a_broken_newest_checkpoint_has_a_fallback(postcards, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    more = ["train.save_every=1", "train.save_total_limit=5", "train.eval_every=4", "train.patience=0"]
    assert train(postcards, whole, *more).code == 0
    with_state = [name for name in steps_in(whole) if (whole / "checkpoints" / name / "optimizer.safetensors").exists()]
    assert with_state == ["step-000011", "step-000012"], "the newest two alone"
    assert [name for name in steps_in(whole) if (whole / "checkpoints" / name / "trainer.safetensors").exists()] == with_state
    assert len(steps_in(whole)) >= 5 and all((whole / "checkpoints" / name / "model.safetensors").exists() for name in steps_in(whole))
    for file in ["model.safetensors", "optimizer.safetensors", "trainer.safetensors"]:
        for size in [1000, None]:  # cut off, and gone
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(whole, run, symlinks=True)
            path = run / "checkpoints/step-000012" / file
            path.unlink() if size is None else os.truncate(path, size)
            done = train(postcards, run, *more, "--resume", "latest")
            assert done.code == 0 and "step-000012: the checkpoint is broken and moved aside" in done.err, done.all
            assert "resuming from" in done.err and "at step 11" in done.err
            for other in ["model.safetensors", "optimizer.safetensors", "trainer.safetensors", "trainer_state.json"]:
                assert (run / "checkpoints/step-000012" / other).read_bytes() == (whole / "checkpoints/step-000012" / other).read_bytes(), (file, size, other)
    # Both of them: what is left is a model, and the advice says what it is good for.
    for name in with_state:
        (run / "checkpoints" / name / "optimizer.safetensors").unlink()
    for _ in range(2):
        done = train(postcards, run, *more, "--resume", "latest")
        assert done.code == 1 and "no whole checkpoint to continue from" in done.err, done.all
    start = re.search(r"--init-from (\S+)", done.err)[1]
    done = train(postcards, tmp_path / "new", "--init-from", start, "train.epochs=1")
    assert done.code == 0 and "starting from the weights of" in done.err, done.all
    # Weights of another shape: a few of them, how many more, and the keys that make the difference.
    done = train(postcards, tmp_path / "wider", "--init-from", tmp_path / "new", "text.hidden_size=32", "train.epochs=1")
    assert done.code == 1 and re.search(r"has another shape; .* and \d+ more", done.err) and "keys that differ: text.hidden_size=32 (there 16);" in done.err, done.all
    assert len(done.err.splitlines()[-1]) < 900


def test_a_best_checkpoint_without_its_weights(postcards, tmp_path):
    run, more = tmp_path / "run", ["train.patience=0"]
    assert train(postcards, run, *more, "optim.lr=1e-30", "train.epochs=3").code == 0  # the first evaluation stays the best
    best = (run / "checkpoints/best").resolve()
    assert best.name == "step-000006" and state_of(run)["global_step"] == 18
    (best / "model.safetensors").unlink()
    done = train(postcards, run, *more, "optim.lr=1e-30", "train.epochs=3", "--resume", "latest")
    assert done.code == 1 and "of step 6, cannot be used any more: it has no model.safetensors" in done.err, done.all
    left = re.search(r"--run (\S+)", done.err)[1]
    assert infig("evaluate", "--run", left, "--data", postcards, "--no-report").code == 0
    assert infig("predict", "--run", left, "--text", "a lovely day").code == 0
    done = train(postcards, run, *more, "optim.lr=1e-30", "train.epochs=4", "--resume", "latest")
    assert done.code == 0 and "takes its place" in done.err and (run / "checkpoints/best/model.safetensors").exists(), done.all


def test_what_a_start_says_when_it_cannot_go_on(postcards, tmp_path):
    run = tmp_path / "run"
    assert train(postcards, run, "train.epochs=1").code == 0
    done = train(postcards, run, "train.epochs=1")
    assert done.code == 2 and "--resume latest" in done.err and "another --output-dir" in done.err
    assert train(postcards, run, "train.epochs=1", "--resume", "latest").code == 0
    other = train(postcards, run, "train.epochs=1", "optim.lr=5e-4", "--resume", "latest")
    assert other.code == 2 and "optim.lr=0.001, now it is 0.0005" in other.err
    assert train(postcards, tmp_path / "another", "train.epochs=1", "optim.lr=5e-4").code == 0
    diverged = ["optim.lr=1e30", "optim.warmup=0", "train.epochs=1"]
    done = train(postcards, tmp_path / "nan", *diverged)
    assert done.code == 1 and "A lower optim.lr" in done.err
    assert train(postcards, tmp_path / "nan-lower", "train.epochs=1", "optim.warmup=0").code == 0


# Time


def test_a_time_limit_ends_in_order_and_is_resumed(postcards, tmp_path):
    run = tmp_path / "run"
    more = ["train.patience=0", "train.save_every=1000", "train.eval_every=1000", "--resume", "latest"]
    done = train(postcards, run, *more, "--time-limit", "0.01s")
    assert done.code == 0 and "the time limit of" in done.err and "at step 1, in epoch 1 of 2" in done.err, done.all
    state = state_of(run)
    assert state["global_step"] == 1 and state["best_step"] == 1 and not state["finished"]
    assert [line["step"] for line in lines_of(run) if "eval_accuracy" in line] == [1], "dev is evaluated"
    assert infig("predict", "--run", run, "--text", "a lovely day").code == 0
    done = train(postcards, run, *more, "--time-limit", "2h")
    assert done.code == 0 and "resuming from" in done.err and state_of(run)["finished"], done.all
    whole = tmp_path / "whole"
    assert train(postcards, whole, *more).code == 0
    name = "checkpoints/latest/model.safetensors"
    assert (run / name).read_bytes() == (whole / name).read_bytes(), "an evaluation more changes no weight"
    for wrong in ["0", "soon", "5x", "1h30", "-3m", "30m1h", ""]:
        done = train(postcards, tmp_path / "wrong", f"--time-limit={wrong}")
        assert done.code == 2 and not (tmp_path / "wrong").exists(), (wrong, done.all)


def test_a_dry_run_says_what_a_run_then_does(postcards, tmp_path):
    run, scratch = tmp_path / "run", tmp_path / "scratch"
    scratch.mkdir()
    words = ["train", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--output-dir", run, *SMALL, "train.patience=0"]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    before = sorted(postcards.rglob("*"))
    done = subprocess.run([str(BINARY), *map(str, words), "--dry-run"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert not run.exists() and not list(scratch.iterdir()) and sorted(postcards.rglob("*")) == before, "nothing is left behind"
    for part in ["train      98 posts, 98 texts, 98 pictures named", "dev        12 posts", "12 steps: 2 epochs of 6 steps of 16 posts, 2 evaluations", "nothing was written"]:
        assert part in done.stdout, done.stdout
    assert re.search(r"time +about \d+:\d\d: a step takes \d+ ms", done.stdout) and re.search(r"memory +\d+ MiB", done.stdout)
    said = re.search(r"disk +(a checkpoint takes .*? at the end)", done.stdout)[1]
    real = infig(*words)
    assert real.code == 0 and said in real.err, (said, real.err)
    for flags, word in [(["--resume", "latest"], "--resume"), (["--seeds", "2"], "--seeds"), (["--time-limit", "1h"], "--time-limit")]:
        refused = infig(*words, "--dry-run", *flags)
        assert refused.code == 2 and word in refused.err, refused.all
    refused = infig(*words, "--dry-run")
    assert refused.code == 2 and "exists already" in refused.err, refused.all


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_bench_ends_when_it_is_asked_to(postcards, tmp_path, number):
    words = ["bench", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--steps", 1_000_000, *SMALL]
    process = subprocess.Popen([str(BINARY), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    while "vocabulary" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + number and not out
    assert not list(tmp_path.iterdir())


# Disk


def size_in(text):
    number, unit = re.fullmatch(r"([\d.]+) (B|kB|MB|GB)", text).groups()
    return float(number) * {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]


def bytes_of(folder, *names):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and (not names or path.name in names))


def test_the_disk_that_is_said_is_the_disk_that_is_taken(postcards, tmp_path):
    more = ["train.patience=0", "train.save_every=1", "train.epochs=3", "text.hidden_size=64"]
    for keep in "all", "best":
        run = tmp_path / keep
        done = train(postcards, run, *more, f"train.keep={keep}")
        assert done.code == 0, done.all
        said = re.search(r"a checkpoint takes (.+?) \(model (.+?), optimizer (.+?), twins, queue and averages (.+?)\); checkpoints take up to (.+?) at once .*? and (.+?) at the end", done.err)
        one, model, optimizer, rest, most, end = [size_in(part) for part in said.groups()]
        latest = run / "checkpoints/latest"
        if keep == "all":
            for size, file in [(model, "model"), (optimizer, "optimizer"), (rest, "trainer")]:
                assert (latest / f"{file}.safetensors").stat().st_size == pytest.approx(size, rel=0.1), file
            assert one == pytest.approx(model + optimizer + rest, rel=0.1) and most >= 3 * one
            assert steps_in(run)[-1] == "step-000018"
        else:
            assert len(steps_in(run)) == 1 and end == model
        tensors = bytes_of(run / "checkpoints", "model.safetensors", "optimizer.safetensors", "trainer.safetensors")
        assert tensors <= 1.1 * end and (keep == "all" or tensors == pytest.approx(end, rel=0.1))


def test_keep_best_leaves_what_prediction_needs(postcards, tmp_path):
    run, plain = tmp_path / "run", tmp_path / "plain"
    more = ["train.epochs=3", "train.patience=0"]
    assert train(postcards, plain, *more).code == 0
    assert train(postcards, run, *more, "train.keep=best").code == 0
    best = (run / "checkpoints/best").resolve()
    assert [best.name] == steps_in(run) and best == (run / "checkpoints/latest").resolve()
    assert not list(run.rglob("optimizer.safetensors")) and not list(run.rglob("trainer.safetensors"))
    assert (best / "model.safetensors").read_bytes() == (plain / "checkpoints/best/model.safetensors").read_bytes()
    assert state_of(run)["finished"] and state_of(run)["global_step"] == 18
    assert infig("evaluate", "--run", run, "--data", postcards).code == 0
    assert infig("predict", "--run", run, "--text", "a lovely day").code == 0
    again = train(postcards, run, *more, "train.keep=best", "--resume", "latest")
    assert again.code == 0 and "nothing to do" in again.err, again.all
    grown = train(postcards, run, "train.epochs=4", "train.patience=0", "train.keep=best", "--resume", "latest")
    assert grown.code == 1 and "train.keep=best" in grown.err and "--init-from" in grown.err, grown.all
    start = re.search(r"--init-from (\S+)", grown.err)[1]
    assert train(postcards, tmp_path / "next", "--init-from", start, "train.epochs=1").code == 0
    # A finished run is cleared up by the same command with the key.
    done = train(postcards, plain, *more, "train.keep=best", "--resume", "latest")
    assert done.code == 0 and steps_in(plain) == steps_in(run), done.all


def test_train_leaves_folders_of_others_alone(postcards, tmp_path):
    """What is no run is not begun in, with --resume or without; a run without its checkpoints says that it starts again."""
    notes, run = tmp_path / "notes", tmp_path / "run"
    notes.mkdir()
    (notes / "notes.txt").write_text("precious")
    shutil.copytree(postcards, tmp_path / "data")
    for folder, said in [(notes, "holds other files, and no run"), (tmp_path / "data", "is a data set folder")]:
        before = sorted(path.name for path in folder.rglob("*"))
        for more in ([], ["--resume", "latest"]):
            done = train(postcards, folder, *more)
            assert done.code == 2 and said in done.err and "--output-dir" in done.err and "--resume" not in done.err, done.all
        assert sorted(path.name for path in folder.rglob("*")) == before
    assert train(postcards, run, "train.epochs=1").code == 0
    (run / "config.yaml").rename(tmp_path / "config.yaml")
    done = train(postcards, run, "train.epochs=1", "--resume", "latest")
    assert done.code == 2 and "config.yaml is absent" in done.err and (run / "checkpoints/latest").exists(), done.all
    (tmp_path / "config.yaml").rename(run / "config.yaml")
    shutil.rmtree(run / "checkpoints")
    done = train(postcards, run, "train.epochs=1", "--resume", "latest")
    assert done.code == 0 and "starts again from its first step" in done.err, done.all


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, for which one must be root")
def test_a_disk_without_room_is_refused_before_training(postcards, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        more = ["train.save_every=1", "train.patience=0", "train.report_to=none"]
        done = train(postcards, disk / "run", *more, "train.save_total_limit=50")
        assert done.code == 1 and re.search(r"its checkpoints need [\d.]+ [kM]B more on this disk, which has [\d.]+ [kM]B left", done.err), done.all
        assert not (disk / "run").exists()
        advice = re.search(r"or keep less \([\d.]+ [kM]B at once\): (.*)", done.err)[1].split(", ")
        done = train(postcards, disk / "run", *more, *advice)
        assert done.code == 0, done.all
    finally:
        subprocess.run(["umount", disk], check=True)



"""Run folders of strangers: what leads out of the folder, what is not what it says, what is larger than it says. Every case ends with exit
code 1 and a message that names the place; nothing outside the folder is written or deleted. docs/security.md is the list."""

import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import time

import pytest
from conftest import BINARY, ROOT, SMALL, Done, infig, train


@pytest.fixture(scope="module")
def unfinished(work, postcards):
    """A run that was stopped after its first epoch: to be continued."""
    folder = work / "unfinished"
    done = train(postcards, folder, *FROZEN, "train.save_every=1000", "train.save_total_limit=9")
    assert done.code == 0, done.all
    steps = sorted((folder / "checkpoints").glob("step-*"))
    assert len(steps) == 2, steps
    shutil.rmtree(steps[1])
    shutil.rmtree(folder / "checkpoints/average")
    for name in ["latest", "best"]:
        (folder / "checkpoints" / name).unlink()
        (folder / "checkpoints" / name).symlink_to(steps[0].name)
    return folder


# Pictures' features are cached, and every epoch leaves a checkpoint.
FROZEN = ["image.finetune=false", "image.batch_norm_train=false", "image.augment=none", "train.average_best=2"]


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    (folder / "inner").mkdir(parents=True)
    for name in ["file", "a.partial", "inner/b.partial-1-1"]:
        (folder / name).write_text("precious")
    return folder


def contents(folder):
    return {path.relative_to(folder): (path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def resume(data, run):
    return train(data, run, *FROZEN, "train.save_every=1000", "train.save_total_limit=9", "--resume", "latest")


def move_out(run, name, outside):
    """The run's own folder lies elsewhere, and a link leads there."""
    target = outside / "moved"
    if (run / name).exists():
        (run / name).rename(target)
    else:
        target.mkdir()
    (run / name).symlink_to(target)
    for left in ["c.partial", "step-000001.partial-1-1"]:
        (target / left).write_text("precious")


def test_the_unfinished_run_goes_on(unfinished, postcards, tmp_path):
    run = shutil.copytree(unfinished, tmp_path / "run", symlinks=True)
    (tmp_path / "typed").symlink_to(run)  # what the user types may be a link
    done = resume(postcards, tmp_path / "typed")
    assert done.code == 0, done.all
    assert (run / "checkpoints/average/model.safetensors").exists()
    assert infig("evaluate", "--run", tmp_path / "typed", "--data", postcards, "--fit-temperature").code == 0
    assert (run / "checkpoints" / os.readlink(run / "checkpoints/best") / "calibration.json").exists()


@pytest.mark.parametrize("name, kind", [*[(name, "link") for name in [".lock", "config.yaml", "description.json", "train.log", "metrics.jsonl", "timings.jsonl"]],
                                        *[(name, "dangling") for name in [".lock", "bad-pictures.csv", "train.log", "report.html"]]])
def test_train_writes_to_no_linked_file(unfinished, postcards, outside, tmp_path, name, kind):
    run = shutil.copytree(unfinished, tmp_path / "run", symlinks=True)
    target = outside / ("target" if kind == "link" else "new")
    if kind == "link":
        target.write_bytes((run / name).read_bytes() if (run / name).exists() else b"precious")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(target)
    before = contents(outside)
    done = resume(postcards, run)
    assert contents(outside) == before
    assert done.code == 1, done.all
    assert f"{run}/{name}: is a symbolic link" in done.err and "delete the link" in done.err


@pytest.mark.parametrize("name", ["cache", "checkpoints", "tensorboard", "eval"])
def test_train_writes_and_deletes_in_no_linked_folder(unfinished, postcards, outside, tmp_path, name):
    run = shutil.copytree(unfinished, tmp_path / "run", symlinks=True)
    move_out(run, name, outside)
    before = contents(outside)
    done = resume(postcards, run)
    assert contents(outside) == before
    assert done.code == 1, done.all
    assert f"{run}/{name}: is a symbolic link" in done.err


def test_leftovers_are_deleted_as_the_links_that_they_are(unfinished, postcards, outside, tmp_path):
    run = shutil.copytree(unfinished, tmp_path / "run", symlinks=True)
    step = next((run / "checkpoints").glob("step-*"))
    for place in [run, run / "cache", run / "checkpoints", step]:
        (place / "x.partial").symlink_to(outside)
        (place / "y.replaced-1").symlink_to(outside / "file")
    (run / "old.partial").mkdir()
    (run / "old.partial/way-out").symlink_to(outside / "inner")
    before = contents(outside)
    done = resume(postcards, run)
    assert done.code == 0, done.all
    assert contents(outside) == before
    assert not list(run.rglob("*.partial*")) and not list(run.rglob("*.replaced*"))


@pytest.mark.parametrize("name", ["latest", "best"])
@pytest.mark.parametrize("target", ["../../outside/moved", "step-000077", "average"])
def test_latest_and_best_name_a_step(unfinished, postcards, outside, tmp_path, name, target):
    run = shutil.copytree(unfinished, tmp_path / "run", symlinks=True)
    step = next((run / "checkpoints").glob("step-*"))
    shutil.copytree(step, outside / "moved")
    if target == "step-000077":  # the name is a step's, what it names is a link itself
        (run / "checkpoints" / target).symlink_to(outside / "moved")
    (run / "checkpoints" / name).unlink()
    (run / "checkpoints" / name).symlink_to(target)
    before = contents(outside)
    done = resume(postcards, run)
    assert contents(outside) == before
    assert done.code == 1, done.all
    assert f"{run}/checkpoints/" in done.err and ("leads to" in done.err or "is a symbolic link" in done.err)
    if name == "latest":
        return
    for words in [["evaluate", "--run", run, "--data", postcards, "--fit-temperature"], ["predict", "--run", run, "--text", "rain"]]:
        done = infig(*words)
        assert done.code == 1 and f"{run}/checkpoints/best: leads to" in done.err, done.all
    assert contents(outside) == before


@pytest.mark.parametrize("name", ["eval", "eval/test.json", "eval/test-predictions.csv", "eval/test-confusion.csv", "eval/test-posts.json", "report.html", "model-card.md", "checkpoints/best/calibration.json"])
def test_evaluate_writes_through_no_link(run, postcards, outside, tmp_path, name):
    copy = shutil.copytree(run, tmp_path / "run", symlinks=True)
    place = (copy / name).parent.resolve() / (copy / name).name
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    place.symlink_to(outside if name == "eval" else outside / "file")
    before = contents(outside)
    done = infig("evaluate", "--run", copy, "--data", postcards, *(["--fit-temperature"] if "calibration" in name else []))
    assert contents(outside) == before
    assert done.code == 1, done.all
    assert f"{place.name}: is a symbolic link" in done.err


def test_the_output_of_predict_is_no_way_out(run, postcards, outside, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run", symlinks=True)
    (copy / "out.jsonl.partial").symlink_to(outside / "file")
    (tmp_path / "posts.jsonl").write_text('{"id": "a", "text": "rain"}\n')
    before = contents(outside)
    done = infig("predict", "--run", copy, "--input", tmp_path / "posts.jsonl", "--output", copy / "out.jsonl")
    assert contents(outside) == before
    assert done.code == 1 and "out.jsonl.partial: is a symbolic link" in done.err, done.all


def limited(*words, mebibytes=1500):
    """infig, and how much memory it held at most: more than `mebibytes` fails."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (300, 300))
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # spares the machine where a test fails

    process = subprocess.Popen([str(BINARY), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, preexec_fn=limit)
    out = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    assert os.WIFEXITED(status), f"ended by signal {os.WTERMSIG(status)}: {out}"
    assert usage.ru_maxrss < mebibytes * 1024, f"{usage.ru_maxrss // 1024} MiB"
    return Done(subprocess.CompletedProcess(words, os.WEXITSTATUS(status), out, ""))


def changed(config, key, value):
    config = json.loads(json.dumps(config))
    *around, last = key.split(".")
    place = config
    for name in around:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[int(last) if isinstance(place, list) else last] = value
    return config


# Key of config.json, what it is there, what the message names.
CONFIGS = [
    ("infig.text.hidden_size", 1_000_000_000, "key infig.text.hidden_size: is 1000000000"),
    ("infig.text.hidden_size", 20_000, "key infig.text.hidden_size: is 20000"),
    ("infig.text.hidden_size", "16", "key infig.text.hidden_size: is \"16\", expected a whole number"),
    ("infig.text.num_hidden_layers", 2_000_000, "key infig.text.num_hidden_layers: is 2000000"),
    ("infig.text.max_relative_positions", 10**12, "key infig.text.max_relative_positions"),
    ("infig.text.position_buckets", 50_000_000, "key infig.text.position_buckets: is 50000000"),
    ("text_encoder.vocab_size", 40_000_000, "key text_encoder.vocab_size: is 40000000"),
    ("infig.image.stage_widths.3", 100_000, "key infig.image.stage_widths"),
    ("infig.fusion.num_hidden_layers", 1_000_000, "key infig.fusion.num_hidden_layers: is 1000000"),
    ("clip_embed_dim", 100_000_000, "key clip_embed_dim: is "),
    ("model_type", 7, "key model_type: is 7"),
    ("id2label", ["a", "b", "c"], "key id2label: is array"),
    ("id2label", {"0": 1, "1": 2, "2": 3}, "key id2label.0: is 1"),
    ("infig.text", "deberta", "key infig.text: is \"deberta\""),
    ("text_encoder", None, "key text_encoder: is null"),
    ("infig.head.dropout", "much", "config.json"),
]


@pytest.mark.parametrize("key, value, message", CONFIGS)
def test_a_config_that_is_not_the_weights_own(run, tmp_path, key, value, message):
    copy = shutil.copytree(run, tmp_path / "run", symlinks=True)
    path = copy / "checkpoints/best/config.json"
    path.write_text(json.dumps(changed(json.loads(path.read_text()), key, value)))
    done = limited("predict", "--run", copy, "--text", "rain")
    assert done.code == 1, done.all
    assert message in done.all and "config.json" in done.all


BROKEN = {"nothing": "", "brackets": "[" * 100_000, "objects": '{"a":' * 100_000, "half": '{"infig": {', "list": "[]", "number": "7", "bytes": b"\xff\xfe\x00", "zeros": b"\0" * 4096}


@pytest.mark.parametrize("name, kind", [*[("config.json", kind) for kind in BROKEN], ("calibration.json", "brackets"), ("calibration.json", "list"),
                                        ("tokenizer_config.json", "objects"), ("tokenizer_config.json", "half")])
def test_files_that_are_no_json(run, postcards, tmp_path, name, kind):
    copy = shutil.copytree(run, tmp_path / "run", symlinks=True)
    text = BROKEN[kind]
    (copy / "checkpoints/best" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    done = limited("predict", "--run", copy, "--text", "rain", "--temperature", "fitted")
    assert done.code == 1, done.all
    assert name in done.all or str(copy) in done.all


@pytest.mark.parametrize("name", ["trainer_state.json", "config.json", "description.json"])
@pytest.mark.parametrize("kind", ["brackets", "bytes"])
def test_a_checkpoint_that_cannot_be_continued(unfinished, postcards, tmp_path, name, kind):
    run = shutil.copytree(unfinished, tmp_path / "run", symlinks=True)
    step = next((run / "checkpoints").glob("step-*"))
    text = BROKEN[kind]
    ((run if name == "description.json" else step) / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    done = resume(postcards, run)
    assert done.code == 1 and name in done.err, done.all


@pytest.mark.parametrize("key, value", [("epoch", 10**9), ("epoch", -1), ("batch_in_epoch", 10**9), ("batch_in_epoch", "2"), ("global_step", -5), ("window", ["x"] * 8),
                                        ("log_history", [{"step": 1}]), ("log_history", [1]), ("best_step", "none"), ("loss_scale", 0)])
def test_a_state_that_cannot_be(unfinished, postcards, tmp_path, key, value):
    run = shutil.copytree(unfinished, tmp_path / "run", symlinks=True)
    path = next((run / "checkpoints").glob("step-*")) / "trainer_state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    done = resume(postcards, run)
    assert done.code == 1, done.all
    assert "trainer_state.json: key " + key in done.err or "the checkpoint stands after batch" in done.err or f"key {key}" in done.err, done.all


@pytest.mark.parametrize("cut", ["half", "header", "longer"])
def test_a_cache_that_is_cut_off(unfinished, postcards, tmp_path, cut):
    run = shutil.copytree(unfinished, tmp_path / "run", symlinks=True)
    features = next((run / "cache").glob("image-*")) / "features.safetensors"
    size = features.stat().st_size
    os.truncate(features, {"half": size // 2, "header": 20, "empty": 0, "longer": size + 8}[cut])
    done = resume(postcards, run)
    assert done.code == 1 and str(features) in done.err, done.all


@pytest.mark.parametrize("record", ['{"bad": [{}]}', '{"bad": [{"row": 100000, "id": "a", "file": "b", "status": "c", "reason": "d"}]}', "[" * 100_000])
def test_a_cache_whose_record_is_broken(unfinished, postcards, tmp_path, record):
    run = shutil.copytree(unfinished, tmp_path / "run", symlinks=True)
    path = next((run / "cache").glob("image-*")) / "features.json"
    path.write_text(record)
    done = resume(postcards, run)
    assert done.code == 1 and str(path) in done.err, done.all


def test_a_file_of_a_terabyte_is_no_picture(run, tmp_path):
    picture = tmp_path / "huge.png"
    picture.write_bytes((ROOT / "tests/golden/image/files").glob("*.png").__next__().read_bytes())
    os.truncate(picture, 1 << 40)  # holes
    (tmp_path / "posts.jsonl").write_text(json.dumps({"id": "a", "text": "rain", "image": "huge.png"}) + "\n")
    done = limited("predict", "--run", run, "--input", tmp_path / "posts.jsonl", "--output", tmp_path / "out.jsonl", "--bad-image", "missing")
    assert done.code == 0, done.all
    assert "256 MiB" in done.all + (tmp_path / "out.jsonl").read_text()


def test_a_line_without_end_is_a_faulty_row(run, tmp_path):
    with open(tmp_path / "posts.jsonl", "wb") as file:
        file.write(b'{"id": "a", "text": "rain"}\n')
        file.seek(3 << 30, os.SEEK_CUR)  # holes: three GiB without a line end
        file.write(b'\n{"id": "c", "text": "rain"}\n')
    done = limited("predict", "--run", run, "--input", tmp_path / "posts.jsonl", "--output", tmp_path / "out.jsonl")
    assert done.code == 0, done.all
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a", rows[1]["id"], "c"]
    assert "line 2: the line has over 16 MiB" in done.all + json.dumps(rows[1])


def bench(data, scratch, *more):
    return [str(BINARY), "bench", "--config", str(ROOT / "configs/tiny.yaml"), "--data", str(data), *SMALL, *FROZEN, *more], {**os.environ, "TMPDIR": str(scratch)}


def test_bench_leaves_nothing(postcards, outside, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "infig-bench").symlink_to(outside)  # a name that could be known before
    before = contents(outside)
    command, environment = bench(postcards, scratch, "--steps", "2", "--warmup", "1")
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert contents(outside) == before and [path.name for path in scratch.iterdir()] == ["infig-bench"]
    command, environment = bench(postcards, scratch, "--steps", "4", "optim.lr=1e30", "optim.warmup=0")
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert contents(outside) == before and [path.name for path in scratch.iterdir()] == ["infig-bench"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_bench_that_is_interrupted_leaves_nothing(postcards, tmp_path, ending):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command, environment = bench(postcards, scratch, "--steps", "1000000")
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not list(scratch.glob("*/*/features.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    (folder,) = scratch.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    process.send_signal(ending)
    process.communicate(timeout=300)
    assert process.returncode == 128 + ending
    assert list(scratch.iterdir()) == []

"""What the command line promises: files, exit codes, messages, and that bad input shifts nobody."""

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import time

import pytest
from conftest import BINARY, ROOT, SMALL, infig, train

VERBS = ["prepare", "verify-data", "train", "evaluate", "ablate", "sweep", "reproduce", "compare", "runs", "predict", "losses", "doctor", "bench"]


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_an_example(verb):
    done = infig(verb, "--help")
    assert done.code == 0
    assert "infig " + verb in done.out


def test_version_and_wrong_usage():
    assert infig("--version").code == 0
    for words in ([], ["dance"], ["train"], ["train", "--no-such-flag"], ["evaluate", "--run"]):
        done = infig(*words)
        assert done.code == 2, done.all


def test_run_folder_holds_what_the_contract_says(run):
    for name in ["config.yaml", "description.json", "train.log", "metrics.jsonl", "eval/test.json", "eval/test-predictions.csv", "eval/test-confusion.csv", "model-card.md", "report.html",
                 "checkpoints/best/model.safetensors", "checkpoints/latest/optimizer.safetensors"]:
        assert (run / name).is_file(), name
    assert not list(run.rglob("*.partial*"))
    scores = json.loads((run / "eval/test.json").read_text())
    assert 0 <= scores["eval_accuracy"] <= 1 and 0 <= scores["eval_f1_weighted"] <= 1
    description = json.loads((run / "description.json").read_text())
    assert description["seed"] == 1 and len(description["data_sha256"]) == 64
    config = json.loads((run / "checkpoints/best/config.json").read_text())
    assert set(config["label2id"]) == {"positive", "neutral", "negative"}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        assert not {"time", "seconds", "posts_per_second"} & set(json.loads(line))


def test_evaluation_counts_every_post_once(run, postcards):
    posts = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    wanted = [post for post in posts if post["split"] == "test"]
    with open(run / "eval/test-predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [post["id"] for post in wanted]
    assert [row["label"] for row in rows] == [post["label"] for post in wanted]
    right = sum(row["label"] == row["prediction"] for row in rows)
    assert json.loads((run / "eval/test.json").read_text())["eval_accuracy"] == pytest.approx(right / len(rows), abs=1e-12)


def test_evaluate_without_a_side_writes_its_own_files(run, postcards):
    before = (run / "eval/test.json").read_bytes()
    for side in ["image", "text"]:
        done = infig("evaluate", "--run", run, "--data", postcards, "--split", "test", "--without", side)
        assert done.code == 0, done.all
        assert (run / f"eval/test-without-{side}.json").is_file()
    assert (run / "eval/test.json").read_bytes() == before
    assert infig("evaluate", "--run", run, "--data", postcards, "--without", "sound").code == 2


def test_compare_two_runs(run, postcards, tmp_path):
    other = tmp_path / "other"
    assert train(postcards, other, "seed=2", "train.epochs=1").code == 0
    refused = infig("compare", run, other)
    assert refused.code == 1 and "infig evaluate --run" in refused.err
    assert infig("evaluate", "--run", other, "--data", postcards, "--no-report").code == 0
    done = infig("compare", run, other, "--output", tmp_path / "comparison.json")
    assert done.code == 0, done.all
    written = json.loads((tmp_path / "comparison.json").read_text())
    accuracy = [json.loads((folder / "eval/test.json").read_text())["eval_accuracy"] for folder in (run, other)]
    assert written["accuracy"]["first"] == pytest.approx(accuracy[0]) and written["accuracy"]["second"] == pytest.approx(accuracy[1])
    assert written["accuracy"]["low"] <= written["accuracy"]["difference"] <= written["accuracy"]["high"]
    assert written["conclusion"] in done.out
    assert infig("compare", run, tmp_path / "absent").code == 1
    assert infig("compare", run, run, "--split", "nowhere").code == 2
    itself = infig("compare", other, f"{run},{other}")
    assert itself.code == 0 and f"{other} stands on both sides" in itself.err and itself.err.count("both sides") == 1, itself.all


def test_report_opens_nothing(run):
    page = (run / "report.html").read_text()
    assert "<svg" in page and "data:image/jpeg;base64," in page
    for forbidden in ["src=\"http", "href=\"http", "@import", "url(http"]:
        assert forbidden not in page


def test_predict_one_post(run, postcards):
    picture = sorted((postcards / "images").iterdir())[0]
    both = infig("predict", "--run", run, "--text", "What a lovely day", "--image", picture)
    assert both.code == 0, both.all
    answer = json.loads(both.out)
    probabilities = {key[2:]: value for key, value in answer.items() if key.startswith("p_")}
    assert answer["prediction"] in probabilities and answer["label"] == ""
    assert sum(probabilities.values()) == pytest.approx(1)
    assert infig("predict", "--run", run, "--text", "only words").code == 0
    assert infig("predict", "--run", run, "--image", picture).code == 0
    missing = infig("predict", "--run", run, "--text", "x", "--image", postcards / "no-such.jpg")
    assert missing.code == 1 and "no-such.jpg" in missing.err
    assert infig("predict", "--run", run).code == 2
    assert infig("predict", "--run", postcards, "--text", "x").code == 1


def predictions(path):
    if path.suffix == ".csv":
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [(row["id"], row["prediction"], row["error"] or row["note"]) for row in rows]


def test_bad_rows_shift_nobody(run, postcards, tmp_path):
    pictures = sorted((postcards / "images").iterdir())
    good = [{"id": f"g{i}", "text": f"a lovely day {i}", "image": str(pictures[i])} for i in range(4)]
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    lines = [json.dumps(good[0]), "{broken", json.dumps(good[1]), json.dumps({"id": "gone", "text": "t", "image": "absent.jpg"}),
             json.dumps({"id": "bad", "text": "t", "image": "broken.jpg"}), json.dumps(good[2]), json.dumps({"id": "none", "text": "t", "image": "empty.jpg"}), json.dumps(good[3])]
    mixed, alone = tmp_path / "mixed.jsonl", tmp_path / "alone.jsonl"
    mixed.write_bytes("\n".join(lines).encode() + b'\n{"id": "u", "text": "\xff\xfe"}\n')
    alone.write_text("\n".join(json.dumps(post) for post in good) + "\n")
    for name in ["out.jsonl", "out.csv"]:
        out = tmp_path / name
        done = infig("predict", "--run", run, "--input", mixed, "--output", out)
        assert done.code == 0, done.all
        rows = predictions(out)
        assert len(rows) == 9
        assert [row[0] for row in rows][2:8] == ["g1", "gone", "bad", "g2", "none", "g3"]
        assert rows[1][1] == "" and "line 2" in rows[1][2]  # the line that is no JSON
        assert rows[8][1] == "" and "UTF-8" in rows[8][2]
        assert "absent" in rows[3][2] and rows[3][1]  # the text alone was scored
        infig("predict", "--run", run, "--input", alone, "--output", tmp_path / ("alone-" + name))
        clean = predictions(tmp_path / ("alone-" + name))
        assert [row for row in rows if row[0].startswith("g") and row[0] != "gone"] == clean
    skipped = infig("predict", "--run", run, "--input", mixed, "--output", tmp_path / "skip.jsonl", "--bad-image", "skip")
    assert skipped.code == 0
    assert [bool(row[1]) for row in predictions(tmp_path / "skip.jsonl")] == [True, False, True, False, False, True, False, True, False]
    stopped = infig("predict", "--run", run, "--input", mixed, "--output", tmp_path / "error.jsonl", "--bad-image", "error")
    assert stopped.code == 1 and not (tmp_path / "error.jsonl").exists()


def test_rows_beyond_one_block_keep_their_place(run, tmp_path):
    texts = [f"a {['lovely', 'dreadful', 'plain'][i % 3]} day {i}" for i in range(4100)]
    rows = [json.dumps({"id": f"p{i}", "text": text}) for i, text in enumerate(texts)]
    rows[4097] = "{broken"
    (tmp_path / "all.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "tail.jsonl").write_text("\n".join(rows[4090:]) + "\n")
    for name in ["all", "tail"]:
        done = infig("predict", "--run", run, "--input", tmp_path / f"{name}.jsonl", "--output", tmp_path / f"{name}-out.jsonl")
        assert done.code == 0, done.all
    everything, tail = ([json.loads(line) for line in (tmp_path / f"{name}-out.jsonl").read_text().splitlines()] for name in ["all", "tail"])
    assert [row["id"] for row in everything[:4097]] == [f"p{i}" for i in range(4097)] and len(everything) == 4100
    for here, there in zip(everything[4090:], tail, strict=True):
        assert bool(here["error"]) == bool(there["error"])
        if not here["error"]:
            assert here["id"] == there["id"] and here["prediction"] == there["prediction"]
            for name in ["p_positive", "p_neutral", "p_negative"]:
                assert here[name] == pytest.approx(there[name], abs=1e-5)


def test_train_refusals(run, postcards, tmp_path):
    there = train(postcards, run)
    assert there.code == 2 and "--resume latest" in there.err
    unknown = train(postcards, tmp_path / "a", "gam.quue_size=3")
    assert unknown.code == 2 and "gam.queue_size" in unknown.err
    value = train(postcards, tmp_path / "b", "optim.lr=fast")
    assert value.code == 2 and "optim.lr" in value.err
    data = train(tmp_path / "nowhere", tmp_path / "c")
    assert data.code == 1 and "nowhere" in data.err
    config = infig("train", "--config", tmp_path / "no.yaml", "--data", postcards, "--output-dir", tmp_path / "d")
    assert config.code == 2 and "no.yaml" in config.err
    table = tmp_path / "one.jsonl"
    table.write_text("".join(json.dumps({"id": str(i), "text": "t", "label": "glad", "split": "train"}) + "\n" for i in range(100)))
    single = train(table, tmp_path / "f")
    assert single.code == 1 and "'glad' is the only label" in single.err
    for name in "abcdf":
        assert not (tmp_path / name).exists()


def test_finished_run_does_nothing(run, postcards):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    done = train(postcards, run, "--resume", "latest")
    assert done.code == 0 and "finished" in done.err
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_saves_and_resumes(postcards, tmp_path, number, code):
    run = tmp_path / "run"
    words = ["train", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--output-dir", run, *SMALL, "train.epochs=400", "train.patience=0", "--resume", "latest"]
    process = subprocess.Popen([str(BINARY), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (run / "checkpoints/latest").exists():
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "--resume latest" in err
    state = json.loads((run / "checkpoints/latest/trainer_state.json").read_text())
    assert state["global_step"] > 0 and not state["finished"]
    assert not list(run.rglob("*.partial*"))


def test_full_disk_leaves_nothing_half_written(postcards, tmp_path):
    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = infig("prepare", "table", "--raw", postcards / "posts.jsonl", "--out", tmp_path / "data", preexec_fn=small_files)
    assert done.code in (0, 1), done.all  # posts.jsonl of 120 posts may fit
    run = tmp_path / "run"
    words = ["train", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--output-dir", run, *SMALL]
    done = infig(*words, preexec_fn=small_files)
    assert done.code == 1, done.all
    assert str(run) in done.err
    assert not list(tmp_path.rglob("*.partial*"))
    assert not (run / "checkpoints/latest").exists()
    assert infig(*words, "--resume", "latest").code == 0


def test_read_only_run_folder(postcards, tmp_path):
    if os.geteuid() == 0:
        blocker = tmp_path / "file"
        blocker.write_text("a file, not a folder")
        done = train(postcards, blocker / "run")
    else:
        tmp_path.chmod(0o500)
        done = train(postcards, tmp_path / "run")
    assert done.code == 1 and ("file" in done.err or "run" in done.err)


def edited(postcards, tmp_path, change):
    folder = tmp_path / "data"
    shutil.copytree(postcards, folder)
    lines = (folder / "posts.jsonl").read_bytes().splitlines()
    (folder / "posts.jsonl").write_bytes(b"\n".join(change(lines)) + b"\n")
    return folder


def set_field(line, key, value):
    post = json.loads(line)
    post[key] = value
    return json.dumps(post).encode()


BROKEN = {
    "broken line": (lambda lines: [lines[0], b"{not json", *lines[2:]], "2"),
    "text not UTF-8": (lambda lines: [lines[0], lines[1].replace(b'"text":"', b'"text":"\xff\xfe').replace(b'"text": "', b'"text": "\xff\xfe'), *lines[2:]], "UTF-8"),
    "label outside the set": (lambda lines: [lines[0], set_field(lines[1], "label", "furious"), *lines[2:]], "furious"),
    "duplicate id": (lambda lines: [lines[0], set_field(lines[1], "id", json.loads(lines[0])["id"]), *lines[2:]], "twice|duplicate|already"),
    "unknown split": (lambda lines: [lines[0], set_field(lines[1], "split", "tomorrow"), *lines[2:]], "tomorrow"),
    "id that leaves the folder": (lambda lines: [lines[0], set_field(lines[1], "id", "../x"), *lines[2:]], "../x"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_data_sets(postcards, tmp_path, name):
    change, words = BROKEN[name]
    folder = edited(postcards, tmp_path, change)
    done = train(folder, tmp_path / "run")
    assert done.code == 1, done.all
    assert "posts.jsonl" in done.err
    assert any(word in done.err for word in words.split("|")), done.err
    assert not (tmp_path / "run").exists()
    assert infig("verify-data", folder).code == 1


def test_missing_folder_and_files(postcards, tmp_path):
    assert infig("verify-data", tmp_path / "nowhere").code == 1
    shutil.copytree(postcards, tmp_path / "data")
    (tmp_path / "data/dataset.json").unlink()
    done = infig("verify-data", tmp_path / "data")
    assert done.code == 1 and "dataset.json" in done.err


def test_verify_data_says_what_is_there(postcards):
    done = infig("verify-data", postcards)
    assert done.code == 0, done.all
    for word in ["train", "dev", "test", "positive", "negative", "120"]:
        assert word in done.out


def test_prepare_refuses_to_overwrite(postcards):
    before = (postcards / "posts.jsonl").read_bytes()
    done = infig("prepare", "postcards", "--out", postcards, "--count", 60)
    assert done.code in (1, 2) and "--overwrite" in done.err
    assert (postcards / "posts.jsonl").read_bytes() == before


def test_one_seed_gives_one_result(postcards, run, tmp_path):
    again = tmp_path / "again"
    assert train(postcards, again).code == 0
    assert (again / "metrics.jsonl").read_bytes() == (run / "metrics.jsonl").read_bytes()
    assert (again / "checkpoints/best/model.safetensors").read_bytes() == (run / "checkpoints/best/model.safetensors").read_bytes()


def test_doctor():
    done = infig("doctor")
    assert done.code == 0
    for word in ["libtorch", "GEMM fp32", "GEMM bf16", "precision=auto", "device=auto", "threads"]:
        assert word in done.out


def test_no_colour_and_no_bar_outside_a_terminal(postcards, tmp_path):
    done = train(postcards, tmp_path / "run")
    assert done.code == 0 and "\x1b" not in done.all


def test_bench_writes_the_batches_that_train_takes(work, postcards):
    file = work / "batches.json"
    words = ["bench", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--steps", 1, "--warmup", 1, *SMALL]
    done = infig(*words, "--batches", file)
    assert done.code == 0, done.all
    batches = json.loads(file.read_text())
    posts = {post["id"] for post in map(json.loads, (postcards / "posts.jsonl").read_text().splitlines()) if post["split"] == "train"}
    ids = [post for batch in batches for post in batch]
    assert [len(batch) for batch in batches] == [16] * (len(posts) // 16) and len(batches) > 2
    assert len(set(ids)) == len(ids) and set(ids) <= posts
    # A run whose first update throws the weights out of range names the posts of its second step.
    done = train(postcards, work / "out-of-range", "optim.lr=1e30", "optim.warmup=0")
    assert done.code == 1, done.all
    assert "step 2: the loss is" in done.err and f"posts of the batch: {', '.join(batches[1])}." in done.err, done.err
    done = infig(*words, "--batches", work / "made/batches.json")  # its folder is made
    assert done.code == 0 and (work / "made/batches.json").is_file(), done.all

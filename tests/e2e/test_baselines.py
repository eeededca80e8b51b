"""The networks of Table 2 from the command line: train, resume after a kill, evaluate, predict; and what is said where an input is not there."""

import csv
import io
import json
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BINARY, ROOT, infig

BACKBONE = ["image.size=32", "image.resize=32", "image.bottleneck=false", "image.stage_blocks=[1, 1, 1, 1]", "image.stage_widths=[16, 16, 16, 16]",
            "image.stem_kernel=3", "image.stem_width=16", "image.stem_pool=false"]
SMALL = ["threads=1", "precision=fp32", "words.size=12", "train.batch_size=16", "train.epochs=3", "train.report_to=none", "optim.lr=5e-3", "optim.clip=0",
         "optim.name=rmsprop", "optim.schedule=constant"]
# What each model is given beside that; captions are a file beside the data.
MODELS = {
    "multisentinet": [*BACKBONE, "multisentinet.lstm_size=12", "multisentinet.picture_size=12"],
    "hsan": ["hsan.lstm_size=12", "captions.file={captions}"],
}


@pytest.fixture(scope="module")
def captions(postcards, tmp_path_factory):
    """A caption for every other post."""
    file = tmp_path_factory.mktemp("captions") / "captions.tsv"
    posts = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    file.write_text("".join(f"{post['id']}\ta picture of a {'sunny' if i % 3 else 'gloomy'} day\n" for i, post in enumerate(posts) if i % 2 == 0))
    return file


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    file = tmp_path_factory.mktemp("config") / "empty.yaml"
    file.write_text("train:\n  epochs: 1\n")
    return file


def command(model, config, data, run, captions, *more):
    own = [word.format(captions=captions) for word in MODELS[model]]
    return ["train", "--config", config, "--data", data, "--output-dir", run, f"model.name={model}", *SMALL, *own, *more]


@pytest.fixture(scope="module")
def trained(postcards, captions, config, tmp_path_factory):
    runs = {}

    def of(model):
        if model not in runs:
            runs[model] = tmp_path_factory.mktemp(model) / "run"
            done = infig(*command(model, config, postcards, runs[model], captions))
            assert done.code == 0, done.all
        return runs[model]

    return of


@pytest.mark.parametrize("model", MODELS)
def test_a_run_is_trained_evaluated_and_predicts(model, trained, postcards, tmp_path):
    run = trained(model)
    done = infig("evaluate", "--run", run, "--data", postcards, "--split", "test")
    assert done.code == 0, done.all
    scores = json.loads((run / "eval/test.json").read_text())
    config = json.loads((run / "checkpoints/best/config.json").read_text())
    description = json.loads((run / "description.json").read_text())
    assert config["model_type"] == model and "random vectors" in config["marks"]
    assert scores["marks"] == config["marks"] == description["marks"]
    assert ("reconstruction" in config["marks"]) == (model == "hsan")
    card = (run / "model-card.md").read_text()
    assert all(f"- {mark}" in card for mark in config["marks"]), card
    marks = ", ".join(config["marks"])
    assert f"marks: {marks}" in done.out
    assert f"<dt>marks</dt><dd>{marks}</dd>" in (run / "report.html").read_text()
    board = infig("runs", run.parent, "--csv", "-")
    assert next(csv.DictReader(io.StringIO(board.out)))["marks"] == marks
    assert marks in infig("runs", run.parent).out
    assert re.match(r"words.json: \d+ words, cut as lower", description["tokenizer"])
    # One post, and a table whose rows are whole, without a text, without a picture.
    picture = next((postcards / "images").iterdir())
    one = infig("predict", "--run", run, "--text", "What a day", "--image", picture)
    assert one.code == 0, one.all
    table = tmp_path / "posts.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in [{"text": "What a day", "image": str(picture)}, {"image": str(picture)}, {"text": "gloomy"}]))
    done = infig("predict", "--run", run, "--input", table, "--output", tmp_path / "out.jsonl")
    assert done.code == 0, done.all
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert all(abs(sum(row[key] for key in row if key.startswith("p_")) - 1) < 1e-6 for row in rows), rows
    assert abs(rows[0]["p_positive"] - json.loads(one.out)["p_positive"]) < 1e-5  # the posts beside it change the last digits


@pytest.mark.parametrize("model", MODELS)
def test_killed_runs_end_in_the_same_bytes(model, trained, postcards, captions, config, tmp_path):
    whole, run = trained(model), tmp_path / "run"
    words = [str(word) for word in command(model, config, postcards, run, captions, "train.save_every=2", "train.save_total_limit=50", "train.save_state_limit=50")]
    reference = tmp_path / "reference"
    again = [reference if word == str(run) else word for word in words]
    assert infig(*again).code == 0
    moments, kills = random.Random(3), 0
    for _ in range(4):
        process = subprocess.Popen([str(BINARY), *words, "--resume", "latest"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.2, 1.2))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = infig(*words, "--resume", "latest")
    assert done.code == 0, done.all
    assert kills > 0
    for name in ("model.safetensors", "optimizer.safetensors", "trainer.safetensors", "config.json", "words.json"):
        assert (run / "checkpoints/latest" / name).read_bytes() == (reference / "checkpoints/latest" / name).read_bytes(), name
    assert (run / "metrics.jsonl").read_bytes() == (reference / "metrics.jsonl").read_bytes()
    assert (whole / "checkpoints/latest/words.json").read_bytes() == (run / "checkpoints/latest/words.json").read_bytes()


def test_captions_that_are_gone_are_said(trained, postcards, captions, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained("hsan"), run)
    for file in run.rglob("*"):
        if file.name in ("config.json", "config.yaml") and not file.is_symlink():
            file.write_text(file.read_text().replace(str(captions), str(tmp_path / "gone.tsv")))
    done = infig("evaluate", "--run", run, "--data", postcards, "--split", "dev")
    assert done.code == 1 and "gone.tsv: no such file" in done.err and "--captions FILE" in done.err, done.all
    done = infig("evaluate", "--run", run, "--data", postcards, "--split", "dev", "--captions", captions)
    assert done.code == 0, done.all


def test_evaluate_takes_other_captions(trained, postcards, captions, tmp_path):
    run = trained("hsan")
    other = tmp_path / "other.tsv"
    other.write_text(captions.read_text().replace("sunny", "gloomy"))
    done = infig("evaluate", "--run", run, "--data", postcards, "--split", "dev", "--captions", other)
    assert done.code == 0, done.all
    strange = tmp_path / "strange.tsv"
    strange.write_text("nobody\ta dog\n")
    done = infig("evaluate", "--run", run, "--data", postcards, "--split", "dev", "--captions", strange)
    assert done.code == 1 and 'strange.tsv, line 1: id "nobody" is no post of' in done.err, done.all
    done = infig("evaluate", "--run", trained("multisentinet"), "--data", postcards, "--split", "dev", "--captions", other)
    assert done.code == 2 and "reads no captions" in done.err, done.all


def test_predict_takes_captions_and_counts_them(trained, postcards, tmp_path):
    run, table, captions = trained("hsan"), tmp_path / "posts.jsonl", tmp_path / "captions.tsv"
    table.write_text("".join(json.dumps({"id": key, "text": "What a day"}) + "\n" for key in "abc"))
    captions.write_text("b\ta picture of a gloomy day\nz\tnobody's\n")
    done = infig("predict", "--run", run, "--input", table, "--output", tmp_path / "none.jsonl")
    assert done.code == 0 and "captions: 0 of 3 rows have one" in done.err, done.all
    done = infig("predict", "--run", run, "--input", table, "--output", tmp_path / "some.jsonl", "--captions", captions)
    assert done.code == 0 and "captions: 1 of 3 rows have one" in done.err, done.all
    none, some = ([json.loads(line)["p_positive"] for line in (tmp_path / name).read_text().splitlines()] for name in ("none.jsonl", "some.jsonl"))
    assert abs(none[0] - none[1]) < 1e-6 and abs(some[0] - none[0]) < 1e-5 and abs(some[1] - none[1]) > 1e-5
    one = infig("predict", "--run", run, "--text", "What a day", "--caption", "a picture of a gloomy day")
    assert one.code == 0 and abs(json.loads(one.out)["p_positive"] - some[1]) < 1e-5, one.all
    other = trained("multisentinet")
    assert "reads no captions" in infig("predict", "--run", other, "--input", table, "--output", tmp_path / "x.jsonl", "--captions", captions).err
    assert infig("predict", "--run", other, "--text", "x", "--caption", "y").code == 2
    captions.write_text("b\tone\nb\ttwo\n")
    done = infig("predict", "--run", run, "--input", table, "--output", tmp_path / "x.jsonl", "--captions", captions)
    assert done.code == 1 and 'line 2: id "b" is already above' in done.err, done.all


def test_vectors_are_read_and_counted(postcards, captions, config, tmp_path):
    vectors = tmp_path / "v.vec"
    vectors.write_text("3 12\n" + "".join(f"{word} " + " ".join(["0.25"] * 12) + "\n" for word in ("the", "a", "zyzzyva")))
    run = tmp_path / "run"
    done = infig(*command("multisentinet", config, postcards, run, captions, f"words.vectors={vectors}"))
    assert done.code == 0, done.all
    found = json.loads((run / "checkpoints/best/config.json").read_text())
    assert "random vectors" not in found["marks"]
    assert found["word_vectors"]["file"] == "v.vec" and found["word_vectors"]["found"] in (1, 2)
    assert re.search(r"of the vocabulary's \d+ words have a vector in .*v.vec \(of 3\)", done.err)
    # The file may go: the run has what it needs of it.
    vectors.unlink()
    assert infig("evaluate", "--run", run, "--data", postcards, "--split", "dev").code == 0
    done = infig(*command("multisentinet", config, postcards, run, captions, f"words.vectors={vectors}", "train.epochs=4"), "--resume", "latest")
    assert done.code == 0, done.all


@pytest.mark.parametrize("lines, said", [
    ("the 1 2 3\n", "line 1: has vectors of 3 numbers, words.size is 12; set words.size=3"),
    ("the" + " 1" * 12 + "\na 1 2\n", "line 2: has 3 parts, expected a word and 12 numbers"),
    ("the" + " x" * 12 + "\n", "number 1 is"),
    ("5 12\nthe" + " 1" * 12 + "\n", "states 5 vectors, the file has 1"),
    ("zyzzyva" + " 1" * 12 + "\n", "holds a vector of none of the vocabulary's"),
])
def test_broken_vectors_are_named(lines, said, postcards, captions, config, tmp_path):
    vectors = tmp_path / "v.txt"
    vectors.write_text(lines)
    done = infig(*command("multisentinet", config, postcards, tmp_path / "run", captions, f"words.vectors={vectors}"))
    assert done.code == 1 and "v.txt" in done.err and said in done.err, done.all
    assert not (tmp_path / "run/checkpoints").exists()


def test_what_is_not_there_is_said_by_its_key(postcards, captions, config, tmp_path):
    def refused(code, *more, model="hsan"):
        done = infig(*command(model, config, postcards, tmp_path / "run", captions, *more))
        assert done.code == code, done.all
        return done.err

    assert "captions.from=given: captions.file is empty" in refused(2, "captions.file=")
    assert "attributes" in refused(1, "captions.file=", "captions.from=attributes")
    assert "image.model: is empty" in refused(2, "captions.file=", "captions.from=classes")
    said = refused(1, "words.vectors=none.txt", model="multisentinet")
    assert "words.vectors: none.txt: no such folder or file" in said and "nlp.stanford.edu/projects/glove" in said and "--random-init" in said
    said = refused(1, "captions.file=none.tsv")
    assert "captions.file: none.tsv: no such folder or file" in said and "id<TAB>caption" in said and "--random-init" not in said
    said = refused(1, "captions.file=none.tsv", "--random-init")
    assert "captions.file: none.tsv: no such folder or file" in said
    said = refused(1, "scene.model=places", model="multisentinet")
    assert "scene.model: places: no such folder or file" in said and "Places365" in said
    classes = ["captions.file=", "captions.from=classes", "image.model=weights/efficientnet-lite7"]
    said = refused(1, *classes, "image.class_names=weights/efficientnet-lite0x/names.txt")
    assert "image.class_names: weights/efficientnet-lite0x/names.txt: no such folder or file" in said and "id2label" in said and "--random-init" not in said
    said = refused(1, *classes, "image.class_names=nowhere/efficientnet-lite0/class_names.txt")
    assert "make lite-weights" in said
    # Of captions it reads no picture: a key of one would do nothing.
    said = refused(2, "image.size=32", "image.bottleneck=false")
    assert "image.size=32, image.bottleneck=false: hsan reads no picture" in said
    assert "image.augment=flip: hsan reads no picture" in refused(2, "image.augment=flip")
    assert "image.model=" not in refused(2, "image.preprocess=config")
    assert "unknown key 'captions.file'" in refused(2, "captions.file=x.tsv", model="multisentinet")
    assert "multisentinet" in refused(2, "model.name=multisentinett", model="multisentinet")


def test_presets_of_table_2_name_what_they_need(postcards, tmp_path):
    for preset in sorted((ROOT / "configs").glob("multisentinet-*.yaml")):
        done = infig("train", "--config", preset, "--data", postcards, "--output-dir", tmp_path / "run", cwd=tmp_path)
        assert done.code == 1 and "infig weights pull microsoft/resnet-50 --output weights/resnet-50" in done.err, done.all

"""MGNNS, CLMLF and the models of HFM's row from the command line: train, resume after a kill, evaluate, predict; what is said where an input is not there."""

import json
import random
import signal
import subprocess
import time

import pytest

from conftest import BINARY, ROOT, infig

BACKBONE = ["image.size=32", "image.resize=32", "image.bottleneck=false", "image.stage_blocks=[1, 1, 1, 1]", "image.stage_widths=[16, 16, 16, 16]",
            "image.stem_kernel=3", "image.stem_width=16", "image.stem_pool=false"]
COMMON = ["threads=1", "precision=fp32", "train.batch_size=16", "train.epochs=2", "train.report_to=none", "optim.lr=2e-3", "optim.schedule=constant", *BACKBONE]
HFM = ["words.size=12", "attributes.count=3"]
ENCODERS = ["lstm_size=6", "region_size=8", "attribute_size=6", "text_length=12", "hidden_size=8"]
MODELS = {
    "mgnns": ["words.size=12", "mgnns.lstm_size=6", "mgnns.graph_size=8", "mgnns.attention_heads=2", "mgnns.label_size=4", "mgnns.heads=2", "mgnns.head_size=4",
              "mgnns.objects={objects}", "mgnns.scenes={scenes}", "mgnns.object_classes=4", "mgnns.scene_classes=3"],
    "clmlf": ["text.vocab_size=300", "text.hidden_size=16", "text.num_hidden_layers=2", "text.num_attention_heads=2", "text.intermediate_size=32", "text.max_length=24",
              "image.augment=none", "image.num_hidden_layers=1", "image.num_attention_heads=2", "image.intermediate_size=32", "clmlf.num_hidden_layers=1",
              "clmlf.num_attention_heads=2", "clmlf.intermediate_size=32", "clmlf.frozen_epochs=1", "clmlf.back_translation={translations}"],
    "co-memory": ["words.size=12", "co_memory.lstm_size=6", "co_memory.hops=2"],
    "mvan": ["words.size=12", "mvan.lstm_size=6", "mvan.hidden_size=8"],
    "concat2": ["words.size=12", *["concat2." + key for key in ENCODERS if not key.startswith("attribute")]],
    "concat3": [*HFM, *["concat3." + key for key in ENCODERS]],
    "mmsd": [*HFM, *["mmsd." + key for key in ENCODERS], "mmsd.fusion_size=8", "loss.class_weights=positive"],
    "dr-net": [*HFM, "dr_net.lstm_size=6", "dr_net.space_size=8", "dr_net.heads=2", "dr_net.hidden_size=8"],
}
TWO_CLASSES = {"concat2", "concat3", "mmsd", "dr-net"}
MARKS = {"mgnns": {"random vectors", "random picture features", "scene=surrogate"}, "clmlf": {"random picture features"},
         "co-memory": {"random vectors", "random picture features", "reconstruction"}, "dr-net": {"random vectors", "random picture features", "reconstruction"},
         "mvan": {"random vectors", "random picture features", "scene=surrogate", "reconstruction"}, "mmsd": {"random vectors", "random picture features", "regions=grid"}}


@pytest.fixture(scope="module")
def files(postcards, tmp_path_factory):
    """Objects and scenes of most posts, another wording of every text; two data sets, of which the second has two classes and attribute words."""
    folder = tmp_path_factory.mktemp("files")
    posts = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    (folder / "objects.tsv").write_text("".join(f"{p['id']}\ttree, {'house' if i % 2 else 'boat'}\n" for i, p in enumerate(posts) if i % 5))
    (folder / "scenes.tsv").write_text("".join(f"{p['id']}\t{'beach' if i % 3 else 'street'}\n" for i, p in enumerate(posts)))
    (folder / "translations.json").write_text(json.dumps([{"id": p["id"], "text_translation": "so " + p.get("text", "")} for p in posts]))
    two = folder / "two.jsonl"
    with open(two, "w") as out:
        for i, post in enumerate(p for p in posts if p["label"] != "neutral"):
            post["image"] = str(postcards / post["image"])
            out.write(json.dumps(post | {"attributes": ["tree", "house" if i % 2 else "boat", "sky"]}) + "\n")
    return {"folder": folder, "three": postcards, "two": two, **{name: folder / file for name, file in (("objects", "objects.tsv"), ("scenes", "scenes.tsv"), ("translations", "translations.json"))}}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    file = tmp_path_factory.mktemp("config") / "empty.yaml"
    file.write_text("train:\n  epochs: 1\n")
    return file


def data_of(model, files):
    return files["two" if model in TWO_CLASSES else "three"]


def command(model, config, files, run, *more):
    own = [word.format(**files) for word in MODELS[model]]
    return ["train", "--config", config, "--data", data_of(model, files), "--output-dir", run, f"model.name={model}", *COMMON, *own, *more]


@pytest.fixture(scope="module")
def trained(files, config, tmp_path_factory):
    runs = {}

    def of(model):
        if model not in runs:
            runs[model] = tmp_path_factory.mktemp(model) / "run"
            done = infig(*command(model, config, files, runs[model]))
            assert done.code == 0, done.all
        return runs[model]

    return of


@pytest.mark.parametrize("model", MODELS)
def test_a_run_is_trained_evaluated_and_predicts(model, trained, files, postcards, tmp_path):
    run = trained(model)
    done = infig("evaluate", "--run", run, "--data", data_of(model, files), "--split", "test")
    assert done.code == 0, done.all
    scores = json.loads((run / "eval/test.json").read_text())
    stored = json.loads((run / "checkpoints/best/config.json").read_text())
    assert stored["model_type"] == model and scores["marks"] == stored["marks"]
    assert model not in MARKS or set(stored["marks"]) == MARKS[model]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = {key for line in lines for key in line if key.startswith("loss_")}
    assert {"clmlf": {"loss_data", "loss_label"}, "mmsd": {"loss_penalty"}, "dr-net": {"loss_penalty"}}.get(model, set()) <= losses, losses
    # A post that is whole, one without a text, one without a picture.
    picture = next((postcards / "images").iterdir())
    table = tmp_path / "posts.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in [{"text": "What a day", "image": str(picture)}, {"image": str(picture)}, {"text": "gloomy"}]))
    done = infig("predict", "--run", run, "--input", table, "--output", tmp_path / "out.jsonl")
    assert done.code == 0, done.all
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(rows) == 3 and all(abs(sum(row[key] for key in row if key.startswith("p_")) - 1) < 1e-6 for row in rows), rows


@pytest.mark.parametrize("model", MODELS)
def test_killed_runs_end_in_the_same_bytes(model, files, config, tmp_path):
    words = {name: [str(word) for word in command(model, config, files, tmp_path / name, "train.save_every=2", "train.save_total_limit=50", "train.save_state_limit=50")]
             for name in ("whole", "cut")}
    assert infig(*words["whole"]).code == 0
    moments, kills = random.Random(3), 0
    for _ in range(3):
        process = subprocess.Popen([str(BINARY), *words["cut"], "--resume", "latest"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.2, 1.2))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = infig(*words["cut"], "--resume", "latest")
    assert done.code == 0, done.all
    assert kills > 0
    for name in ("model.safetensors", "optimizer.safetensors", "trainer.safetensors", "config.json"):
        assert (tmp_path / "cut/checkpoints/latest" / name).read_bytes() == (tmp_path / "whole/checkpoints/latest" / name).read_bytes(), name
    assert (tmp_path / "cut/metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()


def test_regions_are_computed_once_for_every_model_that_reads_them(files, config, tmp_path):
    """Each region through the network by itself: one folder of features for all models, found again, and no mark; a start that is stopped goes on."""
    passes = ["image.size=64", "image.resize=64", "image.regions=passes", "image.region_size=32", f"data.feature_cache={tmp_path / 'cache'}", "train.epochs=1"]
    for model, said in (("mmsd", "are computed once, 4 passes a picture"), ("concat2", "regions of pictures: "), ("concat3", "regions of pictures: ")):
        done = infig(*command(model, config, files, tmp_path / model, *passes))
        assert done.code == 0 and said in done.err, done.all
        marks = json.loads((tmp_path / model / "checkpoints/best/config.json").read_text())["marks"]
        assert set(marks) == {"random vectors", "random picture features"}, marks
    assert [entry.name.startswith("regions-") for entry in (tmp_path / "cache").iterdir()] == [True]
    # evaluate reads them; without them it computes the same.
    scores = []
    for found in (True, False):
        done = infig("evaluate", "--run", tmp_path / "mmsd", "--data", files["two"], "--split", "test")
        assert done.code == 0 and ("regions of pictures: " in done.err) == found, done.all
        scores.append([float(cell) for line in (tmp_path / "mmsd/eval/test-predictions.csv").read_text().splitlines() for cell in line.split(",") if "." in cell and cell[0] in "01"])
        (tmp_path / "cache").rename(tmp_path / "elsewhere") if found else None
    assert len(scores[0]) == len(scores[1]) > 10
    assert max(abs(one - other) for one, other in zip(*scores)) < 1e-5
    # What each picture costs is told by two of them.
    done = infig(*command("mmsd", config, files, tmp_path / "dry", *passes), "--dry-run")
    assert done.code == 0 and "features of frozen encoders" in done.out and "(timed on 2 pictures)" in done.out, done.all
    assert not (tmp_path / "dry").exists()
    done = infig(*command("mmsd", config, files, tmp_path / "odd", *passes, "image.size=48", "image.resize=48"))
    assert done.code == 2 and "image.size: 48 pixels cannot be cut into regions of 32" in done.err, done.all


def test_clmlf_as_released_and_without_translations(files, config, tmp_path):
    done = infig(*command("clmlf", config, files, tmp_path / "strict", "clmlf.strict=true", "image.augment=flip", "train.epochs=1"))
    assert done.code == 0, done.all
    assert "clmlf.strict uses the batch's statistics" in done.err
    assert "strict" in json.loads((tmp_path / "strict/checkpoints/latest/config.json").read_text())["marks"]
    done = infig(*command("clmlf", config, files, tmp_path / "words", "clmlf.back_translation=", "clmlf.word_dropout=0.3", "train.epochs=1"))
    assert done.code == 0, done.all
    assert "view=surrogate" in json.loads((tmp_path / "words/checkpoints/latest/config.json").read_text())["marks"]


def test_what_is_not_there_is_said_by_its_key(files, config, tmp_path):
    def refused(code, model, *more):
        done = infig(*command(model, config, files, tmp_path / "run", *more))
        assert done.code == code, done.all
        return done.err

    assert "mgnns.objects: is empty" in refused(2, "mgnns", "mgnns.objects=")
    assert "mgnns.classes=classifier: needs image.model" in refused(2, "mgnns", "mgnns.classes=classifier", "mgnns.objects=", "mgnns.scenes=")
    said = refused(1, "mgnns", "mgnns.objects=none.tsv")
    assert "mgnns.objects: none.tsv: no such folder or file" in said and "id<TAB>name" in said and "mgnns.classes=classifier" in said
    strange = tmp_path / "strange.tsv"
    strange.write_text("nobody\tdog\n")
    said = refused(1, "mgnns", f"mgnns.objects={strange}")
    assert "strange.tsv" in said and "nobody" in said
    assert "words.size: is 10; mgnns needs" in refused(2, "mgnns", "words.size=10")
    said = refused(1, "clmlf", "clmlf.back_translation=none.json")
    assert "clmlf.back_translation: none.json: no such folder or file" in said and "text_translation" in said
    few = tmp_path / "few.json"
    few.write_text(json.dumps([{"id": "nobody", "text_translation": "x"}]))
    assert "few.json: has no translation of" in refused(1, "clmlf", f"clmlf.back_translation={few}")
    assert "image.pos" in refused(2, "clmlf", "image.pos=learned")
    two = ["--data", files["three"]]
    for model in sorted(TWO_CLASSES):
        words = command(model, config, files, tmp_path / "run")
        words[words.index("--data") + 1] = two[1]
        done = infig(*words)
        assert done.code in (1, 2) and ("tells two classes apart" in done.err or "attribute" in done.err), done.all


def test_presets_name_what_they_need(postcards, tmp_path):
    presets = [preset for model in MODELS for preset in sorted((ROOT / "configs").glob(f"{model}-*.yaml"))]
    assert len(presets) == 16
    for preset in presets:
        done = infig("train", "--config", preset, "--data", postcards, "--output-dir", tmp_path / "run", cwd=tmp_path)
        assert done.code == 1 and "infig weights pull microsoft/resnet-50 --output weights/resnet-50" in done.err, done.all

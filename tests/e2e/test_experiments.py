"""Several trainings in one command: the paper's tables, sweeps that drop the poor ones, what a kill leaves; and the temperature of a run."""

import csv
import json
import signal
import subprocess
import time

import pytest
from conftest import BINARY, ROOT, SMALL, infig

QUICK = [*SMALL, "train.epochs=1", "image.augment=none", "image.finetune=false", "image.batch_norm_train=false"]


@pytest.fixture(scope="module")
def data_root(work):
    folder = work / "data-root"
    done = infig("prepare", "postcards", "--out", folder / "mvsa-single", "--count", 60)
    assert done.code == 0, done.all
    return folder


def reproduce(part, root, out, *more):
    return ["reproduce", part, "--data-root", root, "--config-dir", ROOT / "configs", "--output-dir", out, "--preset", "tiny", "--seeds", "2", "--limit", "32", *QUICK, *more]


def killed_once_there(command, path):
    """Starts infig and kills it with SIGKILL as soon as `path` exists."""
    process = subprocess.Popen([str(BINARY), *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    end = time.monotonic() + 300
    while not path.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert path.exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.returncode


def test_reproduce_goes_on_after_a_kill(data_root, tmp_path):
    out, whole = tmp_path / "killed", tmp_path / "whole"
    assert killed_once_there(reproduce("table3", data_root, out), out / "runs/mvsa-single/full/seed-1/config.yaml") == -signal.SIGKILL
    for folder in (out, whole):
        done = infig(*reproduce("table3", data_root, folder))
        assert done.code == 0, done.all
        assert "## HFM: not run" in done.out
        assert f"infig prepare hfm --raw RAW --out {data_root}/hfm" in done.all
    for name in ["table.md", "table.csv", "table.tex"]:
        assert (out / "table3" / name).read_bytes() == (whole / "table3" / name).read_bytes(), name
    rows = list(csv.DictReader((out / "table3/table.csv").open()))
    assert [(row["model"], row["metric"], row["paper"]) for row in rows][:2] == [("INFIG", "accuracy", "0.7641"), ("INFIG", "f1_weighted", "0.7487")]
    assert {row["model"]: row["runs"] for row in rows} == {"INFIG": "2", "w/o CLIP": "0", "w/o GAM": "2", "w/o HFAM": "2", "w/o GAM and HFAM": "2"}
    ours = json.loads((out / "runs/mvsa-single/full/seed-2/eval/test.json").read_text())
    other = json.loads((out / "runs/mvsa-single/full/seed-1/eval/test.json").read_text())
    assert float(rows[0]["ours"]) == pytest.approx((ours["eval_accuracy"] + other["eval_accuracy"]) / 2, abs=1e-8)
    assert "One of 2 runs of the same config with the seeds 1, 2" in (out / "runs/mvsa-single/full/seed-1/model-card.md").read_text()


def test_reproduce_says_what_is_missing(data_root, tmp_path):
    done = infig("reproduce", "table2", "--data-root", data_root, "--config-dir", ROOT / "configs", "--output-dir", tmp_path / "out", cwd=tmp_path)
    assert done.code == 1
    assert "infig weights pull microsoft/deberta-v3-base" in done.err and "tumemo: no data set at" in done.err
    assert not (tmp_path / "out").exists()
    assert infig("reproduce", "table4", "--data-root", data_root, "--output-dir", tmp_path / "out").code == 2
    assert infig("reproduce", "table2", "--data-root", tmp_path / "none", "--config-dir", ROOT / "configs", "--output-dir", tmp_path / "out").code == 1


def test_presets_name_the_stand_ins_of_every_model(data_root, tmp_path):
    """In a folder without weights: what --preset lite and base would take, and what gets it."""
    for preset, network, text in (("lite", "efficientnet-lite0", "minilm-l6"), ("base", "efficientnet-lite2", "mpnet-base")):
        done = infig("reproduce", "table2", "--data-root", data_root, "--config-dir", ROOT / "configs", "--output-dir", tmp_path / "out", "--preset", preset,
                     "--models", "hsan,mgnns,clmlf", cwd=tmp_path)
        assert done.code == 1, done.all
        said = {line.split(":")[1].strip(): line for line in done.err.splitlines() if line.startswith("mvsa-single: ")}
        assert set(said) == {"HSAN", "MGNNS", "CLMLF"}, done.err
        names = f"image.class_names: weights/{network}/class_names.txt: no such folder or file"
        assert names in done.err and f"text.model: weights/{text}: no such folder or file" in done.err
        assert done.err.count(f"image.model: weights/{network}: no such folder or file") == 3 and f"make {preset}-weights" in done.err
    done = infig("reproduce", "table2", "--data-root", data_root, "--config-dir", ROOT / "configs", "--output-dir", tmp_path / "out", "--preset", "tiny", "--models", "hsan", cwd=tmp_path)
    assert done.code == 1 and "HSAN: names of classes" in done.err and "--preset lite or base" in done.err, done.all


def test_table2_trains_the_other_models_too(data_root, tmp_path):
    out = tmp_path / "out"
    command = ["reproduce", "table2", "--data-root", data_root, "--config-dir", ROOT / "configs", "--output-dir", out, "--preset", "tiny", "--seeds", "1", "--limit", "32",
               "--models", "co-memory,hsan,multisentinet,infig", "train.epochs=1"]
    done = infig(*command)
    assert done.code == 0, done.all
    said = next(line for line in done.err.splitlines() if "of training without early stops" in line)
    assert all(name in said for name in ("MultiSentiNet", "Co-Memory", "INFIG")), said
    rows = {row["model"]: row for row in csv.DictReader((out / "table2/table.csv").open()) if row["metric"] == "accuracy"}
    assert {name: row["runs"] for name, row in rows.items() if row["runs"] != "0"} == {"MultiSentiNet": "1", "Co-Memory": "1", "INFIG": "1"} and len(rows) == 7
    models = {one["model"]: one for one in json.loads((out / "table2/reproduction.json").read_text())["data_sets"][0]["models"]}
    for name, folder in (("MultiSentiNet", "multisentinet"), ("Co-Memory", "co-memory"), ("INFIG", "full")):
        run, one = out / "runs/mvsa-single" / folder / "seed-1", models[name]
        times = [json.loads(line)["seconds"] for line in (run / "timings.jsonl").open()]
        assert one["accuracy"]["ours"] == pytest.approx(json.loads((run / "eval/test.json").read_text())["eval_accuracy"], abs=1e-8)
        assert one["train_seconds"] == pytest.approx(sum(times)) and one["parameters"] > 1000 and one["predict_posts_per_second"] > 0, one
        assert ("against_infig" in one) == (name != "INFIG")
        assert ("random vectors" in one["marks"] and "random picture features" in one["marks"]) == (name != "INFIG"), one["marks"]
        row = rows[name]
        assert row["marks"] == ", ".join(one["marks"]) and int(row["parameters"]) == one["parameters"] and float(row["train_seconds"]) == pytest.approx(one["train_seconds"])
        assert float(row["predict_posts_per_second"]) == pytest.approx(one["predict_posts_per_second"], rel=1e-6)
        if name != "INFIG":
            difference = one["accuracy"]["ours"] - models["INFIG"]["accuracy"]["ours"]
            assert float(row["less_reference"]) == pytest.approx(difference, abs=1e-8)
            assert float(row["less_reference_low"]) <= difference <= float(row["less_reference_high"])
    assert rows["INFIG"]["less_reference"] == "" and rows["MVAN"]["marks"] == rows["MVAN"]["parameters"] == ""
    compared = infig("compare", out / "runs/mvsa-single/full/seed-1", out / "runs/mvsa-single/co-memory/seed-1", "--output", tmp_path / "compared.json")
    sides = json.loads((tmp_path / "compared.json").read_text())
    assert compared.code == 0 and "marks" not in sides["first"] and set(sides["second"]["marks"]) == set(models["Co-Memory"]["marks"])
    assert next(line for line in compared.out.splitlines() if " B = " in line).endswith("marks: " + ", ".join(sorted(models["Co-Memory"]["marks"])))
    latex = (out / "table2/table.tex").read_text()
    assert latex.count("\\begin{tabular}") == latex.count("\\end{tabular}") == 2 and "accuracy less that of INFIG" in latex
    costs = latex[latex.rindex("\\begin{tabular}"):]
    assert all(line.count(" & ") == 6 for line in costs.splitlines() if line.endswith("\\\\")) and "random vectors" in costs
    table = (out / "table2/table.md").read_text()
    assert "HSAN is left out: names of classes" in done.err and "- HSAN was not run: names of classes" in table and "make lite-weights" in table
    assert "| MVAN | 0.7298 | not run |" in table and "random vectors" in table and "the posts are of the data set postcards" in table
    page = (out / "table2/report.html").read_text()
    assert "Accuracy against the time of one training" in page and ("disagree" in page or "INFIG" in page)
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file() and path.name != "train.log"}
    again = infig(*command)
    assert again.code == 0 and "of training without early stops" not in again.err, again.all
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file() and path.name != "train.log"} == before
    assert infig(*command[:1], "table3", *command[2:]).code == 2


def sweep(data, out, *more):
    return ["sweep", "optim.lr=1e-5,1e-3,3e-3,1e-2", "--config", ROOT / "configs/tiny.yaml", "--data", data, "--output-dir", out, *QUICK, *more]


def test_halving_is_marked_and_goes_on_after_a_kill(data_root, tmp_path):
    flags = ["--halving", "--eta", "2", "--min-epochs", "1", "train.epochs=3"]
    data = data_root / "mvsa-single"
    out, whole = tmp_path / "killed", tmp_path / "whole"
    assert killed_once_there(sweep(data, out, *flags), out / "table.md") == -signal.SIGKILL  # after the first rung
    for folder in (out, whole):
        done = infig(*sweep(data, folder, *flags))
        assert done.code == 0, done.all
    assert (out / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()
    rows = list(csv.DictReader((out / "table.csv").open()))
    assert sorted(row["dropped_after"] for row in rows) == ["", "1", "1", "2"]
    assert "dropped after 1 epoch" in (out / "table.md").read_text() and "dropped after 2 epochs" in done.out
    for row in rows:
        assert (out / row["variant"] / "seed-1/checkpoints/best/model.safetensors").exists()


@pytest.mark.parametrize("words, said", [
    (["gam.layr=1,2"], "gam.layer"),                                    # an unknown key, with the nearest known one
    (["train.best_metric=accuracy,beauty"], "f1_macro"),                # a metric that does not exist, with those that do
    (["gam.layer=1,2", "--seeds", "1,2,1"], "twice"),                   # a seed list with repeats
    (["gam.layer=1,1"], "twice"),
    (["gam.layer=1"], "KEY=V1,V2"),
    (["gam.layer=1,2", "--eta", "3"], "--halving"),
    (["train.epochs=1,2", "--halving"], "train.epochs"),
])
def test_bad_sweeps_write_nothing(data_root, tmp_path, words, said):
    done = infig("sweep", *words, "--config", ROOT / "configs/tiny.yaml", "--data", data_root / "mvsa-single", "--output-dir", tmp_path / "out")
    assert done.code == 2, done.all
    assert said in done.err
    assert not (tmp_path / "out").exists()


def test_temperature_is_fitted_once_and_used_where_asked(run, postcards, tmp_path):
    evaluate = ["evaluate", "--run", run, "--data", postcards, "--split", "test"]
    calibration = run / "checkpoints/best/calibration.json"
    assert not calibration.exists()
    refused = infig(*evaluate, "--temperature", "fitted")
    assert refused.code == 1 and "--fit-temperature" in refused.err
    plain = json.loads((run / "eval/test.json").read_text())
    try:
        done = infig(*evaluate, "--fit-temperature", "--temperature", "fitted")
        assert done.code == 0, done.all
        fitted = json.loads(calibration.read_text())
        assert fitted["split"] == "dev" and fitted["loss_after"] <= fitted["loss_before"]
        scaled = json.loads((run / "eval/test.json").read_text())
        assert scaled["temperature"] == fitted["temperature"] and scaled["eval_accuracy"] == plain["eval_accuracy"]
        assert scaled["eval_loss"] != plain["eval_loss"]
        low, high = scaled["eval_accuracy_ci95"]
        assert low <= scaled["eval_accuracy"] <= high
        assert sum(one["samples"] for one in scaled["slices"] if one["group"] == "script") == scaled["eval_samples"]

        one = ["predict", "--run", run, "--text", "What a lovely day"]
        answers = (json.loads(infig(*one, *flags).out) for flags in ([], ["--temperature", "fitted"]))
        raw, warm = ({key: p for key, p in answer.items() if key.startswith("p_")} for answer in answers)
        power = {label: p ** (1 / fitted["temperature"]) for label, p in raw.items()}
        assert warm == pytest.approx({label: p / sum(power.values()) for label, p in power.items()}, abs=1e-9)
        assert infig(*one, "--temperature", "hot").code == 2

        # A temperature of other posts replaces none: the file stays as it is, byte for byte.
        others = tmp_path / "others"
        assert infig("prepare", "postcards", "--count", "60", "--out", others).code == 0
        kept = calibration.read_bytes()
        refused = infig("evaluate", "--run", run, "--data", others, "--fit-temperature")
        assert refused.code == 2 and str(calibration.name) in refused.err and fitted["data_sha256"][:8] in refused.err
        assert calibration.read_bytes() == kept
        assert infig(*evaluate, "--fit-temperature").code == 0  # the same posts again
    finally:
        calibration.unlink(missing_ok=True)
        assert infig(*evaluate).code == 0  # other tests read the plain evaluation
    assert json.loads((run / "eval/test.json").read_text()) == plain

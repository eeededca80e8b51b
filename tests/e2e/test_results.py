"""Results never replace results: data sets, splits, seeds and experiments side by side; one verdict; the leaderboard; advice that works."""

import csv
import fcntl
import json
import math
import re
import shlex
import shutil

import pytest
from conftest import ROOT, SMALL, infig, train

QUICK = [*SMALL, "train.epochs=1", "image.augment=none", "image.finetune=false", "image.batch_norm_train=false"]


def done(*words):
    result = infig(*words)
    assert result.code == 0, result.all
    return result.out


def posts_of(folder):
    return [json.loads(line) for line in (folder / "posts.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def other_posts(work, postcards):
    """The ids and labels of the postcards with other texts."""
    folder = work / "other-posts"
    shutil.copytree(postcards, folder)
    lines = [json.dumps({**post, "text": "a day by the sea, number " + post["id"]}) for post in posts_of(folder)]
    (folder / "posts.jsonl").write_text("\n".join(lines) + "\n")
    description = json.loads((folder / "dataset.json").read_text())
    description["name"] = "sea"
    description.pop("sha256")
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


@pytest.fixture
def own_run(run, tmp_path):
    """A copy of the shared run, evaluated on its test split."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder, symlinks=True, ignore=shutil.ignore_patterns("eval", "report.html", "model-card.md"))
    return folder


@pytest.fixture(scope="module")
def seeds(work, postcards):
    """Two seeds, scored on dev by the experiment."""
    folder = work / "two-seeds"
    done("train", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--output-dir", folder, "--seeds", "2", *QUICK)
    return folder


def test_results_stand_beside_each_other(own_run, postcards, other_posts):
    card = own_run / "model-card.md"
    evaluate = ["evaluate", "--run", own_run, "--data"]
    done(*evaluate, postcards, "--split", "dev")
    assert "never evaluated on the test split" in card.read_text() and "model-index" not in card.read_text()
    done(*evaluate, postcards, "--split", "test")
    test = (own_run / "eval/test.json").read_bytes()
    scores = json.loads(test)
    assert (scores["data"], scores["split"]) == ("postcards", "test")
    assert scores["data_sha256"] == json.loads((own_run / "description.json").read_text())["data_sha256"]
    text = card.read_text()
    assert f"value: {scores['eval_accuracy']:.6f}" in text and "split: test" in text

    done(*evaluate, postcards, "--split", "dev")
    done(*evaluate, other_posts, "--split", "test")
    done(*evaluate, other_posts, "--split", "train")
    assert (own_run / "eval/test.json").read_bytes() == test
    assert card.read_text() == text
    (folder,) = [path for path in (own_run / "eval").iterdir() if path.is_dir()]
    sea = json.loads((folder / "test.json").read_text())
    assert sea["data"] == "sea" and folder.name == f"sea-{sea['data_sha256'][:8]}" and sea["data_sha256"] != scores["data_sha256"]
    for name in ["test-predictions.csv", "test-confusion.csv", "train.json"]:
        assert (folder / name).is_file(), name
    page = (own_run / "report.html").read_text()
    for title in [">On dev</h2>", ">On sea, test</h2>", ">On sea, train</h2>", ">Evaluations</h2>"]:
        assert title in page
    # Every evaluation has its line, with the accuracy that its file has.
    table = page[page.index('id="evaluations"'):page.index('id="training"')]
    for path in [own_run / "eval/test.json", own_run / "eval/dev.json", folder / "test.json", folder / "train.json"]:
        one = json.loads(path.read_text())
        assert f"<b>{100 * one['eval_accuracy']:.1f}\u00a0%</b>" in table, path
    assert page.count("data:image/jpeg;base64,") > 20  # the posts of all four, though only one data set was at hand


def test_compare_refuses_two_texts_under_the_same_ids(own_run, postcards, other_posts, tmp_path):
    stranger = tmp_path / "stranger"
    assert train(other_posts, stranger, "train.epochs=1").code == 0
    for folder, data in [(own_run, postcards), (stranger, other_posts)]:
        done("evaluate", "--run", folder, "--data", data, "--no-report")
    refused = infig("compare", own_run, stranger)
    assert refused.code == 1
    assert "was evaluated on postcards" in refused.err and "on sea" in refused.err and "--data" in refused.err
    refused = infig("compare", own_run, stranger, "--data", other_posts)
    assert refused.code == 1 and f"infig evaluate --run {own_run} --data {other_posts} --split test" in refused.err
    done("evaluate", "--run", own_run, "--data", other_posts, "--no-report")
    for word in [other_posts, "sea"]:
        out = done("compare", own_run, stranger, "--data", word, "--output", tmp_path / "c.json")
        assert out.startswith("sea, test: ")
        (folder,) = (own_run / "eval").glob("sea-*/test.json")
        assert json.loads((tmp_path / "c.json").read_text())["accuracy"]["first"] == pytest.approx(json.loads(folder.read_text())["eval_accuracy"])


def test_old_evaluations_go_on_with_a_warning(own_run, postcards, tmp_path):
    done("evaluate", "--run", own_run, "--data", postcards, "--no-report")
    file = own_run / "eval/test.json"
    old = {key: value for key, value in json.loads(file.read_text()).items() if not key.startswith("data")}
    file.write_text(json.dumps(old))
    compared = infig("compare", own_run, own_run, "--replicates", "100")
    assert compared.code == 0 and "did not record the data set" in compared.err
    assert "postcards" in done("runs", own_run) or "does not name" in done("runs", own_run)
    done("evaluate", "--run", own_run, "--data", postcards)
    assert json.loads(file.read_text())["data"] == "postcards"


def test_one_verdict_and_one_interval(own_run, postcards):
    out = done("evaluate", "--run", own_run, "--data", postcards, "--split", "test")
    verdict = next(line.strip() for line in out.splitlines() if line.strip().startswith("The model is"))
    scores = json.loads((own_run / "eval/test.json").read_text())
    right, posts = round(scores["eval_accuracy"] * scores["eval_samples"]), scores["eval_samples"]
    # Wilson's interval by its textbook form.
    z, p = 1.959963984540054, right / posts
    middle, half = p + z * z / (2 * posts), z * ((p * (1 - p) + z * z / (4 * posts)) / posts) ** 0.5
    low, high = ((middle - half) / (1 + z * z / posts), (middle + half) / (1 + z * z / posts))
    assert scores["eval_accuracy_ci95"] == pytest.approx([low, high]) == [scores["eval_accuracy_low"], scores["eval_accuracy_high"]]
    majority = max(one["support"] for one in scores["classes"]) / posts
    assert ("is shown to be better" in verdict) == (low > majority)
    page, card = (own_run / "report.html").read_text(), (own_run / "model-card.md").read_text()
    assert verdict.replace(" %", "\u00a0%") in page and verdict in card.replace("\\_", "_")
    assert "not shown" not in page.replace(verdict.replace(" %", "\u00a0%"), "") and "above all" not in page
    both = f"{low:.4f} to {high:.4f}"
    assert both in page and f"| accuracy | {p:.4f} | {both} |" in card
    assert f"{100 * low:.1f} to {100 * high:.1f}\u00a0%" in page and "(Wilson)" in page


def test_two_seeds_are_two_values(seeds):
    values = [json.loads((seeds / f"seed-{seed}/eval/dev.json").read_text())["eval_accuracy"] for seed in (1, 2)]
    cell = f"{sum(values) / 2:.4f} (the two: {values[0]:.4f}, {values[1]:.4f})"
    table = (seeds / "table.md").read_text()
    assert cell in table and f"<small>the two: {values[0]:.4f}, {values[1]:.4f}</small>" in (seeds / "report.html").read_text()
    assert "±" not in table and " to " not in table.split("\n\n")[2]
    summary = json.loads((seeds / "experiment.json").read_text())["variants"][0]["accuracy"]
    assert summary["values"] == values and "low" not in summary
    card = (seeds / "seed-1/model-card.md").read_text()
    assert "never evaluated on the test split" in card and "## Scores on dev" in card


def test_a_folder_of_seeds_is_evaluated_as_a_whole(seeds, postcards, tmp_path):
    out = done("evaluate", "--run", seeds, "--data", postcards, "--split", "test")
    values = [json.loads((seeds / f"seed-{seed}/eval/test.json").read_text())["eval_accuracy"] for seed in (1, 2)]
    assert f"accuracy     {sum(values) / 2:.4f} (the two: {values[0]:.4f}, {values[1]:.4f})" in out
    assert "postcards, test of " in out
    kept = json.loads((seeds / "mean-test.json").read_text())
    assert kept["eval_accuracy"]["values"] == values and kept["eval_accuracy"]["mean"] == pytest.approx(sum(values) / 2) and "low" not in kept["eval_accuracy"]
    assert kept["data"] == "postcards" and kept["data_sha256"] == json.loads((seeds / "seed-1/eval/test.json").read_text())["data_sha256"] and len(kept["runs"]) == 2
    both = done("compare", f"{seeds}/seed-1,{seeds}/seed-2", f"{seeds}/seed-2,{seeds}/seed-1", "--replicates", "100", "--output", tmp_path / "in/c.json")
    assert "A = seed-1 + seed-2, mean of 2 runs" in both and f"McNemar, exact, {seeds}/seed-1 and {seeds}/seed-2:" in both and "-0.0 " not in both
    refused = infig("predict", "--run", seeds, "--text", "What a day")
    assert refused.code == 1 and "holds 2 runs (seed-1, seed-2)" in refused.err
    assert infig("predict", *advice(refused.err), "--text", "What a day").code == 0


def advice(message):
    """The --run of an error's advice, as words of a command."""
    return shlex.split(re.search(r"--run \S+", message).group())


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_lost_weights_are_named_and_the_advice_works(own_run, postcards, verb):
    rest = ["--data", postcards] if verb == "evaluate" else ["--text", "What a day"]
    best = (own_run / "checkpoints/best").resolve()
    others = [path for path in (own_run / "checkpoints").glob("step-*") if path != best]
    assert others
    (best / "model.safetensors").unlink()
    before = sorted(path.name for path in (own_run / "checkpoints").iterdir())
    refused = infig(verb, "--run", own_run, *rest)
    assert refused.code == 1, refused.all
    assert f"checkpoints/best is {best.name}, which lacks model.safetensors" in refused.err
    assert sorted(path.name for path in (own_run / "checkpoints").iterdir()) == before
    assert infig(verb, *advice(refused.err), *rest).code == 0
    for path in others:
        (path / "model.safetensors").unlink()
    refused = infig(verb, "--run", own_run, *rest)
    assert refused.code == 1 and "no other checkpoint can be used" in refused.err and "--run" not in refused.err


def test_an_experiment_leaves_anothers_folder_alone(seeds, postcards, other_posts, tmp_path):
    table = (seeds / "table.md").read_bytes()
    common = ["--config", ROOT / "configs/tiny.yaml", "--output-dir", seeds, *QUICK]
    for words, said in [
        (["sweep", "gam.layer=1,2", "--data", postcards, "--seeds", "2"], "leave out tiny"),
        (["ablate", "--data", postcards, "--seeds", "2"], "leave out tiny"),
        (["train", "--data", postcards, "--seeds", "5,6"], "leave out 1"),
        (["train", "--data", other_posts, "--seeds", "2"], "its data set is postcards"),
        (["train", "--data", postcards, "--seeds", "2", "optim.lr=0.123"], "optim.lr"),
    ]:
        refused = infig(*words, *common)
        assert refused.code == 2, refused.all
        assert said in refused.err and "--output-dir" in refused.err
    assert (seeds / "table.md").read_bytes() == table
    assert sorted(path.name for path in seeds.iterdir() if path.is_dir()) == ["cache", "seed-1", "seed-2"]
    into_a_run = infig("train", "--data", postcards, "--seeds", "2", *[word if word != seeds else seeds / "seed-1" for word in common])
    assert into_a_run.code == 2 and "is the folder of a single run" in into_a_run.err
    for more in ([], ["--resume", "latest"]):
        single = infig("train", "--data", postcards, *common, *more)
        assert single.code == 2 and "is the folder of several runs" in single.err and not (seeds / "checkpoints").exists(), single.all


def test_runs_lists_what_there_is(seeds, run, postcards, tmp_path):
    done("evaluate", "--run", seeds, "--data", postcards, "--split", "test", "--no-report")
    root = tmp_path / "runs"
    shutil.copytree(run, root / "demo", symlinks=True)
    shutil.copytree(seeds, root / "lite", symlinks=True)
    shutil.copytree(run, root / "cut", symlinks=True, ignore=shutil.ignore_patterns("eval"))
    state = (root / "cut/checkpoints/latest/trainer_state.json").resolve()
    state.write_text(json.dumps({**json.loads(state.read_text()), "finished": False}))
    shutil.copytree(run, root / "broken", symlinks=True)
    (root / "broken/description.json").write_text("{")
    (root / "notes").mkdir()
    board = root / "board.csv"
    out = done("runs", root, "--csv", board)
    rows = {row["run"]: row for row in csv.DictReader(board.open())}
    assert set(rows) == {"demo", "lite", "cut", "broken"}
    test = json.loads((run / "eval/test.json").read_text())
    demo = rows["demo"]
    assert float(demo["accuracy"]) == pytest.approx(test["eval_accuracy"]) and float(demo["accuracy_low"]) == pytest.approx(test["eval_accuracy_low"])
    assert (demo["data"], demo["split"], demo["posts"], demo["state"]) == ("postcards", "test", str(test["eval_samples"]), "finished")
    seconds = sum(json.loads(line)["seconds"] for line in (run / "timings.jsonl").read_text().splitlines())
    assert float(demo["train_seconds"]) == pytest.approx(seconds, abs=0.06)
    weights = (run / "checkpoints/best/model.safetensors").read_bytes()
    header = json.loads(weights[8:8 + int.from_bytes(weights[:8], "little")])
    header.pop("__metadata__", None)
    count = sum(math.prod(tensor["shape"]) for name, tensor in header.items() if not name.endswith(("running_mean", "running_var", "num_batches_tracked")))
    assert int(demo["parameters"]) == count and demo["precision"] == "fp32"
    values = [json.loads((seeds / f"seed-{seed}/eval/test.json").read_text())["eval_accuracy"] for seed in (1, 2)]
    assert rows["lite"]["seeds"] == "1 2" and float(rows["lite"]["accuracy"]) == pytest.approx(sum(values) / 2)
    assert rows["cut"]["state"] == "unfinished" and rows["cut"]["accuracy"] == "" and "stopped at step" in out
    with (root / "cut/.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "running; saved at step" in done("runs", root)
    assert rows["broken"]["state"] == "broken" and "description.json" in rows["broken"]["note"]
    each = list(csv.DictReader(done("runs", root, "--each", "--csv", "-", "--filter", "state=finished", "--sort", "accuracy").splitlines()))
    assert {row["run"] for row in each} == {"demo", "lite/seed-1", "lite/seed-2"}
    assert [float(row["accuracy"]) for row in each] == sorted((float(row["accuracy"]) for row in each), reverse=True)
    few = list(csv.DictReader(done("runs", root, "--csv", "-", "--filter", "train.epochs=2", "--filter", "parameters>10").splitlines()))
    assert {row["run"] for row in few} == {"demo", "cut"}
    assert "none of 4 lines is left by --filter accuracy>2" in done("runs", root, "--filter", "accuracy>2")
    assert {row["run"] for row in csv.DictReader(done("runs", root / "demo", "--csv", "-").splitlines())} == {"demo"}
    assert infig("runs", root, "--sort", "beauty").code == 2 and infig("runs", root, "--filter", "beauty=1").code == 2
    assert infig("runs", root / "notes").code == 1 and infig("runs", root / "absent").code == 1
    assert "infig runs" in done("runs", "--help")


def test_runs_lists_a_run_once_and_what_its_figures_are_of(seeds, run, postcards, tmp_path):
    """A second evaluation of the same posts in another folder (of a run whose description was away for a while) is no second line; of seeds that were not scored no cost is shown."""
    root = tmp_path / "runs"
    shutil.copytree(run, root / "twice", symlinks=True)
    test = json.loads((run / "eval/test.json").read_text())
    shutil.copytree(root / "twice/eval", root / "twice/eval" / f"{test['data']}-{test['data_sha256'][:8]}")
    shutil.copytree(seeds, root / "half", symlinks=True)
    done("evaluate", "--run", root / "half/seed-2", "--data", postcards, "--split", "test", "--no-report")
    shutil.rmtree(root / "half/seed-1/eval", ignore_errors=True)
    rows = list(csv.DictReader(done("runs", root, "--csv", "-").splitlines()))
    assert sorted(row["run"] for row in rows) == ["half", "twice"]
    half = next(row for row in rows if row["run"] == "half")
    seconds = sum(json.loads(line)["seconds"] for line in (root / "half/seed-2/timings.jsonl").read_text().splitlines())
    assert half["seeds"] == "2" and float(half["train_seconds"]) == pytest.approx(seconds, abs=0.06) and "1 of 2 seeds were evaluated" in half["note"]


def test_a_page_of_one_post(own_run, postcards, tmp_path):
    """Nothing in it is "1 posts", and the words fit the number."""
    post = next(post for post in posts_of(postcards) if post["split"] == "test")
    table = tmp_path / "one.jsonl"
    table.write_text(json.dumps({**post, "image": str(postcards / post["image"])}) + "\n")
    out = done("evaluate", "--run", own_run, "--data", table, "--split", "test")
    page = (own_run / "report.html").read_text()
    for text in (out, page):
        assert not re.search(r"\b1 (posts|classes|runs|labels|pictures|mistakes)\b", re.sub(r"<[^>]+>", "", text))
    assert re.search(r"[01] of 1 post is classified correctly", page)


def test_every_command_that_trained_a_run_is_kept(postcards, tmp_path):
    run = tmp_path / "run"
    for epochs, more in ((1, []), (2, ["--resume", "latest"])):
        done = infig("train", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--output-dir", run, *more, *SMALL, "--limit", 32, f"train.epochs={epochs}")
        assert done.code == 0, done.all
    description = json.loads((run / "description.json").read_text())
    first, second = description["commands"]
    assert "train.epochs=1" in first and "--resume" not in first and "train.epochs=2" in second and description["command"] == second
    assert infig("evaluate", "--run", run, "--data", postcards, "--split", "test").code == 0
    card = (run / "model-card.md").read_text()
    assert f"    {first}\n    {second}\n" in card, card

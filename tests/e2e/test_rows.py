"""How rows are named, and what becomes of posts of which nothing is left. What is expected was worked by hand."""

import csv
import json
import shutil

import pytest
from conftest import infig, train


def refused(*words):
    done = infig(*words)
    assert done.code == 1, done.all
    return done.err


def described(folder):
    return json.loads((folder / "dataset.json").read_text())


def test_a_row_is_named_by_its_line_and_its_post(run, tmp_path):
    """Header, line ends in cells and blank lines move the line; the post's number is the id that predict and prepare give."""
    (tmp_path / "own.csv").write_text('text,label\n"two\nlines",x\n\nb,y\nc,x\nd,ironic\n')
    said = refused("prepare", "table", "--raw", tmp_path / "own.csv", "--labels", "x,y", "--out", tmp_path / "out")
    assert 'own.csv, line 7 (post 4): field "label" is "ironic"' in said
    done = infig("predict", "--run", run, "--input", tmp_path / "own.csv", "--output", tmp_path / "p.jsonl")
    assert [json.loads(line)["id"] for line in (tmp_path / "p.jsonl").read_text().splitlines()] == ["1", "2", "3", "4"], done.all
    (tmp_path / "own.jsonl").write_text('{"text": "a", "label": "x"}\n\n{"text": "b", "label": "z"}\n{"text": "c", "label": "x"}\n')
    assert "own.jsonl, line 3 (post 2): field" in refused("prepare", "jsonl", "--raw", tmp_path / "own.jsonl", "--labels", "x,y", "--out", tmp_path / "out")
    (tmp_path / "split.csv").write_text("id,text,label,split\n1,a,x,train\n2,b,y,\n")
    assert "split.csv: line 2 (post 1) has a split but line 3 (post 2) has none" in refused("prepare", "table", "--raw", tmp_path / "split.csv", "--out", tmp_path / "out")


def test_a_post_whose_only_side_is_lost_is_not_scored(run, postcards, tmp_path):
    """As predict has it: nothing is left to judge by. The scores are those of the other posts alone."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder, symlinks=True, ignore=shutil.ignore_patterns("eval"))
    labels, picture = described(postcards)["labels"], next((postcards / "images").iterdir())
    (tmp_path / "broken.png").write_bytes(b"no picture")
    rows = [[f"a lovely day number {i}", str(picture) if i == 0 else "", labels[i % 3]] for i in range(12)]
    lost = [["", "gone.png", labels[0]], [" ", "broken.png", labels[1]], ["", "gone.png", ""]]
    results = []
    for name, posts in (("all", [*rows[:6], *lost, *rows[6:]]), ("rest", rows)):
        with open(tmp_path / f"{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([["text", "image", "label", "split"], *[[*post, "test"] for post in posts]])
        done = infig("evaluate", "--run", folder, "--data", tmp_path / f"{name}.csv", "--no-report")
        assert done.code == 0 and ("  3 posts with neither a text nor a picture that can be used left out" in done.out) == (name == "all"), done.all
        results.append(json.loads(next(path for path in folder.glob(f"eval/{name}-*/test.json")).read_text()))
    (tmp_path / "none.csv").write_text('text,image,label,split\n,gone.png,x,test\n'.replace("x", labels[0]))
    none = infig("evaluate", "--run", folder, "--data", tmp_path / "none.csv", "--bad-image", "missing")
    assert none.code == 1 and "no post of the split test has a text or a picture that can be used (1 post left out)" in none.err
    got, wanted = results
    assert got["posts_empty"] == 3 and got["images_skipped"] == 0 and got["images_absent"] == 2 and got["images_bad"] == 1
    assert got["eval_samples"] == wanted["eval_samples"] == 12 and got["images_missing"] == wanted["images_missing"] == 11
    # What is made of probabilities depends on a post's batch in its last digits; what is counted does not.
    continuous = ("eval_loss", "eval_ece", "eval_brier")
    assert {key: got[key] for key in got if key.startswith("eval_")} == {
        key: pytest.approx(wanted[key], rel=1e-5) if key.startswith(continuous) else wanted[key] for key in wanted if key.startswith("eval_")}
    with open(tmp_path / "dev.csv", "w", newline="") as file:
        dev = [[text, image, label or labels[2], "dev"] for text, image, label in [rows[0], rows[1], *lost]]
        csv.writer(file).writerows([["text", "image", "label", "split"], *[[*post, "train"] for post in rows], *dev])
    done = train(tmp_path / "dev.csv", tmp_path / "lost-dev", "train.epochs=1", "train.batch_size=4")
    step = [line for line in map(json.loads, (tmp_path / "lost-dev/metrics.jsonl").read_text().splitlines()) if "eval_accuracy" in line][-1]
    scored = infig("evaluate", "--run", tmp_path / "lost-dev", "--data", tmp_path / "dev.csv", "--split", "dev", "--no-report")
    kept = json.loads((tmp_path / "lost-dev/eval/dev.json").read_text())
    assert kept["eval_samples"] == 2 and kept["eval_accuracy"] == step["eval_accuracy"] and kept["eval_loss"] == pytest.approx(step["eval_loss"], rel=1e-5), (done.all, scored.all)


def test_rows_that_quotes_join_are_said(tmp_path):
    (tmp_path / "b.tsv").write_text('id\ttext\tlabel\n1\t"start\tx\n2\tmid\ty\n3\tend"\tx\n4\tfine\ty\n')
    done = infig("prepare", "table", "--raw", tmp_path / "b.tsv", "--quote", "csv", "--out", tmp_path / "out")
    assert done.code == 0 and "1 row holds line ends in quotes, the first is line 2 (post 1)" in done.err, done.all
    assert "--quote none reads them so" in done.err

"""Sides of posts that a run does not see: pictures that are none, and a side that training hid."""

import json

import pytest
from conftest import infig, train


def test_files_that_are_all_no_pictures_fail_before_the_first_step(postcards, tmp_path):
    """A site that answered every download with its page of regrets."""
    rows = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    for name in {row["image"] for row in rows}:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text("<html><body>404</body></html>")
    (tmp_path / "data/posts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for more in ([], ["--dry-run"]):
        done = train(tmp_path / "data/posts.jsonl", tmp_path / "run", *more)
        assert done.code == 1 and f"none of the {len(rows)} pictures that the posts name can be used" in done.err, done.all
        assert rows[0]["image"] in done.err and "unknown format" in done.err and "--bad-image missing" in done.err
        assert not (tmp_path / "run").exists()


def test_a_run_without_pictures_reads_none(postcards, tmp_path):
    """What was hidden in training (data.without) is hidden from then on: the dev score of training is that of evaluate."""
    run = tmp_path / "run"
    done = train(postcards, run, "data.without=image", "train.epochs=1")
    assert done.code == 0, done.all
    assert json.loads((run / "checkpoints/best/config.json").read_text())["trained_without"] == "image"
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    scored = infig("evaluate", "--run", run, "--data", postcards, "--split", "dev")
    assert scored.code == 0 and "pictures are not read" in scored.out, scored.all
    found = json.loads((run / "eval/dev.json").read_text())
    assert found["trained_without"] == "image" and "without" not in found
    assert found["eval_accuracy"] == last["eval_accuracy"] and found["eval_loss"] == pytest.approx(last["eval_loss"], rel=1e-6)
    picture = next((postcards / "images").iterdir())
    both = infig("predict", "--run", run, "--text", "a lovely day", "--image", picture)
    alone = infig("predict", "--run", run, "--text", "a lovely day")
    assert both.code == 0 and both.out == alone.out and "pictures are not read" in both.err, both.all
    nothing = infig("predict", "--run", run, "--image", picture)
    assert nothing.code == 1 and "data.without=image" in nothing.err and "--text" in nothing.err
    other = infig("evaluate", "--run", run, "--data", postcards, "--split", "dev", "--without", "text")
    assert other.code == 2 and "data.without=image" in other.err
    sides = infig("evaluate", "--run", run, "--data", postcards, "--split", "dev", "--modalities")
    assert sides.code == 2 and "--modalities" in sides.err and "data.without=image" in sides.err

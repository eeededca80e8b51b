"""verify-data: what it prints and writes, exit codes, and the clean test that evaluate reads."""

import csv
import json
import random
import re
import shutil

from conftest import infig

WORDS = "sun rain cloud river stone bread light house dream paper winter garden music window silver morning".split()


def write(folder, rows, labels=("x", "y")):
    folder.mkdir(exist_ok=True)
    (folder / "posts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "dataset.json").write_text(json.dumps({"name": "made", "labels": list(labels)}))
    return folder


def sentence(seed):
    return " ".join(random.Random(seed).choices(WORDS, k=12))


def post(number, text, split, label="x", **more):
    return {"id": f"p{number}", "text": text, "label": label, "split": split, **more}


def leaks_of(path):
    with open(path, newline="") as file:
        return [(row["kind"], row["id"], row["other_id"], row["label"] == row["other_label"]) for row in csv.DictReader(file)]


def leaky(folder):
    rows = [post(i, sentence(i), "train", "xy"[i % 2]) for i in range(20)] + [post(20 + i, sentence(20 + i), "dev", "xy"[i % 2]) for i in range(4)]
    rows += [post(30, sentence(0), "test"), post(31, "RT @you: " + sentence(1).upper() + "! http://t.co/x", "test", "y"), post(32, sentence(20), "test"),
             post(33, sentence(99), "test", "y"), post(34, sentence(99), "test")]
    return write(folder, rows)


def test_leaks_are_found_printed_and_written(tmp_path):
    data = leaky(tmp_path / "data")
    done = infig("verify-data", data, "--write-clean-test")
    assert done.code == 0, done.all
    assert re.search(r"text +test in train +1 post, 0 with another label", done.out), done.out
    assert re.search(r"normalised_text +test in train +2 posts", done.out)
    assert re.search(r"text +test in dev +1 post", done.out)
    assert "test posts with a twin in train or dev: 3 of 5" in done.out
    found = leaks_of(data / "leaks.csv")
    assert ("text", "p30", "p0", True) in found and ("normalised_text", "p31", "p1", True) in found and ("text", "p34", "p33", False) in found
    clean = json.loads((data / "clean-test.json").read_text())
    assert clean["ids"] == ["p33", "p34"] and clean["kept"] == 2 and clean["posts"] == 5
    page = (data / "data-report.html").read_text()
    assert "<h2 id=\"leaks\">" in page and not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert re.search(r"majority +0\.\d{4}", done.out) and "bag of words" in done.out


def test_equal_input_gives_equal_files_whatever_the_threads(tmp_path):
    data = leaky(tmp_path / "data")
    for threads in (1, 3):
        assert infig("verify-data", data, "--output-dir", tmp_path / str(threads), "--threads", threads).code == 0
    for name in ("leaks.csv", "data-report.html"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()
    assert not (data / "leaks.csv").exists()


def test_near_texts_by_threshold(tmp_path):
    text = sentence(5)
    data = write(tmp_path / "data", [post(1, text, "train"), post(2, text.replace("a", "e", 1), "test"), post(3, sentence(6), "test", "y")])
    assert infig("verify-data", data, "--near-text", "0.6").code == 0
    assert [row[:3] for row in leaks_of(data / "leaks.csv")] == [("near_text", "p2", "p1")]
    assert infig("verify-data", data, "--no-near").code == 0
    assert leaks_of(data / "leaks.csv") == []
    assert infig("verify-data", data, "--near-text", "2").code == 2


def test_pictures_scaled_and_missing(postcards, tmp_path):
    shutil.copytree(postcards, tmp_path / "data")
    rows = [json.loads(line) for line in (tmp_path / "data/posts.jsonl").read_text().splitlines()]
    first = next(row for row in rows if row["split"] == "train" and row.get("image"))
    last = next(row for row in rows if row["split"] == "test" and row.get("image"))
    shutil.copy(tmp_path / "data" / first["image"], tmp_path / "data" / last["image"])
    gone = next(row for row in rows if row["split"] == "dev" and row.get("image"))
    (tmp_path / "data" / gone["image"]).unlink()
    done = infig("verify-data", tmp_path / "data", "--no-shortcuts")
    assert done.code == 0, done.all
    assert re.search(r"pictures absent +1", done.out) and gone["id"] in done.out
    assert ("picture", last["id"], first["id"], first["label"] == last["label"]) in leaks_of(tmp_path / "data/leaks.csv")
    assert infig("verify-data", tmp_path / "data", "--bad-image", "error", "--no-report").code == 1


def test_a_missed_count_is_exit_code_1_and_says_so(tmp_path):
    data = write(tmp_path / "data", [post(1, "a", "train"), post(2, "b", "test", "y")])
    description = json.loads((data / "dataset.json").read_text())
    (data / "dataset.json").write_text(json.dumps({**description, "counts": {"train": {"posts": 2}}}))
    done = infig("verify-data", data)
    assert done.code == 1 and "MISS" in done.out and "train: dataset.json states" in done.out
    assert "Not good" in (data / "data-report.html").read_text()
    assert infig("verify-data", data, "--expect", "nothing-known").code == 2
    assert infig("verify-data", data, "--expect", "mvsa-single", "--no-report").code == 1


def test_odd_texts_are_counted(tmp_path):
    texts = ["", "http://t.co/a", "bell\x07", "caf\u00c3\u00a9", "\ufffd\ufffd x", "I\u0426ve", "\u4f60\u597d", "plain text"]
    data = write(tmp_path / "data", [post(i, text, "train") for i, text in enumerate(texts)])
    done = infig("verify-data", data, "--no-report")
    for kind in ("empty", "only URLs", "control characters", "looks like mojibake", "replacement characters", "scripts mixed in a word"):
        assert re.search(rf"texts {kind} +1\n", done.out), kind
    assert re.search(r"script Han +1 ", done.out)


def test_a_table_gets_its_files_beside_it(tmp_path):
    table = tmp_path / "posts.csv"
    table.write_text("id,text,label,split\n1,same text here,x,train\n2,same text here,y,test\n")
    done = infig("verify-data", table, "--write-clean-test")
    assert done.code == 0, done.all
    assert (tmp_path / "posts.csv.leaks.csv").exists() and (tmp_path / "posts.csv.data-report.html").exists()
    assert json.loads((tmp_path / "posts.csv.clean-test.json").read_text())["ids"] == []
    done = infig("verify-data", table, "--output-dir", table / "in-a-file")
    assert done.code == 1 and "posts.csv" in done.err


def test_tokens_are_counted_and_cuts_said(run, postcards):
    done = infig("verify-data", postcards, "--tokenizer", run / "checkpoints/best", "--max-length", 12, "--no-report")
    assert done.code == 0, done.all
    assert re.search(r"tokens  train +mean .*; \d+ posts cut at 12", done.out)


def test_evaluate_reports_the_score_without_leaks(run, postcards, tmp_path):
    shutil.copytree(postcards, tmp_path / "data")
    shutil.copytree(run, tmp_path / "run", symlinks=True)
    done = infig("verify-data", tmp_path / "data", "--write-clean-test", "--no-report")
    assert done.code == 0, done.all
    clean = json.loads((tmp_path / "data/clean-test.json").read_text())
    tests = [json.loads(line)["id"] for line in (tmp_path / "data/posts.jsonl").read_text().splitlines() if json.loads(line)["split"] == "test"]
    # Half of the test posts by hand: what the file says is what is scored.
    half = tests[: len(tests) // 2]
    (tmp_path / "clean.json").write_text(json.dumps({**clean, "ids": half}))
    done = infig("evaluate", "--run", tmp_path / "run", "--data", tmp_path / "data", "--split", "test", "--clean-test", tmp_path / "clean.json")
    assert done.code == 0, done.all
    assert f"without leaked posts: {len(half)} posts" in done.out
    scores = json.loads((tmp_path / "run/eval/test.json").read_text())
    with open(tmp_path / "run/eval/test-predictions.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["id"] in half]
    assert scores["eval_clean_samples"] == len(half)
    assert abs(scores["eval_clean_accuracy"] - sum(row["label"] == row["prediction"] for row in rows) / len(half)) < 1e-9
    assert "Without leaked posts" in (tmp_path / "run/report.html").read_text()
    (tmp_path / "clean.json").write_text(json.dumps({**clean, "data_sha256": "0" * 64}))
    done = infig("evaluate", "--run", tmp_path / "run", "--data", tmp_path / "data", "--split", "test", "--clean-test", tmp_path / "clean.json")
    assert done.code == 1 and "made of other posts" in done.err


def test_a_folder_of_data_sets_is_none(run, tmp_path):
    (tmp_path / "sets").mkdir()
    for name in ("mine", "other"):
        write(tmp_path / "sets" / name, [post(0, "a", "test"), post(1, "b", "test", "y")])
    for words in (["verify-data", tmp_path / "sets"], ["evaluate", "--run", run, "--data", tmp_path / "sets"]):
        refused = infig(*words)
        assert refused.code == 1 and f"{tmp_path / 'sets'}: is no data set, but holds 2 data sets (mine, other); give one of them, as {tmp_path / 'sets/mine'}" in refused.err, refused.all
    assert sorted(path.name for path in (tmp_path / "sets").iterdir()) == ["mine", "other"]
    assert infig("verify-data", tmp_path / "sets/mine", "--no-report").out.startswith("data set made: 2 posts")


def test_a_file_that_is_no_picture_is_not_to_be_put_where_it_is(tmp_path):
    data = write(tmp_path / "data", [post(i, sentence(i), "train", "xy"[i % 2], image="a.png" if i == 3 else "b.png" if i == 5 else "") for i in range(10)])
    (data / "a.png").write_text("<html>404</html>")
    (data / "b.png").write_text("<html>404</html>")
    done = infig("verify-data", data)
    assert done.code == 1 and f"the first, {data / 'a.png'}, is there and no picture that can be read (unknown_format); put files that are in their places" in done.err, done.all
    (data / "a.png").unlink()
    done = infig("verify-data", data)
    assert done.code == 1 and f"the first was looked for at {data / 'a.png'} (absent); put them there" in done.err, done.all
    description = {"name": "made", "labels": ["x", "y"], "pictures": {"named": 5, "there": 2, "absent": 3}}
    (data / "dataset.json").write_text(json.dumps(description))
    assert infig("verify-data", data).code == 1
    assert "are named and cannot be used; 3 more are not in the data set" in (data / "data-report.html").read_text()

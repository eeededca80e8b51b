"""A table of one's own, from the five lines of the documents to a report; separators, ids, splits, labels, lost pictures. What is expected was worked by hand."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest
from conftest import BINARY, ROOT, infig, train


def posts_of(folder):
    return [json.loads(line) for line in (folder / "posts.jsonl").read_text().splitlines()]


def described(folder):
    return json.loads((folder / "dataset.json").read_text())


def prepared(raw, out, *more, kind="table"):
    done = infig("prepare", kind, "--raw", raw, "--out", out, *more)
    assert done.code == 0, done.all
    return done


def refused(*words):
    """The words of an error; nothing stays where the data set would be."""
    done = infig(*words)
    out = words[words.index("--out") + 1]
    assert done.code == 1 and not out.exists() and not out.with_name(out.name + ".unfinished").exists(), done.all
    return done.err


def blocks(document, kind):
    """The fenced blocks of the section "Your own posts in five minutes"."""
    section = document.read_text().split("## Your own posts in five minutes", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"```{kind}\n(.*?)```", section, re.S)


def test_five_lines_and_four_commands_as_they_stand(postcards, tmp_path):
    (table,), (commands,) = blocks(ROOT / "README.md", "csv"), blocks(ROOT / "README.md", "sh")
    assert [table] == blocks(ROOT / "docs/data.md", "csv") and [commands] == blocks(ROOT / "docs/data.md", "sh")
    assert len(table.splitlines()) == 5 and len(commands.splitlines()) == 4
    (tmp_path / "posts.csv").write_text(table)
    shutil.copytree(postcards, tmp_path / "runs/postcards")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for command in commands.splitlines():
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env={**os.environ, "PATH": f"{BINARY.parent}:{os.environ['PATH']}"}, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert "<html" in (tmp_path / "runs/mine/report.html").read_text()
    assert [post["id"] for post in posts_of(tmp_path / "data/mine")] == ["1", "2", "3", "4"]
    assert described(tmp_path / "data/mine")["pictures"] == {"named": 4, "there": 4}


ROWS = [("a; b, c\td", "pos", "Train"), ("plain", "neg", "TRAIN"), ("third", "pos", "Validation"), ("fourth", "neg", " DEV"), ("fifth", "pos", "VALID"), ("sixth", "neg", "Test")]
SPLITS = ["train", "train", "dev", "dev", "dev", "test"]


def table_of(separator):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerows([("text", "label", "split"), *ROWS])
    return text.getvalue()


@pytest.mark.parametrize("name, content", [
    ("commas.csv", table_of(",")), ("semicolons.csv", table_of(";")), ("tabs.csv", table_of("\t")), ("bars.txt", table_of("|")), ("tabs.txt", table_of("\t")), ("semicolons.tsv", table_of(";")),
    ("array.json", json.dumps([dict(zip(("text", "label", "split"), row)) for row in ROWS], indent=1)),
    ("array-on-a-line.json", "\ufeff" + json.dumps([dict(zip(("text", "label", "split"), row)) for row in ROWS])),
    ("lines.json", "\n".join(json.dumps(dict(zip(("text", "label", "split"), row))) for row in ROWS))])
def test_separators_extensions_ids_and_splits(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    prepared(tmp_path / name, tmp_path / "out")
    assert posts_of(tmp_path / "out") == [{"id": str(i + 1), "text": text, "label": label, "split": split} for i, ((text, label, _), split) in enumerate(zip(ROWS, SPLITS))]
    done = infig("verify-data", tmp_path / name, "--no-report")  # the table itself
    assert done.code == 0 and "data set " + name.split(".")[0] + ": 6 posts, 2 labels" in done.out, done.all


def test_files_that_are_no_such_table(tmp_path):
    for name, content, wanted in [("x.csv", "a;b\n1;2\n", "with none of the separators , ; tab and |; found: a;b"), ("cut.json", '[{"text": "a", "label": "x"}, {"text": "b', "cut.json, row 2"),
                                  ("more.json", '[{"text": "a", "label": "x"}] []', "goes on behind its JSON array"), ("broken.json", '[{"text": "a", "label": "x"}, {"text": b}]', "broken.json, row 2: no valid JSON"),
                                  ("two.csv", "text;label\na;x;y\n", "line 2 (post 1): 3 cells, expected 2 as in the header; quote a cell that holds the separator (;)"),
                                  ("x.xlsx", "", "expected .csv, .tsv, .txt, .jsonl, .json, .parquet or .tar, or a folder of pictures"), ("twice.csv", "id,text,label\n2,a,x\n,b,x\n", 'line 3 (post 2): field "id" "2" is already in line 2 (post 1)')]:
        (tmp_path / name).write_text(content)
        assert wanted in refused("prepare", "table", "--raw", tmp_path / name, "--out", tmp_path / "out"), name


def test_odd_labels_are_said_and_mended(tmp_path):
    labels = ["pos"] * 5 + ["pos ", "POS", "Pos\u00a0"] + ["\u00c9t\u00e9"] * 2 + ["\u00e9t\u00e9"] * 3 + ["lone"]
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"text {i},{label}\n" for i, label in enumerate(labels)))
    done = prepared(tmp_path / "t.csv", tmp_path / "as-it-is")
    assert len(described(tmp_path / "as-it-is")["labels"]) == 7
    assert '"pos ": ' in done.out and ", pos: " in done.out, done.out
    for words in ('"pos" (5 posts)', '"pos " (1 post)', '"POS" (1 post)', '"\u00c9t\u00e9" (2 posts), "\u00e9t\u00e9" (3 posts)', 'a single post, from which nothing can be learned: "lone" (1 post)', "--strip-labels", "--labels"):
        assert words in done.err, words
    assert len(described(tmp_path / "as-it-is")["warnings"]) == 3 and "differ by case" in infig("verify-data", tmp_path / "as-it-is", "--no-report").out

    done = prepared(tmp_path / "t.csv", tmp_path / "stripped", "--strip-labels")
    assert described(tmp_path / "stripped")["labels"] == ["lone", "pos", "\u00e9t\u00e9"] and "differ by case" not in done.err and '"lone" (1 post)' in done.err
    assert [post["label"] for post in posts_of(tmp_path / "stripped")] == ["pos"] * 8 + ["\u00e9t\u00e9"] * 5 + ["lone"]
    assert "5  label read as another spelling" in done.out  # three of pos, two of ete
    with open(tmp_path / "stripped/notes.csv", newline="") as file:
        assert {row["id"]: row["reason"] for row in csv.DictReader(file) if "spelling" in row["reason"]}["7"] == 'label read as another spelling: "POS" as pos'

    assert 'line 7 (post 6): field "label" is "pos ", expected one of pos, \u00e9t\u00e9, lone; --strip-labels reads it as pos' in refused("prepare", "table", "--raw", tmp_path / "t.csv", "--labels", "pos,\u00e9t\u00e9,lone", "--out", tmp_path / "x")
    prepared(tmp_path / "t.csv", tmp_path / "named", "--strip-labels", "--labels", "\u00e9t\u00e9,POS,lone,other")
    assert described(tmp_path / "named")["labels"] == ["\u00e9t\u00e9", "POS", "lone", "other"] and posts_of(tmp_path / "named")[0]["label"] == "POS"
    assert "without any post" in described(tmp_path / "named")["warnings"][-1]


def test_odd_labels_of_a_table_that_is_trained_on_as_it_is(tmp_path):
    (tmp_path / "t.csv").write_text("text,label,split\n" + "".join(f"text {i},{['pos', 'neg', 'NEG'][i % 3]},{['train', 'test'][i % 2]}\n" for i in range(18)))
    done = infig("anchors", "--data", tmp_path / "t.csv")
    assert done.code == 0 and 't.csv: labels that differ by case, blanks or ".0" alone: "NEG" (6 posts), "neg" (6 posts); prepare --strip-labels' in done.err, done.all


@pytest.mark.parametrize("name, content", [("t.csv", "text,label\n" + "".join(f"t{i},{i % 3}.0\n" for i in range(12))),
                                           ("t.jsonl", "".join(json.dumps({"text": f"t{i}", "label": float(i % 3)}) + "\n" for i in range(12)))])
def test_whole_numbers_that_became_decimals(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    done = prepared(tmp_path / name, tmp_path / "raw")
    assert described(tmp_path / "raw")["labels"] == ["0.0", "1.0", "2.0"] and "as pandas does" in done.err
    prepared(tmp_path / name, tmp_path / "stripped", "--strip-labels")
    assert described(tmp_path / "stripped")["labels"] == ["0", "1", "2"]
    done = prepared(tmp_path / name, tmp_path / "named", "--labels", "negative,neutral,positive")
    assert [post["label"] for post in posts_of(tmp_path / "named")] == ["negative", "neutral", "positive"] * 4 and "0.0 is negative, 1.0 is neutral" in done.err


@pytest.mark.parametrize("words", [["-1.0", "0.0", "1.0"], ["-1", "0", "1"], ["-1,0", "0,0", "1,0"]])
def test_labels_with_a_sign(tmp_path, words):
    (tmp_path / "t.csv").write_text("text;label\n" + "".join(f"t{i};{words[i % 3]}\n" for i in range(12)))
    for more in (["--strip-labels"], ["--strip-labels", "--labels=-1,0,1"], ["--labels=-1,0,1"]):
        prepared(tmp_path / "t.csv", tmp_path / "out", "--overwrite", *more)
        assert described(tmp_path / "out")["labels"] == ["-1", "0", "1"] and [post["label"] for post in posts_of(tmp_path / "out")] == ["-1", "0", "1"] * 4, more
    done = prepared(tmp_path / "t.csv", tmp_path / "out", "--overwrite")
    assert described(tmp_path / "out")["labels"] == (["-1", "0", "1"] if words[0] == "-1" else sorted(words)) and ("as pandas does" in done.err) == (words[0] != "-1")


def test_one_label_alone_is_said_before_training(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"text {i},pos\n" for i in range(12)))
    assert '"pos" is the only label' in prepared(tmp_path / "t.csv", tmp_path / "out").err
    done = infig("verify-data", tmp_path / "out", "--no-report")
    assert done.code == 1 and "not good" in done.out and "1 check was missed:" in done.err, done.all


def test_a_shard_is_no_table(tmp_path):
    with tarfile.open(tmp_path / "train-0.tar", "w") as archive:
        for i in range(9):
            for name, data in [(f"{i}.txt", b"text"), (f"{i}.cls", b"0")]:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    said = refused("prepare", "table", "--raw", tmp_path / "train-0.tar", "--out", tmp_path / "out")
    assert f"infig prepare webdataset --raw {tmp_path / 'train-0.tar'}" in said and "and 6 more" in said and "7.txt" not in said


def test_pictures_that_prepare_lost_are_told_of_later(postcards, tmp_path):
    """Of 36 named ones three are absent; prepare drops their names, and every later step says so."""
    pictures = [post["image"] for post in posts_of(postcards) if post.get("image")][:33]
    (tmp_path / "raw").mkdir()
    for i, picture in enumerate(pictures):
        shutil.copy(postcards / picture, tmp_path / f"raw/{i}.png")
    rows = [f"post number {i},{i}.png,{'xy'[i % 2]},{['train', 'train', 'train', 'dev', 'test', 'test'][i % 6]}\n" for i in range(36)]
    (tmp_path / "raw/t.csv").write_text("text,image,label,split\n" + "".join(rows))
    prepared(tmp_path / "raw/t.csv", tmp_path / "data")
    more = "; 3 more were absent when the data set was prepared (all splits)"
    done = train(tmp_path / "data", tmp_path / "run", "train.epochs=1", "train.batch_size=4", "gam.queue_size=4")
    assert done.code == 0 and "used" + more in done.err, done.all
    assert json.loads((tmp_path / "run/description.json").read_text())["pictures"]["images_lost_by_prepare_absent"] == 3
    done = infig("evaluate", "--run", tmp_path / "run", "--data", tmp_path / "data", "--split", "test")
    assert done.code == 0 and more in done.out, done.all
    assert json.loads((tmp_path / "run/eval/test.json").read_text())["images_lost_by_prepare_absent"] == 3
    assert more in (tmp_path / "run/model-card.md").read_text()
    done = infig("predict", "--run", tmp_path / "run", "--input", tmp_path / "data", "--output", tmp_path / "out/of/o.csv", "--summary", tmp_path / "sum/s.json")
    assert done.code == 0 and more in done.err and json.loads((tmp_path / "sum/s.json").read_text())["images_lost_by_prepare_absent"] == 3, done.all
    done = infig("predict", "--run", tmp_path / "run", "--input", tmp_path / "raw/t.csv", "--output", tmp_path / "out/of/o.csv")
    assert done.code == 0 and "33 of 36 used, 3 absent" in done.err and "when the data set" not in done.err and "o.csv: is there already" in done.err, done.all


@pytest.fixture(scope="module")
def half_labelled(postcards, tmp_path_factory):
    """The built-in posts as a table in which every third post of test has no label, and two of train neither."""
    folder = tmp_path_factory.mktemp("half")
    rows, test = [], 0
    for row in posts_of(postcards):
        test += row["split"] == "test"
        unlabelled = row["split"] == "test" and test % 3 == 0 or row["id"] in (first_of(postcards, 0), first_of(postcards, 1))
        rows.append({"id": row["id"], "text": row.get("text", ""), "image": str(postcards / row["image"]) if row.get("image") else "", "label": " " if unlabelled else row["label"], "split": row["split"]})
    with open(folder / "t.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "image", "label", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return folder, prepared(folder / "t.csv", folder / "data"), test


def first_of(postcards, place):
    return [row["id"] for row in posts_of(postcards) if row["split"] == "train"][place]


def test_unlabelled_posts_of_test_stay(half_labelled):
    folder, done, test = half_labelled
    posts = posts_of(folder / "data")
    without = [post for post in posts if "label" not in post]
    assert len(without) == test // 3 and all(post["split"] == "test" for post in without)
    assert described(folder / "data")["counts"]["test"]["unlabelled"] == test // 3 and "unlabelled" not in described(folder / "data")["counts"]["train"]
    assert f"{test // 3} without label (for predict)" in done.out and "2  dropped: no label" in done.out and done.out.count("no label") == 1
    done = infig("verify-data", folder / "data")
    assert done.code == 0 and f"{test // 3} of these without label" in done.out, done.all
    assert json.loads((folder / "data/data-report.json").read_text())["unlabelled"] == test // 3
    for more in (["--group-by", "text"], ["--folds", 3, "--fold", 2], ["--split-manifest", folder / "data/posts.jsonl"]):
        prepared(folder / "t.csv", folder / "again", *more, "--overwrite")
        assert {post["id"] for post in posts_of(folder / "again") if "label" not in post} == {post["id"] for post in without}, more
        assert {post["split"] for post in posts_of(folder / "again") if "label" not in post} == {"test"}


def test_unlabelled_posts_downstream(half_labelled):
    folder, _, test = half_labelled
    done = train(folder / "data", folder / "run", "train.epochs=1")
    assert done.code == 0, done.all
    done = infig("evaluate", "--run", folder / "run", "--data", folder / "data", "--split", "test")
    assert done.code == 0 and f"{test // 3} more without label" in done.out, done.all
    result = json.loads((folder / "run/eval/test.json").read_text())
    assert result["eval_samples"] == test - test // 3 and result["posts_without_label"] == test // 3
    assert infig("anchors", "--data", folder / "data").code == 0
    done = infig("predict", "--run", folder / "run", "--input", folder / "data", "--output", folder / "out.jsonl")
    assert done.code == 0 and len((folder / "out.jsonl").read_text().splitlines()) == len(posts_of(folder / "data")), done.all


def test_a_train_row_without_label_is_refused_in_a_data_set_folder(postcards, tmp_path):
    rows = posts_of(postcards)
    del rows[0]["label"]
    (tmp_path / "posts.jsonl").write_text("".join(json.dumps(row | {"split": "train"}) + "\n" for row in rows[:3]))
    shutil.copy(postcards / "dataset.json", tmp_path / "dataset.json")
    done = infig("verify-data", tmp_path, "--no-report")
    assert done.code == 1 and 'line 1: field "label" is missing; only posts of the split test may have none' in done.out


def write_public(folder):
    folder.mkdir()
    for name, ids in [("train", range(1, 6)), ("dev", range(6, 8)), ("test", range(8, 10))]:
        (folder / f"{name}.json").write_text(json.dumps([{"id": str(i), "text": f"text {i}", "emotion_label": i % 2} for i in ids]))
    return folder


def write_tumemo(folder):
    folder.mkdir()
    rows = [(i, "Angry") for i in range(5)] + [(i, "Sad") for i in range(169988, 169993)]
    (folder / "all_data_id_and_label.txt").write_text("".join(f"{i} {label}\n" for i, label in rows))
    for i, _ in rows:
        (folder / f"{i}.txt").write_text(f"text {i}")
    return folder


def write_table(folder, name):
    folder.mkdir()
    rows = [{"id": f"p{i}", "text": f"text {i}", "image": f"{i}.jpg", "label": "xy"[i % 2]} for i in range(12)]
    if name.endswith("l"):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        (folder / name).write_text("id,text,image,label\n" + "".join(",".join(row.values()) + "\n" for row in rows))
    return folder / name


KINDS = {
    "table": lambda folder: ["--raw", write_table(folder, "t.csv")],
    "jsonl": lambda folder: ["--raw", write_table(folder, "t.jsonl")],
    "mvsa-single": lambda folder: ["--splits", write_public(folder)],
    "mvsa-multiple": lambda folder: ["--splits", write_public(folder)],
    "hfm": lambda folder: ["--splits", write_public(folder)],
    "tumemo": lambda folder: ["--raw", write_tumemo(folder)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_pictures_that_is_not_there(tmp_path, kind):
    command = ["prepare", kind, *KINDS[kind](tmp_path / "raw"), "--out", tmp_path / "out"]
    (tmp_path / "empty").mkdir()
    typo, empty, usual = ["--images", tmp_path / "picz"], ["--images", tmp_path / "empty"], []
    for more in (typo, [*typo, "--bad-image", "skip"], empty, [*empty, "--pack"], usual):
        said = refused(*command, *more)
        assert "--bad-image missing" in said and "--images" in said and (not more or str(more[1]) in said), said
    for images in (typo, empty):
        done = infig(*command, *images, "--bad-image", "missing", "--overwrite")
        assert done.code == 0, done.all
        description, posts = described(tmp_path / "out"), posts_of(tmp_path / "out")
        assert description["pictures"]["named"] == len(posts) and description["pictures"]["there"] == 0 and not any("image" in post for post in posts)
        assert f"pictures: 0 of {len(posts)} named are there" in done.out
    verified = infig("verify-data", tmp_path / "out")
    assert verified.code == 0 and f"{len(posts)} of the {len(posts)} that the raw files name are not in the data set" in verified.out
    assert json.loads((tmp_path / "out/data-report.json").read_text())["pictures"]["raw"] == {"named": len(posts), "there": 0}


def test_some_lost_pictures_are_counted(postcards, tmp_path):
    table = write_table(tmp_path / "raw", "t.csv")
    picture = next(post["image"] for post in posts_of(postcards) if post.get("image"))
    for i in range(9):
        shutil.copy(postcards / picture, tmp_path / f"raw/{i}.jpg")
    done = prepared(table, tmp_path / "out")
    assert "pictures: 9 of 12 named are there, not decoded; 3 absent" in done.out and described(tmp_path / "out")["pictures"] == {"named": 12, "there": 9, "absent": 3}
    done = prepared(table, tmp_path / "packed", "--pack")
    assert "pictures: 9 of 12 named can be used; 3 absent, 9 ok" in done.out
    done = infig("verify-data", tmp_path / "out")
    assert done.code == 1 and "3 of the 12 that the raw files name are not in the data set" in done.out
    assert "3 of the 12 pictures that are named cannot be used, more than the share 0.01 (--max-unusable)" in done.err
    assert infig("verify-data", tmp_path / "out", "--max-unusable", 0.25).code == 0
    assert "no readable file raw/9.jpg" not in (tmp_path / "out/notes.csv").read_text() and "no readable file 9.jpg" in (tmp_path / "out/notes.csv").read_text()
    prepared(table, tmp_path / "elsewhere", "--images", tmp_path / "raw")
    assert "no readable file raw/9.jpg" in (tmp_path / "elsewhere/notes.csv").read_text()
    for i in range(9, 12):  # in the table itself, and in a folder whose pictures went later
        assert f"p{i}" in (tmp_path / "out/notes.csv").read_text()
    (tmp_path / "s.csv").write_text("text,image,label,split\n" + "".join(f"text {i},gone-{i}.png,{'xy'[i % 2]},train\n" for i in range(20)))
    for more in ([], ["--dry-run"]):  # a table in the working folder, which has no folder's name
        done = infig("train", "--config", ROOT / "configs/tiny.yaml", "--data", "s.csv", "--output-dir", "run", *more, cwd=tmp_path)
        assert done.code == 1 and "error: s.csv: none of the 20 pictures that the posts name is there" in done.err, done.all
    (tmp_path / "raw/s.csv").write_text(table.read_text().replace("label\n", "label,split\n").replace(",x\n", ",x,train\n").replace(",y\n", ",y,test\n"))
    done = infig("verify-data", tmp_path / "raw/s.csv")
    assert done.code == 1 and "pictures 3 of the 12 that are named cannot be used" in done.out
    assert json.loads((tmp_path / "raw/s.csv.data-report.json").read_text())["pictures"]["unusable"] == 3
    shutil.rmtree(tmp_path / "out/images")
    done = infig("verify-data", tmp_path / "out", "--no-report")
    assert done.code == 1 and "12 pictures are named, and not one of them can be used" in done.out and str(tmp_path / "out/images") in done.out
    assert infig("verify-data", tmp_path / "out", "--no-report", "--bad-image", "missing").code == 0


def test_shards_whose_pictures_are_none(tmp_path):
    with tarfile.open(tmp_path / "train-0.tar", "w") as archive:
        for i in range(4):
            for name, data in [(f"{i}.jpg", b"<html>404</html>"), (f"{i}.txt", b"text"), (f"{i}.cls", b"xy"[i % 2:i % 2 + 1])]:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    said = refused("prepare", "webdataset", "--raw", tmp_path / "train-0.tar", "--pack", "--out", tmp_path / "out")
    assert "4 pictures are named" in said and "4 unknown format" in said and "train-0.tar#" in said and "--images" not in said
    prepared(tmp_path / "train-0.tar", tmp_path / "out", "--pack", "--bad-image", "missing", kind="webdataset")


def test_a_lost_picture_is_counted_once_and_under_its_name(run, postcards, tmp_path):
    """Of 6 named pictures 2 are absent and 2 are no pictures. The latter are linked unless they are decoded, and counted where they are read."""
    picture = next(post["image"] for post in posts_of(postcards) if post.get("image"))
    (tmp_path / "raw").mkdir()
    for i in range(2):
        shutil.copy(postcards / picture, tmp_path / f"raw/{i}.png")
    for i in (2, 3):
        (tmp_path / f"raw/{i}.png").write_text("<html>404</html>")
    (tmp_path / "raw/t.csv").write_text("text,image,label,split\n" + "".join(f"post {i},{i}.png,{'xy'[i % 2]},test\n" for i in range(6)))
    for flags, said, lost, bad in [
        ([], "2 of 4 used, 2 bad; 2 more were absent when the data set was prepared", {"absent": 2, "bad": 0}, 2),
        (["--bad-image", "missing"], "2 of 2 used; 4 more were lost (2 absent, 2 bad) when", {"absent": 2, "bad": 2}, 0),
    ]:
        prepared(tmp_path / "raw/t.csv", tmp_path / "data", "--overwrite", *flags)
        done = infig("predict", "--run", run, "--input", tmp_path / "data", "--output", tmp_path / "o.csv", "--summary", tmp_path / "s.json")
        assert done.code == 0 and said in done.err, done.all
        summary = json.loads((tmp_path / "s.json").read_text())
        assert {key: summary["images_lost_by_prepare_" + key] for key in lost} == lost and summary["images_bad"] == bad and summary["images_absent"] == 0


def test_a_row_with_neither_text_nor_picture_is_no_post(run, postcards, tmp_path):
    """evaluate of a table and of what prepare makes of it: the same posts, the same scores."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder, symlinks=True, ignore=shutil.ignore_patterns("eval"))
    labels = described(postcards)["labels"]
    rows = [["text", "label", "split"], *[[f"a lovely day number {i}", labels[i % 3], "test"] for i in range(12)], ["", labels[0], "test"], ["", labels[1], "dev"]]
    with open(tmp_path / "t.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert "neither text nor picture" in (prepared(tmp_path / "t.csv", tmp_path / "data").out + (tmp_path / "data/dropped.csv").read_text())
    results = []
    for data in (tmp_path / "t.csv", tmp_path / "data"):
        done = infig("evaluate", "--run", folder, "--data", data, "--split", "test", "--no-report")
        assert done.code == 0 and ("  1 row with neither text nor picture left out" in done.out) == (data.suffix == ".csv"), done.all
        results.append(json.loads(next(path for path in folder.glob("eval/*/test.json")).read_text()))
        shutil.rmtree(folder / "eval")
    assert "t.csv: rows with neither text nor picture, which are left out: 2" in infig("evaluate", "--run", folder, "--data", tmp_path / "t.csv", "--no-report").err
    table, data = results
    assert table["eval_samples"] == data["eval_samples"] == 12 and table["rows_left_out"] == 1 and data["rows_left_out"] == 0
    assert {key: table[key] for key in table if key.startswith("eval_")} == {key: data[key] for key in data if key.startswith("eval_")}
    assert infig("verify-data", tmp_path / "t.csv", "--no-report").out.startswith("data set t: 14 posts")

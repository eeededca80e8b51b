"""`infig prepare {mvsa-multiple,hfm,tumemo}` from the command line, on a few made-up rows in the published layouts. What is expected was worked by hand from
the rules of docs/published-data.md."""

import csv
import hashlib
import json
import re

import pytest
from conftest import infig


def read(folder):
    """posts.jsonl, {id: reason} of dropped.csv, dataset.json."""
    posts = [json.loads(line) for line in (folder / "posts.jsonl").read_text().splitlines()]
    with open(folder / "dropped.csv", newline="") as file:
        dropped = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    return posts, dropped, json.loads((folder / "dataset.json").read_text())


def brief(posts):
    return [(post["id"], post["label"], post["split"]) for post in posts]


def prepared(*words):
    done = infig("prepare", *words)
    assert done.code == 0, done.all
    return done


def counts(done):
    """The numbers at the beginning of lines: what is left after each rule, in its order."""
    return [int(number) for number in re.findall(r"^ *(\d+)  ", done.out, re.M)]


def file_hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_split(folder, **splits):
    """Public split files: {"train": [(id, text, label), ...]}."""
    folder.mkdir(parents=True)
    for name, rows in splits.items():
        (folder / f"{name}.json").write_text(json.dumps([{"id": str(id), "text": text, "emotion_label": label} for id, text, label in rows]))
    return folder


@pytest.fixture(scope="module")
def mvsa(tmp_path_factory):
    """Of 16 posts 10 stay: three annotators who disagree drop two, positive against negative one, the excluded ids three."""
    folder = tmp_path_factory.mktemp("mvsa") / "MVSA"
    (folder / "data").mkdir(parents=True)
    votes = {1: ["positive,neutral", "neutral,neutral", "positive,negative"],      # positive and neutral: positive
             2: ["negative,negative"] * 3, 3: ["neutral,neutral", "neutral,neutral", "positive,positive"],
             4: ["neutral,negative", "neutral,negative", "negative,positive"],      # neutral and negative: negative
             5: ["positive,neutral", "neutral,neutral", "negative,neutral"],        # three texts
             6: ["positive,neutral", "positive,positive", "positive,negative"],     # three images
             7: ["positive,negative"] * 3}                                          # against each other
    votes |= {i: ["neutral,neutral"] * 3 for i in (3151, 3910, 15324)}
    votes |= {i: ["positive,positive"] * 3 for i in range(20, 26)}
    rows = ["ID\ttext,image\ttext,image\ttext,image"] + ["\t".join([str(i), *cells]) for i, cells in votes.items()]
    (folder / "labelResultAll.txt").write_text("\r\n".join(rows) + "\r\n")
    for i in votes:
        (folder / f"data/{i}.txt").write_bytes(f" text {i} \xa1#tag @name http://t.co/{i}\n".encode("latin1"))
        (folder / f"data/{i}.jpg").write_bytes(b"\xff\xd8\xff picture %d" % i)
    return folder


KEPT = ["1", "2", "3", "4", "20", "21", "22", "23", "24", "25"]


def test_mvsa_multiple_from_the_download(mvsa, tmp_path):
    done = prepared("mvsa-multiple", "--raw", mvsa, "--out", tmp_path / "out")
    posts, dropped, description = read(tmp_path / "out")
    labels = {"1": "positive", "2": "negative", "3": "neutral", "4": "negative"}
    assert [(post["id"], post["label"]) for post in posts] == [(i, labels.get(i, "positive")) for i in KEPT]
    assert posts[0]["text"] == "text 1 #tag @name http://t.co/1"  # what is no UTF-8 is left out
    assert dropped == {"5": "three different labels of the text", "6": "three different labels of the image", "7": "text label positive, image label negative",
                       "3151": "excluded: its picture cannot be read", "3910": "excluded: its picture cannot be read", "15324": dropped["15324"]}
    assert "excluded" in dropped["15324"]
    assert counts(done)[:4] == [16, 14, 13, 10]  # rows, majorities, labels, without the excluded
    assert description["labels"] == ["positive", "neutral", "negative"] and description["sha256"] == file_hash(tmp_path / "out/posts.jsonl")
    assert sum(split["posts"] for split in description["counts"].values()) == 10
    assert [entry["sha256"] for entry in description["inputs"]] == [file_hash(mvsa / "labelResultAll.txt")]
    for post in posts:
        assert (tmp_path / "out" / post["image"]).read_bytes() == b"\xff\xd8\xff picture " + post["id"].encode()
    again = prepared("mvsa-multiple", "--raw", mvsa.parent, "--text", "clean", "--split-manifest", tmp_path / "out/split.csv", "--out", tmp_path / "clean")
    cleaned, _, description = read(tmp_path / "clean")
    assert brief(cleaned) == brief(posts) and cleaned[0]["text"] == "text 1   " and "SHA-256" in again.out
    assert description["options"]["text"] == "clean" and description["rules"]["split"]["kind"] == "manifest"


def test_mvsa_multiple_with_its_split(mvsa, tmp_path):
    splits = write_split(tmp_path / "splits", train=[(2, "text 2", 2), (1, "text 1 #tag @name http://t.co/1", 0)], dev=[(3, "x", 0)], test=[(20, "y", 0)])
    prepared("mvsa-multiple", "--raw", mvsa, "--splits", splits, "--out", tmp_path / "out")
    posts, dropped, description = read(tmp_path / "out")
    assert brief(posts) == [("2", "negative", "train"), ("1", "positive", "train"), ("3", "positive", "dev"), ("20", "positive", "test")]
    assert len(dropped) == 12 and dropped["25"] == "in none of the split files" and dropped["5"] == "three different labels of the text"
    assert {name: split["posts"] for name, split in description["counts"].items()} == {"train": 2, "dev": 1, "test": 1}
    notes = (tmp_path / "out/notes.csv").read_text()
    assert "positive in dev.json, neutral by rule" in notes


def test_mvsa_multiple_splits_alone(tmp_path):
    # Posts 1 to 8 have one text but for case, URL, punctuation and retweeting, in letters of any script; 9 to 40 each their own.
    same = ["RT @a: \u00c9T\u00c9 \u00ab oui \u00bb http://t.co/1", "\u00e9t\u00e9 oui", "\u00e9t\u00e9, OUI!", "rt @b rt @c: \u00c9t\u00e9 \u2026 oui"] * 2
    rows = [(i + 1, same[i] if i < 8 else f"text {i}", i % 3) for i in range(40)]
    splits = write_split(tmp_path / "splits", train=rows[:30], dev=rows[30:35], test=rows[35:])
    done = prepared("mvsa-multiple", "--splits", splits, "--images", tmp_path / "none", "--bad-image", "missing", "--out", tmp_path / "out")
    posts, dropped, description = read(tmp_path / "out")
    assert done.err.count("is absent") == 1 and not dropped and not (tmp_path / "out/notes.csv").exists()
    assert [post["text"] for post in posts] == [text for _, text, _ in rows] and not any("image" in post for post in posts)
    assert {name: split["posts"] for name, split in description["counts"].items()} == {"train": 30, "dev": 5, "test": 5}
    assert [(entry["file"], entry["sha256"]) for entry in description["inputs"]] == [(f"splits/{n}.json", file_hash(splits / f"{n}.json")) for n in ("train", "dev", "test")]
    for seed in range(1, 7):  # ungrouped, eight posts would hardly ever stay together
        prepared("mvsa-multiple", "--splits", splits, "--bad-image", "missing", "--group-by", "text", "--seed", seed, "--out", tmp_path / f"grouped{seed}")
        grouped, _, description = read(tmp_path / f"grouped{seed}")
        assert len({post["split"] for post in grouped if int(post["id"]) <= 8}) == 1
        assert "normal form" in description["rules"]["split"]["group_by"]
    write_split(tmp_path / "old", train=[(3910, "x", 0)])
    refused = infig("prepare", "mvsa-multiple", "--splits", tmp_path / "old", "--out", tmp_path / "x")
    assert refused.code == 1 and "3910" in refused.err and not (tmp_path / "x").exists()
    assert infig("prepare", "mvsa-multiple", "--out", tmp_path / "x").code == 2


@pytest.fixture(scope="module")
def hfm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hfm") / "repository"
    (folder / "text").mkdir(parents=True)
    (folder / "extract").mkdir()
    (folder / "dataset_image").mkdir()
    (folder / "text/train.txt").write_bytes(b"['1', 'one # humor', 1]\r\n['2', \"two's caf\\u00e9\", 1]\r\n['3', 'three', 0]\r\n['4', 'irony <url>', 0]\r\n['5', 'humorous', 0]\r\n")
    (folder / "text/valid2.txt").write_bytes(b"['6', ' six', 1, 0]\r\n")
    (folder / "text/test2.txt").write_bytes(b"['7', 'seven\\nseven', 0, 1]\r\n")
    (folder / "extract/extract_all").write_text("".join(f"['{i}', 'v{i}', 'w', 'x', 'y', 'z']\n" for i in (2, 3, 6, 7)))
    for i in (2, 7):
        (folder / f"dataset_image/{i}.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


HFM_POSTS = [("2", "sarcastic", "train"), ("3", "not_sarcastic", "train"), ("5", "not_sarcastic", "train"), ("6", "not_sarcastic", "dev"), ("7", "sarcastic", "test")]
HFM_TEXTS = ["two's caf\u00e9", "three", "humorous", " six", "seven\nseven"]


def test_hfm_both_roads_end_in_the_same_posts(hfm, tmp_path):
    done = prepared("hfm", "--raw", hfm, "--out", tmp_path / "raw")
    posts, dropped, description = read(tmp_path / "raw")
    assert brief(posts) == HFM_POSTS and [post["text"] for post in posts] == HFM_TEXTS  # the last element of a row is its label
    assert [post.get("attributes", [None])[0] for post in posts] == ["v2", "v3", None, "v6", "v7"]
    assert ["image" in post for post in posts] == [True, False, False, False, True]
    assert dropped == {"1": "holds humor", "4": "holds <url>, irony"}  # whole words alone
    assert counts(done)[:2] == [7, 5]
    assert description["rules"]["filter"]["rows_with"] == {"<url>": 1, "humor": 1, "irony": 1}
    assert [entry["file"] for entry in description["inputs"]] == ["text/train.txt", "text/valid2.txt", "text/test2.txt", "extract/extract_all"]
    assert "no attribute words" in (tmp_path / "raw/notes.csv").read_text()

    rows = [(id, text, int(label == "sarcastic")) for (id, label, _), text in zip(HFM_POSTS, HFM_TEXTS)]
    splits = write_split(tmp_path / "splits", train=rows[:3], valid=rows[3:4], test=rows[4:])
    prepared("hfm", "--splits", splits, "--images", hfm / "dataset_image", "--out", tmp_path / "json")
    others, dropped, description = read(tmp_path / "json")
    assert others == [{key: value for key, value in post.items() if key != "attributes"} for post in posts] and not dropped
    assert description["counts"] == json.loads((tmp_path / "raw/dataset.json").read_text())["counts"]

    prepared("hfm", "--raw", hfm, "--splits", splits, "--out", tmp_path / "both")
    assert (tmp_path / "both/posts.jsonl").read_bytes() == (tmp_path / "raw/posts.jsonl").read_bytes()


def test_hfm_without_cues_is_another_data_set(hfm, tmp_path):
    done = prepared("hfm", "--raw", hfm, "--text", "clean", "--out", tmp_path / "clean")
    described = json.loads((tmp_path / "clean/dataset.json").read_text())
    assert described["name"] == "hfm-without-cues" and "#" in described["rules"]["text"]["cleaning"], done.all
    assert not [line for line in open(tmp_path / "clean/posts.jsonl") if "#" in json.loads(line)["text"]]


def test_hfm_faults(hfm, tmp_path):
    folder = tmp_path / "text"
    folder.mkdir()
    for name in ("train.txt", "valid2.txt", "test2.txt"):
        (folder / name).write_bytes((hfm / "text" / name).read_bytes())
    (folder / "test2.txt").write_bytes(b"['7', 'seven', 0, 1]\r\n['2', 'again', 0, 1]\r\n")
    done = infig("prepare", "hfm", "--raw", tmp_path, "--out", tmp_path / "out")
    assert done.code == 1 and "test2.txt, line 2: id 2 is already" in done.err and not (tmp_path / "out").exists()
    assert infig("prepare", "hfm", "--out", tmp_path / "out").code == 2


FIRST_IDS = {"angry": 0, "bored": 14554, "calm": 46837, "fear": 64946, "happy": 85210, "love": 135477, "sad": 169988}


@pytest.fixture(scope="module")
def tumemo(tmp_path_factory):
    """Seven classes of 20 posts."""
    folder = tmp_path_factory.mktemp("tumemo") / "TumEmo"
    (folder / "all_data").mkdir(parents=True)
    rows = ["id label"]
    for label, first in FIRST_IDS.items():
        for i in range(first, first + 20):
            rows.append(f"{i} {label.capitalize()}")
            if i % 20 != 7:
                (folder / f"all_data/{i}.txt").write_text(f"Just the text {i}, see http://t.co/{i}\n")
            (folder / f"all_data/{i}.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "all_data_id_and_label.txt").write_text("\n".join(rows) + "\n")
    return folder


def test_tumemo_draws_the_published_proportions(tumemo, tmp_path):
    done = prepared("tumemo", "--raw", tumemo, "--out", tmp_path / "out")
    posts, dropped, description = read(tmp_path / "out")
    assert len(posts) == 140 and not dropped and counts(done)[0] == 140
    assert description["labels"] == list(FIRST_IDS)
    # 156,204, 19,525 and 19,536 of 195,265 are 112, 14 and 14 of 140, and a class has 16, 2 and 2 of its 20.
    assert {name: split["posts"] for name, split in description["counts"].items()} == {"train": 112, "dev": 14, "test": 14}
    for label in FIRST_IDS:
        assert [sum(post["label"] == label and post["split"] == split for post in posts) for split in ("train", "dev", "test")] == [16, 2, 2], label
    assert posts[0]["text"] == "Just the text 0, see" and "text" not in posts[7]  # without URLs; no text file, but a picture
    assert description["rules"]["class_ranges"] == "checked"
    assert (tmp_path / "out/split.csv").read_text().splitlines()[0] == "id,split"
    prepared("tumemo", "--raw", tumemo, "--text", "clean", "--seed", 2, "--out", tmp_path / "other")
    others, _, description = read(tmp_path / "other")
    assert others[0]["text"] == "text see" and brief(others) != brief(posts) and description["options"]["text"] == "clean"


def test_tumemo_keeps_public_lists(tumemo, tmp_path):
    splits = tmp_path / "lists"
    splits.mkdir()
    (splits / "val_all_anno.json").write_text('{"id": "3", "text": "x", "label": "angry"}\n{"id": 14560, "label": "bored"}\n')
    (splits / "test.txt").write_text("\ufeff46838\n\n46839 calm\n")
    prepared("tumemo", "--raw", tumemo, "--splits", splits, "--out", tmp_path / "out")
    posts, _, description = read(tmp_path / "out")
    where = {post["id"]: post["split"] for post in posts}
    assert [where[id] for id in ("3", "14560", "46838", "46839")] == ["dev", "dev", "test", "test"]
    assert {name: split["posts"] for name, split in description["counts"].items()} == {"train": 112, "dev": 14, "test": 14}
    assert description["rules"]["split"]["kind"] == "lists, filled up by drawing"
    (splits / "test.txt").write_text("3\n")
    twice = infig("prepare", "tumemo", "--raw", tumemo, "--splits", splits, "--out", tmp_path / "x")
    assert twice.code == 1 and "id 3 is already in val_all_anno.json" in twice.err and not (tmp_path / "x").exists()


def test_tumemo_faults_and_drops(tumemo, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("0 Angry\n1 Sad\n")
    done = infig("prepare", "tumemo", "--raw", tumemo, "--label-file", labels, "--out", tmp_path / "x")
    assert done.code == 1 and "1 rows labelled sad lie outside its ids" in done.err and not (tmp_path / "x").exists()
    labels.write_text("0 Angry\n1 Sad\n400 Love\n")  # nothing of 400 is there
    prepared("tumemo", "--raw", tumemo, "--label-file", labels, "--any-ids", "--out", tmp_path / "any")
    posts, dropped, description = read(tmp_path / "any")
    assert [(post["id"], post["label"]) for post in posts] == [("0", "angry"), ("1", "sad")]
    assert list(dropped) == ["400"] and "not checked" in description["rules"]["class_ranges"]
    assert infig("prepare", "tumemo", "--out", tmp_path / "x").code == 2

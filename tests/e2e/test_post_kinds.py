"""Predicting every kind of post: text and picture there, empty, without a column, or unusable, under every policy, from every kind of input.

The table is that of docs/data.md, "Which posts get a prediction". tests/posts/post_kinds_test.cpp has it for single posts, under the sanitizers.
"""

import csv
import io
import json
import shutil
import subprocess
import tarfile

import pytest
from conftest import BINARY, infig, train

WORDS, NOT_UTF8 = "a lovely day", b"bad \xff byte"
TEXTS, PICTURES = ["there", "empty", "no column", "unusable"], ["there", "empty", "no column", "absent", "broken"]
# L: a label. N: a label by the text alone, with a note. E: an error, neither text nor picture. P: an error, the picture. T: an error, the text.
# S: the work stops.
TABLE = {
    "missing": ["LLLNN", "LEEEE", "LEEEE", "TTTTT"],
    "skip": ["LLLPP", "LEEEE", "LEEEE", "TTTTT"],
    "error": ["LLLSS", "LEESS", "LEESS", "TTTTT"],
}
ALL = [(text, picture) for text in TEXTS for picture in PICTURES]


def expected(policy, text, picture, kind=""):
    column = "broken" if kind == "tar" and picture == "empty" else picture  # a file of no bytes is a broken picture
    return TABLE[policy][TEXTS.index(text)][PICTURES.index(column)]


def letter(row):
    """A row of JSONL or CSV as a letter of the table."""
    if not row["error"]:
        assert row["prediction"] and float(row["p_positive"]) > 0
        return "N" if row["note"] else "L"
    assert not row["prediction"] and row["p_positive"] in (None, "") and not row["note"]
    if "not UTF-8" in row["error"]:
        return "T"
    return "P" if row["error"].startswith("image ") else "E" if "neither text nor picture" in row["error"] or row["error"].startswith("no text, and image ") else "?"


def rows_of(path):
    if path.suffix == ".csv":
        with open(path, newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_text().splitlines()]


def words(text):
    return {"there": WORDS.encode(), "unusable": NOT_UTF8}.get(text, b"")


@pytest.fixture(scope="module")
def pictures(postcards, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    shutil.copy(sorted((postcards / "images").iterdir())[0], folder / "there.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def name_of(folder, picture):
    return str(folder / f"{picture}.png").encode() if picture in ("there", "absent", "broken") else b""


def write_jsonl(path, folder, cases):
    lines = []
    for i, (text, picture) in enumerate(cases):
        line = b'{"id": "p%d", "label": "positive", "split": "test"' % i
        line += b"" if text == "no column" else b', "text": "' + words(text) + b'"'
        line += b"" if picture == "no column" else b', "image": "' + name_of(folder, picture) + b'"'
        lines.append(line + b"}\n")
    path.write_bytes(b"".join(lines))
    return path


def write_folder(path, folder, cases, postcards):
    path.mkdir()
    shutil.copy(postcards / "dataset.json", path)
    write_jsonl(path / "posts.jsonl", folder, cases)
    return path


def write_csv(path, folder, cases):
    has_text, has_picture = (all(case[side] != "no column" for case in cases) for side in (0, 1))
    columns = ["id", *(["text"] if has_text else []), *(["image"] if has_picture else []), "label"]
    lines = [",".join(columns).encode()]
    for i, (text, picture) in enumerate(cases):
        cells = [b"p%d" % i, *([words(text)] if has_text else []), *([name_of(folder, picture)] if has_picture else []), b"positive"]
        lines.append(b",".join(cells))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def write_tar(path, folder, cases):
    with tarfile.open(path, "w") as tar:
        for i, (text, picture) in enumerate(cases):
            members = {"cls": b"positive"} | ({} if text == "no column" else {"txt": words(text)})
            if picture in ("there", "broken"):
                members["png"] = (folder / f"{picture}.png").read_bytes()
            if picture == "empty":
                members["png"] = b""
            for extension, data in members.items():
                info = tarfile.TarInfo(f"p{i}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def inputs(kind, tmp_path, pictures, postcards, cases):
    """Files that hold the cases, each with the cases it holds: a CSV has columns for all of its rows or for none."""
    if kind == "jsonl":
        return [(write_jsonl(tmp_path / "posts.jsonl", pictures, cases), cases)]
    if kind == "folder":
        return [(write_folder(tmp_path / "data", pictures, cases, postcards), cases)]
    if kind == "tar":
        held = [case for case in cases if case[1] != "absent"]  # a tar names what it holds
        return [(write_tar(tmp_path / "test-0.tar", pictures, held), held)]
    files = []
    for number, (text, picture) in enumerate([(True, True), (True, False), (False, True)]):
        part = [case for case in cases if (case[0] != "no column") == text and (case[1] != "no column") == picture]
        if part:
            files.append((write_csv(tmp_path / f"posts{number}.csv", pictures, part), part))
    return files


@pytest.mark.parametrize("kind", ["csv", "jsonl", "tar", "folder"])
def test_every_kind_of_post_in_a_file(run, pictures, postcards, tmp_path, kind):
    out = tmp_path / f"out.{'csv' if kind == 'csv' else 'jsonl'}"
    for policy in TABLE:
        (tmp_path / policy).mkdir()
        goes_on = [case for case in ALL if expected(policy, *case, kind) != "S"]
        for path, cases in inputs(kind, tmp_path / policy, pictures, postcards, goes_on):
            done = infig("predict", "--run", run, "--input", path, "--output", out, "--bad-image", policy)
            assert done.code == 0, done.all
            rows = rows_of(out)
            assert [letter(row) for row in rows] == [expected(policy, *case, kind) for case in cases], (policy, path)
            unreadable = [case[0] == "unusable" for case in cases]
            assert [row["id"] for row in rows] == [str(i + 1) if bad else f"p{i}" for i, bad in enumerate(unreadable)]
            assert [row["label"] for row in rows] == ["" if bad else "positive" for bad in unreadable]
    stops = [case for case in ALL if expected("error", *case, kind) == "S" and (kind != "tar" or case[1] != "absent")]
    for number, case in enumerate(stops[:2]):  # one of each picture; the rest is in tests/posts
        folder = tmp_path / f"stop{number}"
        folder.mkdir()
        for path, _ in inputs(kind, folder, pictures, postcards, [("there", "there"), case] if kind != "csv" else [case]):
            done = infig("predict", "--run", run, "--input", path, "--output", folder / out.name, "--bad-image", "error")
            assert done.code == 1 and "--bad-image missing keeps such posts" in done.err, done.all
            assert not (folder / out.name).exists() and not list(folder.glob("*.partial*"))


def test_every_kind_of_one_post(run, pictures):
    """On the command line "no column" is a flag that is not given."""
    for policy, table in TABLE.items():
        for text, picture in ALL:
            if policy != "missing" and (text not in ("there", "empty") or picture not in ("there", "absent")):
                continue  # the policy is about pictures that are named; the rest is in tests/posts
            if text == "unusable" and picture != "there":
                continue  # whatever the picture is, the text is the fault
            flags = [] if text == "no column" else [b"--text", words(text)]
            flags += [] if picture == "no column" else [b"--image", name_of(pictures, picture)]
            # A child's words are bytes: what is not UTF-8 gets there.
            command = [str(BINARY), "predict", "--run", str(run), "--threads", "1", "--bad-image", policy, *flags]
            done = subprocess.run(command, capture_output=True, timeout=600, stdin=subprocess.DEVNULL)
            err = done.stderr.decode()
            if not flags:
                assert done.returncode == 2 and "--text and/or --image" in err
                continue
            became = table[TEXTS.index(text)][PICTURES.index(picture)]
            assert done.returncode == (0 if became in "LN" else 1), (policy, text, picture, err)
            if became == "S":
                assert done.stdout == b"" and "--bad-image missing keeps such posts" in err
                continue
            row = json.loads(done.stdout)
            assert letter(row) == became, (policy, text, picture, row)
            said = {"L": "", "N": str(pictures), "P": str(pictures), "T": "--text: not UTF-8", "E": str(pictures) if picture in ("absent", "broken") else "neither text nor picture"}
            assert said[became] in err and (became != "L" or err == "")


def test_a_table_without_text_and_picture_is_named(run, tmp_path):
    (tmp_path / "t.csv").write_text("id,remark\na,hello\n")
    done = infig("predict", "--run", run, "--input", tmp_path / "t.csv", "--output", tmp_path / "o.csv")
    assert done.code == 1 and "t.csv, header: neither a column \"text\" nor a column \"image\"" in done.err
    assert not (tmp_path / "o.csv").exists()


@pytest.fixture
def own(run, tmp_path):
    """A copy of the run, to be evaluated into."""
    return shutil.copytree(run, tmp_path / "own", symlinks=True)


# Lost pictures


def with_lost_pictures(postcards, folder, keep=0):
    """The postcards with pictures that are not there, but for the first `keep`."""
    folder.mkdir()
    shutil.copy(postcards / "dataset.json", folder)
    posts = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    lines = [json.dumps({**post, "image": str(postcards / post["image"]) if i < keep else f"picz/{i}.png"}) for i, post in enumerate(posts)]
    (folder / "posts.jsonl").write_text("\n".join(lines) + "\n")
    return len(posts)


def test_predictions_without_any_of_the_pictures_fail(run, postcards, tmp_path):
    with_lost_pictures(postcards, tmp_path / "data")
    words = ["predict", "--run", run, "--input", tmp_path / "data", "--output", tmp_path / "out.jsonl", "--summary", tmp_path / "sum.json"]
    done = infig(*words)
    assert done.code == 1 and "none of the 120 pictures that the posts name is there" in done.err and "--bad-image missing" in done.err
    rows = rows_of(tmp_path / "out.jsonl")
    assert len(rows) == 120 and all(row["prediction"] and "absent" in row["note"] for row in rows)
    assert json.loads((tmp_path / "sum.json").read_text()) == {
        "rows": 120, "errors": 0, "below_min_confidence": 0, "texts_missing": 0, "posts_empty": 0, "images_named": 120, "images_absent": 120, "images_bad": 0, "images_truncated": 0,
        "images_lost_by_prepare_absent": 0, "images_lost_by_prepare_bad": 0}
    typed = infig(*words, "--bad-image", "missing")
    assert typed.code == 0 and "pictures: 0 of 120 used, 120 absent" in typed.err, typed.all
    skipped = infig(*words, "--bad-image", "skip")
    assert skipped.code == 1 and "120 with an error" in skipped.err
    one = infig("predict", "--run", run, "--text", "x", "--image", tmp_path / "no.png")
    assert one.code == 1 and json.loads(one.out)["prediction"] and "no.png: absent" in one.err


def test_some_lost_pictures_are_counted(own, postcards, tmp_path):
    count = with_lost_pictures(postcards, tmp_path / "data", keep=100)
    (tmp_path / "data/picz").mkdir()
    (tmp_path / "data/picz/119.png").write_bytes(b"no picture")
    done = infig("predict", "--run", own, "--input", tmp_path / "data", "--output", tmp_path / "out.csv")
    assert done.code == 0 and f"pictures: 100 of {count} used, 19 absent, 1 bad" in done.err, done.all
    posts = [json.loads(line) for line in (tmp_path / "data/posts.jsonl").read_text().splitlines()]
    lost = {split: sum(post["split"] == split and post["image"].startswith("picz") for post in posts) for split in ("train", "dev", "test")}
    named = {split: sum(post["split"] == split for post in posts) for split in lost}
    bad = posts[119]["split"]
    done = infig("evaluate", "--run", own, "--data", tmp_path / "data", "--split", bad, "--no-report")
    assert done.code == 0 and f"pictures: {named[bad] - lost[bad]} of {named[bad]} used" in done.out and "1 bad" in done.out, done.all
    written = [json.loads(path.read_text()) for path in (own / "eval").rglob(f"{bad}.json")]
    assert {"images_named": named[bad], "images_absent": lost[bad] - 1, "images_bad": 1, "posts_empty": 0}.items() in [
        {key: one.get(key) for key in ("images_named", "images_absent", "images_bad", "posts_empty")}.items() for one in written]
    done = train(tmp_path / "data", tmp_path / "run", "train.epochs=1")
    assert done.code == 0, done.all
    seen = {split: sum(post["split"] == split for post in posts) for split in ("train", "dev")}
    away = lost["train"] + lost["dev"]
    assert f"pictures: {sum(seen.values()) - away} of {sum(seen.values())} used" in done.err
    counts = json.loads((tmp_path / "run/description.json").read_text())["pictures"]
    assert counts["images_named"] == sum(seen.values()) and counts["images_absent"] + counts["images_bad"] == away


def test_training_and_evaluation_without_any_of_the_pictures_fail(own, postcards, tmp_path):
    with_lost_pictures(postcards, tmp_path / "data")
    before = {path: path.read_bytes() for path in (own / "eval").rglob("*") if path.is_file()}
    for done in (train(tmp_path / "data", tmp_path / "run"), train(tmp_path / "data", tmp_path / "run", "--bad-image", "skip"),
                 infig("evaluate", "--run", own, "--data", tmp_path / "data", "--split", "test")):
        assert done.code == 1 and "data: none of the" in done.err and "picz/" in done.err and "--bad-image missing" in done.err, done.all
    assert not (tmp_path / "run").exists()
    assert {path: path.read_bytes() for path in (own / "eval").rglob("*") if path.is_file()} == before
    typed = train(tmp_path / "data", tmp_path / "run", "--bad-image", "missing", "train.epochs=1")
    assert typed.code == 0 and "pictures: 0 of" in typed.err, typed.all
    typed = infig("evaluate", "--run", tmp_path / "run", "--data", tmp_path / "data", "--split", "test", "--bad-image", "missing", "--no-report")
    assert typed.code == 0 and "pictures: 0 of" in typed.out, typed.all


def test_a_post_without_a_picture_is_no_bad_picture(postcards, tmp_path):
    """An empty cell is not listed in bad-pictures.csv, nor warned about."""
    posts = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    table = tmp_path / "t.csv"
    with open(table, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "image", "label", "split"])
        writer.writerows([post["id"], post["text"], str(postcards / post["image"]) if i % 2 else "", post["label"], post["split"]] for i, post in enumerate(posts))
    done = train(table, tmp_path / "run", "train.epochs=1")
    assert done.code == 0 and "not whole" not in done.err, done.all
    assert not (tmp_path / "run/bad-pictures.csv").exists()
    named = sum(i % 2 and post["split"] != "test" for i, post in enumerate(posts))
    assert f"pictures: {named} of {named} used" in done.err


# The shape of the output


def test_one_shape_of_output(own, postcards, tmp_path):
    """JSONL, CSV and what evaluate writes have the same names and say the same; the nested form says it in its own way."""
    test = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    test = [{**post, "image": str(postcards / post["image"])} for post in test if post["split"] == "test"]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(post) + "\n" for post in test))
    out = {}
    for name, flags in [("a.jsonl", []), ("b.csv", []), ("c.jsonl", ["--format", "nested"]), ("d.txt", ["--format", "csv"])]:
        done = infig("predict", "--run", own, "--input", tmp_path / "test.jsonl", "--output", tmp_path / name, *flags)
        assert done.code == 0, done.all
        out[name] = tmp_path / name
    assert out["b.csv"].read_bytes() == out["d.txt"].read_bytes()
    done = infig("evaluate", "--run", own, "--data", postcards, "--split", "test", "--no-report")
    assert done.code == 0, done.all
    flat, table, evaluated, nested = (rows_of(path) for path in (out["a.jsonl"], out["b.csv"], own / "eval/test-predictions.csv", out["c.jsonl"]))
    probabilities = ["p_positive", "p_neutral", "p_negative"]
    names = ["id", "label", "prediction", *sorted(probabilities, key=list(evaluated[0]).index)]
    assert list(evaluated[0]) == names
    assert list(flat[0]) == list(table[0]) == [*names, "error", "note"]
    for one, row, scored, old, post in zip(flat, table, evaluated, nested, test, strict=True):
        assert one["id"] == row["id"] == scored["id"] == old["id"] == post["id"]
        assert one["label"] == row["label"] == scored["label"] == post["label"]
        assert one["prediction"] == row["prediction"] == scored["prediction"] == old["label"]
        for name in probabilities:
            assert one[name] == pytest.approx(float(row[name]), rel=1e-8)
            assert one[name] == pytest.approx(float(scored[name]), abs=1e-5)
            assert one[name] == old["probabilities"][name[2:]]
        assert one["prediction"] == max(probabilities, key=one.get)[2:]
    unlabelled = infig("predict", "--run", own, "--text", "hello", "--output", tmp_path / "one.csv")
    assert unlabelled.code == 0 and rows_of(tmp_path / "one.csv")[0]["label"] == ""


# --min-confidence


def test_min_confidence(own, postcards, tmp_path):
    done = infig("predict", "--run", own, "--input", postcards, "--output", tmp_path / "all.jsonl")
    assert done.code == 0, done.all
    rows = rows_of(tmp_path / "all.jsonl")
    best = [max(value for key, value in row.items() if key.startswith("p_")) for row in rows]
    middle = sorted(best)[len(best) // 4:-len(best) // 4]  # the bound lies in the widest gap, since batches move the last digits
    bound = max((high - low, (high + low) / 2) for low, high in zip(middle, middle[1:]))[1]
    done = infig("predict", "--run", own, "--input", postcards, "--output", tmp_path / "sure.jsonl", "--min-confidence", bound)
    below = sum(p < bound for p in best)
    assert done.code == 0 and f"; {below} below --min-confidence" in done.err and 0 < below < len(best), done.all
    for row, sure, p in zip(rows, rows_of(tmp_path / "sure.jsonl"), best, strict=True):
        assert sure == {**row, "prediction": row["prediction"] if p >= bound else "none"}
    done = infig("evaluate", "--run", own, "--data", postcards, "--split", "train", "--min-confidence", bound, "--no-report")
    assert done.code == 0, done.all
    result = json.loads((own / "eval/train.json").read_text())
    with open(own / "eval/train-predictions.csv", newline="") as file:
        scored = [(row["label"] == row["prediction"], max(float(value) for key, value in row.items() if key.startswith("p_"))) for row in csv.DictReader(file)]
    answered = [right for right, p in scored if p >= bound]
    assert result["eval_min_confidence"] == pytest.approx(bound) and result["eval_answered"] == len(answered)
    assert result["eval_coverage"] == pytest.approx(len(answered) / len(scored))
    assert result["eval_accuracy_at_min_confidence"] == pytest.approx(sum(answered) / len(answered))
    assert f"coverage {len(answered) / len(scored):.4f}" in done.out and f"accuracy {sum(answered) / len(answered):.4f} (95 % Wilson interval" in done.out
    nobody = infig("evaluate", "--run", own, "--data", postcards, "--split", "train", "--min-confidence", 1, "--no-report")
    assert nobody.code == 0 and "coverage 0.0000" in nobody.out
    assert json.loads((own / "eval/train.json").read_text())["eval_accuracy_at_min_confidence"] is None
    assert infig("predict", "--run", own, "--text", "x", "--min-confidence", 1.5).code == 2
    one = infig("predict", "--run", own, "--text", "x", "--min-confidence", 1)
    assert one.code == 0 and json.loads(one.out)["prediction"] == "none"

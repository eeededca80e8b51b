"""Tables, shards, Parquet and folders as their makers mean them: columns by other names, quotes, members of tars, splits in names, HTML escapes, pictures of no known format, labels of
another order. What is expected was worked by hand; Parquet is written and read back by pyarrow."""

import csv
import io
import json
import shutil
import tarfile

import pytest
from conftest import infig, train


def posts_of(folder):
    return [json.loads(line) for line in open(folder / "posts.jsonl")]


def described(folder):
    return json.loads((folder / "dataset.json").read_text())


def prepared(kind, raw, out, *more):
    done = infig("prepare", kind, "--raw", raw, "--out", out, *more)
    assert done.code == 0, done.all
    return done


def write_tar(path, members):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture(scope="module")
def picture(postcards):
    return (postcards / next(post["image"] for post in posts_of(postcards))).read_bytes()


@pytest.fixture(scope="module")
def other_names(postcards, tmp_path_factory):
    """The postcards as a table whose columns have other names."""
    path = tmp_path_factory.mktemp("named") / "t.csv"
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["GUID", "Tweet", "photo", "Sentiment", "SPLIT", "lang"])
        table.writerows([post["id"], post["text"], postcards / post["image"], post["label"], post["split"], "en"] for post in posts_of(postcards))
    return path


def test_columns_by_other_names_everywhere(other_names, postcards, run, tmp_path):
    asked = ["--columns", "image=photo"]
    done = prepared("table", other_names, tmp_path / "out", *asked, "--labels", "positive,neutral,negative")
    assert [(p["id"], p["text"], p["label"], p["split"]) for p in posts_of(tmp_path / "out")] == [(p["id"], p["text"], p["label"], p["split"]) for p in posts_of(postcards)]
    assert all("image" in post for post in posts_of(tmp_path / "out"))
    for said in ('label is the column "Sentiment"', 'text is the column "Tweet"', 'image is the column "photo"', "lang: 1 different values (en)"):
        assert done.err.count(said) == 1, done.err
    assert any("lang" in line for line in described(tmp_path / "out")["reading"]) and str(other_names.parent) not in (tmp_path / "out/dataset.json").read_text()
    # Without being asked, the pictures are lost; the column is said with what it looks like.
    done = prepared("table", other_names, tmp_path / "texts")
    assert not any("image" in post for post in posts_of(tmp_path / "texts")) and "photo: names " in done.err and "files that exist" in done.err
    done = train(other_names, tmp_path / "run", "train.epochs=1", *asked)
    assert done.code == 0 and "pictures: " in done.err and "of 0" not in done.err, done.all
    run = shutil.copytree(run, tmp_path / "scored", symlinks=True)  # other tests list what the run was evaluated on
    evaluated = infig("evaluate", "--run", run, "--data", other_names, "--split", "test", *asked)
    assert evaluated.code == 0, evaluated.all
    own = json.loads((run / "eval/test.json").read_text())
    other = json.loads(next((run / "eval").glob("t-*/test.json")).read_text())
    assert own["eval_accuracy"] == other["eval_accuracy"] and own["labels"] == other["labels"] and other["images_named"] == own["images_named"]
    for more in ([], asked):
        done = infig("predict", "--run", run, "--input", other_names, "--output", tmp_path / f"p{len(more)}.jsonl", *more)
        assert done.code == 0 and ("none named" in done.err) == (not more), done.all


def test_a_column_that_is_not_there_is_refused(other_names, tmp_path):
    for verb in (["prepare", "table", "--raw", other_names, "--out", tmp_path / "out"], ["verify-data", other_names]):
        done = infig(*verb, "--columns", "text=body")
        assert done.code == 1 and 'there is no column "body"; found: GUID, Tweet' in done.err, done.all
    done = infig("verify-data", other_names, "--columns", "words=Tweet")
    assert done.code != 0 and "expected FIELD=NAME" in done.err
    assert not (tmp_path / "out").exists()


QUOTES = "id\ttext\tlabel\n1\t\"Best day ever\"\tgood\n2\train again\tbad\n3\t\"you are late\" she said\tgood\n4\tok then\tgood\n5\t\"so long\tbad\n6\tsaid he\"\tbad\n"


def test_tweets_with_quotes(tmp_path):
    (tmp_path / "t.tsv").write_text(QUOTES)
    done = prepared("table", tmp_path / "t.tsv", tmp_path / "out")
    assert [post["text"] for post in posts_of(tmp_path / "out")] == ['"Best day ever"', "rain again", '"you are late" she said', "ok then", '"so long', 'said he"']
    assert "read without quoting" in done.err and any("without quoting" in line for line in described(tmp_path / "out")["reading"])
    refused = infig("prepare", "table", "--raw", tmp_path / "t.tsv", "--out", tmp_path / "csv", "--quote", "csv")
    assert refused.code == 1 and "t.tsv, line 4 (post 3): a quote in the quoted cell that begins with \"you are late" in refused.err and "--quote none" in refused.err
    # One row short: nothing speaks for either reading, so what would be joined is named.
    (tmp_path / "u.tsv").write_text("id\ttext\tlabel\n5\t\"so long\tbad\n6\tsaid he\"\tbad\n7\tshort\n")
    refused = infig("prepare", "table", "--raw", tmp_path / "u.tsv", "--out", tmp_path / "u")
    assert refused.code == 1 and "u.tsv, line 2 (post 1): " in refused.err and "would join 2 rows" in refused.err
    assert not (tmp_path / "csv").exists() and not (tmp_path / "u").exists()


def test_keys_with_dots_and_other_members(picture, tmp_path):
    members = [(f"p{i}.{end}", data) for i in range(4) for end, data in (("jpg", picture), ("txt", b"plain"), ("cls", b"good" if i % 2 else b"bad"))]
    members += [(f"shot 2.0.{end}", data) for end, data in (("jpg", picture), ("txt", b"dotted"), ("cls", b"good"))]
    members += [("s0.input.jpg", picture), ("s0.caption.txt", b"named"), ("s0.output.cls", b"bad"), ("p9.jpg", picture), ("p9.seg.png", picture), ("p9.cls", b"bad")]
    done = prepared("webdataset", write_tar(tmp_path / "x.tar", members), tmp_path / "out")
    posts = {post["id"]: post for post in posts_of(tmp_path / "out")}
    assert len(posts) == 7 and posts["shot 2"]["text"] == "dotted" and posts["s0"]["label"] == "bad" and all("image" in post for post in posts.values())
    assert "image is the member KEY.input.jpg: 1" in done.err and "members KEY.seg.png look like image and are not taken" in done.err
    assert "the split is drawn, 80/10/10 by label with seed 1" in done.err and any("drawn" in line for line in described(tmp_path / "out")["reading"])
    done = prepared("webdataset", tmp_path / "x.tar", tmp_path / "asked", "--members", "image=input.jpg,label=output.cls,text=caption.txt")
    assert [(post["id"], post["text"]) for post in posts_of(tmp_path / "asked")] == [("s0", "named")] and "members KEY.jpg look like image" in done.err


def test_splits_in_the_names_of_shards(picture, tmp_path):
    (tmp_path / "shards").mkdir()
    for split in ("train", "val", "test"):
        write_tar(tmp_path / f"shards/mine-{split}-000000.tar", [(f"{split}{i}.{end}", data) for i in range(3) for end, data in (("jpg", picture), ("cls", b"ab"[i % 2:][:1]))])
    done = prepared("webdataset", tmp_path / "shards", tmp_path / "out")
    assert {(post["id"][:-1], post["split"]) for post in posts_of(tmp_path / "out")} == {("train", "train"), ("val", "dev"), ("test", "test")}
    assert "drawn" not in done.err and described(tmp_path / "out")["rules"]["split"] == "as the shards say"


def test_folders_of_pictures(picture, run, tmp_path):
    for name in ("train/good/1.jpg", "train/bad/2.jpg", "validation/good/3.jpg", "test/bad/4.jpg", "test/bad/notes.txt"):
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_bytes(picture)
    for kind in ("imagefolder", "table"):
        done = prepared(kind, tmp_path / "f", tmp_path / kind)
        assert [(post["id"], post["label"], post["split"]) for post in posts_of(tmp_path / kind)] == [
            ("test_bad_4", "bad", "test"), ("train_bad_2", "bad", "train"), ("train_good_1", "good", "train"), ("validation_good_3", "good", "dev")]
        assert "files *.txt that are not taken: 1" in done.err
    done = infig("predict", "--run", run, "--input", tmp_path / "f", "--output", tmp_path / "p.csv")
    assert done.code == 0 and "pictures: 4 of 4 used" in done.err, done.all
    (tmp_path / "f/metadata.csv").write_text("file_name,text,label\ntrain/good/1.jpg,one,x\ntrain/bad/2.jpg,two,y\ntest/bad/4.jpg,four,x\n")
    done = prepared("imagefolder", f"{tmp_path / 'f'}/", tmp_path / "meta")
    assert [(post["text"], post["label"], post["split"]) for post in posts_of(tmp_path / "meta")] == [("one", "x", "train"), ("two", "y", "train"), ("four", "x", "test")]
    assert "pictures that no metadata table names, not taken: 1" in done.err
    (tmp_path / "empty").mkdir()
    (tmp_path / "flat").mkdir()
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "flat" / name).write_bytes(picture)
    refused = infig("prepare", "imagefolder", "--raw", tmp_path / "flat", "--out", tmp_path / "none")
    assert refused.code == 1 and "flat: none of its 2 pictures has a label" in refused.err and "flat/happy/1.jpg" in refused.err and "metadata.csv" in refused.err
    refused = infig("prepare", "imagefolder", "--raw", tmp_path / "empty", "--out", tmp_path / "none")
    assert refused.code == 1 and "is no folder of pictures" in refused.err


def test_html_escapes(tmp_path):
    (tmp_path / "t.csv").write_text("id,text,label,split\n1,Tom &amp; Jerry &lt;3,a,train\n2,AT&T,b,train\n3,&#39;so&#39;,a,test\n4,plain,b,dev\n")
    prepared("table", tmp_path / "t.csv", tmp_path / "raw")
    assert posts_of(tmp_path / "raw")[0]["text"] == "Tom &amp; Jerry &lt;3"
    verified = infig("verify-data", tmp_path / "raw")
    line = next(line for line in verified.out.splitlines() if "HTML escapes" in line)
    assert line.split()[-1] != "2" and " 2 " in line and "--unescape" in line, line
    prepared("table", tmp_path / "t.csv", tmp_path / "out", "--unescape")
    assert [post["text"] for post in posts_of(tmp_path / "out")] == ["Tom & Jerry <3", "AT&T", "'so'", "plain"]
    rules = described(tmp_path / "out")
    assert rules["options"]["unescape"] is True and rules["rules"]["noted"]["text held HTML escapes"] == 2 and "unescape" in rules["rules"]
    assert "HTML escapes" not in infig("verify-data", tmp_path / "out").out


def test_pictures_of_no_known_format(picture, tmp_path):
    rows = "".join(f"{i},t{i},{i}.jpg,{'ab'[i % 2]},{'train' if i < 150 else 'test'}\n" for i in range(200))
    (tmp_path / "t.csv").write_text("id,text,image,label,split\n" + rows)
    for i in range(200):
        (tmp_path / f"{i}.jpg").write_bytes(picture if i > 2 else b"no picture at all, but a longer text than any signature")
    done = prepared("table", tmp_path / "t.csv", tmp_path / "out")
    assert "pictures: 200 of 200 named are there, not decoded; 3 unknown format" in done.out and "3 of the 200 pictures that are named begin like no known format" in done.err, done.all
    assert described(tmp_path / "out")["pictures"]["unknown_format"] == 3 and "begins with 6e 6f" in (tmp_path / "out/notes.csv").read_text()
    flags = ["--no-near", "--no-shortcuts", "--no-report"]
    done = infig("verify-data", tmp_path / "out", *flags)
    assert done.code == 1 and "3 of the 200 pictures that are named cannot be used, more than the share 0.01 (--max-unusable)" in done.out and "not good" in done.out, done.all
    assert infig("verify-data", tmp_path / "out", *flags, "--max-unusable", "0.015").code == 0
    assert infig("verify-data", tmp_path / "out", *flags, "--bad-image", "missing").code == 0


def own_table(postcards, path, keep=lambda post: True, label=lambda post: post["label"]):
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "text", "image", "label", "split"])
        table.writerows([p["id"], p["text"], postcards / p["image"], label(p), p["split"]] for p in posts_of(postcards) if keep(p))
    return path


def test_labels_of_another_order_and_a_part_of_them(postcards, run, tmp_path):
    everything = json.loads((run / "eval/test.json").read_text())
    copy = tmp_path / "run"
    shutil.copytree(run, copy, symlinks=True)
    (copy / "report.html").unlink()
    table = own_table(postcards, tmp_path / "all.csv")
    done = infig("evaluate", "--run", copy, "--data", table, "--split", "test")
    assert done.code == 0 and (copy / "report.html").exists() and (copy / "model-card.md").exists(), done.all
    found = json.loads(next((copy / "eval").glob("all-*/test.json")).read_text())
    for key in ("labels", "confusion_matrix", "eval_accuracy", "eval_f1_macro"):
        assert found[key] == everything[key], key
    part = own_table(postcards, tmp_path / "part.csv", keep=lambda post: post["label"] != "neutral")
    done = infig("evaluate", "--run", copy, "--data", part, "--split", "test")
    assert done.code == 0, done.all
    found = json.loads(next((copy / "eval").glob("part-*/test.json")).read_text())
    place = everything["labels"].index("neutral")
    expected = [row if i != place else [0, 0, 0] for i, row in enumerate(everything["confusion_matrix"])]
    assert found["labels"] == everything["labels"] and found["confusion_matrix"] == expected


def test_a_label_that_the_run_does_not_know_is_refused_where_it_is_scored(postcards, run, tmp_path):
    run = shutil.copytree(run, tmp_path / "scored", symlinks=True)
    angry = own_table(postcards, tmp_path / "angry.csv", label=lambda p: "angry" if p["label"] == "negative" and p["split"] == "test" else p["label"])
    count = sum(p["label"] == "negative" and p["split"] == "test" for p in posts_of(postcards))
    done = infig("evaluate", "--run", run, "--data", angry, "--split", "test")
    assert done.code == 1 and f'"angry" in {count} post' in done.err and "it knows positive, neutral, negative" in done.err, done.all
    assert not list((run / "eval").glob("angry-*"))
    done = infig("evaluate", "--run", run, "--data", angry, "--split", "dev")
    assert done.code == 0, done.all


def write_parquet(postcards, path, **more):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    posts = posts_of(postcards)
    names = ["positive", "neutral", "negative"]
    table = pa.table({
        "id": [p["id"] for p in posts],
        "caption": [p["text"] for p in posts],
        "image": pa.array([{"bytes": (postcards / p["image"]).read_bytes(), "path": f"x/{p['id']}.png"} for p in posts], pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "label": [names.index(p["label"]) for p in posts],
        "split": [p["split"] for p in posts],
    })
    features = {"label": {"names": names, "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), path, **more)
    return path


def test_parquet_everywhere(postcards, run, tmp_path):
    path = write_parquet(postcards, tmp_path / "t.parquet", row_group_size=17)
    for kind, raw in (("parquet", path), ("table", path), ("parquet", tmp_path)):
        prepared(kind, raw, tmp_path / "out", "--overwrite")
        made, posts = posts_of(tmp_path / "out"), posts_of(postcards)
        assert [(p["id"], p["text"], p["label"], p["split"]) for p in made] == [(p["id"], p["text"], p["label"], p["split"]) for p in posts]
        assert all((tmp_path / "out" / a["image"]).read_bytes() == (postcards / b["image"]).read_bytes() and a["image"].endswith(".png") for a, b in zip(made, posts))
    description = described(tmp_path / "out")
    assert description["labels"] == ["positive", "neutral", "negative"] and description["rules"]["label_order"] == "as the table's schema says"
    assert not [one for one in tmp_path.iterdir() if "unfinished" in one.name]
    refused = infig("prepare", "parquet", "--raw", path, "--out", tmp_path / "links", "--link-images")
    assert refused.code == 2 and "pictures inside Parquet" in refused.err
    done = train(path, tmp_path / "run", "train.epochs=1")
    assert done.code == 0, done.all
    same = train(tmp_path / "out", tmp_path / "run2", "train.epochs=1")
    assert same.code == 0 and (tmp_path / "run/metrics.jsonl").read_bytes() == (tmp_path / "run2/metrics.jsonl").read_bytes()
    for name, data in (("own", tmp_path / "out"), ("parquet", path)):
        done = infig("predict", "--run", run, "--input", data, "--output", tmp_path / f"{name}.jsonl", "--block-rows", 50)
        assert done.code == 0 and "pictures: 120 of 120 used" in done.err, done.all
    assert (tmp_path / "own.jsonl").read_bytes() == (tmp_path / "parquet.jsonl").read_bytes()


@pytest.mark.parametrize("number, said", [(-2, "is -2"), (3, "is 3"), (-(2**63), f"is {-(2**63)}")])
def test_class_numbers_beyond_the_schema_of_a_parquet_are_named(number, said, postcards, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pq.read_table(write_parquet(postcards, tmp_path / "good.parquet"))
    labels = table["label"].to_pylist()
    labels[7] = number
    place = table.column_names.index("label")
    pq.write_table(table.set_column(place, "label", pa.array(labels)), tmp_path / "t.parquet")
    for verb in (["prepare", "parquet", "--raw", tmp_path / "t.parquet", "--out", tmp_path / "out"], ["train", "--config", "configs/tiny.yaml", "--data", tmp_path / "t.parquet", "--output-dir", tmp_path / "run"]):
        done = infig(*verb)
        assert done.code == 1 and f't.parquet, row 8: field "label" {said}, but the schema names 3 classes (positive, neutral, negative)' in done.err, done.all
    assert not (tmp_path / "out").exists() and not (tmp_path / "run/best").exists()


def test_predictions_as_parquet(postcards, run, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "in.csv").write_text("id,text,image\na,good day,\nb,,\nc,\u00e9t\u00e9 \U0001f600,none.jpg\n")
    for name in ("p.parquet", "p.jsonl"):
        done = infig("predict", "--run", run, "--input", tmp_path / "in.csv", "--output", tmp_path / name, "--bad-image", "missing")
        assert done.code == 0, done.all
    table = pq.read_table(tmp_path / "p.parquet")
    rows = [json.loads(line) for line in open(tmp_path / "p.jsonl")]
    assert table.to_pylist() == rows and table.column_names == list(rows[0]) and rows[1]["p_positive"] is None
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.csv", "p.jsonl", "p.parquet"]
    one = infig("predict", "--run", run, "--text", "hello", "--output", tmp_path / "one.parquet")
    assert one.code == 0 and pq.read_table(tmp_path / "one.parquet").num_rows == 1
    assert infig("predict", "--run", run, "--input", tmp_path / "in.csv", "--output", "-", "--format", "parquet").code == 2


def test_broken_parquet_is_named(postcards, run, tmp_path):
    path = write_parquet(postcards, tmp_path / "t.parquet")
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-100])
    for verb in (["prepare", "parquet", "--raw", tmp_path / "cut.parquet", "--out", tmp_path / "out"], ["verify-data", tmp_path / "cut.parquet"],
                 ["predict", "--run", run, "--input", tmp_path / "cut.parquet", "--output", tmp_path / "p.csv"]):
        done = infig(*verb)
        assert done.code == 1 and "cut.parquet: cannot be read as Parquet" in done.err, done.all
    assert not (tmp_path / "out").exists() and not (tmp_path / "p.csv").exists()


def test_pictures_given_by_path_in_parquet(postcards, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    posts = posts_of(postcards)[:12]
    image = pa.array([{"bytes": None, "path": p["image"]} for p in posts], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"text": [p["text"] for p in posts], "image": image, "label": [p["label"] for p in posts]}), tmp_path / "t.parquet")
    lost = infig("prepare", "parquet", "--raw", tmp_path / "t.parquet", "--out", tmp_path / "lost")
    assert lost.code == 1 and "12 pictures are named, and not one of them is there" in lost.err and "embed_table_storage" in lost.err, lost.all
    done = prepared("parquet", tmp_path / "t.parquet", tmp_path / "out", "--images", postcards)
    assert "pictures: 12 of 12 named are there" in done.out and ": 12" in next(line for line in done.err.splitlines() if "embed_table_storage" in line)

"""Every container of posts gives the same training and the same predictions; a prediction that was killed goes on."""

import io
import json
import random
import shutil
import signal
import subprocess
import tarfile
import time

import pytest
from conftest import BINARY, infig, train


def posts_of(folder):
    return [json.loads(line) for line in (folder / "posts.jsonl").read_text().splitlines()]


def write_tar(path, posts, folder, *, form=tarfile.PAX_FORMAT, prefix="", label=str):
    """As WebDataset's writers do: KEY.png, KEY.txt, KEY.cls, and the split in KEY.json. Returns where each picture begins, as tarfile says."""
    with tarfile.open(path, "w", format=form) as tar:
        for post in posts:
            members = {"txt": post.get("text", "").encode(), "cls": label(post["label"]).encode(), "json": json.dumps({"split": post["split"]}).encode()}
            if "image" in post:
                members["png"] = (folder / post["image"]).read_bytes()
            for extension, data in members.items():
                info = tarfile.TarInfo(f"{prefix}{post['id']}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    with tarfile.open(path) as tar:
        return {member.name: (member.offset_data, member.size) for member in tar if member.name.endswith(".png")}


def write_pack(folder, source, posts):
    folder.mkdir()
    shutil.copy(source / "dataset.json", folder)
    lines, pack = [], b""
    for post in posts:
        data = (source / post["image"]).read_bytes()
        lines.append(json.dumps({**post, "image": f"images.pack#{len(pack)}+{len(data)}"}))
        pack += data
    (folder / "posts.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "images.pack").write_bytes(pack)


@pytest.fixture(scope="module")
def containers(postcards, tmp_path_factory):
    work = tmp_path_factory.mktemp("containers")
    posts = posts_of(postcards)
    (work / "tars").mkdir()
    shutil.copy(postcards / "dataset.json", work / "tars")
    for number, first in enumerate(range(0, len(posts), 50)):
        write_tar(work / f"tars/all-{number:03}.tar", posts[first:first + 50], postcards)
    write_pack(work / "packed", postcards, posts)
    return work


@pytest.mark.parametrize("name, words", [("tars", ["data.workers=0"]), ("packed", ["data.workers=3"])])
def test_training_is_the_same_from_every_container(run, containers, tmp_path, name, words):
    done = train(containers / name, tmp_path / "run", *words)
    assert done.code == 0, done.all
    for file in ["checkpoints/best/model.safetensors", "metrics.jsonl"]:
        assert (tmp_path / "run" / file).read_bytes() == (run / file).read_bytes()


def test_a_shuffle_buffer_changes_the_order_alone(run, containers, tmp_path):
    words = ["data.shuffle_buffer=20"]
    pattern = containers / "tars/all-{000..002}.tar"
    for name, workers in [("a", 1), ("b", 3)]:
        done = train(pattern, tmp_path / name, *words, f"data.workers={workers}")
        assert done.code == 0, done.all
    first, second = ((tmp_path / name / "metrics.jsonl").read_bytes() for name in "ab")
    assert first == second
    assert first.splitlines()[0] != (run / "metrics.jsonl").read_bytes().splitlines()[0]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_pictures_lie_where_tarfile_finds_them(run, postcards, tmp_path, form):
    posts = posts_of(postcards)[:20]
    prefix = "./" if form == tarfile.USTAR_FORMAT else "caf\u00e9-" + "long" * 40 + "/"
    places = write_tar(tmp_path / "x.tar", posts, postcards, form=form, prefix=prefix)
    rows = [{**post, "image": "x.tar#{}+{}".format(*places[f"{prefix}{post['id']}.png"])} for post in posts]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in ["x.tar", "rows.jsonl"]:
        done = infig("predict", "--run", run, "--input", tmp_path / name, "--output", tmp_path / f"{name}.out.jsonl")
        assert done.code == 0, done.all
    there, here = ([json.loads(line) for line in (tmp_path / f"{name}.out.jsonl").read_text().splitlines()] for name in ["rows.jsonl", "x.tar"])
    for name in ["p_positive", "p_neutral", "p_negative"]:
        assert [row[name] for row in here] == [row[name] for row in there]
    assert not any(row["error"] or row["note"] for row in here)  # no picture was bad


def test_predictions_are_the_same_from_every_container(run, postcards, containers, tmp_path):
    outputs = []
    for number, source in enumerate([postcards, containers / "tars", containers / "tars/all-*.tar", containers / "packed/posts.jsonl"]):
        out = tmp_path / f"{number}.csv"
        done = infig("predict", "--run", run, "--input", source, "--output", out)
        assert done.code == 0, done.all
        outputs.append(out.read_bytes())
    assert len(outputs[0].splitlines()) == 121
    assert all(output == outputs[0] for output in outputs)


def test_verify_data_reads_tars(containers, postcards, tmp_path):
    done = infig("verify-data", containers / "tars")
    assert done.code == 0, done.all
    (tmp_path / "tars").mkdir()
    shutil.copy(containers / "tars/all-000.tar", tmp_path / "tars/train-000.tar")
    broken = (tmp_path / "tars/train-000.tar").read_bytes()
    (tmp_path / "tars/train-001.tar").write_bytes(broken[:len(broken) // 2])
    done = infig("verify-data", tmp_path / "tars")
    assert done.code == 1 and "train-001.tar" in done.err
    done = infig("verify-data", tmp_path / "tars/train-{000..003}.tar")
    assert done.code == 1 and "train-002.tar: no such file" in done.err


def many_rows(postcards, count=3000):
    posts = posts_of(postcards)
    rows = []
    for i in range(count):
        row = {"id": f"r{i}", "text": f"a {['lovely', 'dreadful', 'plain'][i % 3]} day number {i * 7919 % 1000} " + "and so on " * (i % 5)}
        if i % 40 == 0:
            row["image"] = str(postcards / posts[i % len(posts)]["image"])
        rows.append(json.dumps(row) if i % 301 else "{broken")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv"])
def test_killed_predictions_end_in_the_same_bytes(run, postcards, tmp_path, output):
    (tmp_path / "rows.jsonl").write_text(many_rows(postcards))
    words = ["predict", "--run", run, "--input", tmp_path / "rows.jsonl", "--block-rows", 64, "--threads", 1]
    whole = tmp_path / f"whole-{output}"
    start = time.monotonic()
    done = infig(*words, "--output", whole)
    seconds = time.monotonic() - start
    assert done.code == 0, done.all
    moments, kills, said = random.Random(output), 0, ""
    command = [str(BINARY), *map(str, words), "--output", str(tmp_path / output)]
    while not (tmp_path / output).exists():
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            said += process.communicate(timeout=moments.uniform(0.1, 0.7) * seconds if kills < 8 else None)[1]
            assert process.returncode == 0, said
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            said += process.communicate()[1]
            kills += 1
    assert kills > 0
    assert "going on behind row" in said
    assert (tmp_path / output).read_bytes() == whole.read_bytes()
    assert infig(*words, "--output", tmp_path / output).code == 0  # a kill may have come between the last two steps
    assert (tmp_path / output).read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.partial*"))


def test_stopped_predictions_are_saved_and_guarded(run, postcards, tmp_path):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.csv"
    rows.write_text(many_rows(postcards))
    words = ["predict", "--run", run, "--input", rows, "--output", out, "--block-rows", 16, "--threads", 1]
    process = subprocess.Popen([str(BINARY), *map(str, words)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (tmp_path / "out.csv.partial.json").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)  # so that it does not finish meanwhile
    second = infig(*words)
    process.send_signal(signal.SIGCONT)
    assert second.code == 1 and "another process is writing it" in second.err
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143 and "rows are saved" in err, err
    assert not out.exists()
    other = infig(*words, "--batch-size", 32)
    assert other.code == 2 and "batch_size (64, now 32)" in other.err and "--restart" in other.err
    rows.write_text(rows.read_text() + '{"id": "more"}\n')
    changed = infig(*words)
    assert changed.code == 2 and "input" in changed.err
    done = infig(*words, "--restart")
    assert done.code == 0 and "going on" not in done.err, done.all
    assert len(out.read_text().splitlines()) == 3002
    assert not list(tmp_path.glob("*.partial*"))

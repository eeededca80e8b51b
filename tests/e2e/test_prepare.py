"""`infig prepare` from the command line: kills, threads, packs, archives, shards."""

import io
import json
import os
import random
import signal
import struct
import subprocess
import tarfile
import time
import zipfile

import pytest
from conftest import BINARY, infig


def bmp(width, height, seed):
    """A 24-bit BMP, bottom row first, each row filled up to four bytes."""
    row = bytes((x * seed + 40) % 256 for x in range(3 * width)) + b"\0" * (-3 * width % 4)
    return struct.pack("<2sIHHI", b"BM", 54 + len(row) * height, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + row * height


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """400 posts; most share one large picture, so that decoding takes a while."""
    folder = tmp_path_factory.mktemp("raw")
    (folder / "large.bmp").write_bytes(bmp(1200, 900, 3))
    (folder / "small.bmp").write_bytes(bmp(90, 60, 5))
    (folder / "cut.bmp").write_bytes(bmp(90, 60, 5)[:5000])
    (folder / "broken.jpg").write_bytes(b"no picture")
    with open(folder / "posts.jsonl", "w") as file:
        for i in range(400):
            image = {7: "small.bmp", 8: "cut.bmp", 9: "broken.jpg", 10: "absent.jpg"}.get(i % 40, "large.bmp")
            row = {"id": f"p{i}", "text": "" if i % 50 == 9 else f"text {i} é\n", "image": image, "label": ["glad", "sad", None][i % 3 if i % 30 == 2 else i % 2]}
            file.write(json.dumps(row) + "\n")
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def words(raw, out, *more):
    return ["prepare", "jsonl", "--raw", raw / "posts.jsonl", "--out", out, "--pack", "--pack-side", 64, *more]


@pytest.fixture(scope="module")
def whole(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "data"
    done = infig(*words(raw, out, "--threads", 2))
    assert done.code == 0, done.all
    return done, contents(out)


def test_what_pack_writes(whole):
    done, files = whole
    assert set(files) == {"posts.jsonl", "dropped.csv", "notes.csv", "dataset.json", "images.pack"}
    rows = [json.loads(line) for line in files["posts.jsonl"].splitlines()]
    description = json.loads(files["dataset.json"])
    pack = files["images.pack"]
    assert pack.startswith(b"INFIGPCK") and pack.endswith(b"INFIGEND")
    for row in rows:
        if "image" in row:
            name, place = row["image"].split("#")
            offset, length = map(int, place.split("+"))
            assert name == "images.pack" and pack[offset:offset + 2] == b"\xff\xd8" and pack[offset + length - 2:offset + length] == b"\xff\xd9"
    assert description["pictures"]["unknown_format"] == 10 and description["pictures"]["absent"] == 10 and description["pictures"]["truncated"] == 10
    assert description["options"]["pack"] == {"side": 64, "quality": 90} and description["options"]["bad_image"] == "missing"
    assert sum(split["posts"] for split in description["counts"].values()) == len(rows)
    assert "unknown format" in done.out and "SHA-256" in done.out


@pytest.mark.parametrize("threads", [1, 5])
def test_threads_change_no_byte(raw, whole, tmp_path, threads):
    done = infig(*words(raw, tmp_path / "data", "--threads", threads))
    assert done.code == 0, done.all
    assert contents(tmp_path / "data") == whole[1]


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_five_times_and_continued(raw, whole, tmp_path, seed):
    chance = random.Random(seed)
    out, work = tmp_path / "data", tmp_path / "data.unfinished"
    command = [str(BINARY), *map(str, words(raw, out, "--threads", 1))]
    kills, moments = 0, []
    while kills < 5:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(chance.uniform(0.05, 1.2))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        process.stderr.close()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        assert not out.exists()
        kills += 1
        progress = work / "progress.json"
        moments.append(json.loads(progress.read_text())["progress"].get("next", 0) if progress.exists() else -1)
    assert kills > 0
    assert moments == sorted(moments)  # nothing that was noted is lost
    done = infig(*words(raw, out, "--threads", 2)) if not out.exists() else None
    assert done is None or done.code == 0, done.all
    assert contents(out) == whole[1], moments
    assert not work.exists()


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_keeps_the_work(raw, whole, tmp_path, number, code):
    out, work = tmp_path / "data", tmp_path / "data.unfinished"
    process = subprocess.Popen([str(BINARY), *map(str, words(raw, out, "--threads", 1))], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (work / "progress.json").exists():
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "stopped by signal" in err and not out.exists()
    # Another request does not take that work up, and says so where there is some.
    if work.exists():
        assert "resumes from there" in err
    done = infig(*words(raw, out))
    assert done.code == 0, done.all
    assert contents(out) == whole[1]


def test_another_request_starts_anew(raw, tmp_path):
    out, work = tmp_path / "data", tmp_path / "data.unfinished"
    process = subprocess.Popen([str(BINARY), *map(str, words(raw, out, "--threads", 1))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (work / "progress.json").exists():
        time.sleep(0.01)
    busy = infig(*words(raw, out)) if process.poll() is None else None
    process.kill()
    process.wait()
    assert busy is None or (busy.code == 1 and "another infig prepare is at work" in busy.err) or busy.code == 0
    if work.exists():
        done = infig(*words(raw, out, "--pack-quality", 50))
        assert done.code == 0 and "starting over" in done.err and "options" in done.err, done.all
        assert json.loads((out / "dataset.json").read_text())["options"]["pack"]["quality"] == 50


def test_bad_image_policies(raw, tmp_path):
    skip = infig("prepare", "jsonl", "--raw", raw / "posts.jsonl", "--out", tmp_path / "skip", "--bad-image", "skip")
    assert skip.code == 0, skip.all
    dropped = (tmp_path / "skip/dropped.csv").read_text()
    assert "picture unknown format: broken.jpg: not a picture" in dropped and "picture absent: absent.jpg" in dropped
    stop = infig("prepare", "jsonl", "--raw", raw / "posts.jsonl", "--out", tmp_path / "error", "--bad-image", "error")
    assert stop.code == 1 and 'post "p9"' in stop.err and "broken.jpg" in stop.err
    assert not (tmp_path / "error").exists() and not (tmp_path / "error.unfinished").exists()
    assert infig(*words(raw, tmp_path / "x", "--bad-image", "maybe")).code == 2
    assert infig(*words(raw, tmp_path / "x", "--pack-side", 0)).code == 2
    assert infig("prepare", "jsonl", "--raw", raw / "posts.jsonl", "--out", tmp_path / "x", "--pack-side", 64).code == 2  # without --pack
    assert infig("prepare", "jsonl", "--raw", raw / "large.bmp", "--out", tmp_path / "x").code == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "skip"]


@pytest.fixture(scope="module")
def mvsa(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mvsa") / "MVSA_Single"
    (folder / "data").mkdir(parents=True)
    rows = ["ID\ttext,image"]
    for i in range(1, 31):
        rows.append(f"{i}\t{['positive', 'neutral', 'negative'][i % 3]},{['positive', 'neutral'][i % 2]}")
        (folder / f"data/{i}.txt").write_bytes(f"text {i} \xa1\n".encode("latin1"))
        if i != 4:
            (folder / f"data/{i}.jpg").write_bytes(bmp(40 + i, 30, i))
    (folder / "labelResultAll.txt").write_text("\n".join(rows) + "\n")
    return folder


def add_bytes(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def test_archives_give_the_same_as_the_folder(mvsa, tmp_path):
    assert infig("prepare", "mvsa-single", "--raw", mvsa, "--out", tmp_path / "folder").code == 0
    expected = contents(tmp_path / "folder")
    with zipfile.ZipFile(tmp_path / "raw.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(mvsa.rglob("*")):
            archive.write(path, path.relative_to(mvsa.parent))
        archive.writestr("../evil.txt", "evil")
        archive.writestr("/tmp/evil.txt", "evil")
    for name, mode in [("raw.tar", "w"), ("raw.tar.gz", "w:gz")]:
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(mvsa, "MVSA_Single")
            add_bytes(archive, "../evil.txt", b"evil")
            link = tarfile.TarInfo("MVSA_Single/data/4.jpg")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    for name in ["raw.zip", "raw.tar", "raw.tar.gz"]:
        out = tmp_path / f"out-{name}"
        done = infig("prepare", "mvsa-single", "--raw", tmp_path / name, "--out", out)
        assert done.code == 0, done.all
        assert "../evil.txt" in done.err and "skipped" in done.err
        found = contents(out)
        assert {k: v for k, v in found.items() if k != "dataset.json"} == {k: v for k, v in expected.items() if k != "dataset.json"}
        there, here = json.loads(found["dataset.json"]), json.loads(expected["dataset.json"])
        assert there.pop("archive")["skipped_count"] == 2
        assert there == here
        assert not list(tmp_path.glob("*.unfinished")) and not (tmp_path.parent / "evil.txt").exists()
    broken = tmp_path / "broken.zip"
    broken.write_bytes((tmp_path / "raw.zip").read_bytes()[:3000])
    done = infig("prepare", "mvsa-single", "--raw", broken, "--out", tmp_path / "x")
    assert done.code == 1 and "broken.zip" in done.err and not (tmp_path / "x").exists() and not (tmp_path / "x.unfinished").exists()


def test_killed_while_unpacking(mvsa, tmp_path):
    with tarfile.open(tmp_path / "raw.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(mvsa, "MVSA_Single")
        for i in range(40):
            add_bytes(archive, f"MVSA_Single/data/x{i}.jpg", os.urandom(1 << 20))
    command = ["prepare", "mvsa-single", "--raw", tmp_path / "raw.tar.gz", "--out", tmp_path / "out"]
    chance = random.Random(3)
    for _ in range(3):
        process = subprocess.Popen([str(BINARY), *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.05, 0.6))
        process.kill()
        process.wait()
    if not (tmp_path / "out").exists() or (tmp_path / "out.unfinished").exists():  # the last kill may fall between the data set's appearing and the end
        done = infig(*command)
        assert done.code == 0, done.all
    assert infig("prepare", "mvsa-single", "--raw", mvsa, "--out", tmp_path / "folder").code == 0
    assert (tmp_path / "out/posts.jsonl").read_bytes() == (tmp_path / "folder/posts.jsonl").read_bytes()
    assert not (tmp_path / "out.unfinished").exists()


def test_splits_alone_hold_the_texts(tmp_path):
    splits = tmp_path / "splits"
    splits.mkdir()
    for name, ids in [("train", range(5)), ("test", range(5, 8))]:
        (splits / f"{name}.json").write_text(json.dumps([{"id": str(i), "text": f"text {i}", "emotion_label": i % 3} for i in ids]))
    done = infig("prepare", "mvsa-single", "--splits", splits, "--images", tmp_path / "none", "--bad-image", "missing", "--out", tmp_path / "out")
    assert done.code == 0, done.all
    assert done.err.count("is absent") == 1 and not (tmp_path / "out/notes.csv").exists()
    rows = [json.loads(line) for line in (tmp_path / "out/posts.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == [f"text {i}" for i in range(8)] and not any("image" in row for row in rows)
    nothing = infig("prepare", "mvsa-single", "--out", tmp_path / "x")
    assert nothing.code == 2 and "--splits" in nothing.err


def test_webdataset(postcards, tmp_path):
    rows = [json.loads(line) for line in (postcards / "posts.jsonl").read_text().splitlines()]
    shards = tmp_path / "shards"
    shards.mkdir()
    for split in ["train", "dev", "test"]:
        with tarfile.open(shards / f"{split}-000.tar", "w") as archive:
            for row in rows:
                if row["split"] != split:
                    continue
                picture = postcards / row["image"]
                archive.add(picture, row["id"] + picture.suffix)
                add_bytes(archive, row["id"] + ".txt", row["text"].encode())
                add_bytes(archive, row["id"] + ".cls", row["label"].encode())
    done = infig("prepare", "webdataset", "--raw", shards, "--out", tmp_path / "out")
    assert done.code == 0, done.all
    found = [json.loads(line) for line in (tmp_path / "out/posts.jsonl").read_text().splitlines()]
    assert sorted(found, key=lambda row: row["id"]) == sorted(rows, key=lambda row: row["id"])
    for row in rows:
        assert (tmp_path / "out" / row["image"]).read_bytes() == (postcards / row["image"]).read_bytes()
    linked = infig("prepare", "webdataset", "--raw", shards, "--out", tmp_path / "linked", "--link-images")
    assert linked.code == 0 and not (tmp_path / "linked/images/0.png").exists()
    check = infig("verify-data", tmp_path / "linked")
    assert check.code == 0, check.all

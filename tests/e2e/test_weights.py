"""weights inspect, import and pull: what the command line promises; pull against a hub on loopback that misbehaves."""

import json
import os
import shutil
import signal
import struct
import subprocess
import time

import pytest
from conftest import BINARY, ROOT, Done
from hub_server import COMMIT, Hub

GOLDEN = ROOT / "tests/golden/archive"


def infig(*words, **environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HF_") and not key.lower().endswith("_proxy")}
    command = [str(BINARY), *[str(word) for word in words]]
    return Done(subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, env={**clean, **environment}))


def safetensors(count):
    """A safetensors file of `count` floats, by the format's description."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<f", 1.5) * count


FILES = {
    "README.md": b"read me", "config.json": b'{"model_type": "x"}', "vocab.txt": b"a\nb\n", "1_Pooling/config.json": b"{}", "LICENSE": b"",
    "model.safetensors": safetensors(700_000), "onnx/model.onnx": b"onnx",
}


@pytest.fixture
def hub():
    with Hub(dict(FILES), ["model.safetensors"]) as server:
        yield server


def pull(hub, out, *more, name="owner/model", **environment):
    return infig("weights", "pull", name, "--output", out, *more, HF_ENDPOINT=hub.url, **environment)


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


WANTED = {name: data for name, data in FILES.items() if name not in ("README.md", "onnx/model.onnx")}


def test_pull(hub, tmp_path):
    done = pull(hub, tmp_path / "out")
    assert done.code == 0, done.all
    assert content(tmp_path / "out") == WANTED
    assert COMMIT in done.out and "fetched" in done.out and "1 tensors (safetensors)" in done.out
    assert "\r" not in done.err
    fetched = len(hub.requests)
    again = pull(hub, tmp_path / "out")
    assert again.code == 0 and "is there" in again.out and "fetched" not in again.out, again.all
    assert len(hub.requests) == fetched + 1  # the list alone
    everything = pull(hub, tmp_path / "all", "--all", name="owner/model@v1/x")
    assert everything.code == 0 and content(tmp_path / "all") == FILES, everything.all


def test_pull_without_digests_in_the_list(hub, tmp_path):
    hub.blobs = False
    done = pull(hub, tmp_path / "out")
    assert done.code == 0 and content(tmp_path / "out") == WANTED, done.all


def test_broken_connections_are_resumed(hub, tmp_path):
    hub.cut["model.safetensors"] = [1_200_000, 10, 0]
    hub.cut["vocab.txt"] = [1]
    done = pull(hub, tmp_path / "out")
    assert done.code == 0 and content(tmp_path / "out") == WANTED, done.all
    ranges = [request["range"] for request in hub.asked_for("model.safetensors") if request["host"] == "cdn"]
    assert ranges == [None, "bytes=1200000-", "bytes=1200010-", "bytes=1200010-"]
    assert "attempt 2 of 5" in done.err


def test_a_partial_file_is_continued_by_the_next_call(hub, tmp_path):
    hub.cut["model.safetensors"] = [2_000_000]
    done = pull(hub, tmp_path / "out", "--retries", 1)
    assert done.code == 1 and "gave up after 1 attempt;" in done.err, done.all
    assert not (tmp_path / "out/model.safetensors").exists()
    partial = tmp_path / f"out/model.safetensors.{COMMIT[:12]}.partial"
    assert partial.stat().st_size == 2_000_000
    done = pull(hub, tmp_path / "out")
    assert done.code == 0 and content(tmp_path / "out") == WANTED, done.all
    assert hub.asked_for("model.safetensors")[-1]["range"] == "bytes=2000000-"


def test_servers_without_ranges_and_damaged_partials(hub, tmp_path):
    (tmp_path / "out").mkdir()
    partial = tmp_path / f"out/model.safetensors.{COMMIT[:12]}.partial"
    partial.write_bytes(b"x" * 1000)
    done = pull(hub, tmp_path / "out")  # continued, found wrong, fetched whole
    assert done.code == 0 and content(tmp_path / "out") == WANTED, done.all
    assert "damaged" in done.err
    hub.ranges = False
    hub.cut["model.safetensors"] = [500_000]
    (tmp_path / "out/model.safetensors").unlink()
    done = pull(hub, tmp_path / "out")
    assert done.code == 0 and content(tmp_path / "out") == WANTED, done.all
    hub.ranges = True
    (tmp_path / "out/model.safetensors").unlink()
    partial.write_bytes(FILES["model.safetensors"])  # whole already: nothing to ask for
    before = len(hub.requests)
    done = pull(hub, tmp_path / "out")
    assert done.code == 0 and len(hub.requests) == before + 1, done.all
    (tmp_path / "out/model.safetensors").unlink()
    partial.write_bytes(FILES["model.safetensors"] + b"more")
    done = pull(hub, tmp_path / "out")
    assert done.code == 0 and content(tmp_path / "out") == WANTED, done.all


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt"])
def test_wrong_bytes(hub, tmp_path, name):
    hub.wrong_bytes[name] = FILES[name][:-1] + b"!"
    done = pull(hub, tmp_path / "out")
    assert done.code == 1 and "do not have the digest" in done.err and name in done.err, done.all
    assert not (tmp_path / "out" / name).exists() and not list((tmp_path / "out").glob("*.partial"))


def test_headers_that_contradict_the_list(hub, tmp_path):
    hub.linked_etag["model.safetensors"] = "0" * 64
    done = pull(hub, tmp_path / "out")
    assert done.code == 1 and "by its headers" in done.err and "0" * 64 in done.err, done.all
    hub.linked_etag.clear()
    hub.linked_size["model.safetensors"] = 5
    done = pull(hub, tmp_path / "out")
    assert done.code == 1 and "5 bytes by its X-Linked-Size" in done.err, done.all
    hub.linked_size.clear()
    hub.announce_more["model.safetensors"] = 3
    done = pull(hub, tmp_path / "out")
    assert done.code == 1 and "by its Content-Length" in done.err, done.all
    assert not (tmp_path / "out/model.safetensors").exists() and not list((tmp_path / "out").glob("*.partial"))


def test_more_bytes_than_announced(hub, tmp_path):
    hub.blobs = False
    hub.wrong_bytes["model.safetensors"] = FILES["model.safetensors"] + b"more"
    done = pull(hub, tmp_path / "out")
    assert done.code == 1 and "bytes by its Content-Length" in done.err, done.all


def test_what_the_hub_refuses(hub, tmp_path):
    done = pull(hub, tmp_path / "a", name="owner/other")
    assert done.code == 1 and "404" in done.err and "Check name and revision" in done.err, done.all
    done = pull(hub, tmp_path / "b", name="owner/model@nowhere")
    assert done.code == 1 and "404" in done.err, done.all
    hub.token = "hf_secret"
    done = pull(hub, tmp_path / "c")
    assert done.code == 1 and "401" in done.err and "set HF_TOKEN" in done.err, done.all
    done = pull(hub, tmp_path / "d", HF_TOKEN="hf_wrong")
    assert done.code == 1 and "refuses the token" in done.err and "hf_wrong" not in done.all, done.all
    hub.token, hub.fail = None, [403]
    done = pull(hub, tmp_path / "e", HF_TOKEN="hf_secret")
    assert done.code == 1 and "accept its terms" in done.err, done.all
    hub.fail = [503, 0, 429]
    done = pull(hub, tmp_path / "f")
    assert done.code == 0 and "busy" in done.err and content(tmp_path / "f") == WANTED, done.all
    hub.fail = [500, 500]
    done = pull(hub, tmp_path / "g", "--retries", 2)
    assert done.code == 1 and "gave up after 2" in done.err, done.all
    assert not any((tmp_path / name).exists() for name in "abcdeg")


def test_the_token_stays_with_the_endpoint(hub, tmp_path):
    hub.token = "hf_secret"
    done = pull(hub, tmp_path / "out", HF_TOKEN="hf_secret")
    assert done.code == 0 and "hf_secret" not in done.all, done.all
    assert {request["token"] for request in hub.requests if request["host"] == "hub"} == {"Bearer hf_secret"}
    elsewhere = [request for request in hub.requests if request["host"] == "cdn"]
    assert elsewhere and all(request["token"] is None for request in elsewhere)


def test_offline_and_unreachable(hub, tmp_path):
    for word in ["1", "true", "YES", "on"]:
        done = pull(hub, tmp_path / "out", HF_HUB_OFFLINE=word)
        assert done.code == 1 and "HF_HUB_OFFLINE" in done.err, done.all
    assert not hub.requests
    done = infig("weights", "pull", "a/b", "--output", tmp_path / "out", "--retries", 1, HF_ENDPOINT="http://127.0.0.1:1")
    assert done.code == 1 and "gave up after 1" in done.err, done.all
    assert pull(hub, tmp_path / "out", HF_HUB_OFFLINE="0").code == 0


def test_wrong_usage_of_pull(hub, tmp_path):
    assert pull(hub, tmp_path / "out", name="../x").code == 2
    assert pull(hub, tmp_path / "out", "--retries", 0).code == 2
    assert infig("weights", "pull", "a/b", "--output", tmp_path / "out", HF_ENDPOINT="nowhere").code == 2
    assert infig("weights", "pull", "a/b", "--output", tmp_path / "out", HF_ENDPOINT="http://mirror.example", HF_TOKEN="hf_x").code == 2
    assert infig("weights").code == 2
    assert not hub.requests and not (tmp_path / "out").exists()


def test_files_that_differ_are_kept_unless_forced(hub, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/config.json").write_text("mine")
    done = pull(hub, tmp_path / "out")
    assert done.code == 1 and "--force" in done.err and (tmp_path / "out/config.json").read_text() == "mine", done.all
    done = pull(hub, tmp_path / "out", "--force")
    assert done.code == 0 and content(tmp_path / "out") == WANTED, done.all


def test_a_list_that_leads_out_of_the_folder(hub, tmp_path):
    hub.files["../outside"] = b"x"
    done = pull(hub, tmp_path / "out", "--all")
    assert done.code == 1 and "leads out" in done.err and not (tmp_path / "outside").exists(), done.all


def test_interrupt_keeps_what_has_come(hub, tmp_path):
    hub.cut["model.safetensors"] = [1_500_000] + [0] * 50
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    process = subprocess.Popen([str(BINARY), "weights", "pull", "owner/model", "--output", str(tmp_path / "out"), "--retries", "50"], env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    partial = tmp_path / f"out/model.safetensors.{COMMIT[:12]}.partial"
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size == 1_500_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "continues" in error, error
    assert partial.stat().st_size == 1_500_000


def test_shards_are_pulled_and_checked(tmp_path):
    files = {path.name: path.read_bytes() for path in (GOLDEN / "sharded_safetensors").iterdir()}
    with Hub({**files, "config.json": b"{}", "pytorch_model.bin": b"x"}, [name for name in files if name.endswith("safetensors")]) as hub:
        done = pull(hub, tmp_path / "out")
        assert done.code == 0 and "index of shards" in done.out and set(content(tmp_path / "out")) == {*files, "config.json"}, done.all


@pytest.mark.parametrize("name, kind", [("torch_zip.pth", "PyTorch archive (zip)"), ("torch_legacy.pth", "PyTorch archive (before 1.6)"),
                                        ("torch_expected.safetensors", "safetensors"), ("sharded_safetensors", "index of shards")])
def test_inspect(name, kind):
    done = infig("weights", "inspect", GOLDEN / name, "--json")
    assert done.code == 0, done.all
    found = json.loads(done.out)
    assert found["format"] == kind and len(found["tensors"]) == 23
    by_name = {tensor["name"]: tensor for tensor in found["tensors"]}
    assert by_name["view.transposed"] == {"name": "view.transposed", "dtype": "F32", "shape": [6, 4], "bytes": 96}
    assert found["bytes"] == sum(tensor["bytes"] for tensor in found["tensors"])
    table = infig("weights", "inspect", GOLDEN / name)
    assert table.code == 0 and "view.transposed" in table.out and "[6, 4]" in table.out and kind in table.out, table.all


def test_inspect_says_what_is_left_out_and_refused(tmp_path):
    done = infig("weights", "inspect", GOLDEN / "checkpoint_zip.pt")
    assert done.code == 0 and "left out    epoch, optimizer, best, args" in done.out, done.all
    done = infig("weights", "inspect", GOLDEN / "module.pt")
    assert done.code == 1 and "torch.nn.modules.container.Sequential" in done.err and "module.pt" in done.err, done.all
    done = infig("weights", "inspect", tmp_path)
    assert done.code == 1 and "model.safetensors" in done.err, done.all
    done = infig("weights", "inspect", tmp_path / "absent")
    assert done.code == 1 and "absent" in done.err, done.all


def test_import(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(GOLDEN / "torch_legacy.pth", source / "pytorch_model.bin")
    (source / "config.json").write_text("{}")
    done = infig("weights", "import", source, "--output", tmp_path / "a")
    assert done.code == 0 and "with config.json" in done.out, done.all
    assert (tmp_path / "a/model.safetensors").read_bytes() == (GOLDEN / "torch_expected.safetensors").read_bytes()
    assert infig("weights", "import", GOLDEN / "torch_zip.pth", "--output", tmp_path / "b").code == 0
    assert (tmp_path / "b/model.safetensors").read_bytes() == (tmp_path / "a/model.safetensors").read_bytes()
    refused = infig("weights", "import", source, "--output", tmp_path / "a")
    assert refused.code == 2 and "--force" in refused.err, refused.all
    done = infig("weights", "import", source, "--output", tmp_path / "a", "--force", "--dtype", "fp32")
    assert done.code == 0 and "5 of them converted to fp32" in done.out, done.all
    kinds = {tensor["dtype"] for tensor in json.loads(infig("weights", "inspect", tmp_path / "a", "--json").out)["tensors"]}
    assert "F16" not in kinds and "BF16" not in kinds and "F64" not in kinds and "F32" in kinds
    assert infig("weights", "import", source, "--output", tmp_path / "c", "--dtype", "fp8").code == 2


def test_entries_of_a_training_checkpoint(tmp_path):
    checkpoint = GOLDEN / "checkpoint_zip.pt"
    seen = json.loads(infig("weights", "inspect", checkpoint, "--json").out)
    assert seen["entry"] and seen["tensors"] and "epoch" in seen["left_out"]
    done = infig("weights", "import", checkpoint, "--output", tmp_path / "out", "--entry", seen["entry"])
    assert done.code == 0 and f"read: {seen['entry']}" in done.out and "left out: epoch" in done.out, done.all
    done = infig("weights", "import", checkpoint, "--output", tmp_path / "other", "--entry", "teacher")
    assert done.code == 1 and "no entry 'teacher'" in done.err and str(checkpoint) in done.err, done.all
    assert not (tmp_path / "other").exists()


def test_null_metadata_is_none(tmp_path):
    header = json.dumps({"__metadata__": None, "w": {"dtype": "U16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "null.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\1\0\2\0")
    done = infig("weights", "inspect", tmp_path / "null.safetensors")
    assert done.code == 0 and "U16" in done.out, done.all


def test_import_takes_what_states_pixels_along(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "open_clip_model.safetensors").write_bytes(safetensors(3))
    for name in ("open_clip_config.json", "processor_config.json", "preprocessor_config.json", "config.json"):
        (source / name).write_text("{}")
    done = infig("weights", "import", source, "--output", tmp_path / "out")
    assert done.code == 0, done.all
    assert sorted(content(tmp_path / "out")) == ["config.json", "model.safetensors", "open_clip_config.json", "preprocessor_config.json", "processor_config.json"]

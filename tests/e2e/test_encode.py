"""infig encode: what a user sees when something is wrong. That its numbers are right: tests/conformance."""

import json
import struct

import pytest
from conftest import infig
from published_models import clip, resnet, vit


def rows(folder, *posts):
    path = folder / "posts.jsonl"
    path.write_text("".join(json.dumps(post) + "\n" for post in posts))
    return path


def weights(path, tensors):
    """A safetensors file of zeros."""
    header, offset = {}, 0
    for name, shape in tensors.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


@pytest.mark.parametrize("kind", ["text", "image", "clip"])
def test_help_has_an_example(kind):
    done = infig("encode", kind, "--help")
    assert done.code == 0 and f"infig encode {kind} --model" in done.out


def test_help_of_the_verb_is_of_this_verb():
    done = infig("encode", "--help")
    assert done.code == 0 and "infig encode KIND --help" in done.out and "infig predict" not in done.out


def test_usage(tmp_path):
    assert infig("encode").code == 2
    assert infig("encode", "text", "--model", tmp_path / "absent", "--input", rows(tmp_path), "--output", tmp_path / "o.safetensors").code == 2
    assert infig("encode", "text", "--model", tmp_path, "--input", rows(tmp_path), "--output", tmp_path / "o.safetensors", "--layers", "some").code == 2


def test_faults_are_named(tmp_path):
    model, output = tmp_path / "model", tmp_path / "o.safetensors"
    model.mkdir()
    source = rows(tmp_path, {"id": "a", "text": "hello"})
    done = infig("encode", "text", "--model", model, "--input", source, "--output", output)
    assert done.code == 1 and "config.json" in done.err
    (model / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    done = infig("encode", "text", "--model", model, "--input", source, "--output", output)
    assert done.code == 1 and f"{model}/config.json: model_type" in done.err and "gpt2" in done.err and "deberta-v2" in done.err
    (model / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 4, "num_attention_heads": 3}))
    done = infig("encode", "text", "--model", model, "--input", source, "--output", output)
    assert done.code == 1 and f"{model}/config.json: " in done.err and "num_attention_heads is 3" in done.err, done.err
    (model / "config.json").write_text(json.dumps(dict(model_type="bert", vocab_size=8, hidden_size=4, num_hidden_layers=1, num_attention_heads=2,
                                                       intermediate_size=4, max_position_embeddings=8)))
    done = infig("encode", "text", "--model", model, "--input", source, "--output", output)
    assert done.code == 1 and "model.safetensors" in done.err
    weights(model / "model.safetensors", {"bert.embeddings.word_embeddings.weight": [9, 4], "bert.surplus": [1], "bert.pooler.dense.bias": [4]})
    done = infig("encode", "text", "--model", model, "--input", source, "--output", output)
    assert done.code == 1
    for key in ["embeddings.word_embeddings.weight expected [8, 4] found [9, 4]", "surplus", "encoder.layer.0.output.dense.bias"]:
        assert key in done.err
    assert "pooler" not in done.err
    assert not output.exists()


def test_pictures_that_cannot_be_used(tmp_path):
    weights(tmp_path / "vgg.safetensors", {"features.0.weight": [2]})
    done = infig("encode", "image", "--model", tmp_path / "vgg.safetensors", "--input", rows(tmp_path, {"id": "a", "image": "x.png"}), "--output", tmp_path / "o.safetensors")
    assert done.code == 1 and "ResNet" in done.err and "EfficientNet-Lite" in done.err


def tensors_of(path):
    """The float32 tensors of a safetensors file as lists of rows, and its ids."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    rows = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            begin, end = (8 + size + at for at in entry["data_offsets"])
            values = struct.unpack(f"<{(end - begin) // 4}f", content[begin:end])
            each = len(values) // entry["shape"][0]
            rows[name] = [values[i * each : (i + 1) * each] for i in range(entry["shape"][0])]
    return rows, json.loads(header["__metadata__"]["ids"])


@pytest.mark.parametrize("kind", ["image", "clip"])
def test_posts_without_a_picture(kind, postcards, tmp_path):
    """Every row of --bad-image missing and skip is that of the posts that have a picture, encoded alone; the others are NaN, or not there."""
    model = tmp_path / "model"
    vit(model) if kind == "image" else clip(model)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    good = sorted((postcards / "images").iterdir())[:3]
    posts = [{"id": name, "text": "a day", "image": str(image)} for name, image in zip("abc", good)]
    odd = [{"id": "none", "text": "a"}, posts[0], {"id": "gone", "text": "a", "image": "gone.png"}, posts[1], {"id": "broken", "text": "a", "image": "broken.png"}, posts[2]]

    def encode(source, name, *more):
        done = infig("encode", kind, "--model", model, "--input", source, "--output", tmp_path / name, "--batch-size", 2, *more)
        return done, tensors_of(tmp_path / name) if done.code == 0 else None

    done, (alone, _) = encode(rows(tmp_path, *posts), "alone.safetensors", "--bad-image", "error")
    assert done.code == 0, done.all
    source = rows(tmp_path, *odd)
    done, (kept, ids) = encode(source, "kept.safetensors")
    assert ids == [post["id"] for post in odd] and "3 posts without a picture that can be used have rows of NaN (the first is post none: has no picture)" in done.err, done.all
    done, (skipped, ids) = encode(source, "skipped.safetensors", "--bad-image", "skip")
    assert ids == ["a", "b", "c"] and "left out" in done.err and "3 posts written" in done.err, done.all
    pictured = [name for name in alone if name != "text_embeds"]
    assert pictured == (["image_embeds"] if kind == "clip" else ["grid", "pixel_values", "pooled"])
    for name in alone:
        assert skipped[name] == [pytest.approx(row, rel=1e-4, abs=1e-5) for row in alone[name]], name
        assert [kept[name][i] for i in (1, 3, 5)] == [pytest.approx(row, rel=1e-4, abs=1e-5) for row in alone[name]], name
        for i in (0, 2, 4):
            assert all(value != value for value in kept[name][i]) == (name in pictured), name
    done, _ = encode(source, "never.safetensors", "--bad-image", "error")
    assert done.code == 1 and "post none: has no picture; --bad-image missing" in done.err and not (tmp_path / "never.safetensors").exists()
    done, _ = encode(rows(tmp_path, odd[0], odd[2]), "never.safetensors")
    assert done.code == 1 and "none of the 2 posts has a picture that can be used; the first is post none: has no picture" in done.err


def test_pooled_needs_a_folder_of_sentence_transformers(tmp_path):
    source = rows(tmp_path, {"id": "a", "text": "hello"})
    done = infig("encode", "text", "--model", tmp_path, "--input", source, "--output", tmp_path / "o.safetensors", "--pooled")
    assert done.code == 2 and "modules.json" in done.err and str(tmp_path) in done.err, done.err
    done = infig("encode", "text", "--model", tmp_path, "--input", source, "--output", tmp_path / "o.safetensors", "--pooled", "--gradients")
    assert done.code == 2
    assert not (tmp_path / "o.safetensors").exists()


# What a folder states and cannot be done: changes to a ViT's or CLIP's files, and what the message names beside the file.
REFUSED = {
    "crop": ("vit", "preprocessor_config.json", {"do_center_crop": "yes"}, ["do_center_crop", "true or false"]),
    "unknown": ("vit", "preprocessor_config.json", {"sharpen": 2}, ["sharpen", "take it out"]),
    "processor": ("vit", "preprocessor_config.json", {"image_processor_type": "MadeUpImageProcessor"}, ["MadeUpImageProcessor"]),
    "sides": ("vit", "preprocessor_config.json", {"crop_size": {"height": 32, "width": 16}}, ["crop_size", "equal height and width"]),
    "network": ("vit", "config.json", {"num_attention_heads": 3}, ["num_attention_heads", "docs/encoders.md"]),
    "kind": ("vit", "config.json", {"model_type": "swin"}, ["swin", "supported are"]),
    "stages": ("vit", "config.json", {"model_type": "resnet", "depths": [1, 1, 1], "hidden_sizes": [4, 4, 4]}, ["expected 4", "docs/encoders.md"]),
    "clip": ("clip", "config.json", {"text_config": {"hidden_act": "swiglu"}}, ["hidden_act", "swiglu", "docs/encoders.md"]),
    "timm": ("vit", "config.json", {"model_type": None, "architecture": "resnet18", "pretrained_cfg": {"sharpen": 2}}, ["pretrained_cfg", "sharpen", "take it out"]),
    "timm-flat": ("vit", "config.json", {"model_type": None, "architecture": "resnet18", "sharpen": 2}, ["sharpen", "take it out"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_folder_states_is_refused_by_file_and_key(tmp_path, postcards, case):
    kind, name, change, words = REFUSED[case]
    model, config = tmp_path / "model", tmp_path / "run.yaml"
    (clip if kind == "clip" else vit)(model)
    config.write_text("seed: 1\n")
    if "architecture" in change:
        (model / "preprocessor_config.json").unlink()
        (model / "config.json").write_text("{}")
        resnet(model / "model.safetensors")
    stated = {**json.loads((model / name).read_text()), **change}
    (model / name).write_text(json.dumps({key: value for key, value in stated.items() if value is not None}))
    key = "clip.model" if kind == "clip" else "image.model"
    for done in [infig("encode", "clip" if kind == "clip" else "image", "--model", model, "--input", postcards / "posts.jsonl", "--output", tmp_path / "o.safetensors"),
                 infig("train", "--config", config, "--data", postcards, "--output-dir", tmp_path / "run", f"{key}={model}", "loss.lambda_g=0" if kind == "vit" else "clip.variant=any")]:
        assert done.code == 1, done.all
        for word in [name, *words]:
            assert word in done.err, (word, done.err)
    assert not (tmp_path / "o.safetensors").exists() and not (tmp_path / "run").exists()

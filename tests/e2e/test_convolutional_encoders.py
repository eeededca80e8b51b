"""ConvNeXt, EfficientNet and timm's networks as image.model, from the command line: frozen with cached features, fine-tuned, evaluated from the checkpoint alone, encoded;
and what is refused. The folders are those of the golden files (tools/golden/make_convolutional.py), with other weights."""

import gzip
import json
import shutil
import struct

import pytest
from conftest import ROOT, infig
from published_models import save_tensors
from test_published_encoders import SMALL


def folder_of(golden, folder):
    """The config.json and the weights, under their names, that the golden file lists."""
    with gzip.open(ROOT / f"tests/golden/encoders/conv_{golden}.safetensors.gz") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    settings = json.loads(header["__metadata__"]["settings"])
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(settings["config"]))
    shapes = {name: [int(side) for side in sides.split(",")] for name, sides in (line.split(" ") for line in settings["weights"])}
    save_tensors(folder / "model.safetensors", shapes)
    return folder


@pytest.fixture(scope="module")
def config(work):
    path = work / "convolutional.yaml"
    path.write_text("seed: 1\n")
    return path


def train(config, data, run, model, *more):
    return infig("train", "--config", config, "--data", data, "--output-dir", run, f"image.model={model}", "loss.lambda_g=0", "text.hidden_size=16", "text.num_hidden_layers=3",
                 "text.num_attention_heads=2", "text.intermediate_size=32", *SMALL, *more)


@pytest.mark.parametrize("golden,model_type", [("convnext_timm", "convnext"), ("convnext_transformers", "convnext"), ("efficientnet_transformers", "inverted-net"),
                                               ("resnet50d", "resnet"), ("seresnet", "resnet")])
def test_trains_frozen_and_whole(work, postcards, config, golden, model_type):
    model = folder_of(golden, work / golden)
    run = work / f"{golden}-run"
    frozen = train(config, postcards, run, model)
    assert frozen.code == 0 and "picture features of 120 posts are computed once" in frozen.err, frozen.all
    whole = train(config, postcards, work / f"{golden}-whole", model, "image.finetune=true", "image.batch_norm_train=true", "data.limit=48")
    assert whole.code == 0, whole.all
    shutil.rmtree(model)  # the checkpoint has all of it
    for one in (run, work / f"{golden}-whole"):
        done = infig("evaluate", "--run", one, "--data", postcards, "--split", "test", "--no-report")
        assert done.code == 0, done.all
    stored = json.loads((run / "checkpoints/best/config.json").read_text())["image_backbone"]
    assert stored["model_type"] == model_type


def test_what_is_stated_and_not_supported_is_refused_by_name(work, postcards, config):
    model = folder_of("resnet50d", work / "named")
    (model / "config.json").write_text(json.dumps({"architecture": "resnet50_gn"}))
    done = train(config, postcards, work / "named-run", model)
    assert done.code == 1 and "resnet50_gn" in done.err and str(model / "config.json") in done.err and not (work / "named-run").exists(), done.all
    (model / "config.json").write_text(json.dumps({"architecture": "resnet50d", "model_args": {"norm_layer": "groupnorm"}}))
    done = infig("encode", "image", "--model", model, "--input", postcards / "posts.jsonl", "--output", work / "named.safetensors")
    assert done.code == 1 and "model_args: norm_layer" in done.err and not (work / "named.safetensors").exists(), done.all
    (model / "config.json").write_text(json.dumps({"architecture": "resnet50"}))
    done = infig("encode", "image", "--model", model, "--input", postcards / "posts.jsonl", "--output", work / "named.safetensors")
    assert done.code == 1 and "conv1.0.weight" in done.err and "missing" in done.err and "unexpected" in done.err, done.all

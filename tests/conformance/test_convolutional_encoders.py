"""infig encode image, live, against transformers' ConvNeXt and EfficientNet: random weights, published sizes or a part of them. Pixels come from infig's own
output, so each test is about the network alone.
"""

import pytest
import torch
from encoder_tools import encode, near, probe, randomize
from test_image_encoders import SIZES, expect_image, pictures

transformers = pytest.importorskip("transformers")


def save(model, folder):
    model.save_pretrained(folder)
    return folder


def calm(model, endings, factor=0.3):
    """Branches of a deep network a part as large, or a hundred of them grow out of any range."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(endings):
                parameter.mul_(factor)
    return model


@pytest.mark.parametrize("switches", [
    dict(depths=[3, 3, 9, 3], hidden_sizes=[96, 192, 384, 768]), dict(depths=[3, 3, 27, 3], hidden_sizes=[32, 64, 128, 256]),
    dict(depths=[1, 2, 1], num_stages=3, hidden_sizes=[8, 12, 16], patch_size=8, hidden_act="gelu_new"), dict(depths=[1, 1, 1, 1], hidden_sizes=[8] * 4, layer_scale_init_value=0.0),
], ids=["tiny", "small", "three_stages", "no_layer_scale"])
def test_convnext(switches, tmp_path):
    model = transformers.ConvNextModel(transformers.ConvNextConfig(**switches))
    model = calm(randomize(model), "layer_scale_parameter")
    rows = pictures(tmp_path, SIZES[:4])
    found = encode("image", save(model, tmp_path), rows, tmp_path)
    with torch.no_grad():
        grids = model(found["pixel_values"]).last_hidden_state
    print(f"worst {expect_image(found, grids, 1e-4):.1e}")


def test_convnext_with_a_classifier_and_gradients(tmp_path):
    config = transformers.ConvNextConfig(depths=[1, 2, 1, 1], hidden_sizes=[8, 12, 16, 20], layer_scale_init_value=0.5, num_labels=3)
    model = randomize(transformers.ConvNextForImageClassification(config))
    rows = pictures(tmp_path, SIZES[:2])
    found = encode("image", save(model, tmp_path), rows, tmp_path, "--gradients")
    scalar = probe([model.convnext(found["pixel_values"]).last_hidden_state.flatten(2).transpose(1, 2)])
    scalar.backward()
    ours = {"dwconv": "conv_dw", "layernorm": "norm", "pwconv1": "mlp.fc1", "pwconv2": "mlp.fc2", "layer_scale_parameter": "gamma"}
    compared = 0
    for name, parameter in model.convnext.encoder.named_parameters():
        parts = name.split(".")  # stages.1.layers.0.pwconv1.weight, stages.1.downsampling_layer.0.bias
        key = (f"stages.{parts[1]}.downsample.{parts[3]}.{parts[4]}" if parts[2] == "downsampling_layer" else
               ".".join(["stages", parts[1], "blocks", parts[3], ours[parts[4]], *parts[5:]]))
        near(found[f"grad.{key}"], parameter.grad, 1e-3, key)
        compared += 1
    assert compared == len([name for name in found if name.startswith("grad.stages.")]) > 40


PUBLISHED = [(1.0, 1.0, 1280, []), (1.0, 1.1, 1280, [16]), (1.1, 1.2, 1408, [5, 8, 16]), (1.2, 1.4, 1536, [5, 18]), (1.4, 1.8, 1792, [6]), (1.6, 2.2, 2048, [13, 27]),
             (1.8, 2.6, 2304, [31]), (2.0, 3.1, 2560, [18])]


@pytest.mark.parametrize("number", range(8))
def test_efficientnet(number, tmp_path):
    width, depth, hidden, square = PUBLISHED[number]
    config = transformers.EfficientNetConfig(width_coefficient=width, depth_coefficient=depth, hidden_dim=hidden, depthwise_padding=square, image_size=129)
    model = calm(randomize(transformers.EfficientNetModel(config)), "project_bn.weight")
    rows = pictures(tmp_path, SIZES[:2])
    found = encode("image", save(model, tmp_path), rows, tmp_path)
    assert found["pixel_values"].shape[-1] == 129  # odd, where paddings differ most
    with torch.no_grad():
        grids = model.encoder(model.embeddings(found["pixel_values"])).last_hidden_state  # the model's own pooling is for its image_size alone
    print(f"worst {expect_image(found, grids, 1e-4):.1e}")


def test_efficientnet_gradients(tmp_path):
    config = transformers.EfficientNetConfig(width_coefficient=0.25, depth_coefficient=0.5, hidden_dim=320, image_size=64, depthwise_padding=[2])
    model = randomize(transformers.EfficientNetModel(config))
    rows = pictures(tmp_path, SIZES[:2])
    found = encode("image", save(model, tmp_path), rows, tmp_path, "--gradients")
    scalar = probe([model.encoder(model.embeddings(found["pixel_values"])).last_hidden_state.flatten(2).transpose(1, 2)])
    scalar.backward()
    theirs = sorted(parameter.grad.norm().item() for parameter in model.parameters())
    ours = sorted(value.norm().item() for name, value in found.items() if name.startswith("grad."))
    near(torch.tensor(ours), torch.tensor(theirs), 1e-3)
    near(found["grad.conv_stem.weight"], model.embeddings.convolution.weight.grad, 1e-3)
    near(found["grad.blocks.0.0.conv_dw.weight"], model.encoder.blocks[0].depthwise_conv.depthwise_conv.weight.grad, 1e-3)
    near(found["grad.conv_head.weight"], model.encoder.top_conv.weight.grad, 1e-3)

"""infig encode image against Vision Transformers of transformers and timm, live: random weights in every switch and at several sizes.

Pixels come from infig's own output, so each test is about the network alone. timm needs torchvision, which stands beside a torch of its own:
its tests are skipped where it is not installed; the golden files of tests/encoders hold its answers.
"""

import json

import pytest
import torch
from encoder_tools import encode, near, probe, randomize
from safetensors.torch import load_file
from test_image_encoders import SIZES, pictures

transformers = pytest.importorskip("transformers")
transformers.logging.set_verbosity_error()

SMALL = dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=4, image_size=64, patch_size=16)
VIT = SMALL | dict(intermediate_size=80)
DINO = SMALL | dict(mlp_ratio=3)
CASES = [
    ("vit", dict()), ("vit", dict(qkv_bias=False, hidden_act="gelu_new")), ("vit", dict(layer_norm_eps=1e-3, num_attention_heads=1, patch_size=8)),
    ("vit", dict(image_size=[64, 64], hidden_act="quick_gelu")),
    ("deit", dict()), ("deit", dict(patch_size=32, hidden_act="relu")),
    ("dinov2", dict()), ("dinov2", dict(use_swiglu_ffn=True)), ("dinov2", dict(image_size=112, patch_size=14)), ("dinov2", dict(image_size=42, patch_size=14)),
    ("dinov2", dict(use_mask_token=False, qkv_bias=False, layerscale_value=0.1)),
    ("dinov2_with_registers", dict()), ("dinov2_with_registers", dict(image_size=112, patch_size=14, num_register_tokens=7)),
    ("dinov2_with_registers", dict(image_size=42, patch_size=14, use_swiglu_ffn=True)),
    ("clip", dict()), ("clip", dict(hidden_act="gelu", patch_size=32)), ("clip_vision_model", dict()),
    ("siglip", dict()), ("siglip", dict(hidden_act="gelu", image_size=70)), ("siglip_vision_model", dict(patch_size=8)),
]


def make(kind, switches):
    t = transformers
    if kind == "vit":
        return t.ViTModel(t.ViTConfig(**VIT | switches))
    if kind == "deit":
        return t.DeiTModel(t.DeiTConfig(**VIT | switches))
    if kind == "dinov2":
        return t.Dinov2Model(t.Dinov2Config(**DINO | switches))
    if kind == "dinov2_with_registers":
        return t.Dinov2WithRegistersModel(t.Dinov2WithRegistersConfig(**DINO | switches))
    text = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=20, vocab_size=30)
    if kind == "clip":
        return t.CLIPModel(t.CLIPConfig(text_config=text | dict(eos_token_id=1), vision_config=VIT | switches, projection_dim=8))
    if kind == "siglip":
        return t.SiglipModel(t.SiglipConfig(text_config=text, vision_config=VIT | switches))
    return {"clip_vision_model": lambda: t.CLIPVisionModel(t.CLIPVisionConfig(**VIT | switches)),
            "siglip_vision_model": lambda: t.SiglipVisionModel(t.SiglipVisionConfig(**VIT | switches))}[kind]()


def folder_of(kind, switches, folder):
    """The saved model, with a preprocessor of its size (DINOv2: of 64 pixels, whatever its positions are for)."""
    model = randomize(make(kind, switches), std=0.1)
    model.save_pretrained(folder)
    size = 64 if kind.startswith("dinov2") else (VIT | switches)["image_size"]
    size = size if isinstance(size, int) else size[0]
    (folder / "preprocessor_config.json").write_text(json.dumps(dict(image_processor_type="CLIPImageProcessor", size=dict(shortest_edge=size),
                                                                     crop_size=dict(height=size, width=size))))
    return model.vision_model if kind in ("clip", "siglip") else model


def tokens_of(kind, model, output):
    """CLS and patches behind the final LayerNorm; SigLIP's pooled vector in the CLS's place."""
    last = output.last_hidden_state
    if kind.startswith("siglip"):
        return torch.cat([output.pooler_output[:, None], last], 1)
    if kind.startswith("clip"):
        last = model.post_layernorm(last)
        near(last[:, 0], output.pooler_output, 1e-6)
        return last
    skip = {"deit": 2, "dinov2_with_registers": 1 + getattr(model.config, "num_register_tokens", 0)}.get(kind, 1)
    return torch.cat([last[:, :1], last[:, skip:]], 1)


def case_name(case):
    return "-".join([case[0], *(f"{key}={value}" for key, value in case[1].items())])


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_every_layer(case, tmp_path):
    kind, switches = case
    model = folder_of(kind, switches, tmp_path)
    rows = pictures(tmp_path, SIZES)
    found = encode("image", tmp_path, rows, tmp_path, "--batch-size", 4, "--layers", "all")
    with torch.no_grad():
        output = model(found["pixel_values"], output_hidden_states=True)
        tokens = tokens_of(kind, model, output)
    assert len(output.hidden_states) == 4
    worst = max(near(found[f"hidden_states.{k}"], state, 1e-4, k) for k, state in enumerate(output.hidden_states))
    worst = max(worst, near(found["pooled"], tokens[:, 0], 1e-4), near(found["grid"], tokens[:, 1:], 1e-4))
    print(f"{case_name(case)}: worst {worst:.1e}")


@pytest.mark.parametrize("case", [("vit", dict()), ("deit", dict()), ("dinov2", dict(image_size=112, patch_size=14)), ("dinov2", dict(use_swiglu_ffn=True)),
                                  ("dinov2_with_registers", dict(image_size=112, patch_size=14)), ("clip", dict()), ("siglip", dict())], ids=case_name)
def test_gradients(case, tmp_path):
    kind, switches = case
    model = folder_of(kind, switches, tmp_path)
    found = encode("image", tmp_path, pictures(tmp_path, SIZES[:3]), tmp_path, "--gradients")
    output = model(found["pixel_values"], output_hidden_states=True)
    scalar = probe([*output.hidden_states, tokens_of(kind, model, output)])
    scalar.backward()
    near(found["probe"], scalar.detach().float(), 1e-3)
    gradients = published_gradients(model, load_file(tmp_path / "model.safetensors"))
    assert {f"grad.{name}" for name in gradients} == {name for name in found if name.startswith("grad.")}
    largest = max(gradient.abs().max().item() for gradient in gradients.values())
    worst = 0.0
    for name, gradient in gradients.items():
        if gradient.abs().max() < 1e-5 * largest:  # a key's bias moves all scores of a row alike: no gradient but rounding
            assert found[f"grad.{name}"].abs().max() < 1e-5 * largest, name
        else:
            worst = max(worst, near(found[f"grad.{name}"], gradient, 1e-3, name))
    print(f"{case_name(case)}: worst {worst:.1e}")


def published_gradients(model, weights):
    """Gradients under the names of the saved file, which are found by their tensors' values."""
    gradients = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            continue
        size = parameter.shape[0] if parameter.dim() else 0
        same = [(key, None) for key, tensor in weights.items() if tensor.shape == parameter.shape and torch.equal(tensor, parameter)]
        same = same or [(key, at) for key, tensor in weights.items() for at in (0, size)
                        if tensor.dim() and len(tensor) == 2 * size and torch.equal(tensor[at:at + size], parameter)]
        assert len(same) == 1, (name, same)
        key, at = same[0]
        plain = key.removeprefix("vision_model.")
        if at is None:
            gradients[plain] = parameter.grad
        else:
            gradients.setdefault(plain, torch.zeros_like(weights[key]))[at:at + size] = parameter.grad
    return gradients


def test_classifiers_give_their_network(tmp_path):
    """Whole models with heads: prefixes are taken off, heads are left out."""
    t = transformers
    for name, model, base in [("vit", t.ViTForImageClassification(t.ViTConfig(**VIT)), "vit"),
                              ("deit", t.DeiTForImageClassificationWithTeacher(t.DeiTConfig(**VIT)), "deit"),
                              ("dinov2", t.Dinov2ForImageClassification(t.Dinov2Config(**DINO)), "dinov2"),
                              ("dinov2_with_registers", t.Dinov2WithRegistersForImageClassification(t.Dinov2WithRegistersConfig(**DINO)), "dinov2_with_registers")]:
        folder = tmp_path / name
        folder.mkdir()
        randomize(model, std=0.1).save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text(json.dumps(dict(image_processor_type="CLIPImageProcessor", size=dict(shortest_edge=64),
                                                                         crop_size=dict(height=64, width=64))))
        found = encode("image", folder, pictures(folder, SIZES[:2]), folder)
        with torch.no_grad():
            network = getattr(model, base)
            tokens = tokens_of(name, network, network(found["pixel_values"]))
        near(found["pooled"], tokens[:, 0], 1e-4, name)


def test_vit_of_base_size(tmp_path):
    config = transformers.ViTConfig(num_hidden_layers=12)
    randomize(transformers.ViTModel(config), std=0.03).save_pretrained(tmp_path)
    model = transformers.ViTModel.from_pretrained(tmp_path).eval()
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(dict(image_processor_type="CLIPImageProcessor", size=dict(shortest_edge=224),
                                                                       crop_size=dict(height=224, width=224))))
    found = encode("image", tmp_path, pictures(tmp_path, SIZES[:2]), tmp_path, "--layers", "all")
    with torch.no_grad():
        output = model(found["pixel_values"], output_hidden_states=True)
    worst = max(near(found[f"hidden_states.{k}"], state, 1e-4, k) for k, state in enumerate(output.hidden_states))
    print(f"worst {max(worst, near(found['grid'], output.last_hidden_state[:, 1:], 1e-4)):.1e}")

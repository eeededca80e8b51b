"""Golden files of tests/encoders: encoders as transformers 5 and timm save them, with random weights.

    python tools/golden/make_published.py transformers      (packages as pinned in tools/requirements-golden.txt)
    python tools/golden/make_published.py timm              (tools/requirements-timm.txt, in an environment of its own)

Each model is saved by its library and read back: "weight.NAME" are the tensors of its model.safetensors, the settings in the file's metadata
its config.json, both as a user's folder has them. Beside them the inputs, hidden_states.K, and for a fixed scalar function of these ("factors")
the gradient of each weight ("grad.NAME").
"""

import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "conformance"))
import torchvision_beside_cpu  # noqa: E402, F401, I001

import torch
from safetensors.torch import load_file, save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "encoders"
SMALL = dict(vocab_size=29, num_hidden_layers=2)


def randomize(module, seed, std):
    """Weights large enough that every term matters, in half precision, so that the file packs small; no two tensors are equal."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator) * (parameter[0].numel() ** -0.5 if parameter.dim() == 4 else std)
            ones = parameter.dim() == 1 and name.endswith(("weight", "lambda1", "gamma"))
            parameter.copy_((1 + noise if ones else noise).half().float())
    return generator


def published(module, save_model):
    """The saved file's tensors and settings, and the gradients under the file's names, which are found by their tensors' values."""
    with tempfile.TemporaryDirectory() as folder:
        save_model(folder)
        weights = load_file(pathlib.Path(folder) / "model.safetensors")
        settings = json.loads((pathlib.Path(folder) / "config.json").read_text())
    gradients = {}
    for name, parameter in module.named_parameters():
        if parameter.grad is None:
            continue
        same = [key for key, tensor in weights.items() if tensor.shape == parameter.shape and torch.equal(tensor, parameter)]
        if same:
            assert len(same) == 1, (name, same)
            gradients[same[0]] = parameter.grad
            continue
        # Two parameters that the file holds as one, one above the other.
        size = parameter.shape[0]
        same = [(key, at) for key, tensor in weights.items() for at in (0, size) if len(tensor) == 2 * size and torch.equal(tensor[at:at + size], parameter)]
        assert len(same) == 1, (name, same)
        gradients.setdefault(same[0][0], torch.zeros_like(weights[same[0][0]]))[same[0][1]:same[0][1] + size] = parameter.grad
    return weights, settings, gradients


def save(name, module, save_model, inputs, states, generator, shown=None, gradients_too=True):
    factors = [torch.randn(state.shape, generator=generator) for state in states]
    if shown is not None:
        factors = [factor * shown for factor in factors]
    sum((state * factor).sum() for state, factor in zip(states, factors)).backward()
    weights, settings, gradients = published(module, save_model)
    tensors = {f"weight.{key}": value.half() for key, value in weights.items()} | inputs
    tensors |= {f"hidden_states.{k}": state for k, state in enumerate(states)}
    if gradients_too:
        tensors |= {f"grad.{key}": gradient for key, gradient in gradients.items()} | {f"factors.{k}": factor for k, factor in enumerate(factors)}
    save_tensors(name, tensors, settings)


def save_tensors(name, tensors, settings):
    path = GOLDEN / f"{name}.safetensors"
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, path,
              metadata={"settings": json.dumps(settings, sort_keys=True)})
    print(f"{path.name}: {path.stat().st_size} bytes")
    assert path.stat().st_size < 200_000


def text(name, seed, model, length=13, gradients_too=True):
    generator = randomize(model.eval(), seed, 0.3)
    lengths = [length, max(length - 4, 1), max(length // 3, 1)]
    mask = torch.tensor([[int(i < n) for i in range(length)] for n in lengths])
    ids = torch.where(mask == 1, torch.randint(4, 29, mask.shape, generator=generator), model.config.pad_token_id)
    states = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    save(name, model, model.save_pretrained, {"input_ids": ids, "attention_mask": mask}, list(states), generator, mask[:, :, None], gradients_too)


def vision(name, seed, model, size, tokens, gradients_too=True):
    """`tokens(output)`: CLS and patches behind the final LayerNorm, which is what the golden file has after the hidden states."""
    generator = randomize(model.eval(), seed, 0.3)
    pixels = torch.randn((2, 3, size, size), generator=generator)
    output = model(pixels, output_hidden_states=True)
    save(name, model, model.save_pretrained, {"pixel_values": pixels}, [*output.hidden_states, tokens(model, output)], generator, None, gradients_too)


def transformers_models():
    import transformers as t
    t.logging.set_verbosity_error()
    bert = SMALL | dict(hidden_size=12, num_attention_heads=3, intermediate_size=20, max_position_embeddings=24, pad_token_id=0)
    text("distilbert", 1, t.DistilBertModel(t.DistilBertConfig(vocab_size=29, dim=12, n_layers=2, n_heads=3, hidden_dim=20, max_position_embeddings=24,
                                                              activation="relu")))
    text("electra", 2, t.ElectraModel(t.ElectraConfig(**bert, embedding_size=6)))
    special = dict(bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2)
    modern = bert | special | dict(num_hidden_layers=4, intermediate_size=10)
    text("modernbert", 5, t.ModernBertModel(t.ModernBertConfig(**modern, local_attention=6)))
    text("modernbert_biases", 6, t.ModernBertModel(t.ModernBertConfig(
        **modern | dict(num_hidden_layers=3), local_attention=4, norm_bias=True, attention_bias=True, mlp_bias=True, hidden_activation="silu", norm_eps=1e-3,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters=dict(full_attention=dict(rope_type="default", rope_theta=500.0), sliding_attention=dict(rope_type="default", rope_theta=30.0)))))

    small = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, image_size=12, patch_size=4)
    vit = small | dict(intermediate_size=20)
    last = lambda model, output: output.last_hidden_state
    vision("vit", 10, t.ViTModel(t.ViTConfig(**vit), add_pooling_layer=False), 12, last)
    cls_and_patches = lambda skip: lambda model, output: torch.cat([output.last_hidden_state[:, :1], output.last_hidden_state[:, skip:]], 1)
    vision("deit", 12, t.DeiTModel(t.DeiTConfig(**vit), add_pooling_layer=False), 12, cls_and_patches(2), False)
    vision("dinov2_resampled", 14, t.Dinov2Model(t.Dinov2Config(**small | dict(image_size=20), mlp_ratio=2, use_mask_token=False)), 12, last, False)
    vision("dinov2_gated", 15, t.Dinov2Model(t.Dinov2Config(**small, mlp_ratio=2, use_swiglu_ffn=True)), 12, last, False)
    vision("dinov2_with_registers", 16, t.Dinov2WithRegistersModel(t.Dinov2WithRegistersConfig(**small | dict(image_size=20), mlp_ratio=2,
                                                                                              num_register_tokens=3)), 12, cls_and_patches(4))
    normed = lambda model, output: model.post_layernorm(output.last_hidden_state)
    vision("clip_vision_model", 17, t.CLIPVisionModel(t.CLIPVisionConfig(**vit)), 12, normed, False)
    siglip("siglip", 19, t.SiglipModel(t.SiglipConfig(
        text_config=dict(vocab_size=29, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, max_position_embeddings=7,
                         projection_size=12), vision_config=vit)))
    pooled = lambda model, output: torch.cat([output.pooler_output[:, None], output.last_hidden_state], 1)
    vision("siglip_vision_model", 18, t.SiglipVisionModel(t.SiglipVisionConfig(**vit)), 12, pooled)


def siglip(name, seed, model):
    generator = randomize(model.eval(), seed, 0.3)
    pixels, ids = torch.randn((2, 3, 12, 12), generator=generator), torch.randint(2, 29, (3, 7), generator=generator)
    ids[1, 4:] = ids[2, 1:] = 1  # padding, which counts
    with torch.no_grad():
        embeds = {"image_embeds": model.get_image_features(pixels).pooler_output, "text_embeds": model.get_text_features(ids).pooler_output}
    weights, settings, _ = published(model, model.save_pretrained)
    save_tensors(name, {f"weight.{key}": value.half() for key, value in weights.items()} | {"pixel_values": pixels, "input_ids": ids} | embeds, settings)


def timm_vision(name, seed, architecture, heads, size, skip, **arguments):
    import timm
    patch = arguments.pop("patch_size", 4)
    model = timm.create_model(architecture, embed_dim=12, num_heads=heads, depth=2, img_size=size, patch_size=patch, num_classes=0, mlp_ratio=2, **arguments)
    generator = randomize(model.eval(), seed, 0.3)
    pixels = torch.randn((2, 3, size, size), generator=generator)
    features = model.forward_features(pixels)
    if architecture.find("siglip") >= 0:
        tokens = torch.cat([model.attn_pool(features)[:, None], features], 1)
    else:
        tokens = torch.cat([features[:, :1], features[:, skip:]], 1)
    save(name, model, lambda folder: timm.models.save_for_hf(model, folder, safe_serialization=True), {"pixel_values": pixels}, [tokens], generator,
         None, False)


def timm_models():
    timm_vision("timm_vit", 20, "vit_small_patch16_224", 3, 12, 1)
    timm_vision("timm_deit_distilled", 21, "deit_tiny_distilled_patch16_224", 3, 12, 2)
    timm_vision("timm_dinov2", 22, "vit_small_patch14_reg4_dinov2", 3, 12, 5)
    timm_vision("timm_clip", 23, "vit_base_patch32_clip_quickgelu_224", 3, 12, 1)
    timm_vision("timm_siglip", 24, "vit_base_patch16_siglip_224", 3, 14, 0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"transformers": transformers_models, "timm": timm_models}[sys.argv[1]]()

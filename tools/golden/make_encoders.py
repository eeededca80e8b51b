"""Golden files of tests/nn and tests/encoders, made by transformers with random weights.

    python tools/golden/make_encoders.py          (transformers, safetensors and torch as pinned in tools/requirements-golden.txt)

Each file holds the weights under the names that the checkpoints publish ("weight.NAME"), the inputs, every output and, in some files,
for a fixed scalar function of the outputs the gradient of each weight ("grad.NAME"). The settings stand in the file's metadata as JSON.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import BertConfig, DebertaV2Config, DebertaV2Model, ResNetConfig, ResNetModel
from transformers.models.bert.modeling_bert import BertLayer
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"


def randomize(module, seed, std):
    """Weights large enough that every term of the attention matters; convolutions keep the size of what goes through them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator) * std
            norm = parameter.dim() == 1 and name.endswith("weight")
            if parameter.dim() == 4:
                noise = noise / std * parameter[0].numel() ** -0.5
            parameter.copy_(1 + noise if norm else noise)
    return generator


def save(folder, name, tensors, settings):
    path = GOLDEN / folder / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {key: value.detach().clone().contiguous() for key, value in tensors.items()}
    save_file(tensors, path, metadata={"settings": json.dumps(settings, sort_keys=True)})
    print(f"{path.relative_to(GOLDEN)}: {path.stat().st_size} bytes")
    assert path.stat().st_size < 200_000


def weights_and_gradients(module, rename=lambda name: name):
    tensors = {f"weight.{rename(name)}": p for name, p in module.named_parameters()}
    tensors |= {f"grad.{rename(name)}": p.grad for name, p in module.named_parameters() if p.grad is not None}
    return tensors


def deberta(name, seed, length=13, gradients=False, **switches):
    settings = dict(
        vocab_size=37, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        hidden_act="gelu", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=24,
        type_vocab_size=0, layer_norm_eps=1e-7, relative_attention=True, max_relative_positions=-1, position_buckets=8,
        pos_att_type=["p2c", "c2p"], share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False,
        pad_token_id=0,
    )
    settings.update(switches)
    model = DebertaV2Model(DebertaV2Config(**settings)).eval()
    generator = randomize(model, seed, 0.3)
    lengths = [length, max(length - 4, 1), max(length // 3, 1)]
    mask = torch.tensor([[int(i < n) for i in range(length)] for n in lengths])
    ids = torch.randint(3, settings["vocab_size"], (3, length), generator=generator) * mask
    states = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    factors = torch.randn((len(states), *states[0].shape), generator=generator) * mask[None, :, :, None]
    if gradients:
        sum((state * factor).sum() for state, factor in zip(states, factors)).backward()
    tensors = weights_and_gradients(model) | {"input_ids": ids, "attention_mask": mask, "factors": factors}
    tensors |= {f"hidden_states.{k}": state for k, state in enumerate(states)}
    save("encoders", f"deberta_{name}", tensors, settings)


def buckets():
    tensors, settings = {}, []
    for count, reach, length in [(256, 512, 512), (8, 24, 24), (32, 128, 300), (4, 6, 40), (7, 64, 64), (2, 16, 16)]:
        deltas = torch.arange(1 - length, length)
        key = f"{count}_{reach}_{length}"
        tensors[key] = make_log_bucket_position(deltas, count, reach).to(torch.long)
        settings.append([count, reach, length])
    save("nn", "relative_buckets", tensors, settings)


def bert_layer(name, seed, activation):
    settings = dict(hidden_size=16, num_attention_heads=4, intermediate_size=24, hidden_act=activation,
                    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12)
    layer = BertLayer(BertConfig(**settings, attn_implementation="eager")).eval()
    generator = randomize(layer, seed, 0.3)
    x = torch.randn((3, 7, 16), generator=generator)
    mask = torch.tensor([[1] * 7, [1, 0, 1, 1, 0, 0, 1], [0, 0, 1, 0, 0, 0, 0]])
    bias = torch.zeros((3, 1, 1, 7)).masked_fill(mask[:, None, None, :] == 0, torch.finfo(torch.float32).min)
    seen = {}
    layer.attention.self.register_forward_hook(lambda module, inputs, outputs: seen.update(attention=outputs[1]))
    output = layer(x, attention_mask=bias)
    output = output[0] if isinstance(output, tuple) else output
    factors = torch.randn(output.shape, generator=generator)
    (output * factors).sum().backward()
    tensors = weights_and_gradients(layer) | {"x": x, "mask": mask, "output": output, "factors": factors}
    save("nn", f"bert_layer_{name}", tensors | {"attention": seen["attention"]}, settings)


def torchvision_name(name, bottleneck):
    """embedder.embedder.convolution.weight -> conv1.weight, encoder.stages.1.layers.0.shortcut.normalization.bias ->
    layer2.0.downsample.1.bias, encoder.stages.0.layers.1.layer.2.convolution.weight -> layer1.1.conv3.weight"""
    parts = name.split(".")
    if parts[0] == "embedder":
        return f"{'conv1' if parts[2] == 'convolution' else 'bn1'}.{parts[-1]}"
    block = f"layer{int(parts[2]) + 1}.{parts[4]}"
    if parts[5] == "shortcut":
        return f"{block}.downsample.{0 if parts[6] == 'convolution' else 1}.{parts[-1]}"
    return f"{block}.{'conv' if parts[7] == 'convolution' else 'bn'}{int(parts[6]) + 1}.{parts[-1]}"


def resnet(name, seed, bottleneck, widths, depths, kernel=7, stride=2, pool=True, size=45, gradients=False):
    expansion = 4 if bottleneck else 1
    config = ResNetConfig(num_channels=3, embedding_size=6, hidden_sizes=[w * expansion for w in widths], depths=depths,
                          layer_type="bottleneck" if bottleneck else "basic", hidden_act="relu",
                          downsample_in_first_stage=False, downsample_in_bottleneck=False)
    model = ResNetModel(config)
    if (kernel, stride) != (7, 2):
        model.embedder.embedder.convolution = torch.nn.Conv2d(3, 6, kernel, stride, kernel // 2, bias=False)
    if not pool:
        model.embedder.pooler = torch.nn.Identity()
    generator = randomize(model, seed, 0.3)
    for key, buffer in model.named_buffers():
        if key.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.2)
        elif key.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    pixels = torch.randn((2, 3, size, size), generator=generator)
    rename = lambda key: torchvision_name(key, bottleneck)
    tensors = {f"weight.{rename(key)}": value.clone() for key, value in model.named_buffers()}
    maps = model.eval()(pixels, output_hidden_states=True).hidden_states
    tensors |= {f"map.{k}": value for k, value in enumerate(maps)}
    factors = torch.randn(maps[-1].shape, generator=generator)
    if gradients:
        (maps[-1] * factors).sum().backward()
    tensors |= weights_and_gradients(model, rename) | {"pixel_values": pixels, "factors": factors}
    batch = model.train()(pixels).last_hidden_state
    tensors |= {"batch_map": batch}
    tensors |= {f"after.{rename(key)}": value for key, value in model.named_buffers()}
    settings = dict(bottleneck=bottleneck, widths=widths, layers=depths, stem_kernel=kernel, stem_stride=stride, stem_pool=pool,
                    stem_width=6)
    save("encoders", f"resnet_{name}", tensors, settings)


def main():
    torch.set_num_threads(1)
    buckets()
    for index, (name, activation) in enumerate([("gelu", "gelu"), ("gelu_tanh", "gelu_new"), ("relu", "relu")]):
        bert_layer(name, 100 + index, activation)
    deberta("v3", 1, gradients=True)
    deberta("short", 2, length=4)
    deberta("one_token", 3, length=1)
    deberta("no_buckets", 4, gradients=True, position_buckets=-1)
    deberta("clamped", 5, gradients=True, position_buckets=-1, max_relative_positions=5)
    deberta("c2p", 6, pos_att_type=["c2p"], share_att_key=False)
    deberta("p2c", 7, pos_att_type=["p2c"], norm_rel_ebd="none")
    deberta("neither", 8, pos_att_type=[])
    deberta("own_keys", 9, gradients=True, share_att_key=False, norm_rel_ebd="none", hidden_act="gelu_new")
    deberta("absolute", 10, relative_attention=False, position_biased_input=True, type_vocab_size=2)
    deberta("everything", 11, gradients=True, position_biased_input=True, type_vocab_size=3, share_att_key=False, length=23, position_buckets=6,
            max_relative_positions=16)
    resnet("bottleneck", 20, True, [3, 4, 4, 5], [2, 2, 1, 1], gradients=True)
    resnet("basic", 21, False, [6, 8, 8, 10], [1, 2, 1, 1])
    resnet("small_stem", 22, False, [4, 6, 8, 8], [1, 1, 1, 1], kernel=3, stride=1, pool=False, size=20)


if __name__ == "__main__":
    main()

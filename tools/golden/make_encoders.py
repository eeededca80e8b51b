"""Golden files of tests/nn and tests/encoders, made by transformers and efficientnet-lite-pytorch with random weights.

    python tools/golden/make_encoders.py          (packages as pinned in tools/requirements-golden.txt)

Each file holds the weights under the names that the checkpoints publish ("weight.NAME"), the inputs, every output and, in some files,
for a fixed scalar function of the outputs the gradient of each weight ("grad.NAME"). The settings stand in the file's metadata as JSON.
"""

import json
import pathlib

import torch
from efficientnet_lite_pytorch.model import EfficientNet
from efficientnet_lite_pytorch.utils import efficientnet_lite
from safetensors.torch import save_file
from transformers import (
    BertConfig, BertModel, CLIPConfig, CLIPModel, DebertaV2Config, DebertaV2Model, MPNetConfig, MPNetModel, ResNetConfig, ResNetModel, RobertaConfig, RobertaModel,
    XLMRobertaConfig, XLMRobertaModel,
)
from transformers.models.bert.modeling_bert import BertLayer
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder
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


TEXT_MODELS = {"bert": (BertConfig, BertModel), "roberta": (RobertaConfig, RobertaModel), "mpnet": (MPNetConfig, MPNetModel),
               "xlm-roberta": (XLMRobertaConfig, XLMRobertaModel)}


def text(kind, name, seed, length=13, gradients=False, **switches):
    """BERT and its like. Padding ids stand where the mask is 0, and once inside a text, where positions of RoBERTa and MPNet skip them."""
    settings = dict(model_type=kind, vocab_size=29, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
                    hidden_act="gelu", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=24,
                    layer_norm_eps=1e-12, pad_token_id=0 if kind == "bert" else 1)
    if kind != "mpnet":
        settings["type_vocab_size"] = 2
    settings.update(switches)
    config, model_class = TEXT_MODELS[kind]
    arguments = {key: value for key, value in settings.items() if key != "model_type"}
    model = model_class(config(**arguments, attn_implementation="eager"), add_pooling_layer=False).eval()
    generator = randomize(model, seed, 0.3)
    lengths = [length, max(length - 4, 1), max(length // 3, 1)]
    mask = torch.tensor([[int(i < n) for i in range(length)] for n in lengths])
    ids = torch.randint(4, settings["vocab_size"], (3, length), generator=generator)
    if length > 6:
        ids[0, 5] = settings["pad_token_id"]
    ids = torch.where(mask == 1, ids, settings["pad_token_id"])
    states = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    factors = torch.randn((len(states), *states[0].shape), generator=generator) * mask[None, :, :, None]
    if gradients:
        sum((state * factor).sum() for state, factor in zip(states, factors)).backward()
    tensors = weights_and_gradients(model) | {"input_ids": ids, "attention_mask": mask}
    tensors |= {f"hidden_states.{k}": state for k, state in enumerate(states)}
    if gradients:
        tensors["factors"] = factors
    save("encoders", f"{kind}_{name}", tensors, settings)


def mpnet_buckets():
    deltas = torch.arange(-600, 601)
    save("nn", "mpnet_buckets", {"deltas": deltas, "buckets": MPNetEncoder.relative_position_bucket(deltas, num_buckets=32)}, {})


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


def randomize_statistics(model, generator):
    for key, buffer in model.named_buffers():
        if key.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.2)
        elif key.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))


def resnet_published(name, seed, **switches):
    """In transformers' own naming and with its config.json."""
    settings = dict(model_type="resnet", num_channels=3, embedding_size=5, hidden_sizes=[8, 12, 16, 16], depths=[1, 2, 1, 1], layer_type="bottleneck",
                    hidden_act="relu", downsample_in_first_stage=False, downsample_in_bottleneck=False)
    settings.update(switches)
    model = ResNetModel(ResNetConfig(**{key: value for key, value in settings.items() if key != "model_type"})).eval()
    generator = randomize(model, seed, 0.3)
    randomize_statistics(model, generator)
    pixels = torch.randn((2, 3, 50, 50), generator=generator)
    tensors = {f"weight.{key}": value for key, value in model.state_dict().items()}
    save("encoders", f"published_resnet_{name}", tensors | {"pixel_values": pixels, "map": model(pixels).last_hidden_state}, settings)


def efficientnet(seed, width, depth, sizes):
    """The package pads for a size given beforehand, so there is a model for each size, with the same weights (exact in half precision)."""
    models = []
    for size in sizes:
        blocks, parameters = efficientnet_lite(width_coefficient=width, depth_coefficient=depth, image_size=size, num_classes=2)
        models.append(EfficientNet(blocks, parameters._replace(fix_head_stem=False)).eval())
        for block in models[-1]._blocks:  # a stage's first block has [1] there, which is never 1: no matter while channels change, as they do in Lite
            stride = block._block_args.stride
            block._block_args = block._block_args._replace(stride=stride[0] if isinstance(stride, list) else stride)
    generator = randomize(models[0], seed, 0.3)
    randomize_statistics(models[0], generator)
    with torch.no_grad():
        for key, parameter in models[0].named_parameters():  # about half of what goes through ReLU6 lies above 0, and some above 6
            parameter.copy_((parameter * (1.2 if "_bn" in key and key.endswith("weight") else 1)).half().float())
        for buffer in models[0].buffers():
            buffer.copy_(buffer.half().to(buffer.dtype))
    tensors = {f"weight.{key}": value.half() if value.is_floating_point() else value for key, value in models[0].state_dict().items() if not key.startswith("_fc")}
    for index, (model, size) in enumerate(zip(models, sizes)):
        model.load_state_dict(models[0].state_dict())
        tensors[f"pixel_values.{index}"] = torch.randn((1, 3, *size), generator=generator)
        tensors[f"grid.{index}"] = model.extract_features(tensors[f"pixel_values.{index}"])
    tensors["factors"] = torch.randn(tensors["grid.0"].shape, generator=generator)
    (tensors["grid.0"] * tensors["factors"]).sum().backward()
    tensors |= {f"grad.{key}": p.grad for key, p in models[0].named_parameters() if p.grad is not None and ("stem" in key or "_blocks.1." in key)}
    save("encoders", "efficientnet_lite", tensors, dict(width=width, depth=depth))


def clip(name, seed, eos, act):
    tower = dict(hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3, hidden_act=act)
    settings = dict(model_type="clip", projection_dim=7, text_config=tower | dict(vocab_size=25, max_position_embeddings=9, eos_token_id=eos),
                    vision_config=tower | dict(hidden_size=8, num_attention_heads=2, image_size=12, patch_size=4))
    model = CLIPModel(CLIPConfig(**{key: value for key, value in settings.items() if key != "model_type"})).eval()
    generator = randomize(model, seed, 0.3)
    ids = torch.randint(3, 23, (3, 9), generator=generator)
    for row, end in enumerate([8, 5, 2]):
        ids[row, end:] = 24
    pixels = torch.randn((2, 3, 12, 12), generator=generator)
    tensors = {f"weight.{key}": value for key, value in model.state_dict().items()} | {"input_ids": ids, "pixel_values": pixels}
    embeds = {"text_embeds": model.get_text_features(ids), "image_embeds": model.get_image_features(pixels)}
    tensors |= {key: getattr(value, "pooler_output", value) for key, value in embeds.items()}
    save("encoders", f"clip_{name}", tensors, settings)


class OpenAiTransformer(torch.nn.Module):
    """The blocks of the original release: nn.MultiheadAttention with its joined projection, pre-LayerNorm, x sigmoid(1.702 x)."""

    def __init__(self, width, heads, layers):
        super().__init__()
        self.resblocks = torch.nn.ModuleList()
        for _ in range(layers):
            block = torch.nn.Module()
            block.attn = torch.nn.MultiheadAttention(width, heads, batch_first=True)
            block.ln_1, block.ln_2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
            block.mlp = torch.nn.Module()
            block.mlp.c_fc, block.mlp.c_proj = torch.nn.Linear(width, 2 * width), torch.nn.Linear(2 * width, width)
            self.resblocks.append(block)

    def forward(self, x, mask=None):
        for block in self.resblocks:
            normed = block.ln_1(x)
            x = x + block.attn(normed, normed, normed, need_weights=False, attn_mask=mask)[0]
            wide = block.mlp.c_fc(block.ln_2(x))
            x = x + block.mlp.c_proj(wide * torch.sigmoid(1.702 * wide))
        return x


def clip_openai(seed):
    width, patch, side, vocabulary, length, out = 64, 3, 2, 20, 6, 5
    model = torch.nn.Module()
    model.visual = torch.nn.Module()
    model.visual.conv1 = torch.nn.Conv2d(3, width, patch, patch, bias=False)
    model.visual.class_embedding = torch.nn.Parameter(torch.zeros(width))
    model.visual.positional_embedding = torch.nn.Parameter(torch.zeros(side * side + 1, width))
    model.visual.ln_pre, model.visual.ln_post = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
    model.visual.transformer = OpenAiTransformer(width, 1, 1)
    model.visual.proj = torch.nn.Parameter(torch.zeros(width, out))
    model.transformer = OpenAiTransformer(width, 1, 1)
    model.token_embedding = torch.nn.Embedding(vocabulary, width)
    model.positional_embedding = torch.nn.Parameter(torch.zeros(length, width))
    model.ln_final = torch.nn.LayerNorm(width)
    model.text_projection = torch.nn.Parameter(torch.zeros(width, out))
    model.logit_scale = torch.nn.Parameter(torch.zeros(()))
    generator = randomize(model.eval(), seed, 0.2)
    with torch.no_grad():  # few different values, so that the file packs small in half precision
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    pixels = torch.randn((2, 3, patch * side, patch * side), generator=generator)
    ids = torch.tensor([[1, 4, 7, 9, 2, 19], [1, 8, 19, 0, 0, 0]])
    visual = model.visual
    x = visual.conv1(pixels).flatten(2).transpose(1, 2)
    x = torch.cat([visual.class_embedding.expand(2, 1, -1), x], 1) + visual.positional_embedding
    image = visual.ln_post(visual.transformer(visual.ln_pre(x))[:, 0]) @ visual.proj
    x = model.token_embedding(ids) + model.positional_embedding
    x = model.ln_final(model.transformer(x, torch.full((length, length), float("-inf")).triu(1)))
    text = x[torch.arange(2), ids.argmax(-1)] @ model.text_projection
    tensors = {f"weight.{key}": value.half() for key, value in model.state_dict().items()}
    save("encoders", "clip_openai", tensors | {"input_ids": ids, "pixel_values": pixels, "text_embeds": text, "image_embeds": image}, {})


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
    deberta("xlarge", 12, gradients=True, conv_kernel_size=3, conv_act="gelu", embedding_size=10)
    deberta("groups", 13, conv_kernel_size=5, conv_groups=2, hidden_act="silu", position_biased_input=True, embedding_size=6, type_vocab_size=2)
    deberta("own_query", 14, pos_att_type=["p2c"], share_att_key=False, hidden_act="quick_gelu")
    mpnet_buckets()
    text("bert", "two_types", 30, gradients=True)
    text("bert", "relu", 31, length=1, hidden_act="relu", type_vocab_size=1)
    text("roberta", "base", 32, gradients=True)
    text("roberta", "other_padding", 33, length=9, pad_token_id=3, hidden_act="gelu_new", type_vocab_size=1)
    text("xlm-roberta", "base", 34, length=7, type_vocab_size=1)
    text("mpnet", "base", 35, gradients=True, max_position_embeddings=64, length=40)
    text("mpnet", "one_token", 36, length=1)
    resnet_published("bottleneck", 40, downsample_in_bottleneck=True)
    resnet_published("basic", 41, layer_type="basic", downsample_in_first_stage=True, hidden_sizes=[4, 6, 6, 8], hidden_act="gelu")
    efficientnet(50, 0.0625, 0.4, [[48, 48], [37, 30]])
    clip("old_end", 60, 2, "quick_gelu")
    clip("end", 61, 24, "gelu")
    clip_openai(62)
    resnet("bottleneck", 20, True, [3, 4, 4, 5], [2, 2, 1, 1], gradients=True)
    resnet("basic", 21, False, [6, 8, 8, 10], [1, 2, 1, 1])
    resnet("small_stem", 22, False, [4, 6, 8, 8], [1, 1, 1, 1], kernel=3, stride=1, pool=False, size=20)


if __name__ == "__main__":
    main()

"""Small published models with random weights, as the hub's folders look."""

import json
import pathlib
import random
import shutil
import struct

ROOT = pathlib.Path(__file__).resolve().parents[2]


def save_tensors(path, shapes, seed=1):
    """A safetensors file: normalisations 1, biases and running means 0, everything else N(0, .1)."""
    draw = random.Random(seed)
    header, data = {}, bytearray()
    for name, shape in shapes.items():
        size = 1
        for side in shape:
            size *= side
        if len(shape) > 1:
            values = [draw.gauss(0, 0.1) for _ in range(size)]
        else:
            values = [float(name.endswith(("weight", "running_var")))] * size
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * size]}
        data += struct.pack(f"<{size}f", *values)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def bert(folder, words, width=16, layers=3, seed=1):
    """BERT with a WordPiece vocabulary of whole words."""
    folder.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(words))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True}))
    config = {"model_type": "bert", "vocab_size": len(vocabulary), "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2,
              "intermediate_size": 2 * width, "max_position_embeddings": 64, "type_vocab_size": 2, "hidden_act": "gelu", "pad_token_id": 0}
    (folder / "config.json").write_text(json.dumps(config))
    shapes = {"embeddings.word_embeddings.weight": [len(vocabulary), width], "embeddings.position_embeddings.weight": [64, width],
              "embeddings.token_type_embeddings.weight": [2, width]}

    def linear(name, out, into):
        shapes[name + ".weight"], shapes[name + ".bias"] = [out, into], [out]

    def norm(name):
        shapes[name + ".weight"], shapes[name + ".bias"] = [width], [width]

    norm("embeddings.LayerNorm")
    for layer in range(layers):
        at = f"encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            linear(at + "attention.self." + part, width, width)
        linear(at + "attention.output.dense", width, width)
        norm(at + "attention.output.LayerNorm")
        linear(at + "intermediate.dense", 2 * width, width)
        linear(at + "output.dense", width, 2 * width)
        norm(at + "output.LayerNorm")
    save_tensors(folder / "model.safetensors", shapes, seed)
    return folder


def resnet(path, width=4):
    """A ResNet-18 in torchvision's naming, a single file."""
    shapes = {}

    def convolution(name, norm, out, into, kernel):
        shapes[name + ".weight"] = [out, into, kernel, kernel]
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{part}"] = [out]

    convolution("conv1", "bn1", width, 3, 7)
    for stage in range(1, 5):
        for block in range(2):
            at = f"layer{stage}.{block}."
            convolution(at + "conv1", at + "bn1", width, width, 3)
            convolution(at + "conv2", at + "bn2", width, width, 3)
            if stage > 1 and block == 0:
                convolution(at + "downsample.0", at + "downsample.1", width, width, 1)
    save_tensors(path, shapes)
    return path


def clip(folder, width=16):
    """CLIP with a byte-pair vocabulary of single bytes."""
    folder.mkdir(parents=True)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    tokens = symbols + [symbol + "</w>" for symbol in symbols] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
    tower = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_act": "quick_gelu"}
    config = {"model_type": "clip", "projection_dim": 8,
              "text_config": {**tower, "vocab_size": len(tokens), "max_position_embeddings": 20, "eos_token_id": len(tokens) - 1},
              "vision_config": {**tower, "image_size": 32, "patch_size": 16}}
    (folder / "config.json").write_text(json.dumps(config))
    shapes = {"text_model.embeddings.token_embedding.weight": [len(tokens), width], "text_model.embeddings.position_embedding.weight": [20, width],
              "vision_model.embeddings.class_embedding": [width], "vision_model.embeddings.patch_embedding.weight": [width, 3, 16, 16],
              "vision_model.embeddings.position_embedding.weight": [5, width], "visual_projection.weight": [8, width],
              "text_projection.weight": [8, width], "logit_scale": []}

    def pair(name, out, into=None):
        shapes[name + ".weight"], shapes[name + ".bias"] = ([out] if into is None else [out, into]), [out]

    for name in ("text_model.final_layer_norm", "vision_model.pre_layrnorm", "vision_model.post_layernorm"):
        pair(name, width)
    for part in ("text_model", "vision_model"):
        for layer in range(2):
            at = f"{part}.encoder.layers.{layer}."
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                pair(at + "self_attn." + name, width, width)
            pair(at + "mlp.fc1", 2 * width, width)
            pair(at + "mlp.fc2", width, 2 * width)
            pair(at + "layer_norm1", width)
            pair(at + "layer_norm2", width)
    save_tensors(folder / "model.safetensors", shapes)
    return folder


def distilbert(folder, words, width=16, layers=3, seed=1):
    """DistilBERT with BERT's vocabulary, under its own names."""
    bert(folder, words, width, layers, seed)
    config = json.loads((folder / "config.json").read_text())
    tokens = config["vocab_size"]
    (folder / "config.json").write_text(json.dumps({
        "model_type": "distilbert", "vocab_size": tokens, "dim": width, "n_layers": layers, "n_heads": 2, "hidden_dim": 2 * width, "max_position_embeddings": 64,
        "activation": "gelu", "pad_token_id": 0, "sinusoidal_pos_embds": False}))
    shapes = {"embeddings.word_embeddings.weight": [tokens, width], "embeddings.position_embeddings.weight": [64, width]}
    pairs = [("embeddings.LayerNorm", [width])]
    for layer in range(layers):
        at = f"transformer.layer.{layer}."
        pairs += [(f"{at}attention.{part}_lin", [width, width]) for part in ("q", "k", "v", "out")]
        pairs += [(at + "ffn.lin1", [2 * width, width]), (at + "ffn.lin2", [width, 2 * width]), (at + "sa_layer_norm", [width]), (at + "output_layer_norm", [width])]
    for name, shape in pairs:
        shapes["distilbert." + name + ".weight"], shapes["distilbert." + name + ".bias"] = shape, shape[:1]
    save_tensors(folder / "model.safetensors", shapes, seed)
    return folder


def crop(folder, size):
    """A preprocessor: shorter side and centre crop of `size`."""
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": size}, "crop_size": {"height": size, "width": size}, "resample": 3,
        "image_mean": [0.5] * 3, "image_std": [0.5] * 3}))


def vit(folder, width=16, layers=4, size=32, patch=16, seed=1):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({
        "model_type": "vit", "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 2 * width, "image_size": size,
        "patch_size": patch, "hidden_act": "gelu", "layer_norm_eps": 1e-12}))
    crop(folder, size)
    shapes = {"embeddings.cls_token": [1, 1, width], "embeddings.position_embeddings": [1, 1 + (size // patch) ** 2, width]}
    pairs = [("embeddings.patch_embeddings.projection", [width, 3, patch, patch]), ("layernorm", [width])]
    for layer in range(layers):
        at = f"encoder.layer.{layer}."
        pairs += [(f"{at}attention.attention.{part}", [width, width]) for part in ("query", "key", "value")]
        pairs += [(at + "attention.output.dense", [width, width]), (at + "intermediate.dense", [2 * width, width]), (at + "output.dense", [width, 2 * width]),
                  (at + "layernorm_before", [width]), (at + "layernorm_after", [width])]
    for name, shape in pairs:
        shapes["vit." + name + ".weight"], shapes["vit." + name + ".bias"] = shape, shape[:1]
    shapes = {name if name.startswith("vit.") else "vit." + name: shape for name, shape in shapes.items()}
    save_tensors(folder / "model.safetensors", shapes | {"classifier.weight": [3, width], "classifier.bias": [3]}, seed)
    return folder


def siglip(folder, width=16, layers=4, size=32, patch=16):
    """SigLIP with the small spiece.model of the golden files, which has 55 pieces."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "tests/golden/text/siglip/spiece.model", folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "SiglipTokenizer", "model_max_length": 12}))
    tokens = 55
    tower = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers, "num_attention_heads": 2}
    (folder / "config.json").write_text(json.dumps({
        "model_type": "siglip", "text_config": {**tower, "vocab_size": tokens, "max_position_embeddings": 12},
        "vision_config": {**tower, "image_size": size, "patch_size": patch}}))
    crop(folder, size)
    shapes = {"text_model.embeddings.token_embedding.weight": [tokens, width], "text_model.embeddings.position_embedding.weight": [12, width],
              "vision_model.embeddings.position_embedding.weight": [(size // patch) ** 2, width], "vision_model.head.probe": [1, 1, width],
              "vision_model.head.attention.in_proj_weight": [3 * width, width], "vision_model.head.attention.in_proj_bias": [3 * width],
              "logit_scale": [1], "logit_bias": [1]}
    pairs = [("vision_model.embeddings.patch_embedding", [width, 3, patch, patch]), ("text_model.final_layer_norm", [width]), ("text_model.head", [width, width]),
             ("vision_model.post_layernorm", [width]), ("vision_model.head.layernorm", [width]), ("vision_model.head.attention.out_proj", [width, width]),
             ("vision_model.head.mlp.fc1", [2 * width, width]), ("vision_model.head.mlp.fc2", [width, 2 * width])]
    for part in ("text_model", "vision_model"):
        for layer in range(layers):
            at = f"{part}.encoder.layers.{layer}."
            pairs += [(f"{at}self_attn.{name}_proj", [width, width]) for name in ("q", "k", "v", "out")]
            pairs += [(at + "mlp.fc1", [2 * width, width]), (at + "mlp.fc2", [width, 2 * width]), (at + "layer_norm1", [width]), (at + "layer_norm2", [width])]
    for name, shape in pairs:
        shapes[name + ".weight"], shapes[name + ".bias"] = shape, shape[:1]
    save_tensors(folder / "model.safetensors", shapes)
    return folder

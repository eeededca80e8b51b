"""Small published models with random weights, as the hub's folders look."""

import json
import random
import struct


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

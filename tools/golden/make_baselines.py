"""Golden files of the networks of Table 2, made by plain_baselines.py:

    python tools/golden/make_baselines.py && python tools/golden/pack.py

Weights, grids and upstream gradients are no part of the files: both sides make them by the recipe below (tests/model/baseline_recipe.h), a hash of
name and index, so that a file holds ids and answers alone. Answers are logits, the penalty and the gradient of sum(upstream * logits) + penalty
with respect to every parameter.
"""

import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

import plain_baselines as plain
import plain_sentinets
from plain_clmlf import losses as clmlf_losses
from plain_mgnns import mgnns

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "model"
SIZES = {"words": 9, "word_size": 3, "object_channels": 5, "scene_channels": 4, "labels": 3}
M64 = (1 << 64) - 1


def recipe(name, shape, scale, shift=0.0):
    """uniform in [-scale, scale) + shift, as float32: SplitMix64 of FNV-1a(name) + index."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 & M64
    values = []
    for index in range(int(np.prod(shape))):
        z = (state + (index + 1) * 0x9E3779B97F4A7C15) & M64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
        z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
        values.append(((z ^ z >> 31) >> 11) / 2.0 ** 52 - 1.0)
    values = np.array(values) * scale + shift
    return torch.from_numpy(values.astype(np.float32)).double().reshape(tuple(shape))


def weight(name, shape, scale=1.4):
    if name.lower().endswith("norm.weight"):
        return recipe(name, shape, 0.3, 1.0)
    value = recipe(name, shape, scale)
    if name.endswith("words.weight") or name.endswith("nodes.weight"):
        value[0] = 0
    return value


# Each post: words (0 is padding, which the plain network never sees), attributes, whether there is a picture. In this order: a whole post, an
# empty text, no picture, one word alone, a text as long as the batch, nothing at all.
WORDS = [[3, 2, 7, 3, 0, 0], [0] * 6, [8, 1, 4, 0, 0, 0], [5, 0, 0, 0, 0, 0], [2, 6, 1, 3, 8, 4], [0] * 6]
ATTRIBUTES = [[4, 7, 2], [5, 8, 0], [0, 0, 0], [2, 0, 0], [6, 3, 8], [0, 0, 0]]
CAPTIONS = [[4, 8, 0], [7, 2, 3], [0, 0, 0], [6, 0, 0], [1, 5, 2], [0, 0, 0]]
HAS_IMAGE = [1, 1, 0, 1, 1, 0]
CELLS = 3


def inputs(sizes):
    posts = []
    for row in range(len(WORDS)):
        there = HAS_IMAGE[row]
        grid = lambda side: recipe(f"input.{side}_grid.{row}", (CELLS, sizes[f"{side}_channels"]), 1.5) if there else None
        objects, scenes = grid("object"), grid("scene")
        posts.append({"words": [i for i in WORDS[row] if i], "attributes": [i for i in ATTRIBUTES[row] if i], "object_grid": objects,
                      "object": objects.mean(0) if there else None, "scene_grid": scenes, "scene": scenes.mean(0) if there else None,
                      "captions": [i for i in CAPTIONS[row] if i]})
    return posts


def lstm(prefix, in_size, size, ways=("", "_reverse")):
    return {f"{prefix}{kind}_l0{way}": shape for way in ways
            for kind, shape in (("weight_ih", (4 * size, in_size)), ("weight_hh", (4 * size, size)), ("bias_ih", (4 * size,)), ("bias_hh", (4 * size,)))}


def linear(name, rows, columns, bias=True):
    return {f"{name}.weight": (rows, columns)} | ({f"{name}.bias": (rows,)} if bias else {})


def gru(name, in_size, size):
    return {f"{name}.weight_ih": (3 * size, in_size), f"{name}.weight_hh": (3 * size, size), f"{name}.bias_ih": (3 * size,), f"{name}.bias_hh": (3 * size,)}


def attention(name, size):
    return linear(f"{name}.memory", size, size, False) | linear(f"{name}.query", size, size, False) | linear(f"{name}.score", 1, size, False)


def words(s, table="words"):
    return {f"{table}.weight": (s["words"], s["word_size"])}


def context(name, size, width):
    return linear(f"{name}.hidden", width, size) | linear(f"{name}.context", 1, width, False)


def multisentinet_shapes(s, o):
    h, d = o["lstm_size"], o["picture_size"]
    shapes = words(s) | lstm("lstm.", s["word_size"], h, ("",)) | linear("object", d, s["object_channels"]) | linear("scene", d, s["scene_channels"]) | context("attention", h, h)
    shapes |= linear("object_guide", h, d, False) | linear("scene_guide", h, d, False)
    return shapes | linear("hidden", o["hidden_size"], 2 * d + h) | linear("classifier", s["labels"], o["hidden_size"])


def hsan_shapes(s, o):
    h, shapes = o["lstm_size"], words(s)
    for name, width in (("tweet", s["word_size"]), ("caption", s["word_size"]), ("post", h)):
        shapes |= lstm(f"{name}_lstm.", width, h, ("",)) | context(f"{name}_attention", h, h)
    return shapes | linear("hidden", o["hidden_size"], h) | linear("classifier", s["labels"], o["hidden_size"])


def co_memory_shapes(s, o):
    d = 2 * o["lstm_size"]
    return (words(s) | lstm("lstm.", s["word_size"], o["lstm_size"]) | linear("grid", d, s["object_channels"]) | attention("image_attention", d)
            | attention("text_attention", d) | gru("image_gru", d, d) | gru("text_gru", d, d) | linear("classifier", s["labels"], 2 * d))


def mvan_shapes(s, o):
    d = 2 * o["lstm_size"]
    shapes = words(s) | lstm("lstm.", s["word_size"], o["lstm_size"]) | linear("object", d, s["object_channels"]) | linear("scene", d, s["scene_channels"])
    for hop in range(o["hops"]):
        for part in ("object", "scene", "text_object", "text_scene"):
            shapes |= attention(f"hop.{hop}.{part}", d)
        if hop + 1 < o["hops"]:
            shapes |= gru(f"hop.{hop}.text_gru", 2 * d, d) | gru(f"hop.{hop}.object_gru", d, d) | gru(f"hop.{hop}.scene_gru", d, d)
    return shapes | linear("hidden", o["hidden_size"], 6 * d) | linear("classifier", s["labels"], o["hidden_size"])


def dr_net_shapes(s, o):
    d, k = 2 * o["lstm_size"], o["space_size"]
    shapes = words(s) | lstm("lstm.", s["word_size"], o["lstm_size"]) | linear("image", d, s["object_channels"])
    for name in ("shared", "text_private", "image_private"):
        shapes |= linear(name, k, d, False)
    shapes |= linear("relation.query", k, s["word_size"]) | linear("relation.key", k, d) | linear("relation.value", k, d)
    return shapes | linear("hidden", o["hidden_size"], 3 * k) | linear("classifier", 1, o["hidden_size"])


def hfm_shapes(s, o, attributes):
    shapes = words(s) | lstm("lstm.", s["word_size"], o["lstm_size"]) | linear("regions", o["region_size"], s["object_channels"])
    if attributes:
        shapes |= words(s, "attribute_words") | linear("attribute.hidden", o["attribute_size"], s["word_size"])
        shapes |= linear("attribute.score", 1, o["attribute_size"], False)
        for name in ("h_forward", "c_forward", "h_backward", "c_backward"):
            shapes |= linear("start." + name, o["lstm_size"], s["word_size"])
    return shapes


def concat_shapes(s, o, attributes):
    joined = 2 * o["lstm_size"] + o["region_size"] + (s["word_size"] if attributes else 0)
    return hfm_shapes(s, o, attributes) | linear("hidden", o["hidden_size"], joined) | linear("classifier", 1, o["hidden_size"])


def mmsd_shapes(s, o):
    shapes, k = hfm_shapes(s, o, True), o["fusion_size"]
    widths = {"text": 2 * o["lstm_size"], "image": o["region_size"], "attribute": s["word_size"]}
    for m, own in widths.items():
        for g, other in widths.items():
            hidden = (own + other) // 2
            shapes |= linear(f"represent.{m}.{g}.hidden", hidden, own + other) | linear(f"represent.{m}.{g}.score", 1, hidden, False)
        shapes |= linear(f"fuse.{m}.hidden", k, own) | linear(f"fuse.{m}.score", 1, k) | linear(f"fuse.{m}.value", k, own)
    return shapes | linear("hidden", o["hidden_size"], k) | linear("classifier", 1, o["hidden_size"])


def mgnns_shapes(s, o):
    d, width, channels = 2 * o["lstm_size"], s["word_size"], s["object_channels"]
    shapes = words(s) | words(s, "graph.nodes") | {"graph.pair_weight": (len(o["pairs"]) + 1, 1)}
    shapes |= lstm("lstm.0.", width, o["lstm_size"]) | lstm("lstm.1.", d, o["lstm_size"]) | linear("object", d, channels) | linear("scene", d, channels)
    shapes |= {"class_graph.first": (width, o["graph_size"]), "class_graph.second": (o["graph_size"], channels)}
    for side, classes in (("object", o["objects"]), ("scene", o["scenes"])):
        name = side + "_attention"
        shapes |= linear(name + ".query", d, width) | linear(name + ".key", d, classes) | linear(name + ".value", d, classes) | linear(name + ".output", d, d)
        shapes |= linear(name + ".label", o["label_size"], d) | linear(name + ".join", d, s["labels"] * o["label_size"])
    inner = o["heads"] * o["head_size"]
    for stack in ("object_text", "scene_text", "text_object", "text_scene"):
        for n in range(o["blocks"]):
            at = f"stack.{stack}.{n}."
            shapes |= linear(at + "query", inner, d) | linear(at + "key", inner, d) | linear(at + "value", inner, d) | linear(at + "output", d, inner)
            shapes |= linear(at + "inner", d, d) | linear(at + "outer", d, d)
            for kind in ("attention_norm", "feed_forward_norm"):
                shapes |= {f"{at}{kind}.weight": (d,), f"{at}{kind}.bias": (d,)}
    return shapes | linear("join", d, 4 * d) | linear("classifier", s["labels"], d)


def mgnns_case():
    """Pairs of words with a weight of their own, in the order of their keys; classes with vectors and adjacency."""
    options = {"lstm_size": 2, "ngram": 1, "graph_size": 3, "attention_heads": 2, "label_size": 2, "blocks": 2, "heads": 2, "head_size": 3, "objects": 3, "scenes": 2,
               "pairs": [[2, 3], [2, 7], [3, 3], [3, 7], [4, 8], [7, 3]]}
    constants = {"label_vectors": recipe("label_vectors", (3, 4), 1.0)}
    for side, classes in (("object", 3), ("scene", 2)):
        constants |= {side + "_vectors": recipe(side + "_vectors", (classes, 4), 1.0), side + "_adjacency": recipe(side + "_adjacency", (classes, classes), 0.5, 0.5)}
    case("mgnns", lambda o, w, post: mgnns(o | constants, w, post), options, mgnns_shapes, sizes={"word_size": 4, "scene_channels": 5},
         zero=(".0.key.bias", ".1.key.bias"))


def case(name, network, options, shapes, labels=3, penalty=None, frozen=("attribute_words.weight",), sizes=None, zero=("nothing",), captions=False):
    sizes = SIZES | {"labels": labels} | (sizes or {})
    w = {key: weight(key, shape).requires_grad_(key not in frozen) for key, shape in shapes(sizes, options).items()}
    posts = inputs(sizes)
    logits = torch.stack([network(options, w, post) for post in posts])
    extra = penalty(options, w) if penalty else torch.zeros(()).double()
    upstream = recipe("upstream", logits.shape, 1.0)
    ((upstream * logits).sum() + extra).backward()
    tensors = {"words": torch.tensor(WORDS), "attributes": torch.tensor(ATTRIBUTES), "has_image": torch.tensor(HAS_IMAGE), "logits": logits}
    if captions:
        tensors["captions"] = torch.tensor(CAPTIONS)
    if penalty:
        tensors["penalty"] = extra
    tensors |= {"grad." + key: value.grad for key, value in w.items() if value.requires_grad}
    tensors = {key: (value.float() if value.is_floating_point() else value).detach().clone().contiguous() for key, value in tensors.items()}
    for key, value in tensors.items():
        assert value.isfinite().all(), key
        if key.startswith("grad."):  # of a key's bias, which a softmax does not see, it is rounding
            assert (value.norm() > 1e-9) != key.endswith(zero), f"{key}: {value.norm()}"
    path = GOLDEN / f"baseline_{name}.safetensors"
    save_file(tensors, path, metadata={"settings": json.dumps({"options": options, "sizes": sizes, "cells": CELLS}, sort_keys=True)})
    print(f"{path.name}: {path.stat().st_size} bytes, {sum(v.numel() for v in w.values())} parameters, logits {logits[0].tolist()}")


def bert_layer(name, d, inner):
    shapes = {}
    for part in ("query", "key", "value"):
        shapes |= linear(f"{name}.attention.self.{part}", d, d)
    for part, width in (("attention.output", d), ("output", inner)):
        shapes |= linear(f"{name}.{part}.dense", d, width) | {f"{name}.{part}.LayerNorm.weight": (d,), f"{name}.{part}.LayerNorm.bias": (d,)}
    return shapes | linear(f"{name}.intermediate.dense", inner, d)


CLMLF_IDS = [[1, 5, 7, 2], [1, 8, 4, 9, 3, 2], None, [1, 6, 2], [1, 9, 10, 4, 2], None]
CLMLF_SECOND = [[1, 7, 2], [1, 4, 9, 8, 3, 2], None, [1, 6, 5, 2], [1, 10, 2], None]
CLMLF_PICTURES, CLMLF_LABELS = [1, 1, 1, 0, 1, 0], [0, 2, 1, 0, 2, 1]


def clmlf_case(name, strict, labels=3):
    d, inner, channels = 8, 6, 5
    bert = {"vocab_size": 11, "hidden_size": d, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": inner, "max_position_embeddings": 8}
    o = {"bert": bert, "image_layers": 1, "fusion_layers": 1, "heads": 2, "temperature": 0.5, "data_weight": 0.7, "label_weight": 0.3, "strict": strict, "max_length": 5}
    at = "text_encoder.embeddings."
    shapes = {at + "word_embeddings.weight": (11, d), at + "position_embeddings.weight": (8, d), at + "token_type_embeddings.weight": (2, d)}
    shapes |= {at + "LayerNorm.weight": (d,), at + "LayerNorm.bias": (d,)} | bert_layer("text_encoder.encoder.layer.0", d, inner)
    shapes |= linear("text_projection", d, d) | linear("grid_projection", d, channels) | linear("cls_projection", d, channels)
    shapes |= bert_layer("image.layer.0", d, inner) | bert_layer("fusion.layer.0", d, inner)
    shapes |= linear("pooling.hidden", d // 2, d) | linear("pooling.score", 1, d // 2) | linear("head.dense", d // 2, d) | linear("head.classifier", labels, d // 2)
    for part in ("first", "second"):
        shapes |= linear(f"contrast.{part}.hidden", d, d) | linear(f"contrast.{part}.output", d, d)
    w = {key: weight(key, shape, 0.7).requires_grad_() for key, shape in shapes.items()}
    posts = [{"ids": torch.tensor(ids) if ids else None, "second": torch.tensor(second) if second else None, "label": label,
              "map": recipe(f"input.map.{row}", (channels, 2, 3), 1.5) if picture else None}
             for row, (ids, second, picture, label) in enumerate(zip(CLMLF_IDS, CLMLF_SECOND, CLMLF_PICTURES, CLMLF_LABELS))]
    answers = clmlf_losses(o, w, posts)
    answers["total"].backward()
    pad = lambda rows, shift: torch.tensor([([i + shift for i in ids or [1, 2]] + [0] * 6)[:6] for ids in rows])
    tensors = {"ids": pad(CLMLF_IDS, 0), "mask": pad(CLMLF_IDS, 0).ne(0).long(), "second": pad(CLMLF_SECOND, 1), "has_text": torch.tensor([int(i is not None) for i in CLMLF_IDS]),
               "has_image": torch.tensor(CLMLF_PICTURES), "labels": torch.tensor(CLMLF_LABELS)} | answers
    if not strict:  # the gradients of one case are enough
        largest = max(value.grad.norm() for value in w.values())
        for key, value in w.items():  # a softmax does not see what is added to all of its scores alike
            assert (value.grad.norm() > 1e-9 * largest) != key.endswith(("key.bias", "pooling.score.bias", "second.output.bias")), f"{key}: {value.grad.norm()}"
        tensors |= {"grad." + key: value.grad for key, value in w.items()}
    tensors = {key: (value.float() if value.is_floating_point() else value).detach().clone().contiguous() for key, value in tensors.items()}
    save_file(tensors, GOLDEN / f"baseline_{name}.safetensors", metadata={"settings": json.dumps(o | {"labels": labels, "channels": channels}, sort_keys=True)})
    print(name, {key: value.tolist() for key, value in answers.items() if key != "logits"}, sum(v.numel() for v in w.values()))


def main():
    torch.set_num_threads(1)
    case("multisentinet", plain_sentinets.multisentinet, {"lstm_size": 3, "picture_size": 2, "hidden_size": 5}, multisentinet_shapes)
    case("hsan", plain_sentinets.hsan, {"lstm_size": 3, "hidden_size": 5}, hsan_shapes, captions=True)
    case("co_memory", plain.co_memory, {"lstm_size": 2, "hops": 3}, co_memory_shapes)
    case("mvan", plain.mvan, {"lstm_size": 2, "hops": 3, "hidden_size": 5}, mvan_shapes)
    case("dr_net", plain.dr_net, {"lstm_size": 2, "space_size": 6, "heads": 2, "hidden_size": 5, "orthogonality": 0.02}, dr_net_shapes, 2, plain.dr_net_penalty, zero=("relation.key.bias",))
    encoders = {"lstm_size": 2, "region_size": 4, "attribute_size": 3, "text_length": 7}
    case("concat2", plain.concat, encoders | {"hidden_size": 5}, lambda s, o: concat_shapes(s, o, False), 2)
    case("concat3", plain.concat, encoders | {"hidden_size": 5}, lambda s, o: concat_shapes(s, o, True), 2)
    hfm = encoders | {"fusion_size": 4, "hidden_size": 5, "l2": 1e-2}
    case("mmsd", plain.mmsd, hfm, mmsd_shapes, 2, plain.mmsd_penalty)
    case("mmsd_masked", plain.mmsd, hfm | {"text_length": 0}, mmsd_shapes, 2, plain.mmsd_penalty)
    mgnns_case()
    clmlf_case("clmlf", False)
    clmlf_case("clmlf_strict", True)


if __name__ == "__main__":
    main()

"""CLMLF in plain PyTorch and float64: post by post up to r, then the losses pair by pair. Like plain_baselines.py; the text encoder is
transformers' BertModel.

A post is a dict: `ids` and `second` [n] token ids of its texts, or None (no text), `map` [c, h, w], what the frozen backbone gave, or None (no
picture), `label`.
"""

import math

import torch
import torch.nn.functional as F
from transformers import BertConfig, BertModel

from plain_baselines import linear


def gelu(x):
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def norm(w, name, x, eps=1e-12):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt() * w[name + ".weight"] + w[name + ".bias"]


def text_states(o, w, ids, shell={}):
    if not shell:
        shell["bert"] = BertModel(BertConfig(**o["bert"], hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), add_pooling_layer=False).eval().double()
    weights = {name: w["text_encoder." + name] for name, _ in shell["bert"].named_parameters()}
    return torch.func.functional_call(shell["bert"], weights, (ids[None], torch.ones_like(ids)[None])).last_hidden_state[0]


def layer(w, name, x, heads):
    d = x.shape[1] // heads
    query, key, value = (linear(w, f"{name}.attention.self.{part}", x) for part in ("query", "key", "value"))
    parts = []
    for h in range(heads):
        of = slice(h * d, (h + 1) * d)
        parts.append(F.softmax(query[:, of] @ key[:, of].T / math.sqrt(d), 1) @ value[:, of])
    x = norm(w, f"{name}.attention.output.LayerNorm", x + linear(w, f"{name}.attention.output.dense", torch.cat(parts, 1)))
    return norm(w, f"{name}.output.LayerNorm", x + linear(w, f"{name}.output.dense", gelu(linear(w, f"{name}.intermediate.dense", x))))


def picture_tokens(o, w, feature_map):
    channels = feature_map.shape[0]
    cells = feature_map.reshape(channels, -1).T
    if o["strict"]:  # as released: the numbers of the map in their order, cut into cells of c
        cells = feature_map.reshape(-1).reshape(-1, channels)
    mean = feature_map.reshape(channels, -1).mean(1)
    x = torch.cat([gelu(linear(w, "cls_projection", mean))[None], gelu(linear(w, "grid_projection", cells))])
    for n in range(o["image_layers"]):
        x = layer(w, f"image.layer.{n}", x, o["heads"])
    return x


def represent(o, w, ids, feature_map):
    tokens = []
    if ids is not None:
        tokens.append(gelu(linear(w, "text_projection", text_states(o, w, ids[:o["max_length"]] if o["strict"] else ids))))
    if feature_map is not None:
        tokens.append(picture_tokens(o, w, feature_map))
    if not tokens:
        return torch.zeros(w["text_projection.bias"].shape[0]).double()
    x = torch.cat(tokens)
    for n in range(o["fusion_layers"]):
        x = layer(w, f"fusion.layer.{n}", x, o["heads"])
    scores = linear(w, "pooling.score", gelu(linear(w, "pooling.hidden", x)))[:, 0]
    return F.softmax(scores, 0) @ x


def losses(o, w, posts):
    r = [represent(o, w, post["ids"], post["map"]) for post in posts]
    second = [represent(o, w, post["second"], post["map"]) for post in posts]
    logits = torch.stack([linear(w, "head.classifier", gelu(linear(w, "head.dense", x))) for x in r])
    classification = sum(-F.log_softmax(logits[i], 0)[post["label"]] for i, post in enumerate(posts)) / len(posts)
    mlp = lambda name, x: linear(w, f"contrast.{name}.output", gelu(linear(w, f"contrast.{name}.hidden", x)))
    z, z2 = [mlp("first", x) for x in r], [mlp("second", x) for x in second]
    data, label, pairs = 0, 0, 0
    for i in range(len(posts)):
        data = data - F.log_softmax(torch.stack([z[i] @ z2[j] for j in range(len(posts))]) / o["temperature"], 0)[i] / len(posts)
        own = F.log_softmax(torch.stack([z[i] @ z[j] for j in range(len(posts))]), 0) / o["temperature"]
        for j in range(len(posts)):
            if posts[i]["label"] == posts[j]["label"]:
                label, pairs = label - own[j], pairs + 1
    label = label / pairs
    return {"logits": logits, "classification": classification, "data": data, "label": label, "total": classification + o["data_weight"] * data + o["label_weight"] * label}

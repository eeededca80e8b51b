"""MGNNS in plain PyTorch and float64, post by post, like plain_baselines.py: graphs as dictionaries of edges, attention as loops."""

import math

import torch
import torch.nn.functional as F

from plain_baselines import bi_lstm, linear, vectors


def word_graph(o, w, ids):
    """Nodes are the distinct words; every edge u -> v carries its pair's weight times h_u; a node takes the largest, element by element."""
    width = w["graph.nodes.weight"].shape[1]
    edges = {(ids[i], ids[j]) for i in range(len(ids)) for j in range(len(ids)) if abs(i - j) <= o["ngram"]} | {(u, u) for u in ids}
    known = {tuple(pair): row + 1 for row, pair in enumerate(o["pairs"])}
    total = torch.zeros(width).double()
    for v in sorted(set(ids)):
        messages = [w["graph.pair_weight"][known.get((u, v), 0), 0] * w["graph.nodes.weight"][u] for u, to in sorted(edges) if to == v]
        total = total + torch.stack(messages).max(0).values
    return total


def norm(w, name, x):
    deviation = ((x - x.mean()) ** 2).sum().div(len(x) - 1).sqrt()
    return (x - x.mean()) / (deviation + 1e-6) * w[name + ".weight"] + w[name + ".bias"]


def block(o, w, name, query, memory):
    size = o["head_size"]
    q = linear(w, name + ".query", query)
    parts = []
    for h in range(o["heads"]):
        of = slice(h * size, (h + 1) * size)
        if len(memory) == 0:
            parts.append(torch.zeros(size).double())
            continue
        k, v = linear(w, name + ".key", memory)[:, of], linear(w, name + ".value", memory)[:, of]
        parts.append(F.softmax(k @ q[of] / math.sqrt(size), 0) @ v)
    x = norm(w, name + ".attention_norm", query + linear(w, name + ".output", torch.cat(parts)))
    return norm(w, name + ".feed_forward_norm", x + linear(w, name + ".outer", F.relu(linear(w, name + ".inner", x))))


def class_nodes(w, classes, adjacency):
    inner = F.leaky_relu(adjacency @ classes @ w["class_graph.first"], 0.2)
    return adjacency @ inner @ w["class_graph.second"]


def label_attention(o, w, name, labels, scores):
    """The softmax runs over the dimensions of a head."""
    d, heads = 2 * o["lstm_size"], o["attention_heads"]
    size = d // heads
    k, v = linear(w, name + ".key", scores), linear(w, name + ".value", scores)
    kept = []
    for label in labels:
        q = linear(w, name + ".query", label)
        out = []
        for h in range(heads):
            exponents = [torch.exp(q[i] * k[i] / math.sqrt(size)) for i in range(h * size, (h + 1) * size)]
            out += [e / sum(exponents) * v[h * size + i] for i, e in enumerate(exponents)]
        kept.append(linear(w, name + ".label", linear(w, name + ".output", torch.stack(out))))
    return linear(w, name + ".join", torch.cat(kept))


def mgnns(o, w, post):
    d = 2 * o["lstm_size"]
    zero = torch.zeros(d).double()
    ids = [int(i) for i in post["words"]]
    t = F.relu(word_graph(o, w, ids)) if ids else zero
    text = bi_lstm(w, "lstm.1.", bi_lstm(w, "lstm.0.", vectors(w, "words.weight", ids)))
    seen = {}
    for side in ("object", "scene"):
        grid = post[side + "_grid"]
        if grid is None:
            seen[side] = (torch.zeros(0, d).double(), zero)
            continue
        scores = class_nodes(w, o[side + "_vectors"], o[side + "_adjacency"]) @ grid.max(0).values
        seen[side] = (linear(w, side, grid), label_attention(o, w, side + "_attention", o["label_vectors"], scores))
    outs = []
    for name, query, memory in (("object_text", seen["object"][1], text), ("scene_text", seen["scene"][1], text), ("text_object", t, seen["object"][0]), ("text_scene", t, seen["scene"][0])):
        for n in range(o["blocks"]):
            query = block(o, w, f"stack.{name}.{n}", query, memory)
        outs.append(query)
    return linear(w, "classifier", linear(w, "join", torch.cat(outs)))

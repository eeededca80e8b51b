"""The networks of Table 2 in plain PyTorch and float64: what each must give. Written from the equations that describe them alone, post by
post: no padding, no masks, no batches, nothing shared with src/. Slow, for golden files only.

A post is a dict: `words` [n] ids without padding (n may be 0), `attributes` [a] ids (a may be 0), `object_grid` [P, c] or None, `object` [c] or
None, `scene_grid` [P, c] or None. `o` holds a network's options, `w` its parameters by name. Each function returns the logits [C] of one post; a
side that is missing takes no part: its means and readings are zero vectors.
"""

import math

import torch
import torch.nn.functional as F


def linear(w, name, x):
    y = x @ w[name + ".weight"].T
    return y + w[name + ".bias"] if name + ".bias" in w else y


def vectors(w, table, ids):
    """Word vectors [n, width]; id 0 is no word and has the zero vector."""
    width = w[table].shape[1]
    return torch.stack([w[table][i] if i != 0 else torch.zeros(width).double() for i in ids]) if len(ids) else torch.zeros(0, width).double()


def lstm_direction(w, name, suffix, steps, h, c):
    states = []
    for x in steps:
        gates = w[f"{name}weight_ih_l0{suffix}"] @ x + w[f"{name}bias_ih_l0{suffix}"] + w[f"{name}weight_hh_l0{suffix}"] @ h + w[f"{name}bias_hh_l0{suffix}"]
        size = len(gates) // 4
        i, f, g, o = torch.sigmoid(gates[:size]), torch.sigmoid(gates[size:2 * size]), torch.tanh(gates[2 * size:3 * size]), torch.sigmoid(gates[3 * size:])
        c = f * c + i * g
        h = o * torch.tanh(c)
        states.append(h)
    return states


def bi_lstm(w, name, x, start=None):
    """States [n, 2h] of both directions side by side. start: ((h, c) forward, (h, c) backward)."""
    size = w[f"{name}weight_hh_l0"].shape[1]
    if len(x) == 0:
        return torch.zeros(0, 2 * size).double()
    zero = torch.zeros(size).double()
    first, second = start or ((zero, zero), (zero, zero))
    forward = lstm_direction(w, name, "", list(x), *first)
    backward = lstm_direction(w, name, "_reverse", list(x.flip(0)), *second)[::-1]
    return torch.stack([torch.cat(pair) for pair in zip(forward, backward)])


def gru(w, name, x, h):
    size = len(h)
    a = w[name + ".weight_ih"] @ x + w[name + ".bias_ih"]
    b = w[name + ".weight_hh"] @ h + w[name + ".bias_hh"]
    r, z = torch.sigmoid(a[:size] + b[:size]), torch.sigmoid(a[size:2 * size] + b[size:2 * size])
    n = torch.tanh(a[2 * size:] + r * b[2 * size:])
    return (1 - z) * n + z * h


def mean(x):
    return x.mean(0) if len(x) else torch.zeros(x.shape[1]).double()


def read(w, name, memory, query):
    """Additive attention: what the query reads from the memory."""
    if len(memory) == 0:
        return torch.zeros(memory.shape[1]).double()
    scores = torch.stack([w[name + ".score.weight"][0] @ torch.tanh(w[name + ".memory.weight"] @ x + w[name + ".query.weight"] @ query) for x in memory])
    return sum(a * x for a, x in zip(F.softmax(scores, 0), memory))


def cells(w, name, grid, activation, size):
    return activation(linear(w, name, grid)) if grid is not None else torch.zeros(0, size).double()


def sigmoid_logits(z):
    return torch.cat([torch.zeros(1).double(), z])


def co_memory(o, w, post):
    text = bi_lstm(w, "lstm.", vectors(w, "words.weight", post["words"]))
    image = cells(w, "grid", post["object_grid"], torch.tanh, 2 * o["lstm_size"])
    q_t, q_v = mean(text), mean(image)
    for _ in range(o["hops"]):
        v, m = read(w, "image_attention", image, q_t), read(w, "text_attention", text, q_v)
        q_v, q_t = gru(w, "image_gru", v, q_v), gru(w, "text_gru", m, q_t)
    return linear(w, "classifier", torch.cat([q_t, q_v]))


def mvan(o, w, post):
    text = bi_lstm(w, "lstm.", vectors(w, "words.weight", post["words"]))
    objects, scene = (cells(w, name, post[name + "_grid"], torch.tanh, 2 * o["lstm_size"]) for name in ("object", "scene"))
    q_t, q_o, q_s = mean(text), mean(objects), mean(scene)
    for hop in range(o["hops"]):
        a, s = read(w, f"hop.{hop}.object", objects, q_t), read(w, f"hop.{hop}.scene", scene, q_t)
        t_o, t_s = read(w, f"hop.{hop}.text_object", text, q_o), read(w, f"hop.{hop}.text_scene", text, q_s)
        if hop + 1 < o["hops"]:  # after the last hop nothing reads the states
            q_t = gru(w, f"hop.{hop}.text_gru", torch.cat([t_o, t_s]), q_t)
            q_o, q_s = gru(w, f"hop.{hop}.object_gru", a, q_o), gru(w, f"hop.{hop}.scene_gru", s, q_s)
    four = torch.stack([t_o, t_s, a, s])
    fused = torch.cat([t_o, t_s, a, s, four.max(0).values, four.mean(0)])
    return linear(w, "classifier", F.relu(linear(w, "hidden", fused)))


def dr_net(o, w, post):
    text = bi_lstm(w, "lstm.", vectors(w, "words.weight", post["words"]))
    h_t = mean(text)
    h_v = linear(w, "image", post["object"]) if post["object"] is not None else torch.zeros(2 * o["lstm_size"]).double()
    contrast = linear(w, "text_private", h_t) - linear(w, "image_private", h_v)
    common = (linear(w, "shared", h_t) + linear(w, "shared", h_v)) / 2
    relation = torch.zeros(o["space_size"]).double()
    if len(text) and len(post["attributes"]):
        key, value, size = linear(w, "relation.key", text), linear(w, "relation.value", text), o["space_size"] // o["heads"]
        for word in vectors(w, "words.weight", post["attributes"]):
            query = linear(w, "relation.query", word)
            parts = [slice(h * size, (h + 1) * size) for h in range(o["heads"])]
            relation = relation + torch.cat([F.softmax(key[:, p] @ query[p] / math.sqrt(size), 0) @ value[:, p] for p in parts])
        relation = relation / len(post["attributes"])
    return sigmoid_logits(linear(w, "classifier", F.relu(linear(w, "hidden", torch.cat([contrast, common, relation])))))


def dr_net_penalty(o, w):
    shared = w["shared.weight"]
    return o["orthogonality"] * sum(((shared @ w[name + ".weight"].T) ** 2).sum() for name in ("text_private", "image_private"))


def hfm_sides(o, w, post, with_attributes):
    """(elements, guidance) of text, picture and attributes; None for a side that is missing."""
    start, attributes, guide = None, None, None
    if with_attributes:
        guide = torch.zeros(w["attribute_words.weight"].shape[1]).double()
        if len(post["attributes"]):
            e = vectors(w, "attribute_words.weight", post["attributes"])
            scores = torch.stack([w["attribute.score.weight"][0] @ F.relu(linear(w, "attribute.hidden", x)) for x in e])
            guide = F.softmax(scores, 0) @ e
            attributes = (e, guide)
        state = lambda name: F.relu(linear(w, "start." + name, guide))
        start = ((state("h_forward"), state("c_forward")), (state("h_backward"), state("c_backward")))
    ids = list(post["words"])
    text = None
    if ids:
        if o["text_length"]:
            ids = (ids + [0] * o["text_length"])[:o["text_length"]]
        states = bi_lstm(w, "lstm.", vectors(w, "words.weight", ids), start)
        text = (states, states.mean(0))
    image = None
    if post["object_grid"] is not None:
        regions = F.relu(linear(w, "regions", post["object_grid"]))
        image = (regions, regions.mean(0))
    return text, image, attributes


def concat(o, w, post):
    with_attributes = "attribute_words.weight" in w
    sizes = [2 * o["lstm_size"], o["region_size"], w["words.weight"].shape[1]]
    sides = hfm_sides(o, w, post, with_attributes)[:3 if with_attributes else 2]
    joined = torch.cat([side[1] if side else torch.zeros(size).double() for side, size in zip(sides, sizes)])
    return sigmoid_logits(linear(w, "classifier", F.relu(linear(w, "hidden", joined))))


def mmsd(o, w, post):
    names = ("text", "image", "attribute")
    sizes = (2 * o["lstm_size"], o["region_size"], w["words.weight"].shape[1])
    sides = dict(zip(names, hfm_sides(o, w, post, True)))
    guides = {name: sides[name][1] if sides[name] else torch.zeros(size).double() for name, size in zip(names, sizes)}
    scores, values = [], []
    for m in names:
        if not sides[m]:
            continue
        elements = sides[m][0]
        weights = 0
        for g in names:
            at = f"represent.{m}.{g}."
            weights = weights + F.softmax(torch.stack([
                w[at + "score.weight"][0] @ torch.tanh(linear(w, at + "hidden", torch.cat([x, guides[g]]))) for x in elements]), 0) / 3
        v = weights @ elements
        scores.append(linear(w, f"fuse.{m}.score", torch.tanh(linear(w, f"fuse.{m}.hidden", v))))
        values.append(torch.tanh(linear(w, f"fuse.{m}.value", v)))
    fused = F.softmax(torch.cat(scores), 0) @ torch.stack(values) if scores else torch.zeros(o["fusion_size"]).double()
    return sigmoid_logits(linear(w, "classifier", F.relu(linear(w, "hidden", fused))))


def mmsd_penalty(o, w):
    return o["l2"] / 2 * sum((value ** 2).sum() for name, value in w.items() if name not in ("words.weight", "attribute_words.weight"))

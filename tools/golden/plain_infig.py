"""INFIG in plain PyTorch and float64: what the assembled objective must be. Written from the paper's equations and its table of decisions
alone, post by post and pair by pair: no padding, no masks, no batched similarities, nothing shared with src/. Slow, for golden files only.

A post is a dict: `ids` [n] or None (no text), `map` [c, h, w] or `pixels` [3, s, s] or neither (no picture), `clip_image` and `clip_text`
[e], `id`, `label`. `o` holds the config's keys, `w` the parameters by name.
"""

import math

import torch
import torch.nn.functional as F
from transformers import DebertaV2Config, DebertaV2Model


class Tie(Exception):
    pass


def linear(w, name, x):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def norm(w, name, x, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt() * w[name + ".weight"] + w[name + ".bias"]


def gelu(x):
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def cosine(a, b):
    return a @ b / (a.norm() * b.norm())


def deberta_config(o):
    return DebertaV2Config(
        vocab_size=o["text.vocab_size"], hidden_size=o["text.hidden_size"], num_hidden_layers=o["text.num_hidden_layers"],
        num_attention_heads=o["text.num_attention_heads"], intermediate_size=o["text.intermediate_size"], hidden_act="gelu",
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=o["text.max_position_embeddings"],
        type_vocab_size=0, layer_norm_eps=1e-7, relative_attention=True, max_relative_positions=-1,
        position_buckets=o["text.position_buckets"], pos_att_type=["c2p", "p2c"], share_att_key=True, norm_rel_ebd="layer_norm",
        position_biased_input=False, pad_token_id=0)


def text_states(o, w, ids, shell={}):
    """Hidden states [n, D] of one text: the embeddings, then every layer."""
    key = (o["text.num_hidden_layers"], o["text.hidden_size"])
    if key not in shell:
        shell[key] = DebertaV2Model(deberta_config(o)).eval().double()
    weights = {name: w["text_encoder." + name] for name, _ in shell[key].named_parameters()}
    states = torch.func.functional_call(shell[key], weights, (ids[None], torch.ones_like(ids)[None]), {"output_hidden_states": True})
    return [state[0] for state in states.hidden_states]


def transformer_layer(w, name, x, heads, eps=1e-12):
    """BERT's layer, LayerNorm behind the sums (rows 21 and 30). x [n, D]."""
    d = x.shape[1] // heads
    query, key, value = (linear(w, f"{name}.attention.self.{part}", x) for part in ("query", "key", "value"))
    parts = []
    for h in range(heads):
        of = slice(h * d, (h + 1) * d)
        parts.append(F.softmax(query[:, of] @ key[:, of].T / math.sqrt(d), dim=1) @ value[:, of])
    x = norm(w, f"{name}.attention.output.LayerNorm", x + linear(w, f"{name}.attention.output.dense", torch.cat(parts, 1)), eps)
    inner = gelu(linear(w, f"{name}.intermediate.dense", x))
    return norm(w, f"{name}.output.LayerNorm", x + linear(w, f"{name}.output.dense", inner), eps)


def resnet(o, w, x):
    """Basic blocks, BatchNorm with its running statistics (row 20). x [3, s, s] -> [c, h, h]."""
    def conv_norm(conv, batch_norm, x, stride):
        weight = w["image_encoder.backbone." + conv + ".weight"]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        mean, var, scale, shift = (w[f"image_encoder.backbone.{batch_norm}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias"))
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    x = F.relu(conv_norm("conv1", "bn1", x[None], o["image.stem_stride"]))
    assert not o["image.stem_pool"] and not o["image.bottleneck"]
    for stage, blocks in enumerate(o["image.stage_blocks"]):
        for block in range(blocks):
            name, stride = f"layer{stage + 1}.{block}", 2 if stage > 0 and block == 0 else 1
            y = F.relu(conv_norm(name + ".conv1", name + ".bn1", x, stride))
            y = conv_norm(name + ".conv2", name + ".bn2", y, 1)
            if f"image_encoder.backbone.{name}.downsample.0.weight" in w:
                x = conv_norm(name + ".downsample.0", name + ".downsample.1", x, stride)
            x = F.relu(x + y)
    return x[0]


def image_states(o, w, grid):
    """Hidden states [1 + P, D], the visual CLS first: the projections, then every layer (rows 19 and 21). grid [c, h, w]."""
    patches = grid.flatten(1).T
    x = torch.cat([gelu(linear(w, "image_encoder.cls_projection", patches.mean(0, keepdim=True))), gelu(linear(w, "image_encoder.grid_projection", patches))])
    if o.get("image.pos") == "learned":
        x = x + w["image_encoder.position_embeddings"]
    states = [x]
    for n in range(o["image.num_hidden_layers"]):
        states.append(transformer_layer(w, f"image_encoder.layer.{n}", states[-1], o["image.num_attention_heads"]))
    return states


def classify(o, w, image, text):
    """Eq. 7-11 for one post: logits [C]. image, text: last hidden states or None."""
    first = 0 if o.get("fusion.with_cls") else 1
    tokens = [side[first:] for side in (image, text) if side is not None]
    if o.get("fusion.null_tokens"):
        tokens += [w["fusion.null_" + name] for name, side in (("image", image), ("text", text)) if side is None]
    x = torch.cat(tokens)
    for n in range(o["fusion.num_hidden_layers"]):
        x = transformer_layer(w, f"fusion.layer.{n}", x, o["fusion.num_attention_heads"])
    scores = F.softmax(linear(w, "pooling.score", gelu(linear(w, "pooling.hidden", x)))[:, 0], dim=0)
    pooled = sum(score * token for score, token in zip(scores, x))
    logits = linear(w, "head.classifier", gelu(linear(w, "head.dense", pooled)))
    return gelu(logits) if o.get("head.gelu_logits", True) else logits


def classifier_loss(o, logits, label):
    """Cross-entropy; with smoothing, focal exponent and class weights: sum_c w_c q_c (1 - p_c)^g (-log p_c)."""
    classes, e = len(logits), o.get("loss.label_smoothing", 0)
    weights = o.get("loss.class_weights", "none")
    weights = [1.0] * classes if weights == "none" else [float(x) for x in weights.split(",")]
    p = F.softmax(logits, dim=0)
    return sum(-weights[c] * (e / classes + (1 - e) * (c == label)) * (1 - p[c]) ** o.get("loss.focal_gamma", 0) * p[c].log() for c in range(classes))


def side_of(o, w, side, states, clip):
    """i_g or t_g: the CLS of the layer that many from the end, beside CLIP's projected embedding (rows 15-17)."""
    cls = states[-o.get("gam.layer", 1)][0]
    if o.get("gam.proj_dim", 0):
        cls = linear(w, f"gam.{side}_projection", cls)
    if clip is None:
        return cls
    clip = linear(w, f"gam.clip_{side}_projection", clip)
    if o.get("gam.concat", "normalized") == "normalized":
        cls, clip = cls / cls.norm(), clip / clip.norm()
    return torch.cat([cls, clip])


def global_direction(o, tau, b, ids, queries, own, keys, momentum_queries, queue, queue_ids):
    """Eq. 1 for post b with rows 1-5 and 11. own: where the positive's other side comes from; keys: the batch's momentum keys."""
    masked = o.get("gam.mask_equal_ids", True)
    others = [keys[c] for c in keys if c != b and o.get("gam.batch_negatives", True) and not (masked and ids[c] == ids[b])]
    others += [key for key, id in zip(queue, queue_ids) if not (masked and id == ids[b])]
    logits = torch.stack([cosine(queries[b], key) / tau for key in [own[b], *others]])
    denominator = torch.logsumexp(logits[1:] if o.get("gam.literal") else logits, 0)
    alpha = o.get("gam.soft_targets", 0)
    soft = F.softmax(torch.stack([cosine(momentum_queries[b], key) / tau for key in [keys[b], *others]]), dim=0).detach()
    return -(1 - alpha) * (logits[0] - denominator) - alpha * (soft * (logits - denominator)).sum()


def token_similarity(o, from_tokens, to_tokens):
    """Eq. 3-4 with rows 25 and 26: each token's best j on the other side, averaged."""
    j = min(o.get("hfam.top_j", 2), len(to_tokens))
    total = 0
    for a in from_tokens:
        best = sorted((cosine(a, b) for b in to_tokens), key=lambda x: float(x.detach()), reverse=True)
        if j < len(best):
            if float((best[j - 1] - best[j]).detach()) < 1e-5:
                raise Tie("which token is kept would depend on rounding: draw another batch")
        total = total + sum(best[:j]) / j
    return total / len(from_tokens)


def fine_grained_pair(o, w, images, texts):
    """Eq. 5 of one pair of layers, the sum over posts of L_I + L_T. images, texts: [P, D], [T, D] of posts that have both."""
    if o.get("hfam.proj_dim", 0):
        images, texts = [linear(w, "hfam.image_projection", x) for x in images], [linear(w, "hfam.text_projection", x) for x in texts]
    p2q = torch.stack([torch.stack([token_similarity(o, i, t) for t in texts]) for i in images]) / w["hfam.temperature"]
    q2p = torch.stack([torch.stack([token_similarity(o, t, i) for i in images]) for t in texts]) / w["hfam.temperature"]
    total = 0
    for rows in (p2q, q2p):
        for k, row in enumerate(rows):
            rest = torch.cat([row[:k], row[k + 1:]]) if o.get("hfam.decoupled") else row
            total = total - (row[k] - torch.logsumexp(rest, 0))
    return total


class Infig:
    """Training as the method orders it: twins are updated, keys computed, losses taken, the queue extended; then plain SGD."""

    def __init__(self, o, weights):
        self.o = o
        self.w = {name: value.double().clone() for name, value in weights.items()}
        for name, value in self.w.items():
            value.requires_grad_(self.is_trained(name))
        twin_of = ("text_encoder.", "image_encoder.", "gam.")
        self.twin = {name: value.detach().clone() for name, value in self.w.items() if name.startswith(twin_of) and self.has_twin(name)}
        self.queue = []  # (image key, text key, id), oldest first

    def is_trained(self, name):
        if name.endswith(".temperature"):
            return self.o.get(name.split(".")[0] + ".learn_temperature", True)
        return "running_" not in name and (self.o.get("image.finetune", False) or ".backbone." not in name)  # row 20

    def has_twin(self, name):
        backbone = name.startswith("image_encoder.backbone.") and not self.o.get("gam.momentum_backbone")
        return name != "gam.temperature" and not backbone  # row 9; a backbone without a twin is shared

    def grids(self, w, posts):
        return [resnet(self.o, w, p["pixels"].double()) if p.get("pixels") is not None else p["map"].double() if p.get("map") is not None else None for p in posts]

    def encode(self, w, posts, grids):
        images = [image_states(self.o, w, grid) if grid is not None else None for grid in grids]
        return images, [text_states(self.o, w, p["ids"]) if p["ids"] is not None else None for p in posts]

    def sides(self, w, posts, images, texts):
        clip = lambda post, key: post[key].double() if post.get(key) is not None else None
        both = [b for b in range(len(posts)) if images[b] is not None and texts[b] is not None]
        return ({b: side_of(self.o, w, "image", images[b], clip(posts[b], "clip_image")) for b in both},
                {b: side_of(self.o, w, "text", texts[b], clip(posts[b], "clip_text")) for b in both})

    def global_loss(self, posts, images, texts, grids):
        o, w = self.o, self.w
        with torch.no_grad():
            for name, value in self.twin.items():  # row 8: before the keys
                value.mul_(o["gam.momentum"]).add_(w[name], alpha=1 - o["gam.momentum"])
            twin = {**w, **self.twin}
            own_grids = self.grids(twin, posts) if o.get("gam.momentum_backbone") else grids
            image_keys, text_keys = self.sides(twin, posts, *self.encode(twin, posts, own_grids))
        image, text = self.sides(w, posts, images, texts)
        partners = (image, text) if o.get("gam.partner") == "online" else (image_keys, text_keys)
        ids, tau, queue_ids, total = [p["id"] for p in posts], w["gam.temperature"], [id for _, _, id in self.queue], 0
        for b in image:
            total = total + global_direction(o, tau, b, ids, image, partners[1], text_keys, image_keys, [t for _, t, _ in self.queue], queue_ids) / 2
            total = total + global_direction(o, tau, b, ids, text, partners[0], image_keys, text_keys, [i for i, _, _ in self.queue], queue_ids) / 2
        self.queue = (self.queue + [(image_keys[b], text_keys[b], ids[b]) for b in image])[-o["gam.queue_size"]:]
        return total / len(image)

    def fine_grained_loss(self, images, texts):
        o, total = self.o, 0
        both = [b for b in range(len(images)) if images[b] is not None and texts[b] is not None]
        for m in range(1, o.get("hfam.layers", 3) + 1):  # row 24: the m-th from the end of either side
            tokens = [texts[b][-m][1:] for b in both]
            if not o.get("hfam.keep_sep", True):  # row 22; n_t >= 1: a text of nothing but [SEP] keeps it
                tokens = [t[:-1] if len(t) > 1 else t for t in tokens]
            total = total + fine_grained_pair(o, self.w, [images[b][-m][1:] for b in both], tokens)
        return total / (2 * o.get("hfam.layers", 3) * len(both))

    def step(self, posts, rate):
        """One training step. Returns logits, the three losses, their total and every gradient."""
        o, w = self.o, self.w
        grids = self.grids(w, posts)
        images, texts = self.encode(w, posts, grids)
        logits = torch.stack([classify(o, w, i and i[-1], t and t[-1]) for i, t in zip(images, texts)])
        zero = torch.zeros((), dtype=torch.float64)
        parts = {"sc": sum(classifier_loss(o, row, post["label"]) for row, post in zip(logits, posts)) / len(posts),
                 "g": self.global_loss(posts, images, texts, grids) if o["loss.lambda_g"] else zero,
                 "f": self.fine_grained_loss(images, texts) if o["loss.lambda_f"] else zero}
        parts["total"] = parts["sc"] + o["loss.lambda_g"] * parts["g"] + o["loss.lambda_f"] * parts["f"]  # eq. 12
        for value in w.values():
            value.grad = None
        parts["total"].backward()
        gradients = {name: value.grad.clone() for name, value in w.items() if value.grad is not None}
        with torch.no_grad():
            for name, gradient in gradients.items():
                w[name] -= rate * gradient
            for name in ("gam.temperature", "hfam.temperature"):
                w[name].clamp_(0.001, 0.5)  # row 12
        return logits, parts, gradients

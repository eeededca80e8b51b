"""MultiSentiNet and HSAN in plain PyTorch and float64, as plain_baselines.py has the other networks of Table 2: post by post, from their equations
alone, without padding, masks or batches. A post is the dict described there, with `captions` [k] ids besides, and `scene` [c] or None.
"""

import torch
import torch.nn.functional as F

from plain_baselines import linear, lstm_direction, vectors


def forward_lstm(w, name, x):
    size = w[f"{name}weight_hh_l0"].shape[1]
    zero = torch.zeros(size).double()
    states = lstm_direction(w, name, "", list(x), zero, zero)
    return torch.stack(states) if states else torch.zeros(0, size).double()


def attend(w, name, states, guide=0.0):
    """sum_t a_t h_t with a = softmax_t c . tanh(W h_t + b + guide); zeros over no states."""
    if len(states) == 0:
        return torch.zeros(states.shape[1]).double()
    scores = torch.stack([w[name + ".context.weight"][0] @ torch.tanh(linear(w, name + ".hidden", h) + guide) for h in states])
    return sum(a * h for a, h in zip(F.softmax(scores, 0), states))


def multisentinet(o, w, post):
    states = forward_lstm(w, "lstm.", vectors(w, "words.weight", post["words"]))
    side = lambda name: F.relu(linear(w, name, post[name])) if post[name] is not None else torch.zeros(o["picture_size"]).double()
    obj, scene = side("object"), side("scene")
    guide = w["object_guide.weight"] @ obj + w["scene_guide.weight"] @ scene
    text = attend(w, "attention", states, guide)
    return linear(w, "classifier", F.relu(linear(w, "hidden", torch.cat([scene, obj, text]))))


def hsan(o, w, post):
    segments = []
    for name, ids in (("tweet", post["words"]), ("caption", post["captions"])):
        if len(ids):
            segments.append(attend(w, name + "_attention", forward_lstm(w, name + "_lstm.", vectors(w, "words.weight", ids))))
    whole = torch.zeros(o["lstm_size"]).double()
    if segments:
        whole = attend(w, "post_attention", forward_lstm(w, "post_lstm.", torch.stack(segments)))
    return linear(w, "classifier", F.relu(linear(w, "hidden", whole)))

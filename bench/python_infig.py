"""INFIG as `lite` trains it (CLIP off), written with transformers and PyTorch: what bench_training.py compares the program with.

It is what a careful researcher would write: BERT layers of transformers, the frozen backbone's features read from a file, texts tokenised once and
padded to the batch's longest, fused Adam, HFAM in slices of texts. Parameters have the names of infig's checkpoints. Equations as in the paper, with
infig's defaults where it is silent; nothing here is fast at the cost of another result.
"""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoModel, BertConfig
from transformers.masking_utils import create_bidirectional_mask
from transformers.models.bert.modeling_bert import BertEncoder

LAMBDA_G, LAMBDA_F, MOMENTUM, TOP_J, HFAM_LAYERS, TEXTS_AT_ONCE = 0.3, 0.2, 0.995, 2, 3, 8


def layers_of(count, width, heads, dropout, attention):
    return BertEncoder(BertConfig(hidden_size=width, num_hidden_layers=count, num_attention_heads=heads, intermediate_size=4 * width, hidden_dropout_prob=dropout,
                                  attention_probs_dropout_prob=dropout, layer_norm_eps=1e-12, attn_implementation=attention))


def states_of(encoder, x, mask=None):
    """Hidden states of every layer of a BertEncoder. x [B, T, D], mask [B, T] bool or None."""
    bias = None if mask is None else create_bidirectional_mask(config=encoder.config, inputs_embeds=x, attention_mask=mask)
    states = []
    for layer in encoder.layer:
        x = layer(x, bias)
        states.append(x)
    return states


class ImageTransformer(nn.Module):
    """Grid of a frozen backbone [B, P, C] -> hidden states [B, 1 + P, D] of every layer, the visual CLS first."""

    def __init__(self, channels, width, layers, heads, dropout, attention):
        super().__init__()
        self.grid_projection, self.cls_projection = nn.Linear(channels, width), nn.Linear(channels, width)
        self.encoder = layers_of(layers, width, heads, dropout, attention)

    def forward(self, grid):
        cls = F.gelu(self.cls_projection(grid.mean(1, keepdim=True)))
        return states_of(self.encoder, torch.cat([cls, F.gelu(self.grid_projection(grid))], 1))


class Encoders(nn.Module):
    """What has momentum twins: both encoders."""

    def __init__(self, text_model, channels, heads, layers, dropout, attention):
        super().__init__()
        self.text = AutoModel.from_pretrained(text_model, add_pooling_layer=False, attn_implementation=attention, hidden_dropout_prob=dropout,
                                              attention_probs_dropout_prob=dropout)
        self.image = ImageTransformer(channels, self.text.config.hidden_size, layers, heads, dropout, attention)

    def forward(self, ids, mask, grid):
        text = self.text(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        return text, self.image(grid)


def gam(query, keys, excluded, temperature):
    """-log softmax over the keys of the cosine with the own one, which is key i of query i (eq. 1, one direction). Mean over the queries."""
    logits = F.normalize(query, dim=1) @ F.normalize(keys, dim=1).t() / temperature
    return F.cross_entropy(logits.masked_fill(excluded, float("-inf")), torch.arange(len(query)))


def largest(x, j, dim):
    """The j largest values. Passes of max are faster on a CPU than topk where j is small."""
    found = []
    for _ in range(j):
        best = x.max(dim, keepdim=True)
        found.append(best.values)
        x = x.scatter(dim, best.indices, float("-inf"))
    return torch.cat(found, dim)


def slice_similarity(image, text, counted):
    """Eq. 3 and 4 for some of the texts. image [I, P, D] and text [T, L, D] of unit length, counted [T, L] bool. Each patch's top j tokens, mean over them and
    the patches; each token's top j patches, mean over them and the counted tokens. Two tensors [I, T]."""
    cosines = torch.einsum("ipd,tld->itpl", image, text)
    best = largest(cosines.masked_fill(~counted[None, :, None, :], float("-inf")), min(TOP_J, text.shape[1]), 3)
    kept = counted.sum(1).clamp(max=TOP_J)[None, :, None]  # a text may have fewer than j tokens
    to_text = (best.masked_fill(best.isinf(), 0).sum(3) / kept).mean(2)
    best = largest(cosines, min(TOP_J, image.shape[1]), 2).mean(2)
    return to_text, (best * counted).sum(2) / counted.sum(1)


def hfam_similarity(image, text, counted):
    image, text = F.normalize(image, dim=2), F.normalize(text, dim=2)
    slices = []
    for part, there in zip(text.split(TEXTS_AT_ONCE), counted.split(TEXTS_AT_ONCE)):
        longest = int(there.sum(1).max())
        slices.append(slice_similarity(image, part[:, :longest], there[:, :longest]))
    return [torch.cat(both, 1) for both in zip(*slices)]


def hfam(image, text, counted, temperature):
    """Eq. 5 of one pair of layers: both directions, means over the batch."""
    to_text, to_image = hfam_similarity(image, text, counted)
    own = torch.arange(len(image))
    return F.cross_entropy(to_text / temperature, own) + F.cross_entropy(to_image.t() / temperature, own)


class Queue:
    """The newest momentum keys of both sides and the posts that they are of."""

    def __init__(self, capacity, width):
        self.image, self.text, self.ids = torch.zeros(capacity, width), torch.zeros(capacity, width), torch.zeros(capacity, dtype=torch.long)
        self.valid = self.next = 0

    def push(self, image, text, ids):
        places = (self.next + torch.arange(len(ids))) % len(self.ids)
        self.image[places], self.text[places], self.ids[places] = image, text, ids
        self.next = (self.next + len(ids)) % len(self.ids)
        self.valid = min(self.valid + len(ids), len(self.ids))


class Infig(nn.Module):
    def __init__(self, text_model, channels, labels, queue, dropout, attention, image_layers=4, fusion_layers=3, heads=12):
        super().__init__()
        parts = (text_model, channels, heads, image_layers, dropout, attention)
        self.encoders, self.twins = Encoders(*parts), Encoders(*parts)
        self.twins.requires_grad_(False)
        width = self.encoders.text.config.hidden_size
        self.fusion = layers_of(fusion_layers, width, heads, dropout, attention)
        self.hidden, self.score = nn.Linear(width, width // 2), nn.Linear(width // 2, 1)
        self.dense, self.classifier, self.dropout = nn.Linear(width, width), nn.Linear(width, labels), nn.Dropout(dropout)
        self.gam_temperature, self.hfam_temperature = nn.Parameter(torch.tensor(0.07)), nn.Parameter(torch.tensor(0.07))
        self.queue = Queue(queue, width)

    def train(self, mode=True):
        super().train(mode)
        self.twins.eval()  # keys are given without dropout
        return self

    def transformer_layers(self):
        return [*self.encoders.text.encoder.layer, *self.encoders.image.encoder.layer, *self.twins.text.encoder.layer, *self.twins.image.encoder.layer, *self.fusion.layer]

    def load(self, tensors):
        """infig's weights by their names; every tensor must find its place, and every place its tensor."""
        place = {"text_encoder.": "encoders.text.", "image_encoder.layer.": "encoders.image.encoder.layer.", "image_encoder.": "encoders.image.", "pooling.": "",
                 "head.": "", "gam.temperature": "gam_temperature", "hfam.temperature": "hfam_temperature"}
        mine = {}
        for name, tensor in tensors.items():
            if name.startswith("image_encoder.backbone."):
                continue  # its features come from the file
            prefix = next((old for old in place if name.startswith(old)), "")
            mine[place.get(prefix, "") + name[len(prefix):]] = tensor
        missing, unexpected = self.load_state_dict(mine, strict=False)
        missing = [name for name in missing if not name.startswith("twins.") and not name.endswith("position_ids")]
        if missing or unexpected:
            raise SystemExit(f"weights do not fit: missing {missing}, unexpected {unexpected}")
        self.twins.load_state_dict(self.encoders.state_dict())

    @torch.no_grad()
    def keys(self, batch):
        own, twins = list(self.encoders.parameters()), list(self.twins.parameters())
        torch._foreach_lerp_(twins, own, 1 - MOMENTUM)
        text, image = self.twins(batch["ids"], batch["mask"], batch["grid"])
        return image[-1][:, 0].float(), text[-1][:, 0].float()

    def logits(self, text, image, batch):
        tokens = torch.cat([image[-1][:, 1:], text[-1][:, 1:]], 1)
        there = torch.cat([batch["has_image"][:, None].expand(-1, image[-1].shape[1] - 1), batch["mask"][:, 1:].bool() & batch["has_text"][:, None]], 1)
        fused = states_of(self.fusion, tokens, there)[-1]
        scores = self.score(F.gelu(self.hidden(fused))).squeeze(2).float().masked_fill(~there, float("-inf")).softmax(1)
        pooled = (scores.to(fused.dtype)[:, None] @ fused).squeeze(1)
        return F.gelu(self.classifier(self.dropout(F.gelu(self.dense(pooled))))).float()

    def forward(self, batch):
        """Losses L_sc, L_g, L_f of eq. 12, and the keys that the queue is to get."""
        text, image = self.encoders(batch["ids"], batch["mask"], batch["grid"])
        logits = self.logits(text, image, batch)
        image_keys, text_keys = self.keys(batch)
        both = (batch["has_text"] & batch["has_image"]).nonzero().flatten()
        posts = batch["posts"][both]
        with torch.autocast("cpu", enabled=False):  # similarities and losses are in float32
            image_keys, text_keys, queue = image_keys[both], text_keys[both], self.queue
            excluded = posts[:, None] == torch.cat([posts, queue.ids[:queue.valid]])[None]
            excluded.fill_diagonal_(False)
            to_text = gam(image[-1][both, 0].float(), torch.cat([text_keys, queue.text[:queue.valid]]), excluded, self.gam_temperature)
            to_image = gam(text[-1][both, 0].float(), torch.cat([image_keys, queue.image[:queue.valid]]), excluded, self.gam_temperature)
            counted = batch["mask"][both, 1:].bool()
            fine = sum(hfam(image[-k][both, 1:].float(), text[-k][both, 1:].float(), counted, self.hfam_temperature) for k in range(1, HFAM_LAYERS + 1))
            losses = {"classification": F.cross_entropy(logits, batch["labels"]), "gam": (to_text + to_image) / 2, "hfam": fine / (2 * HFAM_LAYERS)}
        return losses, (image_keys, text_keys, posts)


def fused_adam(model, rate, rate_new):
    """The published encoder with one rate, everything else with another."""
    published = list(model.encoders.text.parameters())
    known = {id(parameter) for parameter in published}
    new = [parameter for parameter in model.parameters() if parameter.requires_grad and id(parameter) not in known]
    return torch.optim.Adam([{"params": published, "lr": rate}, {"params": new, "lr": rate_new}], fused=True)


def scheduled(step, total, warmup=0.1):
    """Share of the rate: up in the first tenth, then linearly to 0."""
    warm = int(warmup * total)
    return (step + 1) / warm if step < warm else 1 - (step - warm) / max(1, total - warm)


def train_step(model, optimizer, batch, precision, share):
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("full_lr", group["lr"]) * share
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        losses, keys = model(batch)
    loss = losses["classification"] + LAMBDA_G * losses["gam"] + LAMBDA_F * losses["hfam"]
    loss.backward()
    norm = nn.utils.clip_grad_norm_([parameter for group in optimizer.param_groups for parameter in group["params"]], 1.0)
    optimizer.step()
    model.queue.push(*keys)
    with torch.no_grad():
        model.gam_temperature.clamp_(0.001, 0.5)
        model.hfam_temperature.clamp_(0.001, 0.5)
    return {"loss": loss.item(), **{f"loss_{name}": value.item() for name, value in losses.items()}, "grad_norm": norm.item()}

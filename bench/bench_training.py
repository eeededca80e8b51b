"""Training `lite`: infig beside the same step written in Python with transformers and PyTorch, on the same posts, threads and batch size.

    python bench/bench_training.py --data data/mvsa [--threads 2] [--steps 4] [--rounds 2]

The Python step is what a careful researcher would write: padded to the batch's longest, features of the frozen backbone at hand, HFAM as one
broadcast product a text chunk. Both take turns, so that a busy moment falls on both; posts/s, peak memory and their ratios are printed.
"""

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoModel, AutoTokenizer

ROOT = Path(__file__).resolve().parents[1]
WIDTH, PATCHES, CHANNELS, TOP_J, MOMENTUM, QUEUE = 384, 49, 1280, 2, 0.995, 1024


def transformer(layers):
    return nn.ModuleList(nn.TransformerEncoderLayer(WIDTH, 12, 4 * WIDTH, dropout=0.1, activation="gelu", batch_first=True) for _ in range(layers))


class Encoders(nn.Module):
    """What GAM has twins of: both encoders, hidden states of every layer."""

    def __init__(self, text_model):
        super().__init__()
        self.text = AutoModel.from_pretrained(text_model, add_pooling_layer=False)
        self.patch = nn.Linear(CHANNELS, WIDTH)
        self.cls = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(torch.zeros(1, PATCHES + 1, WIDTH))
        self.layers = transformer(4)

    def forward(self, ids, mask, grid):
        text = self.text(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[1:]
        x = torch.cat([self.cls.expand(len(grid), -1, -1), self.patch(grid)], 1) + self.position
        image = []
        for layer in self.layers:
            x = layer(x)
            image.append(x)
        return text, image


def gam(query, key, queue, temperature):
    logits = F.normalize(query, dim=1) @ F.normalize(torch.cat([key, queue]), dim=1).t() / temperature
    return F.cross_entropy(logits, torch.arange(len(query)))


def hfam(image, text, mask, temperature):
    """Eq. 3 to 6 by broadcasting, eight texts at a time."""
    image, text = F.normalize(image, dim=2), F.normalize(text, dim=2)
    to_text, to_image = [], []
    for chunk, counted in zip(text.split(8), mask.split(8)):
        similarity = torch.einsum("ipd,qtd->iqpt", image, chunk)
        hidden = similarity.masked_fill(counted[None, :, None, :] == 0, -1e4)
        best = hidden.max(3).values  # each patch's best token
        to_text.append(best.topk(TOP_J, 2).values.mean(2))
        best = similarity.max(2).values.masked_fill(counted[None] == 0, -1e4)  # each token's best patch
        kept = best.topk(min(TOP_J, best.shape[2]), 2).values
        there = kept > -1e3
        to_image.append((kept * there).sum(2) / there.sum(2))
    own = torch.arange(len(image))
    return F.cross_entropy(torch.cat(to_text, 1) / temperature, own) + F.cross_entropy(torch.cat(to_image, 1).t() / temperature, own)


class Infig(nn.Module):
    def __init__(self, text_model, labels):
        super().__init__()
        self.encoders, self.twins = Encoders(text_model), Encoders(text_model)
        self.twins.load_state_dict(self.encoders.state_dict())
        self.twins.requires_grad_(False).eval()
        self.fusion = transformer(3)
        self.hidden, self.score = nn.Linear(WIDTH, WIDTH // 2), nn.Linear(WIDTH // 2, 1)
        self.dense, self.classifier = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, labels)
        self.temperatures = nn.Parameter(torch.tensor([0.07, 0.07]))
        self.register_buffer("image_queue", torch.randn(QUEUE, WIDTH))
        self.register_buffer("text_queue", torch.randn(QUEUE, WIDTH))

    def forward(self, ids, mask, grid, labels):
        with torch.no_grad():
            for twin, online in zip(self.twins.parameters(), self.encoders.parameters()):
                twin.mul_(MOMENTUM).add_(online, alpha=1 - MOMENTUM)
            text_key, image_key = (states[-1][:, 0] for states in self.twins(ids, mask, grid))
        text, image = self.encoders(ids, mask, grid)
        loss = (gam(image[-1][:, 0], text_key, self.text_queue, self.temperatures[0]) + gam(text[-1][:, 0], image_key, self.image_queue, self.temperatures[0])) / 2
        for k in range(1, 4):
            loss = loss + hfam(image[-k][:, 1:], text[-k][:, 1:], mask[:, 1:], self.temperatures[1]) / 6
        x = torch.cat([image[-1][:, 1:], text[-1][:, 1:]], 1)
        hidden = torch.cat([torch.zeros(len(x), PATCHES, dtype=torch.bool), mask[:, 1:] == 0], 1)
        for layer in self.fusion:
            x = layer(x, src_key_padding_mask=hidden)
        weights = self.score(F.gelu(self.hidden(x))).squeeze(2).masked_fill(hidden, float("-inf")).softmax(1)
        pooled = F.dropout(F.gelu(self.dense((weights[:, :, None] * x).sum(1))), 0.1, self.training)
        with torch.no_grad():
            self.image_queue = torch.cat([image_key, self.image_queue])[:QUEUE]
            self.text_queue = torch.cat([text_key, self.text_queue])[:QUEUE]
        return loss + F.cross_entropy(F.gelu(self.classifier(pooled)), labels)


def python_side(flags):
    """Runs in a process of its own; prints posts/s and peak memory."""
    torch.set_num_threads(flags.threads)
    posts = [json.loads(line) for line in (Path(flags.data) / "posts.jsonl").read_text().splitlines()]
    posts = [post for post in posts if post["split"] == "train"]
    names = sorted({post["label"] for post in posts})
    tokenizer = AutoTokenizer.from_pretrained(flags.text_model)
    order = torch.randperm(len(posts), generator=torch.Generator().manual_seed(1)).tolist()
    features = torch.randn(64, PATCHES, CHANNELS)  # what they hold is nothing to the speed
    model = Infig(flags.text_model, len(names)).train()
    model.twins.eval()
    optimizer = torch.optim.Adam([parameter for parameter in model.parameters() if parameter.requires_grad], lr=5e-5)
    precision = torch.autocast("cpu", dtype=torch.bfloat16, enabled=flags.precision == "bf16")
    for step in range(flags.warmup + flags.steps):
        if step == flags.warmup:
            start = time.perf_counter()
        rows = [posts[i] for i in order[step * 64:step * 64 + 64]]
        batch = tokenizer([row["text"] for row in rows], padding=True, truncation=True, max_length=64, return_tensors="pt")
        labels = torch.tensor([names.index(row["label"]) for row in rows])
        optimizer.zero_grad(set_to_none=True)
        with precision:
            loss = model(batch["input_ids"], batch["attention_mask"], features, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    seconds = time.perf_counter() - start
    assert torch.isfinite(loss), loss
    print(json.dumps({"rate": 64 * flags.steps / seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def python_run(flags, precision):
    words = [sys.executable, __file__, "--python-side", "--precision", precision, "--data", flags.data, "--text-model", flags.text_model]
    words += ["--threads", str(flags.threads), "--steps", str(flags.steps), "--warmup", str(flags.warmup)]
    out = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return out["rate"], out["mib"]


def infig_run(flags, precision):
    words = [flags.infig, "bench", "--config", ROOT / "configs/lite.yaml", "--data", flags.data, "--steps", flags.steps, "--warmup", flags.warmup]
    words += [f"threads={flags.threads}", f"precision={precision}", f"text.model={flags.text_model}", f"image.model={flags.image_model}", f"data.feature_cache={flags.cache}"]
    out = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout
    found = re.search(r"training: ([\d.]+) posts/s .* peak memory (\d+) MiB", out)
    return float(found.group(1)), float(found.group(2))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--infig", default=str(ROOT / "build/bin/infig"))
    parser.add_argument("--text-model", default="weights/minilm-l6")
    parser.add_argument("--image-model", default="weights/efficientnet-lite0")
    parser.add_argument("--cache", default="/tmp/infig-bench-features", help="folder for the frozen backbone's features")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--precision", choices=["fp32", "bf16", "both"], default="both")
    parser.add_argument("--python-side", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.python_side:
        python_side(flags)
        return
    infig_run(flags, "fp32")  # computes the features
    print(f"{'precision':<10} {'':>8} {'posts/s':>9} {'peak MiB':>9}")
    for precision in ["fp32", "bf16"] if flags.precision == "both" else [flags.precision]:
        runs = {"python": [], "infig": []}
        for _ in range(flags.rounds):
            runs["python"].append(python_run(flags, precision))
            runs["infig"].append(infig_run(flags, precision))
        medians = {who: [statistics.median(column) for column in zip(*found)] for who, found in runs.items()}
        for who, (rate, mib) in medians.items():
            print(f"{precision:<10} {who:>8} {rate:>9.1f} {mib:>9.0f}")
        print(f"{precision:<10} {'ratio':>8} {medians['infig'][0] / medians['python'][0]:>9.2f} {medians['infig'][1] / medians['python'][1]:>9.2f}", flush=True)


if __name__ == "__main__":
    main()

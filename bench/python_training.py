"""Trains bench/python_infig.py on the posts of a data set, in the batches that infig wrote; one JSON line of what came out. Started by bench_training.py.

    --job losses   every step's losses with dropout off
    --job time     posts/s over --steps steps after --warmup
    --job epoch    every batch of one epoch, an evaluation on dev and a checkpoint, as `infig train` does them; posts/s and peak memory
"""

import argparse
import collections
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

import python_infig


class Posts:
    """Texts tokenised once; the backbone's grids in infig's feature file, which is mapped into memory and read where a batch needs it."""

    def __init__(self, flags):
        rows = [json.loads(line) for line in Path(flags.posts).read_text().splitlines()]
        self.row_of = {row["id"]: i for i, row in enumerate(rows)}
        self.dev = [row["id"] for row in rows if row["split"] == "dev"]
        self.train_posts = sum(row["split"] == "train" for row in rows)
        self.labels = torch.tensor([flags.labels.index(row["label"]) for row in rows])
        self.has_text = torch.tensor([bool(row.get("text")) for row in rows])
        self.tokenizer = AutoTokenizer.from_pretrained(flags.text_model)
        self.ids = self.tokenizer([row.get("text") or "" for row in rows], truncation=True, max_length=flags.max_length)["input_ids"]
        self.grids = load_file(Path(flags.features) / "features.safetensors")["features"].flatten(1, 2)
        bad = {entry["row"] for entry in json.loads((Path(flags.features) / "features.json").read_text())["bad"] if entry["status"] != "truncated"}
        self.has_image = torch.tensor([i not in bad and bool(row.get("image")) for i, row in enumerate(rows)])
        if len(self.grids) != len(rows):
            raise SystemExit(f"{flags.features}: features of {len(self.grids)} posts, {flags.posts} has {len(rows)}")

    def batch(self, names):
        rows = torch.tensor([self.row_of[name] for name in names])
        padded = self.tokenizer.pad({"input_ids": [self.ids[i] for i in rows]}, padding="longest", return_tensors="pt")
        return {"ids": padded["input_ids"], "mask": padded["attention_mask"], "grid": self.grids[rows].float(), "labels": self.labels[rows],
                "has_text": self.has_text[rows], "has_image": self.has_image[rows], "posts": rows}


def attention_paths(forward):
    """Which kernels scaled_dot_product_attention took in a forward pass, by how often; empty where it is not used."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        forward()
    counts = collections.Counter()
    for event in profile.events():
        if event.name == "aten::_scaled_dot_product_flash_attention_for_cpu":
            counts["fused"] += 1
        elif event.name == "aten::_scaled_dot_product_attention_math":
            counts["unfused"] += 1
    return dict(counts)


@torch.no_grad()
def evaluate(model, posts, precision):
    model.eval()
    right = 0
    by_length = sorted(posts.dev, key=lambda name: len(posts.ids[posts.row_of[name]]))
    for first in range(0, len(by_length), 64):
        batch = posts.batch(by_length[first:first + 64])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            right += (model.logits(*model.encoders(batch["ids"], batch["mask"], batch["grid"]), batch).argmax(1) == batch["labels"]).sum().item()
    model.train()
    return right / max(1, len(by_length))


def compile_layers(model):
    """Each Transformer layer as one graph for any length of text: what is compiled once serves every layer of its kind."""
    for layer in model.transformer_layers():
        layer.compile(dynamic=True)
    python_infig.slice_similarity = torch.compile(python_infig.slice_similarity, dynamic=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", choices=["losses", "time", "epoch"], required=True)
    parser.add_argument("--posts", required=True)
    parser.add_argument("--labels", nargs="+", required=True)
    parser.add_argument("--batches", required=True)
    parser.add_argument("--features", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--text-model", required=True)
    parser.add_argument("--attention", choices=["eager", "sdpa"], default="sdpa")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--max-length", type=int, default=64)
    parser.add_argument("--queue", type=int, default=1024)
    parser.add_argument("--rates", type=float, nargs=2, default=[5e-5, 2e-4])
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    posts = Posts(flags)
    batches = json.loads(Path(flags.batches).read_text())
    size = len(batches[0])
    model = python_infig.Infig(flags.text_model, posts.grids.shape[2], len(flags.labels), min(flags.queue, posts.train_posts - size),
                               0.0 if flags.job == "losses" else 0.1, flags.attention)
    model.load(load_file(flags.weights))
    model.train()
    if flags.compile:
        compile_layers(model)
    optimizer = python_infig.fused_adam(model, *flags.rates)
    total = posts.train_posts // size
    losses = []

    def step(number):
        share = python_infig.scheduled(number, total)
        losses.append({**python_infig.train_step(model, optimizer, posts.batch(batches[number]), flags.precision, share), "learning_rate": share * flags.rates[0]})

    result = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    begin = time.perf_counter()
    if flags.job == "time":
        for number in range(flags.warmup):
            step(number)
        result["warmup_seconds"] = time.perf_counter() - begin
        begin = time.perf_counter()
        for number in range(flags.warmup, flags.warmup + flags.steps):
            step(number)
        result["rate"] = size * flags.steps / (time.perf_counter() - begin)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=flags.precision == "bf16"):
            result["attention"] = attention_paths(lambda: model(posts.batch(batches[0][:8])))
    else:
        for number in range(total):
            step(number)
        result["seconds"] = time.perf_counter() - begin
        result["rate"] = size * total / result["seconds"]
    if flags.job == "epoch":
        result["dev_accuracy"] = evaluate(model, posts, flags.precision)
        with tempfile.TemporaryDirectory() as folder:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "queue": vars(model.queue)}, Path(folder) / "checkpoint.pt")
    if not all(value == value and abs(value) != float("inf") for entry in losses for value in entry.values()):
        sys.exit(f"a loss is not finite: {losses}")
    result["losses"] = losses if flags.job == "losses" else losses[-1]
    result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""Training `lite` on MVSA-Single: infig beside the same training written in Python with transformers and PyTorch (bench/python_infig.py).

    python bench/bench_training.py --data data/mvsa [--only check|time|epoch]

check   Dropout off, infig's initial weights, its batches: losses, gradient norm and learning rate of the first three steps must agree, those of the first
        within 1e-4 (the gradient's norm 1e-3), or nothing is timed.
time    posts/s over --steps steps after --warmup, both sides on the same posts in the same batches, taking turns. Python comes with `eager` attention, with
        `sdpa`, and with `sdpa` and torch.compile.
epoch   One whole epoch with an evaluation on dev and a checkpoint: `infig train` and the same in Python. Peak memory of each process, and how much of it is the
        process's own (the rest is mapped files, above all the cached features, which the system takes back when it needs room). Needs no quiet machine.

Both sides read the backbone's features from the file that infig made, use as many threads, have CLIP off. The tables are Markdown.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NO_DROPOUT = [f"{part}.{key}=0" for part in ["text", "image", "fusion"] for key in ["hidden_dropout_prob", "attention_probs_dropout_prob"]] + ["head.dropout=0"]
CHECK_BATCHES, CHECK_DEV, STILL = 3, 8, 1e-30  # STILL: a rate at which no float32 weight moves but a bias of zero, and that by 1e-30
PARTS = ["loss_classification", "loss_gam", "loss_hfam"]
COLUMNS = {"eager": ["--attention", "eager"], "sdpa": ["--attention", "sdpa"], "compile": ["--attention", "sdpa", "--compile"]}


def run(words, log):
    """Runs a program to its end, looking at its memory ten times a second: (its output, seconds, MiB of its own memory at most)."""
    begin, own = time.perf_counter(), 0
    with open(log, "w") as errors, tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen([str(word) for word in words], stdout=out, stderr=errors, stdin=subprocess.DEVNULL, cwd=ROOT)
        while child.poll() is None:
            try:
                found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{child.pid}/status").read_text())
                own = max(own, int(found.group(1)) / 1024 if found else 0)
            except OSError:
                pass  # it ended just now
            time.sleep(0.1)
        seconds = time.perf_counter() - begin
        out.seek(0)
        text = out.read()
    if child.returncode != 0:
        sys.exit(f"{' '.join(str(word) for word in words)}\nended with {child.returncode}:\n{text}\n{Path(log).read_text()[-3000:]}")
    return text, seconds, own


class Bench:
    def __init__(self, flags):
        self.flags = flags
        self.work = Path(flags.work).resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.log = self.work / "last.log"
        for path, what in [(flags.infig, "make program"), (flags.text_model, "make lite-weights"), (flags.image_model, "make lite-weights"),
                           (Path(flags.data) / "posts.jsonl", "infig prepare mvsa-single")]:
            if not Path(path).exists():
                sys.exit(f"{path} is not there; {what} makes it")
        self.labels = json.loads((Path(flags.data) / "dataset.json").read_text())["labels"]

    def infig(self, verb, data, *more):
        words = [self.flags.infig, verb, "--config", ROOT / "configs/lite.yaml", "--data", data, f"threads={self.flags.threads}", f"text.model={self.flags.text_model}",
                 f"image.model={self.flags.image_model}", "train.epochs=1"]
        return run([*words, *more], self.log)

    def train(self, folder, data, *more):
        """Into a new run folder, and what run() says of it."""
        return self.infig("train", data, "--output-dir", folder, *more)

    def scratch(self):
        """A folder that is deleted with the run in it, which is some 700 MB."""
        return tempfile.TemporaryDirectory(dir=self.work)

    def python(self, job, posts, labels, batches, features, weights, *more):
        words = [sys.executable, ROOT / "bench/python_training.py", "--job", job, "--posts", posts, "--labels", *labels, "--batches", batches, "--features", self.features(features),
                 "--weights", weights, "--text-model", self.flags.text_model, "--threads", self.flags.threads]
        text, seconds, own = run([*words, *more], self.log)
        return json.loads(text.splitlines()[-1]) | {"process_seconds": seconds, "own_mib": own}

    @staticmethod
    def features(cache):
        found = sorted(Path(cache).glob("*/features.safetensors"), key=lambda path: path.stat().st_mtime)
        if not found:
            sys.exit(f"{cache}: infig left no features there")
        return found[-1].parent

    def few_posts(self, batches):
        """A table of some posts that train and a few that evaluate."""
        rows = [json.loads(line) for line in (Path(self.flags.data) / "posts.jsonl").read_text().splitlines()]
        chosen = []
        for split, wanted in [("train", 64 * batches), ("dev", CHECK_DEV)]:
            of_split = [row for row in rows if row["split"] == split]
            if len(of_split) < wanted:
                sys.exit(f"{self.flags.data}: {len(of_split)} posts of the split {split}, expected {wanted} at least")
            chosen += of_split[::len(of_split) // wanted][:wanted]  # from all over the file, which may lie in the order of the labels
        for row in chosen:
            if row.get("image"):
                row["image"] = str(Path(self.flags.data).resolve() / row["image"])
        path = self.work / f"posts-{batches}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in chosen))
        return path, sorted({row["label"] for row in chosen})

    def initial_weights(self):
        """What infig starts from, as a checkpoint of a step that moves nothing. The classifier is the data set's."""
        table, labels = self.few_posts(1)
        if labels != sorted(self.labels):
            sys.exit(f"{table}: has the labels {labels}, the data set {self.labels}; the classifier would be another")
        weights = self.work / "initial.safetensors"
        with self.scratch() as folder:
            self.train(f"{folder}/run", table, f"data.feature_cache={self.work / 'features-1'}", f"optim.lr={STILL}", f"optim.lr_new={STILL}", "precision=fp32")
            shutil.copyfile(f"{folder}/run/checkpoints/latest/model.safetensors", weights)
        return weights

    def check(self, weights):
        table, labels = self.few_posts(CHECK_BATCHES)
        cache = self.work / f"features-{CHECK_BATCHES}"
        options = [f"data.feature_cache={cache}", "precision=fp32", *NO_DROPOUT]
        with self.scratch() as folder:
            self.train(f"{folder}/run", table, "train.log_every=1", *options)
            ours = [line for line in map(json.loads, Path(f"{folder}/run/metrics.jsonl").read_text().splitlines()) if "loss_hfam" in line]
        batches = self.work / "check-batches.json"
        self.infig("bench", table, "--steps", 1, "--warmup", 1, "--batches", batches, *options)
        theirs = self.python("losses", table, labels, batches, cache, weights)["losses"]
        if len(ours) != CHECK_BATCHES or len(theirs) != CHECK_BATCHES:
            sys.exit(f"check: {len(ours)} steps of infig, {len(theirs)} of Python; expected {CHECK_BATCHES}")
        print("Losses with dropout off, fp32: largest relative difference\n\n| step | " + " | ".join([*PARTS, "grad_norm", "learning_rate"]) + " |\n|---:|" + "---:|" * (len(PARTS) + 2))
        faults = []
        for number, (one, other) in enumerate(zip(ours, theirs), 1):
            cells = []
            for key in [*PARTS, "grad_norm", "learning_rate"]:
                difference = abs(one[key] - other[key]) / abs(one[key])
                cells.append(f"{one[key]:.6g} ({difference:.1e})")
                limit = (1e-3 if key == "grad_norm" else 1e-4) * (1 if number == 1 else 10)  # updates carry rounding on
                if not difference <= limit:
                    faults.append(f"step {number}, {key}: infig {one[key]:.8g}, Python {other[key]:.8g}: {difference:.1e}, expected at most {limit:.0e}")
            print(f"| {number} | " + " | ".join(cells) + " |", flush=True)
        if faults:
            sys.exit("\nThe two programs do not train the same thing; nothing is timed:\n  " + "\n  ".join(faults))

    def infig_rate(self, precision, batches):
        text, _, _ = self.infig("bench", self.flags.data, "--steps", self.flags.steps, "--warmup", self.flags.warmup, "--batches", batches, f"precision={precision}",
                                f"data.feature_cache={self.work / f'features-{precision}'}")
        return float(re.search(r"training: ([\d.]+) posts/s", text).group(1))

    def posts(self):
        return Path(self.flags.data) / "posts.jsonl"

    def time(self, weights, precision):
        batches, cache = self.work / "batches.json", self.work / f"features-{precision}"
        self.infig("bench", self.flags.data, "--steps", 1, "--warmup", 1, "--batches", batches, f"precision={precision}", f"data.feature_cache={cache}")  # computes the features
        rates = {"infig": [], **{column: [] for column in COLUMNS}}
        paths, failed = {}, {}
        for _ in range(self.flags.rounds):
            rates["infig"].append(self.infig_rate(precision, batches))
            for column, options in COLUMNS.items():
                if column in failed or column in self.flags.without:
                    continue
                more = ["--warmup", self.flags.warmup + (1 if column == "compile" else 0)]  # compiled anew for free lengths in the second step
                try:
                    found = self.python("time", self.posts(), self.labels, batches, cache, weights, "--precision", precision, "--steps", self.flags.steps, *more, *options)
                except SystemExit as fault:
                    if column != "compile":
                        raise
                    failed[column] = str(fault)
                    continue
                rates[column].append(found["rate"])
                paths[column] = found
        return {column: statistics.median(found) if found else None for column, found in rates.items()}, paths, failed

    def time_all(self, weights):
        print(f"\nposts/s, {self.flags.threads} threads, {self.flags.steps} steps of 64 posts after {self.flags.warmup} of warm-up, median of {self.flags.rounds} rounds\n")
        print("| precision | infig | Python, eager | times | Python, sdpa | times | Python, sdpa and torch.compile | times | compiling, s |\n|---|" + "---:|" * 8)
        notes = []
        for precision in ["fp32", "bf16"] if self.flags.precision == "both" else [self.flags.precision]:
            rates, paths, failed = self.time(weights, precision)
            cells = [f"{rates['infig']:.1f}"]
            for column in COLUMNS:
                cells += [f"{rates[column]:.1f}", f"{rates['infig'] / rates[column]:.2f}"] if rates[column] else ["does not run", ""]
                if column in paths:
                    used = ", ".join(f"{count} {kernel}" for kernel, count in sorted(paths[column]["attention"].items()))
                    notes.append(f"{precision}, {column}: scaled_dot_product_attention in a forward pass: {used or 'not called'}")
            cells.append(f"{paths['compile']['warmup_seconds']:.0f}" if "compile" in paths else "")
            print(f"| {precision} | " + " | ".join(cells) + " |", flush=True)
            notes += [f"{precision}, {column}: {text}" for column, text in failed.items()]
        print("\n" + "\n".join(notes) + "\nPyTorch's fused CPU attention refuses dropout: training's own passes go unfused, the momentum twins' (without dropout) fused.")

    def epoch(self, weights, precision):
        batches, cache = self.work / "batches.json", self.work / f"features-{precision}"
        self.infig("bench", self.flags.data, "--steps", 1, "--warmup", 1, "--batches", batches, f"precision={precision}", f"data.feature_cache={cache}")
        with self.scratch() as folder:
            _, seconds, own = self.train(f"{folder}/run", self.flags.data, f"precision={precision}", f"data.feature_cache={cache}")
            peak = float(re.findall(r"peak memory (\d+) MiB", Path(f"{folder}/run/train.log").read_text())[-1])
        theirs = self.python("epoch", self.posts(), self.labels, batches, cache, weights, "--precision", precision, "--attention", self.flags.attention)
        print(f"| {precision} | {peak:.0f} | {own:.0f} | {seconds:.0f} | {theirs['peak_mib']:.0f} | {theirs['own_mib']:.0f} | {theirs['process_seconds']:.0f} | "
              f"{peak / theirs['peak_mib']:.2f} | {own / theirs['own_mib']:.2f} |", flush=True)

    def epoch_all(self, weights):
        print(f"\nOne epoch of training with evaluation and checkpoint, {self.flags.threads} threads; peak MiB of the process, MiB of its own memory, seconds from start to end\n")
        print(f"| precision | infig train, MiB | own | s | Python ({self.flags.attention}), MiB | own | s | share | of own |\n|---|" + "---:|" * 8)
        for precision in ["fp32", "bf16"] if self.flags.epoch_precision == "both" else [self.flags.epoch_precision]:
            self.epoch(weights, precision)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder that infig prepare mvsa-single wrote")
    parser.add_argument("--only", choices=["check", "time", "epoch"], action="append", help="leave out the other parts; time and epoch check first")
    parser.add_argument("--infig", default=str(ROOT / "build/bin/infig"))
    parser.add_argument("--text-model", default=str(ROOT / "weights/minilm-l6"))
    parser.add_argument("--image-model", default=str(ROOT / "weights/efficientnet-lite0"))
    parser.add_argument("--work", default=str(ROOT / "build/bench-training"), help="folder for features, batches and runs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--precision", choices=["fp32", "bf16", "both"], default="both")
    parser.add_argument("--epoch-precision", choices=["fp32", "bf16", "both"], default="bf16")
    parser.add_argument("--attention", choices=["eager", "sdpa"], default="sdpa", help="Python's in the epoch")
    parser.add_argument("--without", choices=list(COLUMNS), nargs="*", default=[], help="columns of Python to leave out")
    flags = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    bench = Bench(flags)
    parts = flags.only or ["check", "time", "epoch"]
    weights = bench.initial_weights()
    bench.check(weights)
    if "time" in parts:
        bench.time_all(weights)
    if "epoch" in parts:
        bench.epoch_all(weights)


if __name__ == "__main__":
    main()

"""MGNNS at its own size: 448 pixels, ResNet-101 and ResNet-50, 195,265 posts as TumEmo has them. Time of a step, of the text graph, and peak memory.

    python bench/bench_mgnns.py [--infig build/bin/infig] [--posts 195265] [--steps 2] [--pictures 200] [--keep FOLDER] [KEY=VALUE ...]

Posts are made up: texts of TumEmo's lengths over 20,000 words, few of which are frequent; a few pictures, each the file of many posts (a hard link a post); objects
and scenes drawn at random; networks of random weights. `infig bench` trains on them with configs/mgnns-tumemo.yaml. The text graph is what lies between two lines of its
log, memory is its resident set, read ten times a second.
"""

import argparse
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench_memory import ROOT
from random_resnet import write_resnet

POSTS, SIDE = 195265, 512
LABELS = ["angry", "bored", "calm", "fear", "happy", "love", "sad"]
SYLLABLES = ["ba", "ko", "li", "mer", "tan", "su", "der", "fi", "gra", "no", "pe", "ri", "sto", "ul", "va", "wen", "yo", "za", "chi", "el"]


def picture(draw):
    """A bitmap of noise: decoded in no time, so that the step is what is timed."""
    row = (SIDE * 3 + 3) // 4 * 4
    size = 54 + row * SIDE
    header = b"BM" + size.to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
    header += SIDE.to_bytes(4, "little") * 2 + (1).to_bytes(2, "little") + (24).to_bytes(2, "little") + bytes(24)
    return header + draw.randbytes(row * SIDE)


def make_posts(folder, posts, pictures):
    draw = random.Random(1)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))) for _ in range(20000)]
    images = folder / "images"
    images.mkdir()
    for i in range(pictures):
        (folder / f"{i}.bmp").write_bytes(picture(draw))
    with open(folder / "posts.jsonl", "w") as table, open(folder / "objects.tsv", "w") as objects, open(folder / "scenes.tsv", "w") as scenes:
        for i in range(posts):
            os.link(folder / f"{i % pictures}.bmp", images / f"{i}.bmp")
            count = min(303, max(1, round(14 * math.exp(0.96 * draw.gauss(0, 1)))))
            text = " ".join(words[int(draw.random() ** 3 * len(words))] for _ in range(count))
            table.write(json.dumps({"id": str(i), "text": text, "image": f"images/{i}.bmp", "label": LABELS[i % 7],
                                    "split": "train" if i % 10 < 8 else "dev" if i % 10 == 8 else "test"}) + "\n")
            objects.write(f"{i}\t" + "\t".join(f"object{draw.randrange(80)}" for _ in range(3)) + "\n")
            scenes.write(f"{i}\t" + "\t".join(f"scene{draw.randrange(365)}" for _ in range(2)) + "\n")
    return folder / "posts.jsonl"


def resident(process):
    """MiB of the process now; 0 once it has ended."""
    try:
        with open(f"/proc/{process.pid}/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        return 0


def measure(command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    samples, lines, start = [], [], time.monotonic()

    def watch():
        while process.poll() is None:
            samples.append((time.monotonic() - start, resident(process)))
            time.sleep(0.1)

    thread = threading.Thread(target=watch)
    thread.start()
    for line in process.stderr:
        lines.append((time.monotonic() - start, line.rstrip()))
        print(f"{lines[-1][0]:8.1f} s {resident(process):8.0f} MiB  {lines[-1][1]}", flush=True)
    thread.join()
    said = process.stdout.read()
    if process.wait() != 0:
        sys.exit(f"bench_mgnns: exit code {process.returncode} of\n  {' '.join(command)}\n{said}")
    print(said)
    return said, lines, samples


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--infig", default=str(ROOT / "build" / "bin" / "infig"))
    parser.add_argument("--posts", type=int, default=POSTS)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--keep", help="folder for the posts and weights, kept and used again")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="infig-mgnns-") as name:
        folder = Path(arguments.keep or name).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "resnet-50.safetensors").exists():
            make_posts(folder, arguments.posts, arguments.pictures)
            write_resnet(folder / "resnet-101.safetensors", "resnet-101")
            write_resnet(folder / "resnet-50.safetensors", "resnet-50", seed=2)
        said, lines, samples = measure(
            [arguments.infig, "bench", "--config", str(ROOT / "configs" / "mgnns-tumemo.yaml"), "--data", str(folder / "posts.jsonl"), "--warmup", "1", "--steps",
             str(arguments.steps), "device=cpu", "precision=fp32", f"image.model={folder / 'resnet-101.safetensors'}",
             f"scene.model={folder / 'resnet-50.safetensors'}", "mgnns.classes=given", f"mgnns.objects={folder / 'objects.tsv'}",
             f"mgnns.scenes={folder / 'scenes.tsv'}", *arguments.overrides])
    begun = next(at for at, line in lines if "the vocabulary has" in line)
    ended, pairs = next((at, re.search(r"(\d+) pairs", line)[1]) for at, line in lines if "text graph:" in line)
    during = [mib for at, mib in samples if begun <= at <= ended] or [0]
    before = max((mib for at, mib in samples if at < begun), default=0)
    stages = re.findall(r"^(.{18}) +([0-9.]+) +[0-9.]+%$", said.split("on worker threads")[0], re.M)
    step = sum(float(ms) for _, ms in stages) / 1000
    peak = re.search(r"peak memory (\d+) MiB", said)[1]
    print(f"text graph: {pairs} pairs in {ended - begun:.1f} s, memory {max(during):.0f} MiB (before it {before:.0f}); to the first step {lines[-1][0]:.0f} s or more")
    print(f"a step of 4 posts: {step:.1f} s; peak memory {peak} MiB")


if __name__ == "__main__":
    main()

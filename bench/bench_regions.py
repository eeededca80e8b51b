"""Processor time of the regions of a picture: 14 x 14 of 448 pixels, each put through a ResNet-50 by itself (image.regions=passes).

    python bench/bench_regions.py [--infig build/bin/infig] [--few 2] [--many 5] [--size 256]

Random weights, one thread. `infig bench` runs on few and on more pictures; the difference of its processor time is that of the pictures between them, whatever
else is running. The last lines say what a data set takes.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_memory import ROOT, png
from random_resnet import write_resnet

HFM = 24635


def seconds_of(infig, table, weights, cache, size):
    command = [infig, "bench", "--config", str(ROOT / "configs" / "concat2-hfm.yaml"), "--data", str(table), "--warmup", "1", "--steps", "1", "device=cpu",
               "precision=fp32", "threads=1", "data.workers=1", "train.batch_size=2", f"image.model={weights}", f"image.region_size={size}",
               f"data.feature_cache={cache}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, cwd=cache)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"bench_regions: exit code {done.returncode} of\n  {' '.join(command)}\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--infig", default=str(ROOT / "build" / "bin" / "infig"))
    parser.add_argument("--few", type=int, default=2)
    parser.add_argument("--many", type=int, default=5)
    parser.add_argument("--size", type=int, default=256, help="pixels a side that the network sees of a region")
    arguments = parser.parse_args()
    draw, spent = random.Random(1), []
    with tempfile.TemporaryDirectory(prefix="infig-regions-") as name:
        folder = Path(name)
        write_resnet(folder / "resnet-50.safetensors", "resnet-50")
        for count in (arguments.few, arguments.many):
            lines = []
            for i in range(count):
                (folder / f"{i}.png").write_bytes(png(draw))
                lines.append({"id": str(i), "text": f"word{i} and more", "image": f"{i}.png", "label": ["negative", "positive"][i % 2], "split": "train"})
            table, cache = folder / f"posts-{count}.jsonl", folder / f"cache-{count}"
            table.write_text("".join(json.dumps(line) + "\n" for line in lines))
            cache.mkdir()
            spent.append(seconds_of(os.path.abspath(arguments.infig), table, folder / "resnet-50.safetensors", cache, arguments.size))
    a_picture = (spent[1][0] - spent[0][0]) / (arguments.many - arguments.few)
    print(f"{a_picture:.1f} s of processor time a picture, {1000 * a_picture / 196:.0f} ms a region, peak memory {spent[1][1]:.0f} MiB")
    print(f"{HFM:,} posts (HFM): {a_picture * HFM / 3600:.0f} hours of one core")


if __name__ == "__main__":
    main()

"""Peak resident memory of training, preset by preset, against committed ceilings; above one of them the exit code is 1. Nothing is timed.

    python bench/bench_memory.py [--infig build/bin/infig] [PRESET ...]

Each configs/NAME.yaml (reference*.yaml list defaults and are none) trains a few steps in a process of its own: encoders of the config's
sizes from random weights, fp32, two threads, texts longer than text.max_length, so that every batch has the same shape. The posts are made
up: three classes, two for the presets of HFM; each has five attribute words. Networks that read frozen features have them computed first,
which is part of their peak.
bench/memory_ceilings.json has for each preset the overrides that it runs with and its ceiling in MiB, a tenth above what was measured. A
preset without a ceiling fails too: the message says what was measured.
"""

import argparse
import json
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMON = ["device=cpu", "precision=fp32", "threads=2", "data.workers=1", "train.report_to=none"]
POSTS, SIDE, WORDS = 200, 64, 300


def png(draw):
    """A picture of one colour a row."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(draw.randrange(256) for _ in range(3)) * SIDE for _ in range(SIDE))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def make_posts(folder, labels):
    """posts.jsonl with pictures beside it; the same bytes every time."""
    folder.mkdir()
    draw = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(2000)]
    lines = []
    for i in range(POSTS):
        (folder / f"{i}.png").write_bytes(png(draw))
        text = " ".join(draw.choices(words, k=WORDS))
        lines.append({"id": str(i), "text": text, "image": f"{i}.png", "label": labels[i % len(labels)], "attributes": draw.choices(words, k=5),
                      "split": "dev" if i % 10 == 9 else "train"})
    table = folder / "posts.jsonl"
    table.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return table


def peak(infig, preset, overrides, table, cache):
    command = [infig, "bench", "--config", str(ROOT / "configs" / f"{preset}.yaml"), "--data", str(table), "--random-init", "--warmup", "1",
               "--steps", "2", *COMMON, f"data.feature_cache={cache}", *overrides]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cache)
    found = re.search(r"peak memory (\d+) MiB", done.stdout)
    if done.returncode != 0 or not found:
        sys.exit(f"bench_memory: {preset}: exit code {done.returncode} of\n  {' '.join(command)}\n{done.stdout}{done.stderr}")
    return int(found[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--infig", default=str(ROOT / "build" / "bin" / "infig"))
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="some of them; default: all")
    arguments = parser.parse_args()
    ceilings = json.loads((ROOT / "bench" / "memory_ceilings.json").read_text())
    known = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml") if not path.stem.startswith("reference"))
    unknown = sorted(set(arguments.presets) - set(known))
    if unknown:
        sys.exit(f"bench_memory: no preset {', '.join(unknown)}; known: {', '.join(known)}")
    faults = [f"{name}: has a ceiling, but configs/{name}.yaml is not there" for name in sorted(set(ceilings) - set(known))]
    print(f"{'preset':<22} {'peak, MiB':>9} {'ceiling':>8}   overrides")
    with tempfile.TemporaryDirectory(prefix="infig-memory-") as name:
        folder = Path(name)
        two, three = make_posts(folder / "two", ["negative", "positive"]), make_posts(folder / "three", ["negative", "neutral", "positive"])
        for preset in arguments.presets or known:
            entry = ceilings.get(preset, {"overrides": [], "ceiling_mib": None})
            cache = folder / f"cache-{preset}"
            cache.mkdir()
            table, ceiling = two if preset.endswith("-hfm") else three, entry["ceiling_mib"]
            found = peak(str(Path(arguments.infig).resolve()), preset, entry["overrides"], table, cache)
            print(f"{preset:<22} {found:>9,} {ceiling if ceiling is not None else 'none':>8}   {' '.join(entry['overrides'])}", flush=True)
            if ceiling is None:
                faults.append(f"{preset}: no ceiling in bench/memory_ceilings.json; measured {found} MiB, so {round(found * 1.1)} is one")
            elif found > ceiling:
                faults.append(f"{preset}: {found} MiB, above its ceiling of {ceiling}")
    for fault in faults:
        print(f"bench_memory: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

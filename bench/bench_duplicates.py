#!/usr/bin/env python3
"""Recall and precision of verify-data's search for near pictures.

    bench_duplicates.py --pictures DIR [--infig build/bin/infig] [--variants 1000] [--originals 4000] [--seed 1] [--work DIR]

Takes real pictures (train), makes variants of some of them with Pillow (test): rescaled, recompressed at quality 30 to 90, cropped by 2 %,
or all three; runs `infig verify-data`, and compares leaks.csv with what is known. A pair is right where its pictures come of one original,
or of two originals that are one picture already: real collections hold copies. What these are is not known from bytes alone, so every pair
of originals that the search names is listed with its similarity, to be looked at (data-report.html in the work folder shows them).

Needs Pillow and numpy (tools/requirements-golden.txt has both).
"""

import argparse
import csv
import hashlib
import io
import json
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

KINDS = ["scaled", "recompressed", "cropped", "all"]


def variant(job):
    source, target, kind, seed = job
    draw = random.Random(seed)
    image = Image.open(source).convert("RGB")
    if kind in ("cropped", "all"):
        dx, dy = 0.02 * image.width, 0.02 * image.height
        left, top = draw.random() * dx, draw.random() * dy
        image = image.crop((round(left), round(top), round(image.width - dx + left), round(image.height - dy + top)))
    if kind in ("scaled", "all"):
        factor = draw.uniform(0.35, 1.5)
        image = image.resize((max(8, round(image.width * factor)), max(8, round(image.height * factor))), draw.choice([Image.BILINEAR, Image.BICUBIC, Image.LANCZOS]))
    quality = draw.randint(30, 90) if kind in ("recompressed", "all") else 90
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    Path(target).write_bytes(data.getvalue())


def make(work, pictures, options):
    """The data set: originals in train, variants in test. Returns {variant id: (original id, kind)} and {original id: sha256}."""
    draw = random.Random(options.seed)
    originals = {path.stem: path for path in pictures}
    chosen = draw.sample(sorted(originals), options.variants)
    truth = {f"v{i}": (stem, KINDS[i % len(KINDS)]) for i, stem in enumerate(chosen)}
    (work / "images").mkdir(parents=True, exist_ok=True)
    jobs = [(originals[stem], work / "images" / f"{name}.jpg", kind, f"{options.seed}/{name}") for name, (stem, kind) in truth.items()]
    with ProcessPoolExecutor() as pool:
        list(pool.map(variant, jobs, chunksize=25))
    rows = [{"id": stem, "image": str(path.resolve()), "label": "x", "split": "train"} for stem, path in sorted(originals.items())]
    rows += [{"id": name, "image": f"images/{name}.jpg", "label": "x", "split": "test"} for name in truth]
    (work / "posts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (work / "dataset.json").write_text(json.dumps({"name": "duplicates", "labels": ["x"]}))
    return truth, {stem: hashlib.sha256(path.read_bytes()).hexdigest() for stem, path in originals.items()}


def groups_of(pairs):
    """Union-find over pairs: a function from a name to its group's name."""
    parent = {}

    def find(name):
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for a, b in pairs:
        parent[find(a)] = find(b)
    return find


def score(leaks, truth, hashes, options):
    by_hash = {}
    for stem, digest in hashes.items():
        by_hash.setdefault(digest, []).append(stem)
    print(f"originals {len(hashes)}, of these groups of equal bytes: {sum(len(group) > 1 for group in by_hash.values())}")
    copies = groups_of([(group[0], other) for group in by_hash.values() for other in group[1:]])
    among = [(a, b, similarity) for kind, a, b, similarity in leaks if kind == "near_picture" and a in hashes and b in hashes]
    print(f"near pairs among the originals themselves: {len(among)}; the least similar:")
    for a, b, similarity in sorted(among, key=lambda pair: pair[2])[:options.show]:
        print(f"  {a} {b} {similarity:.4f}")
    # Copies with other bytes are taken for true where the likeness is beyond doubt; the rest is counted as wrong unless it was looked at.
    known = groups_of([(group[0], other) for group in by_hash.values() for other in group[1:]] + [(a, b) for a, b, s in among if s >= options.sure or f"{a}={b}" in options.same])
    found, wrong = {}, []
    for kind, a, b, similarity in leaks:
        if kind != "near_picture" or a not in truth:
            continue
        original = truth[a][0]
        other = truth[b][0] if b in truth else b
        if copies(original) == copies(other) or known(original) == known(other):
            found[a] = True
        else:
            wrong.append((a, original, b, similarity))
    for kind in KINDS:
        own = [name for name, (_, k) in truth.items() if k == kind]
        hit = sum(name in found for name in own)
        print(f"{kind:14} recall {hit}/{len(own)} = {hit / len(own):.4f}   missed: {' '.join(truth[n][0] for n in own if n not in found)}")
    named = [leak for leak in leaks if leak[0] == "near_picture"]
    wrong += [(a, a, b, s) for a, b, s in among if known(a) != known(b)]
    print(f"{'together':14} recall {len(found)}/{len(truth)} = {len(found) / len(truth):.4f}")
    print(f"precision {len(named) - len(wrong)}/{len(named)} = {(len(named) - len(wrong)) / max(1, len(named)):.4f}; pairs not known to be one picture:")
    for a, original, b, similarity in wrong:
        print(f"  {a} (of {original}) and {b}: {similarity:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--infig", default="build/bin/infig")
    parser.add_argument("--variants", type=int, default=1000)
    parser.add_argument("--originals", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--sure", type=float, default=0.995, help="likeness from which a pair of originals counts as one picture unseen")
    parser.add_argument("--same", nargs="*", default=[], help="pairs A=B of originals that were looked at and are one picture")
    parser.add_argument("--show", type=int, default=20)
    options = parser.parse_args()
    pictures = sorted(options.pictures.glob("*.jpg"), key=lambda path: path.stem)[:options.originals]
    if len(pictures) < options.variants:
        sys.exit(f"{options.pictures}: {len(pictures)} pictures, {options.variants} variants asked for")
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        truth, hashes = make(work, pictures, options)
        done = subprocess.run([options.infig, "verify-data", str(work), "--no-shortcuts"], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
        with open(work / "leaks.csv", newline="") as file:
            leaks = [(row["kind"], row["id"], row["other_id"], float(row["similarity"])) for row in csv.DictReader(file)]
        score(leaks, truth, hashes, options)


if __name__ == "__main__":
    main()

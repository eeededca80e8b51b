#!/usr/bin/env python3
"""Tokenization side by side: infig tokenize against `tokenizers` (Rust), in one run, on the same lines, with one thread and with all.

    make bench-tokenizers            (in .venv-conformance; or: python bench/bench_tokenizers.py --model DIR [--model DIR ...])

Each side is timed from lines in memory to ids and offsets of every line; loading a model and starting a process are not timed.
infig: the time the verb itself states with --time (reading, encoding, and writing JSON to the null device). tokenizers: encode_batch, whose results stay Rust objects. The sides take turns; median of --repeat runs (least and most behind it), by the clock and
of processors (which a busy machine disturbs less); ids are compared.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "conformance"))


def ours(binary, model, lines, threads):
    """Seconds by the clock and of processors."""
    done = subprocess.run([binary, "tokenize", "--model", model, "--threads", str(threads), "--time"], input=lines, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=True)
    said = done.stderr.decode()
    found = re.search(r"([\d.]+) seconds, ([\d.]+) of processor time", said)
    if found is None:
        sys.exit(f"bench_tokenizers: infig tokenize --time states no seconds; it said: {said}")
    return float(found[1]), float(found[2])


def theirs(backend, texts):
    clock, processor = time.perf_counter(), time.process_time()
    backend.encode_batch(texts)
    return time.perf_counter() - clock, time.process_time() - processor


def compare(binary, model, texts, threads, repeat):
    import transformers
    backend = transformers.AutoTokenizer.from_pretrained(model).backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    lines = ("\n".join(texts) + "\n").encode("utf-8")
    out = subprocess.run([binary, "tokenize", "--model", model], input=lines, capture_output=True, check=True).stdout
    mine = [json.loads(line)["ids"] for line in out.decode("utf-8").splitlines()]
    equal = sum(a == b.ids for a, b in zip(mine, backend.encode_batch(texts)))
    runs = {"infig": [], "tokenizers": []}
    for _ in range(repeat):
        runs["infig"].append(ours(binary, model, lines, threads))
        runs["tokenizers"].append(theirs(backend, texts))
    print(f"{pathlib.Path(model).name}, {threads} thread(s), {len(texts)} lines, equal ids on {equal}", flush=True)
    for index, name in enumerate(("by the clock", "of processors")):
        both = [[times[index] for times in runs[side]] for side in ("infig", "tokenizers")]
        mine, other = map(statistics.median, both)
        spread = [f"{min(values):.2f}-{max(values):.2f}" for values in both]
        print(f"  seconds {name:13}: infig {mine:.3f} ({spread[0]})  tokenizers {other:.3f} ({spread[1]})  ratio {other / mine:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True, help="folder with a tokenizer")
    parser.add_argument("--infig", default=str(ROOT / "build" / "bin" / "infig"))
    parser.add_argument("--threads", type=int, help="one count instead of one and all")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--lines", type=int, default=0, help="only so many lines")
    arguments = parser.parse_args()
    counts = [arguments.threads] if arguments.threads else sorted({1, len(os.sched_getaffinity(0))})
    if len(counts) > 1:  # Rust's pool is made once a process
        for count in counts:
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--threads", str(count)], check=True)
        return
    os.environ["RAYON_NUM_THREADS"] = str(counts[0])
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if counts[0] > 1 else "false"
    from conftest import data_folder, real_texts
    import tokenizer_inputs
    folder = data_folder()
    texts = [t.replace("\n", " ") for t in (real_texts(folder) if folder.is_dir() else tokenizer_inputs.random_texts(20_000))]
    texts = texts[:arguments.lines] if arguments.lines else texts
    for model in arguments.model:
        compare(arguments.infig, model, texts, counts[0], arguments.repeat)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs the fuzz targets of tests/fuzz: mutated input into every reader of foreign files, a line a target.

    tools/fuzz.py [--seconds N] [--jobs N] [--build DIR] [TARGET ...]

What a target found worth keeping stays in DIR/corpus/TARGET and is where its next run begins. Exit 1 where there is a finding:
a crash, a sanitizer's report, a broken promise, more than 256 MB at once or 512 MB in all, more than 5 s for an input.
"""

import argparse
import base64
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHORT_INPUT = 2048  # bytes of an input that a finding prints
LIMITS = ["-rss_limit_mb=512", "-malloc_limit_mb=256", "-timeout=5"]
# What was freed is kept for a while, to catch its use; the default would fill the limit on memory by itself.
SANITIZERS = "quarantine_size_mb=32:detect_leaks=1:allocator_may_return_null=0"


def fuzz(command, environment, log_path):
    """(exit status, log)"""
    with open(log_path, "w+", errors="replace") as log:
        status = subprocess.run(command, stdout=log, stderr=log, env=environment).returncode
        log.seek(0)
        return status, log.read()


def passes_now(binary, slow, environment):
    """Whether inputs that took 5 s by the clock do so by the processor's time as well; on a busy machine the first says nothing."""
    command = ["prlimit", f"--cpu={5 * len(slow) + 1}", binary, "-timeout=600", "-rss_limit_mb=512", *map(str, slow)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment).returncode == 0


def evidence(log, path):
    """What makes a finding out of a log alone: the first lines of the report that name the project's own files, and a short input's bytes."""
    report = log[max(log.find("ERROR:"), 0):]
    frames = [line.strip() for line in report.splitlines() if re.search(r"^\s*#\d+ .*\b(src|tests)/", line)]
    lines = [f"  {frame}" for frame in frames[:8]]
    if path is not None and path.stat().st_size <= SHORT_INPUT:
        content = base64.b64encode(path.read_bytes()).decode()
        lines.append(f"  input: echo '{content}' | base64 -d > {path.name}")
    return "".join(f"\n{line}" for line in lines)


def run(target, build, seconds):
    """(line to print, whether there is no finding)"""
    corpus, seeds, found = build / "corpus" / target, build / "seeds" / target, build / "findings" / target
    binary, log_path = str(build / "bin" / f"{target}_fuzz"), build / "findings" / f"{target}.log"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    if not seeds.is_dir() or not any(seeds.iterdir()):
        return f"{target}: no seeds; tools/make_fuzz_seeds.py must write some", False
    before, begin, executions = set(found.iterdir()), time.monotonic(), 0
    # Targets write files for readers that take a path: into memory where the machine has such a place.
    with tempfile.TemporaryDirectory(prefix="infig-fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as scratch:
        environment = {**os.environ, "TMPDIR": scratch, "ASAN_OPTIONS": SANITIZERS, "UBSAN_OPTIONS": "print_stacktrace=1"}
        while True:
            left = max(1, round(seconds - (time.monotonic() - begin)))
            status, log = fuzz([binary, str(corpus), str(seeds), f"-max_total_time={left}", *LIMITS, f"-artifact_prefix={found}/",
                                "-print_final_stats=1"], environment, log_path)
            counted = re.search(r"^stat::number_of_executed_units:\s*(\d+)", log, re.M)
            executions += int(counted.group(1)) if counted else 0
            new = sorted(set(found.iterdir()) - before, key=lambda path: (path.name.startswith("timeout-"), path.name))
            if status == 0 or not new or any(not path.name.startswith("timeout-") for path in new) or not passes_now(binary, new, environment):
                break
            for path in new:
                path.unlink()
            status = 0
            if time.monotonic() - begin >= seconds:
                break
    line = f"{target:<20} {executions:>9} executions {executions / (time.monotonic() - begin):>9.0f}/s"
    if status == 0 and executions > 0:
        return f"{line}  no findings", True
    what = re.search(r"what\(\): .*|ERROR: \w+: .*|runtime error: .*|broken promise: .*|SUMMARY: .*", log)
    again = f"{os.path.relpath(binary)} {os.path.relpath(new[0])}" if new else "see the log"
    shown = evidence(log, new[0] if new else None)
    return f"{line}  FINDING: {what.group(0) if what else f'exit status {status}'}\n  again: {again}\n  log: {os.path.relpath(log_path)}{shown}", False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("--build", type=Path, default=ROOT / "build-asan", help="folder of the preset asan")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="without _fuzz; default: all")
    options = parser.parse_args()
    if options.seconds < 1 or options.jobs < 1:
        parser.error("--seconds and --jobs must be at least 1")
    build = options.build.resolve()
    known = sorted(path.name.removesuffix("_fuzz") for path in (build / "bin").glob("*_fuzz"))
    if not known or set(options.targets) - set(known):
        sys.exit(f"fuzz: {', '.join(set(options.targets) - set(known)) or 'no target'} in {build}/bin, there is: {', '.join(known) or 'nothing; run make fuzz'}")
    found = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for line, clean in pool.map(lambda target: run(target, build, options.seconds), options.targets or known):
            print(line, flush=True)
            if not clean:
                found.append(line)
    if found:  # once more: the end of a long log is what people see
        print("", f"{len(found)} of {len(options.targets or known)} targets with a finding:", *found, sep="\n", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

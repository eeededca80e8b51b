#!/usr/bin/env python3
"""Kills training runs at random moments and shows that they end in the same bits as one that was never interrupted.

A small model is trained on postcards with everything on that has a state: augmentation, dropout, several workers, parts of a batch,
recomputed layers, modality dropout, mixed precision, a momentum queue, averages of weights. One run goes through; others are killed (SIGKILL)
and resumed, again and again. Then weights, optimizer, training state, metrics.jsonl and predictions are compared byte for byte.

  tools/crash_test.py                                20 kills at random moments, 5 inside a checkpoint's writing
  tools/crash_test.py --kills 100 --seed 7 --keep /tmp/crashes
  tools/crash_test.py --ranks 2                      over MPI: a random rank is killed, or all of them
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("INFIG_BINARY", ROOT / "build/bin/infig"))

SIZES = [
    "threads=1", "device=cpu", "text.vocab_size=300", "text.hidden_size=16", "text.num_hidden_layers=3", "text.num_attention_heads=2", "text.intermediate_size=32",
    "image.size=32", "image.resize=32", "image.stage_widths=[4, 4, 8, 8]", "image.stem_width=4", "image.num_hidden_layers=3", "image.num_attention_heads=2",
    "image.intermediate_size=32", "fusion.num_hidden_layers=1", "fusion.num_attention_heads=2", "fusion.intermediate_size=32",
]
EVERYTHING = [
    "image.augment=rand", "data.workers=3", "data.sampler=balanced", "train.batch_size=16", "train.micro_batch=6", "image.batch_norm_train=false", "train.activation_checkpointing=true",
    "train.modality_dropout=0.3", "train.ema_decay=0.9", "train.average_best=2", "gam.queue_size=40", "gam.momentum_mode=train", "loss.label_smoothing=0.1",
    "optim.schedule=cosine", "optim.layer_decay=0.9", "train.epochs=4", "train.patience=0", "train.eval_every=5", "train.save_every=3", "train.log_every=4", "precision=bf16",
]


def infig(*words):
    subprocess.run([str(BINARY), *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none"]  # there may be fewer cores than ranks
MPI_ENVIRONMENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # a container's user


class Job:
    """A training in one process, or in several ranks under mpirun."""

    def __init__(self, data, run, settings, ranks):
        words = ["train", "--config", ROOT / "configs/tiny.yaml", "--data", data, "--output-dir", run, "--resume", "latest", *SIZES, *settings]
        launcher = [*MPIRUN, "-n", str(ranks)] if ranks > 1 else []
        self.ranks = ranks
        self.process = subprocess.Popen([*launcher, str(BINARY), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **MPI_ENVIRONMENT})
        self.err = ""

    def running(self):
        return self.process.poll() is None

    def wait(self, seconds):
        """False where it still runs after that time."""
        try:
            _, self.err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def finish(self):
        if not self.wait(600) or self.process.returncode != 0:
            raise SystemExit(f"training ended with {self.process.returncode}:\n{self.err}")

    def pids(self):
        """rank -> process."""
        if self.ranks == 1:
            return {0: self.process.pid}
        found = {}
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            for entry in environment:
                if entry.startswith(b"OMPI_COMM_WORLD_RANK="):
                    found[int(entry.split(b"=")[1])] = int(pid)
        return found

    def kill(self, draw):
        """SIGKILL for one rank that chance picks, or for all; then everything ends."""
        pids = sorted(self.pids().items())
        for _, pid in pids if draw.random() < 0.5 else [draw.choice(pids)] if pids else []:
            os.kill(pid, signal.SIGKILL)
        if not pids:  # the ranks are not there yet
            self.process.kill()
        began = time.monotonic()
        if not self.wait(40):
            raise SystemExit("40 s after a rank was killed the others still run")
        return time.monotonic() - began


def half_written(run):
    """Checkpoint folders that are being written, with the number of files in them."""
    found = []
    for folder in (run / "checkpoints").glob("step-*.partial-*"):
        try:
            found.append(len(os.listdir(folder)))
        except FileNotFoundError:
            pass
    return found


def kill_while_saving(job, run, files, draw):
    """SIGKILL with at least `files` files of a checkpoint on the disk and the checkpoint not yet in its place; False: the run ended first.

    The process is stopped first, so that what is seen is what the kill meets."""
    while job.running():
        if any(count >= files for count in half_written(run)):
            writer = job.pids().get(0)
            if writer is None:
                continue
            os.kill(writer, signal.SIGSTOP)
            if any(count >= files for count in half_written(run)):
                os.kill(writer, signal.SIGKILL)
                job.kill(draw)
                return True
            os.kill(writer, signal.SIGCONT)
    job.finish()
    return False


def killed_run(make_job, run, draw, random_kills, saving_kills, longest):
    """Kills, resumes and finishes one run; returns (kills at random moments, kills while saving) that hit it."""
    plan = ["random"] * random_kills + ["saving"] * saving_kills
    draw.shuffle(plan)
    hits = {"random": 0, "saving": 0}
    for kind in plan:
        job = make_job(run)
        if kind == "saving":
            hit = kill_while_saving(job, run, draw.randint(0, 5), draw)
        else:
            hit = not job.wait(draw.uniform(0, longest))
            if hit:
                job.kill(draw)
        hits[kind] += hit
        if not hit:
            break
    make_job(run).finish()
    return hits["random"], hits["saving"]


def fingerprint(data, run):
    """What must be equal: name -> SHA-256."""
    infig("evaluate", "--run", run, "--data", data, "--split", "test", "--no-report", "--precision", "fp32")
    names = ["metrics.jsonl", "eval/test-predictions.csv", "eval/test.json"]
    for checkpoint in ["latest", "best", "average"]:
        folder = run / "checkpoints" / checkpoint
        if folder.exists():
            names += [f"checkpoints/{checkpoint}/{path.name}" for path in sorted(folder.iterdir()) if path.is_file()]
    assert "checkpoints/latest/model.safetensors" in names
    leftovers = [str(path) for path in run.rglob("*") if ".partial" in path.name or ".broken" in path.name]
    assert not leftovers, leftovers
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in names}


def steps_of(run):
    return json.loads((run / "checkpoints/latest/trainer_state.json").read_text())["global_step"]


def crash_test(folder, random_kills, saving_kills, seed, settings=None, count=160, report=print, ranks=1):
    """Runs everything in `folder`; raises SystemExit naming the first difference."""
    settings = EVERYTHING if settings is None else settings
    data, whole = folder / "postcards", folder / "whole"

    def make_job(run):
        return Job(data, run, settings, ranks)

    infig("prepare", "postcards", "--out", data, "--count", count)
    began = time.monotonic()
    make_job(whole).finish()
    seconds = time.monotonic() - began
    wanted = fingerprint(data, whole)
    report(f"uninterrupted: {steps_of(whole)} steps in {seconds:.1f} s, {len(wanted)} files to compare")
    draw = random.Random(seed)
    done_random = done_saving = runs = 0
    # A run takes several kills before it gets through; those left over meet another run.
    while done_random < random_kills or done_saving < saving_kills:
        runs += 1
        run = folder / f"killed-{runs}"
        hits = killed_run(make_job, run, draw, random_kills - done_random, saving_kills - done_saving, 0.6 * seconds)
        done_random += hits[0]
        done_saving += hits[1]
        found = fingerprint(data, run)
        different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        if different:
            raise SystemExit(f"{run}: differs from the uninterrupted run after {hits[0]} + {hits[1]} kills: {', '.join(different)}")
        report(f"run {runs}: {hits[0]} kills at random moments, {hits[1]} inside a checkpoint's writing: every byte the same")
    report(f"{done_random} kills at random moments and {done_saving} inside a checkpoint's writing, over {runs} runs: all byte-identical")
    return done_random, done_saving


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="at random moments")
    parser.add_argument("--saving-kills", type=int, default=5, help="inside a checkpoint's writing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=160, help="postcards")
    parser.add_argument("--ranks", type=int, default=1, help="processes that train together")
    parser.add_argument("--keep", type=Path, help="folder to work in, kept; otherwise a temporary one")
    parser.add_argument("overrides", nargs="*", help="key=value over the settings of the test")
    flags = parser.parse_args()
    folder = flags.keep or Path(tempfile.mkdtemp(prefix="infig-crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        crash_test(folder, flags.kills, flags.saving_kills, flags.seed, EVERYTHING + flags.overrides, flags.count, lambda line: print(line, flush=True), flags.ranks)
    finally:
        if flags.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

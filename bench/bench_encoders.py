"""Text encoders at inference: infig beside transformers on the same libtorch and ONNX Runtime, random weights, the same shapes and threads.

    python bench/bench_encoders.py --bench build/bin/bench_encoder [--threads 2] [--repeats 20] [--processor-time]

Takes turns between the programs, so that a busy moment of the machine falls on all of them, and reports the median of medians.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import torch
import transformers

# A length of 0: 128 texts of mixed lengths in no order, in batches of 32. infig puts texts of like length together, as it always does; the
# others take them as they come, padded to each batch's longest.
SHAPES = [(batch, length) for batch in (1, 32) for length in (16, 64, 128, 256)] + [(32, 0)]


def configs():
    yield "MiniLM-L6", transformers.BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    yield "DeBERTa-v3-base", transformers.DebertaV2Config(
        hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, relative_attention=True, position_buckets=256,
        pos_att_type=["p2c", "c2p"], share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False, type_vocab_size=0, vocab_size=8000)
    yield "MPNet-base", transformers.MPNetConfig()


def batches_of(batch, length, vocabulary):
    """[(ids, mask)]"""
    def texts(rows, width):
        return torch.arange(rows * width).view(rows, width) % (vocabulary - 10) + 5
    if length > 0:
        return [(texts(batch, length), torch.ones((batch, length), dtype=torch.long))]
    lengths = [16 + (i * 37 % 128) * 240 // 127 for i in range(128)]  # as encoder_bench.cpp has them
    batches = []
    for first in range(0, len(lengths), batch):
        rows = torch.tensor(lengths[first:first + batch])
        batches.append((texts(len(rows), int(rows.max())), (torch.arange(int(rows.max())) < rows[:, None]).long()))
    return batches


def median_seconds(run, repeats, warmup, clock):
    seconds = []
    for index in range(repeats + warmup):
        start = clock()
        run()
        if index >= warmup:
            seconds.append(clock() - start)
    return statistics.median(seconds)


class LastState(torch.nn.Module):
    """By keyword: what comes second is not the mask in every model of transformers."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def onnx_session(model, folder, threads):
    try:
        import onnxruntime
        path = Path(folder) / "model.onnx"
        ids = torch.ones((2, 8), dtype=torch.long)
        torch.onnx.export(LastState(model).eval(), (ids, ids), path, input_names=["input_ids", "attention_mask"], output_names=["last_hidden_state"],
                          dynamic_axes={name: {0: "batch", 1: "length"} for name in ("input_ids", "attention_mask", "last_hidden_state")}, dynamo=False)
    except Exception as problem:  # exporting is transformers' and torch's affair; say so and go on without
        print(f"  no ONNX Runtime for this model: {type(problem).__name__}: {str(problem).splitlines()[0][:150]}")
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="build/bin/bench_encoder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shapes", nargs="*", default=[f"{batch}x{length}" for batch, length in SHAPES])
    parser.add_argument("--models", nargs="*", choices=[name for name, _ in configs()], default=None)
    parser.add_argument("--no-onnx", action="store_true")
    parser.add_argument("--warmup", type=int, help="passes before the first that counts (default 3, of large shapes 1)")
    parser.add_argument("--processor-time", action="store_true", help="instead of the clock: on a busy machine, with --threads 1")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.processor_time else time.perf_counter
    processor = ["--processor-time"] if arguments.processor_time else []
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {arguments.threads} threads; milliseconds of {'processor time' if processor else 'the clock'}, medians")
    for name, config in configs():
        if arguments.models and name not in arguments.models:
            continue
        with tempfile.TemporaryDirectory() as folder:
            config.save_pretrained(folder)
            model = transformers.AutoModel.from_config(config).eval()
            session = None if arguments.no_onnx else onnx_session(model, folder, arguments.threads)
            print(f"{name}\n  batch x length      infig  transformers  (times)  ONNX Runtime  (times)")
            for shape in arguments.shapes:
                batch, length = map(int, shape.split("x"))
                tokens = batch * (length or 1000)
                repeats = min(arguments.repeats, max(3, arguments.repeats * 500 // tokens))
                warmup = 1 if tokens > 4096 else 3  # a pass of many seconds is warm after one
                if arguments.warmup is not None:
                    warmup = arguments.warmup
                texts = batches_of(batch, length, config.vocab_size)
                feeds = [{"input_ids": ids.numpy(), "attention_mask": mask.numpy()} for ids, mask in texts]
                ours, theirs, onnx = [], [], []
                for _ in range(arguments.rounds):
                    output = subprocess.run([arguments.bench, "--model", folder, "--threads", str(arguments.threads), "--repeats", str(repeats),
                                             "--warmup", str(warmup), *processor, shape],
                                            check=True, capture_output=True, text=True).stdout
                    ours.append(json.loads(output)["median"])
                    with torch.inference_mode():
                        theirs.append(median_seconds(lambda: [model(ids, attention_mask=mask) for ids, mask in texts], repeats, warmup, clock))
                    if session is not None:
                        onnx.append(median_seconds(lambda: [session.run(None, feed) for feed in feeds], repeats, warmup, clock))
                mine, other = statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3
                line = f"  {batch:5d} x {length or 'mixed':<8} {mine:9.2f} {other:13.2f} {other / mine:8.2f}"
                if onnx:
                    line += f" {statistics.median(onnx) * 1e3:13.2f} {statistics.median(onnx) * 1e3 / mine:8.2f}"
                print(line, flush=True)


if __name__ == "__main__":
    main()

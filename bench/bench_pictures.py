"""Pictures: infig beside Pillow with NumPy (JPEG file -> normalised tensor) and beside PyTorch in Python (EfficientNet-Lite0, ResNet-50).

    python bench/bench_pictures.py [--bin build/bin] [--pictures DIR] [--lite weights/efficientnet-lite0] [--threads 2] [--pixels-only]

Small pictures: the first 200 JPEGs of --pictures; camera-sized ones (4000 x 3000) are drawn here. The sides take turns; medians of medians.
Pixels: one thread (in processor time, which other work disturbs least) and --threads (by the clock; Pillow lets go of the lock of Python
while it decodes and resizes): whole, decoded alone, and with image.dct_scale=fast beside
Pillow's draft(). That both sides see the same picture (within 1 of 255) is checked first: exit 1 where not.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

CROP = 224


def median_seconds(work, repeats, clock=time.perf_counter):
    seconds = []
    for round_number in range(repeats + 1):
        start = clock()
        work()
        if round_number > 0:
            seconds.append(clock() - start)
    return statistics.median(seconds)


def ask(bench, *words):
    return json.loads(subprocess.run([bench, *map(str, words)], check=True, capture_output=True, text=True).stdout)


def draw_camera_pictures(folder, count):
    """Smooth shapes with sensor noise, at the quality that cameras use."""
    random = np.random.default_rng(1)
    paths = []
    for index in range(count):
        y, x = np.mgrid[0:3000, 0:4000].astype(np.float32)
        channels = [128 + 100 * np.sin(x / random.uniform(40, 900) + random.uniform(0, 6)) * np.cos(y / random.uniform(40, 900)) for _ in range(3)]
        pixels = np.stack(channels, 2) + random.normal(0, 6, (3000, 4000, 1))
        paths.append(Path(folder) / f"{index}.jpg")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=92)
    return paths


def pillow_decode(path, draft=False):
    image = Image.open(path)
    if draft:
        image.draft("RGB", (512, 512))
    return image.convert("RGB")


def pillow_crop(path, draft=False):
    image = pillow_decode(path, draft)
    scale = 256 / min(image.size)
    image = image.resize((max(256, int(image.width * scale)), max(256, int(image.height * scale))), Image.Resampling.BICUBIC)
    left, top = (image.width - CROP) // 2, (image.height - CROP) // 2
    return np.asarray(image.crop((left, top, left + CROP, top + CROP)))


def pillow_pixels(path, draft=False):
    return ((pillow_crop(path, draft).astype(np.float32) - 127) / 128).transpose(2, 0, 1)


def report(name, mine, other, peer):
    mine, other = statistics.median(mine) * 1e3, statistics.median(other) * 1e3
    print(f"  {name:58s} {mine:9.3f} {other:9.3f} {other / mine:6.2f} times {peer}", flush=True)


def check_pixels(program, name, paths):
    """Both sides show the network the same picture; says how far they are apart."""
    shown = subprocess.run([program, "show", *map(str, paths)], check=True, capture_output=True).stdout
    mine = np.frombuffer(shown, np.uint8).reshape(len(paths), CROP, CROP, 3).astype(int)
    far = np.abs(mine - np.stack([pillow_crop(path) for path in paths]))
    print(f"  {name}: at most {far.max()}/255 from Pillow, {100 * (far == 0).mean():.3f} % of the samples equal", flush=True)
    return far.max() <= 1


def bench_pixels(arguments, name, paths, repeats):
    program = arguments.bin / "bench_pixel"
    same = check_pixels(program, name, paths)
    for threads in sorted({1, arguments.threads}):
        clock = time.process_time if threads == 1 else time.perf_counter
        with ThreadPoolExecutor(threads) as pool:
            results = {kind: ([], []) for kind in ("decoded", "to a tensor", "to a tensor, fast")}
            for _ in range(arguments.rounds):
                for words, kinds in ((["time"], ("decoded", "to a tensor")), (["time", "--fast"], (None, "to a tensor, fast"))):
                    answer = ask(program, *words, "--threads", threads, "--repeats", repeats, *paths)
                    for kind, key in zip(kinds, ("decode", "pixels")):
                        if kind:
                            results[kind][0].append(answer[key])
                for kind, work in (("decoded", pillow_decode), ("to a tensor", pillow_pixels), ("to a tensor, fast", lambda path: pillow_pixels(path, True))):
                    results[kind][1].append(median_seconds(lambda work=work: list(pool.map(work, paths)), repeats, clock) / len(paths))
        for kind, (mine, other) in results.items():
            report(f"{name}, {threads} thread{'s' * (threads > 1)}, {kind}", mine, other, "Pillow" + (" with draft()" if "fast" in kind else ""))
    print(f"  {name}, fast against exact, of 255: {json.dumps(ask(program, 'compare', *paths))}", flush=True)
    return same


def efficientnet_lite(path):
    from efficientnet_lite_pytorch import EfficientNet
    from safetensors.torch import load_file
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(load_file(str(Path(path) / "model.safetensors")))
    return model.eval().extract_features


def bench_backbone(arguments, name, model, folder):
    import torch
    for batch in (1, 32):
        pixels = torch.arange(batch * 3 * 224 * 224, dtype=torch.float32).sin().view(batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
        mine, other = [], []
        for _ in range(arguments.rounds):
            words = ["backbone", "--model", folder, "--batch", batch, "--threads", arguments.threads, "--repeats", 20 if batch == 1 else 5]
            mine.append(ask(arguments.bin / "bench_picture", *words)["backbone"])
            with torch.inference_mode():
                other.append(median_seconds(lambda: model(pixels), 20 if batch == 1 else 5))
        report(f"{name}, batch {batch}", mine, other, "PyTorch")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=Path("build/bin"), help="folder of bench_pixel and bench_picture")
    parser.add_argument("--pictures", default="../shared/data/mvsa-single/raw/data")
    parser.add_argument("--lite", default="weights/efficientnet-lite0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=200, help="small pictures")
    parser.add_argument("--pixels-only", action="store_true", help="without the backbones, for which PyTorch and transformers are needed")
    arguments = parser.parse_args()
    print(f"milliseconds: infig, the other side, ratio; Pillow {Image.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        small = sorted(Path(arguments.pictures).glob("*.jpg"))[:arguments.count]
        same = True
        if small:
            same &= bench_pixels(arguments, f"{len(small)} small JPEGs", small, 3)
        else:
            print(f"  no JPEG in {arguments.pictures}: small pictures are left out")
        same &= bench_pixels(arguments, "12-megapixel JPEGs", draw_camera_pictures(folder, 4), 3)
        if not same:
            sys.exit("bench_pictures: the two sides show different pictures")
        if arguments.pixels_only:
            return
        import torch
        import transformers
        torch.set_num_threads(arguments.threads)
        print(f"  torch {torch.__version__}")
        model = transformers.ResNetModel(transformers.ResNetConfig()).eval()
        model.save_pretrained(Path(folder) / "resnet-50")
        bench_backbone(arguments, "ResNet-50", lambda pixels: model(pixels).last_hidden_state, Path(folder) / "resnet-50")
    if not (Path(arguments.lite) / "model.safetensors").exists():
        print(f"  {arguments.lite} is absent (make lite-weights): EfficientNet-Lite0 is left out")
        return
    try:
        bench_backbone(arguments, "EfficientNet-Lite0", efficientnet_lite(arguments.lite), arguments.lite)
    except ImportError as missing:
        print(f"  EfficientNet-Lite0 is left out: {missing}")


if __name__ == "__main__":
    main()

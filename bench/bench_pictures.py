"""Pictures: infig beside Pillow with NumPy (JPEG file -> normalised tensor) and beside PyTorch in Python (EfficientNet-Lite0, ResNet-50).

    python bench/bench_pictures.py --bench build/bin/bench_picture [--pictures DIR] [--lite weights/efficientnet-lite0] [--threads 2]

Small pictures: the first 200 JPEGs of --pictures; camera-sized ones (4000 x 3000) are drawn here. The sides take turns; medians of medians.
One thread for pixels: both sides run as many processes or threads as there are cores in practice.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from bench_encoders import median_seconds
from PIL import Image


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


def pillow_pixels(path):
    image = Image.open(path).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize((max(256, int(image.width * scale)), max(256, int(image.height * scale))), Image.Resampling.BICUBIC)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), dtype=np.float32)
    return ((pixels - 127) / 128).transpose(2, 0, 1)


def report(name, mine, other, peer):
    mine, other = statistics.median(mine) * 1e3, statistics.median(other) * 1e3
    print(f"  {name:34s} {mine:9.3f} {other:9.3f} {other / mine:6.2f} times {peer}", flush=True)


def bench_pixels(arguments, name, paths, repeats):
    mine, other = [], []
    for _ in range(arguments.rounds):
        mine.append(ask(arguments.bench, "pixels", "--repeats", repeats, *paths)["pixels"])
        other.append(median_seconds(lambda: [pillow_pixels(path) for path in paths], repeats) / len(paths))
    report(name, mine, other, "Pillow and NumPy")


def efficientnet_lite(path):
    from efficientnet_lite_pytorch import EfficientNet
    from safetensors.torch import load_file
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(load_file(str(Path(path) / "model.safetensors")))
    return model.eval().extract_features


def bench_backbone(arguments, name, model, folder):
    for batch in (1, 32):
        pixels = torch.arange(batch * 3 * 224 * 224, dtype=torch.float32).sin().view(batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
        mine, other = [], []
        for _ in range(arguments.rounds):
            words = ["backbone", "--model", folder, "--batch", batch, "--threads", arguments.threads, "--repeats", 20 if batch == 1 else 5]
            mine.append(ask(arguments.bench, *words)["backbone"])
            with torch.inference_mode():
                other.append(median_seconds(lambda: model(pixels), 20 if batch == 1 else 5))
        report(f"{name}, batch {batch}", mine, other, "PyTorch")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="build/bin/bench_picture")
    parser.add_argument("--pictures", default="../shared/data/mvsa-single/raw/data")
    parser.add_argument("--lite", default="weights/efficientnet-lite0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"milliseconds: infig, the other side, ratio; torch {torch.__version__}, Pillow {Image.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        small = sorted(Path(arguments.pictures).glob("*.jpg"))[:200]
        if small:
            bench_pixels(arguments, f"{len(small)} small JPEGs, one thread", small, 3)
        else:
            print(f"  no JPEG in {arguments.pictures}: small pictures are left out")
        bench_pixels(arguments, "12-megapixel JPEGs, one thread", draw_camera_pictures(folder, 4), 3)
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

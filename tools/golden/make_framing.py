"""Golden files of tests/image: pictures of any shape brought to a square, as transformers, timm and open_clip do it.

Needs Pillow 13, numpy and transformers (its Pillow back ends):  python tools/golden/make_framing.py
Writes tests/golden/image/framing.pack. timm's and open_clip's transforms are torchvision's on Pillow pictures; what they compute is written out
below with Pillow alone, since torchvision does not import beside a CPU torch.
"""
import numpy as np
from make_image import Pack, scene
from PIL import Image
from transformers import CLIPImageProcessorPil, ConvNextImageProcessorPil, DeiTImageProcessorPil, ViTImageProcessorPil

FILTERS = {"box": Image.Resampling.BOX, "hamming": Image.Resampling.HAMMING, "lanczos": Image.Resampling.LANCZOS}
SIZES = [(40, 29), (29, 40), (31, 31), (64, 17), (23, 50)]


def crop_even(picture, side):
    """torchvision's center_crop: Python's round(), half to even."""
    left, top = int(round((picture.width - side) / 2.0)), int(round((picture.height - side) / 2.0))
    return picture.crop((left, top, left + side, top + side))


def shortest(picture, resize, side):
    short, long = sorted(picture.size)
    target = int(resize * long / short)
    return crop_even(picture.resize((resize, target) if picture.width <= picture.height else (target, resize), Image.Resampling.BICUBIC), side)


def longest(picture, resize, side, fill):
    """ResizeKeepRatio(longest=1) and CenterCropOrPad."""
    ratio = max(picture.width / resize, picture.height / resize)
    picture = picture.resize((round(picture.width / ratio), round(picture.height / ratio)), Image.Resampling.BICUBIC)
    wide, high = max(side, picture.width), max(side, picture.height)
    canvas = Image.new("RGB", (wide, high), fill)
    canvas.paste(picture, (max(side - picture.width, 0) // 2, max(side - picture.height, 0) // 2))
    return crop_even(canvas, side)


def main():
    pack = Pack("framing")
    plain = dict(do_rescale=False, do_normalize=False)
    processors = {
        "clip": CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size={"height": 19, "width": 19}, **plain),
        "vit": ViTImageProcessorPil(size={"height": 20, "width": 20}, **plain),
        "deit": DeiTImageProcessorPil(size={"height": 25, "width": 25}, crop_size={"height": 20, "width": 20}, **plain),
        "convnext": ConvNextImageProcessorPil(size={"shortest_edge": 20}, **plain),
    }
    for number, (width, height) in enumerate(SIZES):
        pixels = scene(width, height, 60 + number)
        picture = Image.fromarray(pixels)
        pack.add(f"{number}", pixels)
        for name, processor in processors.items():
            found = processor(picture, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0)
            pack.add(f"{number}/{name}", np.asarray(found).astype(np.uint8))
        pack.add(f"{number}/shortest", shortest(picture, 24, 19))
        pack.add(f"{number}/longest", longest(picture, 20, 20, (9, 80, 250)))
        pack.add(f"{number}/border", longest(picture, 25, 20, (9, 80, 250)))
        pack.add(f"{number}/squash", crop_even(picture.resize((25, 25), Image.Resampling.BICUBIC), 20))
        for name, value in FILTERS.items():
            pack.add(f"{number}/{name}", picture.resize((13, 21), value))
            pack.add(f"{number}/{name}_up", picture.resize((70, 21), value))
    pack.write()


if __name__ == "__main__":
    main()

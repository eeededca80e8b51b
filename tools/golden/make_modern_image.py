"""Golden files of tests/image: AVIF, HEIC, TIFF and JPEG XL, and what Pillow (with pillow-heif and pillow-jxl-plugin) makes of them.

Needs Pillow 13, numpy, pillow-heif and pillow-jxl-plugin:  python tools/golden/make_modern_image.py
Writes tests/golden/image/modern/* (pictures) and modern.pack (expected pixels, as make_image.py's).
"""
import io
import struct

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401  registers itself
from make_image import OUT, Pack, expected, scene
from PIL import Image

pillow_heif.register_heif_opener()
FILES = OUT / "modern"
# The encoder gives other bytes with other versions; what matters is that each file and its pixels were made together.


def smooth(width, height, seed):
    """Without the noise and hard edges of scene(): chroma is then nearly the same however it is brought to full size."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    planes = [127 + 100 * np.sin(x / (9 + 2 * c) + seed) * np.cos(y / (11 + c)) for c in range(3)]
    return Image.fromarray(np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8))


def tiff(pixels, blocks, order="<", **tags):
    """What Pillow does not write: `blocks` are the strips or tiles of pixels [height, width, samples]; tags by name or as given."""
    kinds = {"H": 3, "I": 4}
    numbers = dict(width=256, height=257, bits=258, compression=259, photometric=262, samples=277, rows=278, planar=284, tile_width=322, tile_height=323,
                   extra=338)
    height, width, samples = pixels.shape
    entries = {"width": ("H", [width]), "height": ("H", [height]), "bits": ("H", [pixels.dtype.itemsize * 8] * samples), "compression": ("H", [1]),
               "photometric": ("H", [2 if samples >= 3 else 1]), "samples": ("H", [samples])}
    entries.update({name: ("H", list(values)) for name, values in tags.items()})
    body, places = b"", []
    for block in blocks:
        places.append(8 + len(body))
        body += np.ascontiguousarray(block).astype(block.dtype.newbyteorder(order)).tobytes()
    rows = {numbers[name]: entry for name, entry in entries.items()}
    tiled = "tile_width" in tags
    rows[324 if tiled else 273] = ("I", places)
    rows[325 if tiled else 279] = ("I", [block.nbytes for block in blocks])
    start = 8 + len(body)
    extra_at, extra, directory = start + 2 + 12 * len(rows) + 4, b"", struct.pack(order + "H", len(rows))
    for tag, (kind, values) in sorted(rows.items()):
        data = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(data) > 4:
            place, extra = struct.pack(order + "I", extra_at + len(extra)), extra + data
        else:
            place = data.ljust(4, b"\0")
        directory += struct.pack(order + "HHI", tag, kinds[kind], len(values)) + place
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", start) + body + directory + bytes(4) + extra


def tiles_of(pixels, side):
    height, width = -pixels.shape[0] % side, -pixels.shape[1] % side
    padded = np.pad(pixels, ((0, height), (0, width), (0, 0)))
    return [padded[y:y + side, x:x + side] for y in range(0, padded.shape[0], side) for x in range(0, padded.shape[1], side)]


def make_tiffs_by_hand(pack):
    pixels = scene(40, 35, 41)
    wide = pixels.astype(np.uint16) * 256 + 77  # of 16 bits the high byte is the picture
    made = {
        "tiles.tiff": tiff(pixels, tiles_of(pixels, 16), tile_width=[16], tile_height=[16]),
        "planes.tiff": tiff(pixels, [pixels[:, :, c] for c in range(3)], rows=[35], planar=[2]),
        "sixteen.tiff": tiff(wide, [wide], rows=[35]),
        "sixteen_big_endian.tiff": tiff(wide, [wide[:20], wide[20:]], order=">", rows=[20]),
    }
    for name, data in made.items():
        (FILES / name).write_bytes(data)
        pack.add(name, pixels)
    # Colours already multiplied by alpha (an extra sample of kind 1): over white they are c + 255 - alpha.
    alpha = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (35, 1))[:, :, None]
    multiplied = (pixels.astype(int) * alpha // 255).astype(np.uint8)
    associated = np.concatenate([multiplied, alpha], 2)
    (FILES / "associated.tiff").write_bytes(tiff(associated, [associated], rows=[35], extra=[1]))
    pack.add("associated.tiff", (multiplied.astype(int) + 255 - alpha).astype(np.uint8))


def main():
    FILES.mkdir(parents=True, exist_ok=True)
    for old in FILES.iterdir():
        old.unlink()
    pack = Pack("modern")
    odd, plain = Image.fromarray(scene(33, 21, 40)), smooth(33, 21, 1)
    alpha = Image.fromarray(np.dstack([np.asarray(odd), np.tile(np.linspace(0, 255, 33).astype(np.uint8), (21, 1))]))
    turned = {n: Image.Exif() for n in range(1, 9)}
    for n, exif in turned.items():
        exif[0x0112] = n

    def add(name, image, kind, **options):
        image.save(FILES / name, kind, **options)
        pack.add(name, expected(FILES / name))

    add("full.avif", odd, "AVIF", quality=90, subsampling="4:4:4")
    add("half.avif", plain, "AVIF", quality=80, subsampling="4:2:0")
    add("grey.avif", odd.convert("L"), "AVIF", quality=80, subsampling="4:0:0")
    add("alpha.avif", alpha, "AVIF", quality=90, subsampling="4:4:4")
    add("film.avif", odd, "AVIF", save_all=True, append_images=[plain], quality=90, subsampling="4:4:4")
    for n in (2, 3, 4, 5, 6, 7, 8):
        add(f"turned_{n}.avif", plain.crop((0, 0, 17, 9)), "AVIF", quality=90, subsampling="4:4:4", exif=turned[n])

    add("full.heic", odd, "HEIF", quality=90, chroma=444)
    add("half.heic", plain, "HEIF", quality=80)
    add("alpha.heic", alpha, "HEIF", quality=90, chroma=444)
    for n in (3, 6, 8):
        add(f"turned_{n}.heic", plain, "HEIF", quality=90, chroma=444, exif=turned[n])

    add("lossless.jxl", odd, "JXL", lossless=True)
    add("lossy.jxl", odd, "JXL", quality=90)
    add("alpha.jxl", alpha, "JXL", lossless=True)
    add("grey.jxl", odd.convert("L"), "JXL", lossless=True)

    for kind in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        add(f"rgb_{kind or 'raw'}.tiff", odd, "TIFF", compression=kind)
    add("strips.tiff", odd, "TIFF", compression="tiff_lzw", strip_size=33 * 3 * 4)
    make_tiffs_by_hand(pack)
    add("grey.tiff", odd.convert("L"), "TIFF")
    add("bits.tiff", odd.convert("1"), "TIFF", compression="group4")
    add("palette.tiff", odd.quantize(17), "TIFF")
    add("alpha.tiff", alpha, "TIFF", compression="tiff_lzw")
    add("cmyk.tiff", odd.convert("CMYK"), "TIFF")
    add("big.tiff", odd, "TIFF", big_tiff=True)
    add("pages.tiff", odd, "TIFF", save_all=True, append_images=[plain])
    for n in (2, 3, 4, 5, 6, 7, 8):
        add(f"turned_{n}.tiff", plain.crop((0, 0, 17, 9)), "TIFF", tiffinfo={274: n})

    # A phone's JPEG with a gain map: a second JPEG behind the first, named by MPF. The first is the picture.
    gain = io.BytesIO()
    odd.save(gain, "MPO", save_all=True, append_images=[plain.convert("L").resize((8, 5))], quality=92)
    (FILES / "gain_map.jpg").write_bytes(gain.getvalue())
    first = io.BytesIO()
    odd.save(first, "JPEG", quality=92)
    pack.add("gain_map.jpg", Image.open(first))
    pack.write()
    print(len(list(FILES.iterdir())), "files", sum(p.stat().st_size for p in FILES.iterdir()), "bytes")


if __name__ == "__main__":
    main()

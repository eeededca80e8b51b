"""Golden files of tests/image: small pictures of every kind, and what Pillow makes of them.

Needs Pillow 13 and numpy:  python tools/golden/make_image.py
Writes tests/golden/image/files/* (pictures) and *.pack (expected pixels): a pack is a sequence of `name width height\n` + RGB bytes.
"""
import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "image"
FILES = OUT / "files"


class Pack:
    def __init__(self, name):
        self.path, self.parts = OUT / f"{name}.pack", []

    def add(self, name, pixels):
        pixels = np.asarray(pixels.convert("RGB") if isinstance(pixels, Image.Image) else pixels)
        assert pixels.dtype == np.uint8 and pixels.shape[2] == 3, name
        self.parts.append(f"{name} {pixels.shape[1]} {pixels.shape[0]}\n".encode() + pixels.tobytes())

    def write(self):
        self.path.write_bytes(b"".join(self.parts))
        print(self.path.name, len(self.parts), "pictures", self.path.stat().st_size, "bytes")


def scene(width, height, seed=0, channels=3):
    """Smooth colours, hard edges and some noise: what resampling and JPEG find hard."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    planes = []
    for c in range(channels):
        plane = 127 + 90 * np.sin(x / (3 + 2 * c) + seed) * np.cos(y / (4 + c)) + 40 * ((x // 5 + y // 7 + c) % 2)
        planes.append(plane + random.normal(0, 12, (height, width)))
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def over_white(image):
    rgba = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(rgba.convert("RGB"), mask=rgba.getchannel("A"))
    return white


def expected(path):
    image = Image.open(path)
    image.load()
    image = ImageOps.exif_transpose(image)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA"):
        return over_white(image)
    return image.convert("RGB")


# ---- PNG by hand: the kinds Pillow does not write -------------------------------------------------------------------------------------


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_rows(samples, depth):
    """[height, width, channels] -> filtered rows (filter 0), samples packed at `depth` bits."""
    rows = b""
    for row in samples:
        flat = row.reshape(-1)
        if depth == 16:
            data = flat.astype(">u2").tobytes()
        elif depth == 8:
            data = flat.astype(np.uint8).tobytes()
        else:
            bits = ((flat[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).reshape(-1)
            data = np.packbits(bits).tobytes()
        rows += b"\0" + data
    return rows


def write_png(name, samples, color_type, depth, interlaced=False, palette=None, trns=None, exif=None, exif_after=False):
    height, width = samples.shape[:2]
    data = b""
    if interlaced:
        for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
            part = samples[y0::dy, x0::dx]
            if part.size:
                data += png_rows(part, depth)
    else:
        data = png_rows(samples, depth)
    out = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlaced)))
    if palette is not None:
        out += png_chunk(b"PLTE", bytes(palette))
    if trns is not None:
        out += png_chunk(b"tRNS", bytes(trns))
    if exif is not None and not exif_after:
        out += png_chunk(b"eXIf", exif)
    out += png_chunk(b"IDAT", zlib.compress(data, 9))
    if exif is not None and exif_after:
        out += png_chunk(b"eXIf", exif)
    (FILES / name).write_bytes(out + png_chunk(b"IEND", b""))


# ---- GIF by hand: a frame within its screen, interlaced -------------------------------------------------------------------------------


def gif_lzw(indices, bits):
    """Codes of bits+1 bits, cleared before the table can grow wider."""
    clear, end = 1 << bits, (1 << bits) + 1
    codes, since = [clear], 0
    for index in indices:
        codes.append(int(index))
        since += 1
        if since == (1 << bits) - 2:
            codes.append(clear)
            since = 0
    codes.append(end)
    stream = 0
    for i, code in enumerate(codes):
        stream |= code << (i * (bits + 1))
    data = stream.to_bytes((len(codes) * (bits + 1) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255))
    return bytes([bits]) + blocks + b"\0"


def write_gif(name, screen, frame, left, top, palette, interlaced=False, transparent=None, local=False):
    height, width = frame.shape
    rows = frame
    if interlaced:
        order = [*range(0, height, 8), *range(4, height, 8), *range(2, height, 4), *range(1, height, 2)]
        rows = frame[order]
    table = palette.astype(np.uint8).tobytes()  # 16 colours
    out = b"GIF89a" + struct.pack("<HHBBB", screen[0], screen[1], 0x70 if local else 0xF3, 0, 0) + (b"" if local else table)
    if transparent is not None:
        out += b"\x21\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    out += b"\x2c" + struct.pack("<HHHHB", left, top, width, height, (0x40 if interlaced else 0) | (0x83 if local else 0))
    out += (table if local else b"") + gif_lzw(rows.reshape(-1), 4) + b"\x3b"
    (FILES / name).write_bytes(out)
    shown = np.full((max(screen[1], top + height), max(screen[0], left + width), 3), 255, np.uint8)
    colors = palette.astype(np.uint8).copy()
    if transparent is not None:
        colors[transparent] = 255
    shown[top:top + height, left:left + width] = colors[frame]
    return shown


# ---- the pictures ---------------------------------------------------------------------------------------------------------------------


def make_jpegs(pack):
    big = Image.fromarray(scene(37, 29, 1))
    kinds = {"baseline_444": {"subsampling": 0}, "baseline_422": {"subsampling": 1}, "baseline_420": {"subsampling": 2},
             "progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 2}, "low_quality": {"quality": 8}}
    for name, options in kinds.items():
        big.save(FILES / f"{name}.jpg", **{"quality": 88, **options})
    Image.fromarray(scene(19, 13, 2)[..., 0]).save(FILES / "grey.jpg")
    Image.fromarray(scene(19, 13, 2)[..., 0]).save(FILES / "grey_progressive.jpg", progressive=True)
    Image.fromarray(scene(21, 17, 3, 4), "CMYK").save(FILES / "cmyk.jpg", quality=92)
    ycck = (FILES / "cmyk.jpg").read_bytes().replace(b"Adobe\0\x64\0\0\0\0\0", b"Adobe\0\x64\0\0\0\0\x02")
    assert ycck != (FILES / "cmyk.jpg").read_bytes()
    (FILES / "ycck.jpg").write_bytes(ycck)  # the same coefficients read as YCCK
    Image.fromarray(scene(1, 1, 4)).save(FILES / "one_pixel.jpg")
    for path in sorted(FILES.glob("*.jpg")):
        pack.add(path.name, expected(path))
    tall = Image.fromarray(scene(48, 96, 5))
    tall.save(FILES / "tall.jpg", quality=80)
    tall.save(FILES / "tall_progressive.jpg", quality=80, progressive=True)
    for name in ("tall.jpg", "tall_progressive.jpg"):
        pack.add(name, expected(FILES / name))


def make_exif(pack):
    picture = Image.fromarray(scene(13, 9, 6))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif[0x010E] = "a caption"
        if orientation % 2 == 0:
            exif.endian = ">"
        name = f"orientation_{orientation}.jpg"
        picture.save(FILES / name, quality=95, exif=exif.tobytes())
        pack.add(name, expected(FILES / name))
        if orientation == 6:
            pack.add("orientation_6.jpg/ignored", Image.open(FILES / name))
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes()
    picture.save(FILES / "orientation_6.webp", lossless=True, exif=block)
    picture.save(FILES / "orientation_6.png", exif=block)
    for name in ("orientation_6.webp", "orientation_6.png"):
        pack.add(name, expected(FILES / name))
    tiff = block[6:] if block.startswith(b"Exif\0\0") else block
    write_png("orientation_6_after.png", np.asarray(picture), 2, 8, exif=tiff, exif_after=True)
    pack.add("orientation_6_after.png", ImageOps.exif_transpose(Image.open(FILES / "orientation_6.png")))


def make_pngs(pack):
    random = np.random.default_rng(7)
    rgb, rgba = scene(23, 17, 8), np.dstack([scene(23, 17, 8), scene(23, 17, 9)[..., 0]])
    palette = scene(16, 16, 10).reshape(-1, 3)
    for depth in (1, 2, 4, 8):
        grey = random.integers(0, 1 << depth, (11, 13, 1))
        write_png(f"grey_{depth}.png", grey, 0, depth)
        write_png(f"grey_{depth}_interlaced.png", grey, 0, depth, interlaced=True)
        colors = random.integers(0, 1 << depth, (11, 13, 1))
        write_png(f"palette_{depth}.png", colors, 3, depth, palette=palette[:1 << depth].tobytes())
        write_png(f"palette_{depth}_trns.png", colors, 3, depth, palette=palette[:1 << depth].tobytes(),
                  trns=random.integers(0, 256, min(1 << depth, 200)).astype(np.uint8))
    write_png("rgb.png", rgb, 2, 8)
    write_png("rgb_interlaced.png", rgb, 2, 8, interlaced=True)
    write_png("rgb_trns.png", rgb, 2, 8, trns=struct.pack(">HHH", *[int(v) for v in rgb[3, 4]]))
    write_png("grey_trns.png", rgb[..., :1], 0, 8, trns=struct.pack(">H", int(rgb[3, 4, 0])))
    write_png("rgba.png", rgba, 6, 8)
    write_png("rgba_interlaced.png", rgba, 6, 8, interlaced=True)
    write_png("grey_alpha.png", rgba[..., 2:], 4, 8)
    write_png("rgb_16.png", rgb.astype(np.uint16) * 256 + random.integers(0, 256, rgb.shape), 2, 16)
    write_png("rgba_16.png", rgba.astype(np.uint16) * 256 + random.integers(0, 256, rgba.shape), 6, 16)
    write_png("one_pixel.png", rgb[:1, :1], 2, 8)
    for path in sorted(FILES.glob("*.png")):
        if not path.name.startswith("orientation"):
            pack.add(path.name, expected(path))
    # Pillow's own conversion of these two loses bits, so they stand here by hand: the high byte, as for rgb_16.
    grey = rgb[..., 0].astype(np.uint16) * 256 + random.integers(0, 256, rgb[..., 0].shape)
    write_png("grey_16.png", grey[..., None], 0, 16)
    pack.add("grey_16.png", np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, 2))
    clear = int(grey[2, 5])
    write_png("grey_16_trns.png", grey[..., None], 0, 16, trns=struct.pack(">H", clear))
    shown = np.where(grey == clear, 255, grey >> 8).astype(np.uint8)
    pack.add("grey_16_trns.png", np.repeat(shown[..., None], 3, 2))
    write_png("tall.png", scene(24, 64, 11), 2, 8)
    write_png("tall_alpha.png", np.dstack([scene(24, 64, 11), np.full((64, 24), 255, np.uint8)]), 6, 8)
    write_png("tall_interlaced.png", scene(24, 64, 11), 2, 8, interlaced=True)
    for name in ("tall.png", "tall_alpha.png", "tall_interlaced.png"):
        pack.add(name, scene(24, 64, 11))


def make_others(pack):
    rgb = Image.fromarray(scene(25, 18, 12))
    rgba = Image.fromarray(np.dstack([scene(25, 18, 12), scene(25, 18, 13)[..., 1]]), "RGBA")
    rgb.save(FILES / "lossy.webp", quality=70)
    rgb.save(FILES / "lossless.webp", lossless=True)
    rgba.save(FILES / "alpha_lossy.webp", quality=70)
    rgba.save(FILES / "alpha_lossless.webp", lossless=True)
    rgb.save(FILES / "animation.webp", save_all=True, append_images=[ImageOps.invert(rgb)], duration=100, lossless=True)
    rgb.quantize(200).save(FILES / "animation.gif", save_all=True, append_images=[ImageOps.invert(rgb).quantize(64)], duration=100)
    rgb.save(FILES / "rgb.bmp")
    rgb.quantize(30).save(FILES / "palette.bmp")
    rgb.convert("1").save(FILES / "one_bit.bmp")
    rgba.save(FILES / "rgbx.bmp")
    for pattern in ("*.webp", "*.gif", "*.bmp"):
        for path in sorted(FILES.glob(pattern)):
            if path.name == "rgbx.bmp":
                pack.add(path.name, rgb)
            elif not path.name.startswith("orientation"):
                pack.add(path.name, expected(path))
    upright = (FILES / "rgb.bmp").read_bytes()
    height = struct.unpack("<i", upright[22:26])[0]
    (FILES / "top_down.bmp").write_bytes(upright[:22] + struct.pack("<i", -height) + upright[26:])
    pack.add("top_down.bmp", ImageOps.flip(rgb))
    tall = Image.fromarray(scene(40, 80, 14))
    tall.save(FILES / "tall.webp", quality=80)
    tall.save(FILES / "tall_lossless.webp", lossless=True)
    for name in ("tall.webp", "tall_lossless.webp"):
        pack.add(name, expected(FILES / name))

    palette, frame = scene(16, 1, 15).reshape(16, 3), np.random.default_rng(16).integers(0, 16, (13, 11))
    pack.add("inside.gif", write_gif("inside.gif", (20, 18), frame, 3, 2, palette))
    pack.add("interlaced.gif", write_gif("interlaced.gif", (11, 13), frame, 0, 0, palette, interlaced=True, transparent=5))
    pack.add("local.gif", write_gif("local.gif", (11, 13), frame, 0, 0, palette, local=True))
    noisy = np.random.default_rng(17).integers(0, 16, (64, 24))
    pack.add("tall.gif", write_gif("tall.gif", (24, 64), noisy, 0, 0, palette))
    pack.add("beyond.gif", write_gif("beyond.gif", (6, 5), frame, 2, 1, palette))
    for source, target in (("baseline_420.jpg", "jpeg_inside.png"), ("rgba.png", "png_inside.jpg"), ("lossy.webp", "webp_inside.gif")):
        (FILES / target).write_bytes((FILES / source).read_bytes())
        pack.add(target, expected(FILES / source))


def make_huge():
    """Headers that claim more than any memory holds."""
    side = 65535
    (FILES / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
                                     + png_chunk(b"IDAT", zlib.compress(bytes(1000))))
    jpeg = bytearray((FILES / "baseline_420.jpg").read_bytes())
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at:at + 4] = struct.pack(">HH", side, side)
    (FILES / "huge.jpg").write_bytes(jpeg)
    jpeg[at:at + 4] = struct.pack(">HH", 60000, 60000)
    (FILES / "huge_allowed.jpg").write_bytes(jpeg)
    gif = bytearray((FILES / "inside.gif").read_bytes())
    gif[6:10] = struct.pack("<HH", side, side)
    (FILES / "huge.gif").write_bytes(gif)
    bmp = bytearray((FILES / "rgb.bmp").read_bytes())
    bmp[18:26] = struct.pack("<ii", 2147483647, 2147483647)
    (FILES / "huge.bmp").write_bytes(bmp)
    webp = bytearray((FILES / "lossless.webp").read_bytes())
    at = webp.index(b"VP8L") + 9
    bits = struct.unpack("<I", webp[at:at + 4])[0]
    webp[at:at + 4] = struct.pack("<I", (bits & 0xF0000000) | 16383 | 16383 << 14)
    (FILES / "huge.webp").write_bytes(webp)


def make_resize():
    pack = Pack("resize")
    sources = {"odd": scene(61, 43, 20), "wide": scene(150, 17, 21), "pixel": scene(1, 1, 22), "column": scene(1, 30, 23),
               "stripes": np.repeat(np.where(np.arange(64)[None, :, None] % 2, 255, 0), 40, 0).astype(np.uint8).repeat(3, 2)}
    sizes = {"odd": [(52, 24), (52, 25), (61, 20), (25, 43), (61, 43), (75, 45), (7, 5), (1, 1), (110, 3), (40, 7)],
             "wide": [(75, 9), (3, 17), (149, 20)], "pixel": [(5, 4), (1, 1)], "column": [(4, 11), (1, 29), (2, 3)],
             "stripes": [(33, 21), (70, 37), (13, 5)]}
    filters = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    for name, pixels in sources.items():
        pack.add(name, pixels)
        for width, height in sizes[name]:
            for filter_name, value in filters.items():
                pack.add(f"{name}/{filter_name}/{width}x{height}", Image.fromarray(pixels).resize((width, height), value))
    pack.write()


def make_augment():
    pack = Pack("augment")
    photo = Image.fromarray(np.clip(scene(39, 27, 30) * 0.7 + np.array([30, 12, 41]), 0, 255).astype(np.uint8))
    flat = Image.fromarray(np.full((8, 9, 3), (10, 200, 90), np.uint8))
    tiny = Image.fromarray(scene(2, 5, 31))

    def box(image, x, y, size):  # the port's CutoutAbs with its two random numbers given
        left, top = int(max(0, x - size / 2)), int(max(0, y - size / 2))
        image = image.copy()
        corner = min(image.width, left + size), min(image.height, top + size)
        ImageDraw.Draw(image).rectangle((left, top, *corner), (125, 123, 114))
        return image

    def add_solarize(image, value):
        moved = np.clip(np.asarray(image).astype(int) + value, 0, 255).astype(np.uint8)
        return ImageOps.solarize(Image.fromarray(moved), 128)

    def warp(image, *matrix):
        return image.transform(image.size, Image.Transform.AFFINE, matrix)

    operations = {
        "autocontrast": [(ImageOps.autocontrast, ())], "equalize": [(ImageOps.equalize, ())], "invert": [(ImageOps.invert, ())],
        "posterize": [(ImageOps.posterize, (bits,)) for bits in (1, 3, 8)],
        "solarize": [(ImageOps.solarize, (t,)) for t in (0, 119.46666666666667, 256)],
        "solarize_add": [(add_solarize, (v,)) for v in (0, 51.333333333333336, 110)],
        "rotate": [(lambda i, v: i.rotate(v), (v,)) for v in (14, -14, 30, -0.5, 0)],
        "shear_x": [(lambda i, v: warp(i, 1, v, 0, 0, 1, 0), (v,)) for v in (0.14, -0.14, 0.3, 0)],
        "shear_y": [(lambda i, v: warp(i, 1, 0, 0, v, 1, 0), (v,)) for v in (0.14, -0.14, 0.3)],
        "translate_x": [(lambda i, v: warp(i, 1, 0, v, 0, 1, 0), (v,)) for v in (46.666666666666664, -46.666666666666664, 3.5, -0.4)],
        "translate_y": [(lambda i, v: warp(i, 1, 0, 0, 0, 1, v), (v,)) for v in (16.666666666666668, -16.666666666666668)],
        "cutout": [(box, v) for v in ((20.3, 15.9, 18.666666666666668), (2.0, 25.5, 18.666666666666668), (38.9, 26.9, 40),
                                      (0.5, 1.5, 5), (9.5, 9.5, 0))],
    }
    for name in ("Color", "Contrast", "Brightness", "Sharpness"):
        operations[name.lower()] = [((lambda kind: lambda i, v: getattr(ImageEnhance, kind)(i).enhance(v))(name), (v,))
                                    for v in (0.1, 0.94, 1.0, 1.45, 1.9)]
    for source, image in {"photo": photo, "flat": flat, "tiny": tiny}.items():
        pack.add(source, image)
        for name, cases in operations.items():
            for function, values in cases:
                if name == "cutout" and (values[0] >= image.width or values[1] >= image.height):
                    continue  # a centre always lies in the picture
                result = function(image, *values)
                pack.add("/".join([source, name, *[repr(float(v)) for v in values]]), result)
    # The 16.16 arithmetic ends at 32768; beyond it Pillow counts in double precision.
    seed = scene(40, 1, 32)
    long = Image.fromarray(np.repeat(np.repeat(seed, 825, 1), 2, 0))
    pack.add("long/seed", seed)
    warped = np.asarray(warp(long, 1, 0.3, 0, 0, 1, 0))
    pack.add("long/shear_x/0.3", warped[:, 820:830])
    pack.write()


def main():
    FILES.mkdir(parents=True, exist_ok=True)
    for old in FILES.iterdir():
        old.unlink()
    pack = Pack("decode")
    make_jpegs(pack)
    make_pngs(pack)
    make_exif(pack)
    make_others(pack)
    make_huge()
    pack.write()
    make_resize()
    make_augment()
    print(len(list(FILES.iterdir())), "files", sum(p.stat().st_size for p in FILES.iterdir()), "bytes")


if __name__ == "__main__":
    main()

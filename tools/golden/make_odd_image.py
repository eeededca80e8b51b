"""Golden files of tests/image/odd_files_test.cpp: pictures that are rare, damaged or no pictures at all, and what Pillow makes of the good ones.

Needs Pillow 13, numpy and jpegtran, cjpeg of libjpeg-turbo (Debian: libjpeg-turbo-progs):  python tools/golden/make_odd_image.py
Writes tests/golden/image/odd/* and odd.pack (expected pixels), scaled*.jpg and scaled.pack (JPEGs decoded smaller). Files that only lack their end, or are large, are made by the test itself.
"""
import io
import pathlib
import struct
import subprocess
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps
from make_image import FILES, OUT, Pack, expected, gif_lzw, png_chunk, png_rows, scene

ODD = OUT / "odd"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tool(*words, data):
    return subprocess.run(words, input=data, capture_output=True, check=True).stdout


class Odd:
    """Writes a file, and where it is a good one what it shows: Pillow's reading of `like` (other bytes of equal pixels) or of itself."""

    def __init__(self, pack):
        self.pack = pack

    def bad(self, name, data):
        (ODD / name).write_bytes(data)

    def good(self, name, data, like=None):
        self.bad(name, data)
        self.pack.add(name, expected(io.BytesIO(like if like is not None else data)))


def swapped_profile():
    """A profile under which every colour means another: a reader that applied it could not be overlooked."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)  # when it was made
    for at in range(128 + 4, 128 + 4 + 12 * struct.unpack(">I", profile[128:132])[0], 12):
        tag = bytes(profile[at:at + 4])
        profile[at:at + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(tag, tag)
    return bytes(profile)


def make_jpegs(odd):
    picture = Image.fromarray(scene(21, 17, 40))
    plain = saved(picture, "JPEG", quality=88)
    odd.good("arithmetic.jpg", tool("jpegtran", "-arithmetic", data=plain), like=plain)
    odd.good("arithmetic_progressive.jpg", tool("jpegtran", "-arithmetic", "-progressive", data=plain), like=plain)
    odd.good("icc.jpg", saved(picture, "JPEG", quality=88, icc_profile=swapped_profile()), like=plain)
    odd.good("rgb_inside.jpg", saved(picture, "JPEG", quality=88, keep_rgb=True))
    ppm = saved(picture, "PPM")
    for sampling in ("4x1", "1x2"):
        odd.good(f"sampling_{sampling}.jpg", tool("cjpeg", "-quality", "88", "-sample", sampling, data=ppm))
    several = pathlib.Path(ODD / "scans.txt")
    several.write_text("0;\n2;\n1;\n")
    odd.good("three_scans.jpg", tool("jpegtran", "-scans", str(several), data=plain), like=plain)
    several.unlink()
    odd.good("bytes_behind.jpg", plain + b"<?php echo 1; ?>" * 4, like=plain)
    other = Image.fromarray(scene(21, 17, 41))
    odd.good("mpo.jpg", saved(picture, "MPO", save_all=True, append_images=[other], quality=88), like=plain)
    cmyk = (FILES / "cmyk.jpg").read_bytes()
    at = cmyk.index(b"\xff\xee")
    odd.good("cmyk_unmarked.jpg", cmyk[:at] + cmyk[at + 2 + struct.unpack(">H", cmyk[at + 2:at + 4])[0]:])
    odd.good("grey_component.jpg", saved(picture.convert("L"), "JPEG", quality=88))
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 9) + b"a\0comment"
    odd.good("comment.jpg", plain[:2] + comment + plain[2:], like=plain)
    start = plain.index(b"\xff\xc0")
    odd.bad("twelve_bit.jpg", plain[:start] + b"\xff\xc1" + plain[start + 2:start + 4] + b"\x0c" + plain[start + 5:])
    odd.bad("lossless_process.jpg", plain[:start] + b"\xff\xc3" + plain[start + 2:])
    odd.bad("no_height.jpg", plain[:start + 5] + b"\0\0" + plain[start + 7:])
    odd.bad("no_components.jpg", plain[:start + 9] + b"\0" + plain[start + 10:])
    odd.bad("no_tables.jpg", plain[:2] + plain[start:start + 19] + plain[plain.index(b"\xff\xda"):])
    odd.bad("second_start.jpg", plain[:2] + plain)
    restarts = saved(picture, "JPEG", quality=88, restart_marker_blocks=2)
    odd.good("lost_restart.jpg", restarts.replace(b"\xff\xd1", b"\xff\xd5", 1))
    for name, entry in {"nine": (3, 1, struct.pack("<HH", 9, 0)), "long": (4, 1, struct.pack("<I", 6)), "far": (3, 1 << 30, struct.pack("<I", 0xFFFFFFF0))}.items():
        tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI", 0x0112, *entry[:2]) + entry[2] + b"\x08\0\0\0"  # and the next directory is this one
        block = b"Exif\0\0" + tiff
        odd.good(f"orientation_{name}.jpg", plain[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(block)) + block + plain[2:], like=plain)


def png(*chunks):
    return SIGNATURE + b"".join(png_chunk(kind, data) for kind, data in chunks) + png_chunk(b"IEND", b"")


def header(width, height, depth=8, kind=2, compression=0, filtering=0, interlace=0):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, compression, filtering, interlace)


def make_pngs(odd):
    pixels = scene(21, 15, 42)
    rows = png_rows(pixels, 8)
    whole, data = header(21, 15), (b"IDAT", zlib.compress(rows, 9))
    plain = png(whole, data)
    picture, other = Image.fromarray(pixels), ImageOps.invert(Image.fromarray(pixels))
    odd.good("icc.png", saved(picture, "PNG", icc_profile=swapped_profile()), like=plain)
    odd.good("gamma.png", png(whole, (b"gAMA", struct.pack(">I", 220000)), (b"cHRM", struct.pack(">8I", *[31270, 32900, 15000, 6000, 64000, 33000, 30000, 60000])), data), like=plain)
    odd.good("apng.png", saved(picture, "PNG", save_all=True, append_images=[other], duration=100), like=plain)
    odd.good("apng_hidden.png", saved(picture, "PNG", save_all=True, append_images=[other, other], default_image=True, duration=100), like=plain)
    odd.good("many_pieces.png", png(whole, *[(b"IDAT", data[1][i:i + 7]) for i in range(0, len(data[1]), 7)]), like=plain)
    odd.good("bytes_behind.png", plain + b"PK\x03\x04" * 8, like=plain)
    odd.good("no_end.png", plain[:-12], like=plain)
    odd.good("background.png", png(whole, (b"bKGD", struct.pack(">3H", 9, 200, 9)), data), like=plain)
    odd.bad("wide.png", png(header(65535, 1, 1, 0), (b"IDAT", zlib.compress(b"\0" + bytes(range(256)) * 32, 9))))
    odd.bad("bomb_pixels.png", png(header(20000, 20000, 1, 0), (b"IDAT", zlib.compress(bytes(2501 * 20000), 9)[:2000])))
    odd.bad("no_pixels.png", png(whole))
    odd.bad("no_palette.png", png(header(21, 15, 8, 3), (b"IDAT", zlib.compress(png_rows(pixels[..., :1], 8)))))
    odd.bad("no_width.png", png(header(0, 15), data))
    odd.bad("depth_three.png", png(header(21, 15, 3), data))
    odd.bad("interlace_seven.png", png(header(21, 15, interlace=7), data))
    odd.bad("apple.png", png((b"CgBI", b"\x50\0\x20\x02"), whole, data))
    odd.bad("no_zlib.png", png(whole, (b"IDAT", bytes(64))))
    wrong = bytearray(plain)
    wrong[29] ^= 1
    odd.bad("header_sum.png", bytes(wrong))
    wrong = bytearray(plain)
    at = plain.index(b"IDAT") + 4 + len(data[1]) // 2
    wrong[at] ^= 0x55
    odd.bad("flipped_bits.png", bytes(wrong))
    odd.bad("text_as_png.png", SIGNATURE + b"this is no chunk, and it never was one")


def make_webps(odd):
    picture, other = Image.fromarray(scene(25, 18, 43)), Image.fromarray(scene(25, 18, 44))
    plain = saved(picture, "WEBP", lossless=True)
    odd.good("icc.webp", saved(picture, "WEBP", lossless=True, icc_profile=swapped_profile()), like=plain)
    odd.good("xmp.webp", saved(picture, "WEBP", lossless=True, xmp=b"<x:xmpmeta/>"), like=plain)
    odd.good("animation_lossy.webp", saved(picture, "WEBP", quality=60, save_all=True, append_images=[other], duration=50))
    odd.good("bytes_behind.webp", plain + bytes(64), like=plain)
    extended = saved(picture, "WEBP", lossless=True, xmp=b"<x:xmpmeta/>")
    at = extended.index(b"VP8X") + 8
    odd.bad("canvas.webp", extended[:at + 4] + (16383).to_bytes(3, "little") * 2 + extended[at + 10:])
    animated = saved(picture, "WEBP", lossless=True, save_all=True, append_images=[other], duration=50)
    odd.bad("no_frames.webp", animated[:animated.index(b"ANMF")])
    odd.bad("frame_outside.webp", animated.replace(animated[animated.index(b"ANMF"):][:14], animated[animated.index(b"ANMF"):][:8] + b"\xff\0\0\xff\0\0", 1))
    odd.bad("unknown_chunk.webp", plain.replace(b"VP8L", b"VP9Z", 1))
    damaged = bytearray(plain)
    damaged[20] ^= 0xFF
    odd.bad("no_magic.webp", bytes(damaged))


def make_gifs(odd):
    palette, frame = scene(16, 1, 45).reshape(16, 3).astype(np.uint8).tobytes(), np.random.default_rng(46).integers(0, 16, (13, 11))
    lzw = gif_lzw(frame.reshape(-1), 4)
    screen, image = struct.pack("<HHBBB", 11, 13, 0xF3, 0, 0), b"\x2c" + struct.pack("<HHHHB", 0, 0, 11, 13, 0)
    plain = b"GIF89a" + screen + palette + image + lzw + b"\x3b"
    odd.good("old.gif", plain.replace(b"GIF89a", b"GIF87a"), like=plain)
    odd.good("comment.gif", b"GIF89a" + screen + palette + b"\x21\xfe\x05hello\0" + image + lzw + b"\x3b", like=plain)
    odd.good("no_trailer.gif", plain[:-1], like=plain)
    odd.good("clear_first_frame.gif", b"GIF89a" + screen + palette + b"\x21\xf9\x04\x05\0\0\x03\0" + image + lzw
             + b"\x21\xf9\x04\0\0\0\0\0" + image + gif_lzw(15 - frame.reshape(-1), 4) + b"\x3b")
    odd.good("no_screen.gif", b"GIF89a" + struct.pack("<HHBBB", 0, 0, 0xF3, 0, 0) + palette + image + lzw + b"\x3b", like=plain)
    odd.bad("no_frames.gif", b"GIF89a" + screen + palette + b"\x3b")
    odd.bad("code_size.gif", b"GIF89a" + screen + palette + image + b"\x0d" + lzw[1:] + b"\x3b")
    odd.bad("frame_far.gif", b"GIF89a" + screen + palette + b"\x2c" + struct.pack("<HHHHB", 65535, 65535, 65535, 65535, 0) + lzw + b"\x3b")
    odd.bad("no_frame_width.gif", b"GIF89a" + screen + palette + b"\x2c" + struct.pack("<HHHHB", 0, 0, 0, 13, 0) + lzw + b"\x3b")


def bmp(info, body, table=b"", offset=None):
    begin = 14 + len(info) + len(table)
    return b"BM" + struct.pack("<IHHI", begin + len(body), 0, 0, begin if offset is None else offset) + info + table + body


def info_header(width, height, bits, compression=0, colors=0):
    return struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 2835, 2835, colors, 0)


def make_bmps(odd):
    random = np.random.default_rng(47)
    table = scene(16, 1, 48).reshape(16, 3)
    quads = b"".join(bytes([*color[::-1], 0]) for color in table)
    indices = random.integers(0, 16, (6, 8)).astype(np.uint8)
    nibbles = (indices[:, ::2] << 4 | indices[:, 1::2]).tobytes()
    odd.good("four_bit.bmp", bmp(info_header(8, 6, 4, colors=16), nibbles, quads))
    triples = b"".join(bytes(color[::-1]) for color in table)
    odd.good("os2.bmp", bmp(struct.pack("<IHHHH", 12, 8, 6, 1, 4), nibbles, triples))
    odd.good("short_palette.bmp", bmp(info_header(8, 6, 4, colors=5), nibbles, quads[:20]))
    words = random.integers(0, 1 << 15, (6, 8)).astype("<u2").tobytes()
    odd.good("five_five_five.bmp", bmp(info_header(8, 6, 16), words))
    odd.good("five_six_five.bmp", bmp(info_header(8, 6, 16, 3), random.integers(0, 1 << 16, (6, 8)).astype("<u2").tobytes(),
                                      struct.pack("<III", 0xF800, 0x07E0, 0x001F)))
    full = scene(9, 7, 49)
    version5 = struct.pack("<IiiHHIIiiII4I", 124, 9, 7, 1, 24, 0, 0, 2835, 2835, 0, 0, 0, 0, 0, 0).ljust(124, b"\0")
    body = b"".join(row[:, ::-1].tobytes() + bytes(-27 % 4) for row in full[::-1])
    odd.good("version_five.bmp", bmp(version5, body))
    odd.bad("runs_8.bmp", bmp(info_header(8, 1, 8, 1, 16), b"\x08\x03\0\0\0\x01", quads))
    odd.bad("runs_4.bmp", bmp(info_header(8, 1, 4, 2, 16), b"\x08\x33\0\0\0\x01", quads))
    odd.bad("jpeg_inside.bmp", bmp(info_header(21, 17, 0, 4), saved(Image.fromarray(scene(21, 17, 40)), "JPEG")))
    odd.bad("three_bits.bmp", bmp(info_header(9, 7, 3), body))
    odd.bad("no_bits.bmp", bmp(info_header(9, 7, 0), body))
    odd.bad("negative_width.bmp", bmp(info_header(-9, 7, 24), body))
    odd.bad("lowest_height.bmp", bmp(info_header(9, -2147483648, 24), body))
    odd.bad("data_elsewhere.bmp", bmp(info_header(9, 7, 24), body, offset=0xFFFFFFF0))
    odd.bad("data_in_header.bmp", bmp(info_header(9, 7, 24), body, offset=2))


def make_others(odd):
    picture = Image.fromarray(scene(9, 7, 50))
    odd.good("tiff.jpg", saved(picture, "TIFF"))
    odd.bad("icon.png", saved(picture, "ICO", sizes=[(9, 7)]))
    odd.bad("jpeg_2000.jpg", saved(picture, "JPEG2000"))
    odd.good("avif.webp", saved(picture, "AVIF"))
    odd.bad("heic.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    odd.bad("vector.png", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' width='9' height='7'/>")
    odd.bad("document.jpg", b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n")
    odd.bad("page.jpg", b"<!DOCTYPE html><html><title>404 Not Found</title></html>")
    odd.bad("film.gif", b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(32))
    odd.bad("zeros.jpg", bytes(512))
    odd.bad("noise.jpg", np.random.default_rng(51).integers(0, 256, 512).astype(np.uint8).tobytes())
    odd.bad("sound.webp", b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + bytes(28))
    odd.bad("words.bmp", b"BMW is a make of cars, and this is a text about it")


def make_scaled():
    """What Pillow's draft() makes of a JPEG: the inverse DCT at 4, 2 and 1 eighths, colours at full and at half resolution."""
    pack = Pack("scaled")
    for name, options in {"scaled.jpg": {"subsampling": 0}, "scaled_420.jpg": {"subsampling": 2, "progressive": True}}.items():
        path = OUT / name
        Image.fromarray(scene(61, 42, 52)).save(path, quality=85, **options)
        pack.add(f"{name}/8", expected(path))
        for eighths in (4, 2, 1):
            image = Image.open(path)
            image.draft("RGB", (61 * eighths // 8, 42 * eighths // 8))
            pack.add(f"{name}/{eighths}", image)
    pack.write()


def main():
    ODD.mkdir(parents=True, exist_ok=True)
    for old in ODD.iterdir():
        old.unlink()
    pack = Pack("odd")
    odd = Odd(pack)
    for make in (make_jpegs, make_pngs, make_webps, make_gifs, make_bmps, make_others):
        make(odd)
    pack.write()
    make_scaled()
    print(len(list(ODD.iterdir())), "files", sum(path.stat().st_size for path in ODD.iterdir()), "bytes")


if __name__ == "__main__":
    main()

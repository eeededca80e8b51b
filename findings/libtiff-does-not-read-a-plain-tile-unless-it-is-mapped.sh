#!/usr/bin/env bash
# libtiff 4.5.0-6+deb12u4 (Debian 12): a tile that is not compressed is read only where the file is mapped into memory.
#
# Without a map (mode "m", or a TIFFClientOpen without map procedures, as of a file in memory or in an archive) the raw tile is read into a buffer whose size is rounded up
# to whole kilobytes, and the tile is then refused for having that size: "Invalid tile byte count for tile 0. Expected 768, got 1024". A valid TIFF of 16 x 16 tiles of
# RGB, 768 bytes each, cannot be decoded that way; with the default mode "r" it can. infig gives the library a map of the bytes it has (src/image/decode_tiff.cpp,
# tests/image/modern_test.cpp: tiles.tiff).
#
# Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
readonly version=4.5.0-6+deb12u4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq "libtiff-dev=$version" "libtiff6=$version" >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
cat >tile.cpp <<'CODE'
#include <tiffio.h>
#include <cstdio>
#include <vector>
int main() {
  TIFF* out = TIFFOpen("tile.tiff", "w");
  const std::vector<unsigned char> tile(16 * 16 * 3, 7);
  for (const auto& [tag, value] : {std::pair<unsigned, int>{TIFFTAG_IMAGEWIDTH, 16}, {TIFFTAG_IMAGELENGTH, 16}, {TIFFTAG_BITSPERSAMPLE, 8},
                                   {TIFFTAG_SAMPLESPERPIXEL, 3}, {TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB}, {TIFFTAG_PLANARCONFIG, 1},
                                   {TIFFTAG_COMPRESSION, COMPRESSION_NONE}, {TIFFTAG_TILEWIDTH, 16}, {TIFFTAG_TILELENGTH, 16}})
    TIFFSetField(out, tag, value);
  TIFFWriteTile(out, const_cast<unsigned char*>(tile.data()), 0, 0, 0, 0);
  TIFFClose(out);
  for (const char* mode : {"r", "rm"}) {
    TIFF* in = TIFFOpen("tile.tiff", mode);
    std::vector<uint32_t> pixels(16 * 16);
    std::printf("%s %d\n", mode, TIFFReadRGBAImage(in, 16, 16, pixels.data(), 1));
    TIFFClose(in);
  }
}
CODE
library=root/usr/lib/x86_64-linux-gnu
g++ -std=c++17 -Iroot/usr/include/x86_64-linux-gnu -Iroot/usr/include tile.cpp "$library"/libtiff.so.6 -o tile
found=$(LD_LIBRARY_PATH=$library ./tile 2>/dev/null | tr '\n' ' ')
echo "libtiff $version: $found"
expected="r 1 rm 0 "
if [[ "$found" != "$expected" ]]; then
  echo "changed: expected $expected" >&2
  exit 1
fi
echo "as documented here"

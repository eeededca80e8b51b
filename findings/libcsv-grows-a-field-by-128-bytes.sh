#!/usr/bin/env bash
# libcsv 3.0.3 (Debian 12's libcsv-dev): the memory of a field grows by 128 bytes at a time, so one long field is quadratic.
#
# A cell of n bytes is reallocated n / 128 times: 8,192 times for 1 MiB, 131,072 times for 16 MiB. Where realloc() moves the block, the bytes
# that are copied grow with the square of the cell: an allocator that always moves (a sanitizer's) takes minutes for 16 MiB, where glibc's
# hides it by remapping pages. csv_set_blk_size() sets another step; with 256 KiB it is 4 times for 1 MiB. infig sets it (src/data/rows.cpp).
#
# Seen with 3.0.3+dfsg-6 on Debian 12. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
readonly version=3.0.3+dfsg-6
folder=$(mktemp -d)
chmod 755 "$folder"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq "libcsv-dev=$version" "libcsv3=$version" >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
cat >grow.c <<'CODE'
#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static long calls;
static void* counted(void* old, size_t size) { ++calls; return realloc(old, size); }
static long calls_for(size_t step) {
  static char cell[1 << 20];
  struct csv_parser parser;
  memset(cell, 'x', sizeof cell);
  csv_init(&parser, 0);
  csv_set_realloc_func(&parser, counted);
  if (step > 0) csv_set_blk_size(&parser, step);
  calls = 0;
  csv_parse(&parser, cell, sizeof cell, NULL, NULL, NULL);
  csv_free(&parser);
  return calls;
}
int main(void) { printf("%ld %ld\n", calls_for(0), calls_for(256 << 10)); return 0; }
CODE
library=$(find root -name 'libcsv.so.3' -o -name 'libcsv.so' | head -1)
gcc -Iroot/usr/include grow.c -o grow -L"$(dirname "$library")" -Wl,-rpath,"$PWD/$(dirname "$library")" -lcsv
found=$(./grow)
echo "libcsv $version: reallocations for a cell of 1 MiB, as it is and with a step of 256 KiB: $found"
read -r usual larger <<<"$found"
if ((usual < 8000 || usual > 8400 || larger > 8)); then
  echo "changed: expected some 8,192 and some 4" >&2
  exit 1
fi
echo "as documented here"

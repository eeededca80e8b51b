#!/usr/bin/env bash
# regex 2026.11.19 (Unicode 17): the white heart U+2661 and some 700 other code points are no longer \p{Extended_Pictographic}, as they were in regex 2024.11.6.
#
# Programs that clean tweets look for emoji by this property, since "emoji" alone holds the digits. The newer data leave out what never became an emoji: the hearts, stars, chess pieces
# and pointing hands that people typed before there were emoji. The same expression therefore keeps characters that it deleted two years ago, and a text that it cleaned then is
# not the one it cleans now: 31 of the 24,635 texts of HFM. \p{Emoji} only grows (1,419 to 1,435): infig uses it with digits and text signs left out.
#
# Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 2024.11.6 2026.11.19; do
  python3 -m venv "$version"
  "$version"/bin/pip install -q --disable-pip-version-check "regex==$version"
done
cat >count.py <<'CODE'
import sys

import regex

points = [chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000]
for name in ("Extended_Pictographic", "Emoji"):
    property = regex.compile(rf"\p{{{name}}}")
    print(name, sum(bool(property.match(point)) for point in points), " ".join("yes" if property.match(sign) else "no" for sign in "\u2661\u2605\u2654\u2764"), end="; ")
CODE
before=$(2024.11.6/bin/python count.py)
now=$(2026.11.19/bin/python count.py)
echo "code points of the property, and whether white heart, black star, white king and red heart are among them"
echo "regex 2024.11.6:  $before"
echo "regex 2026.11.19: $now"
if [[ "$before" != "Extended_Pictographic 3537 yes yes yes yes; Emoji 1419 no no no yes; " || "$now" != "Extended_Pictographic 2830 no no no yes; Emoji 1435 no no no yes; " ]]; then
  echo "changed" >&2
  exit 1
fi
echo "as documented here"

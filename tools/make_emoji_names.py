"""Writes src/text/emoji_names.cpp: the names that the package emoji gives to emoji of one character, which BERTweet's normalisation puts in
their place. transformers names version 0.6.0 of the package (BSD-3-Clause; its names are those of Unicode's CLDR, version 13.0 of the emoji).

Run in an environment with emoji==0.6.0: python tools/make_emoji_names.py
"""
import pathlib

import emoji

OUT = pathlib.Path(__file__).resolve().parents[1] / "src" / "text" / "emoji_names.cpp"

HEAD = """// Made by tools/make_emoji_names.py: the package emoji's names of emoji of one character. Each is "CODE=NAME", codes in hexadecimal.
#include "text/emoji_names.h"

namespace infig {

const char* const kEmojiNames =
"""

assert emoji.__version__ == "0.6.0", f"emoji {emoji.__version__}, expected 0.6.0"
names = {code: emoji.demojize(chr(code)) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF}
lines, line = [], ""
for code, name in sorted(names.items()):
    if name in (chr(code), ""):
        continue
    assert name[0] == name[-1] == ":" and not any(c.isspace() or c in "\"\\\\=" for c in name), name
    entry = f"{code:X}={name[1:-1]} "
    if len(line) + len(entry) > 130:
        lines.append(line)
        line = ""
    line += entry
lines.append(line)
OUT.write_text(HEAD + "\n".join(f'    "{one}"' for one in lines) + ";\n\n}  // namespace infig\n", encoding="utf-8")

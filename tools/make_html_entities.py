"""Writes src/text/html_entities.cpp: HTML 5's named characters, from Python's html.entities, which has them from the standard.

Run from anywhere: python tools/make_html_entities.py
"""
import html.entities
import pathlib

OUT = pathlib.Path(__file__).resolve().parents[1] / "src" / "text" / "html_entities.cpp"

HEAD = """// Made by tools/make_html_entities.py: HTML 5's named characters. Each is "NAME=CODE" or "NAME=CODE,CODE", codes in hexadecimal.
#include "text/html_entities.h"

namespace infig {

const char* const kHtmlEntities =
"""

lines, line = [], ""
for name, characters in sorted(html.entities.html5.items()):
    entry = f"{name}={','.join(f'{ord(c):X}' for c in characters)} "
    if len(line) + len(entry) > 130:
        lines.append(line)
        line = ""
    line += entry
lines.append(line)
OUT.write_text(HEAD + "\n".join(f'    "{one}"' for one in lines) + ";\n\n}  // namespace infig\n", encoding="utf-8")

"""Writes src/text/html_entities.cpp: the named characters of HTML 5 and HTML 4, from Python's html.entities, which has them from the standards.

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



def listed(characters):
    lines, line = [], ""
    for name, value in sorted(characters.items()):
        entry = f"{name}={','.join(f'{ord(c):X}' for c in value)} "
        if len(line) + len(entry) > 130:
            lines.append(line)
            line = ""
        line += entry
    return "\n".join(f'    "{one}"' for one in lines + [line]) + ";\n"


old = {name: chr(code) for name, code in html.entities.name2codepoint.items()}
OUT.write_text(HEAD + listed(html.entities.html5) + "\n// HTML 4's, which have no semicolon here.\nconst char* const kHtml4Entities =\n" + listed(old) +
               "\n}  // namespace infig\n", encoding="utf-8")

#!/usr/bin/env python3
"""Texts with HTML's character references and what Python's html.unescape makes of them.

    python tools/golden/make_html_unescape.py > tests/golden/text/html_unescape.json
"""

import html
import json
import random
import sys

random.seed(3)
cases = [
    "a &amp; b", "&lt;3 &quot;x&quot; &#39;y&#39;", "&notit; &notin; &ampx &amp", "AT&T R&D",
    "&#x27;&#X41;&#65 &#0; &#128; &#xD800; &#x110000; &#11; &#1;x &#999999999999999999;", "&amp;amp; &amp;lt;",
    "&nbsp;|&hellip;|&NotEqualTilde;|&CounterClockwiseContourIntegral;", "&", "&;", "&#;", "&#x;", "&unknown; &copy2 &copy;2",
    "caf\u00e9 &eacute; \U0001f600&hearts;", "?a=1&copy=2&lt=3", "& amp;", "&acE;&fjlig;", "&#x80;&#x81;&#x9f;",
    "&zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzamp;", "&lang&rang&langle;",
]
alphabet = ["&", "#", "x", "amp", "lt", "gt", ";", "a", "1", "39", "not", "in", " ", "copy", "\u00e9", "&#", "&am", "p;", "Aacute", "quot"]
cases += ["".join(random.choice(alphabet) for _ in range(random.randint(1, 9))) for _ in range(200)]
json.dump([[case, html.unescape(case)] for case in cases], sys.stdout, indent=0)

#!/usr/bin/env bash
# open_clip 3.3.0 and transformers 5.24.0 (both 2026): one CLIP vocabulary, one tweet, two sequences of ids.
#
# OpenAI's tokenizer repairs the text before it cuts it: ftfy (curly quotes become straight, full-width letters and ligatures plain) and HTML's entities twice. open_clip kept that;
# transformers' CLIPTokenizer, made of the same vocabulary and merges, does neither any more: "it’s", the way a phone writes it, has two tokens in one and four in the
# other, and "&amp;" is an ampersand here and three tokens there. Embeddings of the same weights then differ, most of all for tweets. In the public split of
# MVSA-Single, which has lost nearly all of its non-ASCII characters, 4 of 4,061 texts are cut differently.
#
# Seen with torch 2.13.0, ftfy 6.3.1. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check torch==2.13.0 transformers==5.24.0 ftfy==6.3.1 regex==2026.11.19
venv/bin/pip install -q --disable-pip-version-check --no-deps open_clip_torch==3.3.0
cat >tweets.py <<'CODE'
import importlib.util
import json
import sys
from pathlib import Path

from transformers import CLIPTokenizer

# The tokenizer's own file: importing the whole package would want torchvision and timm.
source = Path(importlib.util.find_spec("open_clip").submodule_search_locations[0]) / "tokenizer.py"
spec = importlib.util.spec_from_file_location("open_clip_tokenizer", source)
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
theirs = module.SimpleTokenizer()

Path("clip").mkdir()
Path("clip/vocab.json").write_text(json.dumps(theirs.encoder))
pairs = sorted(theirs.bpe_ranks, key=theirs.bpe_ranks.get)
Path("clip/merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in pairs) + "\n")
ours = CLIPTokenizer.from_pretrained("clip")
for text in ["a plain tweet", "it’s", "rain &amp; sun", "“wow”"]:
    print(len(theirs.encode(text)), len(ours(text)["input_ids"]) - 2, end="; ")
CODE
found=$(HF_HUB_OFFLINE=1 venv/bin/python tweets.py 2>/dev/null)
echo "tokens in open_clip 3.3.0 and in transformers 5.24.0 of a plain tweet, \"it’s\", \"rain &amp; sun\", \"“wow”\": $found"
if [[ "$found" != "3 3; 2 4; 3 5; 3 5; " ]]; then
  echo "changed: expected 3 3; 2 4; 3 5; 3 5; " >&2
  exit 1
fi
echo "as documented here"

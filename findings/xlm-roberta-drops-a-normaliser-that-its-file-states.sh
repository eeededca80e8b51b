#!/usr/bin/env bash
# transformers 5.24.0 (PyPI's): XLMRobertaTokenizer reads the vocabulary of a tokenizer.json and leaves its normaliser aside, unless that is a Precompiled table.
#
# A folder whose tokenizer.json states NFKC (as SentencePiece models exported by hand do) gives other ids through the class that its tokenizer_config.json names
# than through PreTrainedTokenizerFast with the very same file: full-width letters become the unknown token. AutoTokenizer takes the class, without a word.
# docs/tokenizers.md has the table of who rules; infig says which it follows.
#
# Seen on Debian 12, Python 3.11. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check tokenizers==0.23.3 transformers==5.24.0
cat >normaliser.py <<'CODE'
import json
import pathlib

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

folder = pathlib.Path("model")
folder.mkdir()
vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("▁good", -3.0), *((letter, -6.0) for letter in "dgo"), ("<mask>", 0.0)]
tokenizer = Tokenizer(models.Unigram(vocabulary, 3, False))
tokenizer.normalizer = normalizers.NFKC()
tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
tokenizer.save(str(folder / "tokenizer.json"))
(folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLMRobertaTokenizer"}))
text = "\uff47\uff4f\uff4f\uff44"  # "good" in full-width letters
by_class = AutoTokenizer.from_pretrained(folder)
by_file = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
print("unknown by the class:", 3 in by_class(text, add_special_tokens=False).input_ids, "by the file:", 3 in by_file(text, add_special_tokens=False).input_ids)
CODE
found=$(HF_HUB_OFFLINE=1 venv/bin/python normaliser.py 2>/dev/null)
echo "$found"
if [[ $found != "unknown by the class: True by the file: False" ]]; then
  echo "changed: expected unknown by the class: True by the file: False" >&2
  exit 1
fi
echo "as documented here"

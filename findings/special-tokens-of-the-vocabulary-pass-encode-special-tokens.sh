#!/usr/bin/env bash
# tokenizers 0.23.3 (PyPI's): encode_special_tokens=True, the switch by which a text's own "[SEP]" is to be cut as text, does not keep the special token out
# where the model's vocabulary can build it as a piece.
#
# The switch only stops the added-token matcher. A Unigram or BPE model whose vocabulary holds the token's text as a piece (as every SentencePiece model holds
# "</s>") finds it again: the text ends its own segment as before. With WordPiece, whose pre-tokenizer cuts the brackets off, the switch works.
# infig's text.special_in_text=split refuses such pieces too (docs/tokenizers.md).
#
# Seen on Debian 12, Python 3.11. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check tokenizers==0.23.3
cat >special.py <<'CODE'
from tokenizers import Tokenizer, models, pre_tokenizers


def pieces(model, pre, token, text):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre
    tokenizer.add_special_tokens([token])
    special = tokenizer.token_to_id(token)
    found = []
    for switch in (False, True):
        tokenizer.encode_special_tokens = switch
        found.append(special in tokenizer.encode(text).ids)
    return found


letters = [(letter, -5.0) for letter in "▁abdeghinostw<>/"]
unigram = models.Unigram([("<unk>", 0.0), ("</s>", 0.0), *letters], 0, False)
words = {"[UNK]": 0, "[SEP]": 1, "[": 2, "]": 3, "SEP": 4, "good": 5, "bad": 6}
print(*pieces(unigram, pre_tokenizers.Metaspace(), "</s>", "good </s> bad"), *pieces(models.WordPiece(words, unk_token="[UNK]"), pre_tokenizers.BertPreTokenizer(), "[SEP]", "good [SEP] bad"))
CODE
found=$(venv/bin/python special.py)
echo "the special id is in the encoding, switch off and on; Unigram, then WordPiece: $found"
if [[ $found != "True True True False" ]]; then
  echo "changed: expected True True True False" >&2
  exit 1
fi
echo "as documented here"

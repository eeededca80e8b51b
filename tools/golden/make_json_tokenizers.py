"""Golden files of tokenizer.json: small tokenizers of many kinds, trained by `tokenizers`, and what that library makes of texts with them.

Writes tests/golden/text/json/KIND/tokenizer.json and tests/golden/text/json/KIND.json (texts, ids, offsets) for some kinds of
tests/conformance/json_kinds.py, which the conformance tests put through all texts.

Needs: tokenizers, sentencepiece.   Run from anywhere: python tools/golden/make_json_tokenizers.py
"""
import io
import json
import pathlib
import shutil
import sys
import tempfile

import tokenizers
from make_tokenizers import TEXTS
from text_cases import corpus

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "conformance"))
import json_kinds  # noqa: E402

OUT = ROOT / "tests" / "golden" / "text" / "json"
KINDS = ["wordpiece-flags", "wordpiece-nfkd-accents", "wordpiece-nmt-digits", "wordlevel-scripts", "wordlevel-punctuation", "wordlevel-empty-matches",
         "bpe-roberta-prefix", "bpe-split-bytes", "bpe-clip", "bpe-characters", "bpe-half-fallback", "unigram-deberta",
         "unigram-precompiled", "unigram-fallback", "unigram-trim"]
SIZE = {"bpe-half-fallback": 700, "unigram-fallback": 800}  # others: 400; a vocabulary of all 256 bytes is larger
MORE = ["  <user>  x <user>y #SAD#SAD  HTTP   z \u00e9t\u00e9 \u00c9t\u00e9", "a  b   c", "it's 1999!! don't stop", "\ufb01\ufb02 \u2126 \u00bd \uff21\uff22 x\u00a0y e\u0301 \u2026", "[CLS] x[SEP]y </s>z"]
RULES = [("\ufb01", "fi"), ("\ufb02", "fl"), ("\u2126", "\u03a9"), ("\u00bd", "1\u20442"), ("\uff21", "A"), ("\u00a0", " "), ("\u2026", "..."), ("e\u0301", "\u00e9"), ("\t", " "), ("\u200b", "")]


def small_charsmap(_rule=""):
    """A table of ten rules; the published ones have 300 KB."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as file:
        for source, target in RULES:
            file.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
        file.flush()
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d e f g h", "hello world"] * 20), model_writer=model, vocab_size=24, hard_vocab_limit=False,
                                                 normalization_rule_tsv=file.name, minloglevel=2)
    return sentencepiece_model_pb2.ModelProto.FromString(model.getvalue()).normalizer_spec.precompiled_charsmap


def main():
    json_kinds.charsmap = small_charsmap
    shutil.rmtree(OUT, ignore_errors=True)
    texts = TEXTS + MORE
    words = [word for text in corpus() for word in [text]]
    for kind in KINDS:
        content = json_kinds.make(kind, words, SIZE.get(kind, 400))
        folder = OUT / kind
        folder.mkdir(parents=True)
        (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        library = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        cases = []
        for text in texts:
            encoding = library.encode(text)
            cases.append({"text": text, "ids": encoding.ids, "offsets": [list(pair) for pair in encoding.offsets]})
        (OUT / f"{kind}.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n", encoding="utf-8")
        print(f"{kind}: {library.get_vocab_size()} tokens, {len(cases)} texts, {(folder / 'tokenizer.json').stat().st_size} bytes")


if __name__ == "__main__":
    main()

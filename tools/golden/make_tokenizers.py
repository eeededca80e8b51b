"""Golden files of WordPiece and the byte pairs: small vocabularies trained by `tokenizers`, and what transformers makes of texts with them.

Writes tests/golden/text/KIND/ (the files a model ships) and tests/golden/text/KIND.json (texts, ids, offsets) for each kind below.

Needs: transformers, tokenizers.   Run from anywhere: python tools/golden/make_tokenizers.py
With --check DIR it reads a folder that infig wrote instead: AutoTokenizer must give the ids of KIND.json (--kind KIND) with it.
"""
import argparse
import json
import pathlib
import shutil

import tokenizers
import transformers
from text_cases import CASES, COMBINED, corpus
from tokenizers import models, normalizers, pre_tokenizers, trainers

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "text"

TEXTS = CASES + COMBINED + [
    "don't we'll they've I'm you're it's he'd 'tis 's", "DON'T It'S", "tabs\t\tand\r\nlines  \n  end ", "  \u00a0 \u3000x\u2003y", "a\u00a0 b",
    "3.14 \u00bd\u00b2 \u0663\u0664 \u2167", "\u4f60\u597d world \u8c48\u3400\U00020000", "\u0130stanbul I\u0307", "\u01c5 \u1e9e STRASSE", "a\u0323\u0301 a\u0301\u0323 \u1ea5\u0323", "q\u0301\u0345\u0323", "\u0344\u0f73\u0f75",
    "\u0f71\u0f72 \u09cb \u0958 \u1100\u1161\u11a8 \uac01\u11a8 \uac00", "\u302e\u302f x\u302e\u0301", "\u1734 \u1885 \ua9bd \U000111c9 \u166d", "\U00010d50\U00010d70 \ua7dc \ua7ce \U00016ea0 \u1c89", "\U0001e030 \u08d4e",
    "\ufffd\u0000\u0007\u200b\u200d\ue000 \U000e0001 \U00010fff", "x<mask>y  <mask> [MASK]  [SEP]z </s><s> <pad>", "<|startoftext|> <|ENDOFTEXT|>!! <|endoftext|>x",
    "!?<|STARTOFTEXT|>", "[UNK][ MASK ]", "\u2028\u2029\u0085", "x" * 101, "\u00e9" * 60 + " \u00e9" + "e" * 99, "\u0120x \u010a", "\U0001f1e8\U0001f1e6\U0001f468\u200d\U0001f469", "#user's @user_1", "<user> #SAD#SAD a#SAD #SADb  #SAD  ",
    "\ud55c\uad6d\uc5b4 \u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u05e2\u05b4\u05d1\u05e8\u05b4\u05d9\u05ea \u0639\u0631\u0628\u064a\u064c \u0939\u093f\u0928\u094d\u0926\u0940", "\u03a3\u0391\u03a3 \u1f88 \u2126 \u212b \u212a",
]

ADDED = [("<user>", {}), ("#SAD", {"lstrip": True, "rstrip": True, "single_word": True})]  # found in normalised text


def added(first_id):
    base = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": True, "special": False}
    return {str(first_id + i): {"content": text, **base, **options} for i, (text, options) in enumerate(ADDED)}


def alphabet():
    return sorted({c for text in TEXTS for c in normalizers.BertNormalizer().normalize_str(text) if not c.isspace()})


def wordpiece(special):
    model = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    model.normalizer, model.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    model.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=700, special_tokens=special, initial_alphabet=alphabet()))
    return model


def byte_pairs(special, suffix):
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    model = tokenizers.Tokenizer(models.BPE(**({"end_of_word_suffix": suffix} if suffix else {})))
    model.normalizer = normalizers.Lowercase() if suffix else normalizers.NFC()
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    extra = [s + suffix for s in symbols] if suffix else []
    model.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=900, special_tokens=special + extra, initial_alphabet=symbols,
                                                            **({"end_of_word_suffix": suffix} if suffix else {})))
    return model


BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MPNET = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
CLIP = ["<|startoftext|>", "<|endoftext|>"]
MASK = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": True}

# kind: maker, its arguments, tokenizer_config.json, whether ADDED come in
KINDS = {
    "bert": (wordpiece, (BERT,), {"tokenizer_class": "BertTokenizer", "do_lower_case": True}, False),
    "bert_cased": (wordpiece, (BERT,), {"tokenizer_class": "BertTokenizer", "do_lower_case": False}, False),
    "bert_accents": (wordpiece, (BERT,), {"tokenizer_class": "BertTokenizer", "strip_accents": False, "tokenize_chinese_chars": False}, True),
    "mpnet": (wordpiece, (MPNET,), {"tokenizer_class": "MPNetTokenizer"}, False),
    "roberta": (byte_pairs, (ROBERTA, ""), {"tokenizer_class": "RobertaTokenizer"}, True),
    "roberta_prefix": (byte_pairs, (ROBERTA, ""), {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True, "mask_token": MASK}, False),
    "clip": (byte_pairs, (CLIP, "</w>"), {"tokenizer_class": "CLIPTokenizer"}, False),
}


def load(folder):
    backend = transformers.AutoTokenizer.from_pretrained(str(folder)).backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return backend


def make():
    for kind, (maker, arguments, config, with_added) in KINDS.items():
        folder = OUT / kind
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        model = maker(*arguments)
        model.model.save(str(folder))
        config = dict(config)
        if with_added:
            special = {str(model.token_to_id(t)): {"content": t, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False,
                                                   "special": True} for t in arguments[0]}
            config["added_tokens_decoder"] = {**special, **added(model.get_vocab_size())}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        encodings = [load(folder).encode(text) for text in TEXTS]
        cases = [{"text": t, "ids": e.ids, "offsets": [list(p) for p in e.offsets]} for t, e in zip(TEXTS, encodings)]
        (OUT / f"{kind}.json").write_text("[\n" + ",\n".join(json.dumps(c, ensure_ascii=True) for c in cases) + "\n]\n", encoding="utf-8")
        print(f"{folder}: {model.get_vocab_size()} tokens, {len(cases)} texts")
    alone = OUT / "bert_json"  # the same as bert, from tokenizer.json alone
    shutil.rmtree(alone, ignore_errors=True)
    alone.mkdir()
    load(OUT / "bert").save(str(alone / "tokenizer.json"), pretty=False)


def check(folder, kind):
    backend = load(folder)
    for case in json.loads((OUT / f"{kind}.json").read_text(encoding="utf-8")):
        encoding = backend.encode(case["text"])
        assert encoding.ids == case["ids"] and [list(p) for p in encoding.offsets] == case["offsets"], case["text"]
    print(f"{folder}: loads, and gives the ids of {kind}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", metavar="DIR")
    parser.add_argument("--kind", choices=list(KINDS))
    arguments = parser.parse_args()
    check(arguments.check, arguments.kind) if arguments.check else make()

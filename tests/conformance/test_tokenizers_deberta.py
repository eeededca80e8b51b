"""infig tokenize on DeBERTa's SentencePiece files, against three originals.

1. Python's SentencePiece: the same ids on every stretch between special tokens. No exception.
2. The fast tokenizer as transformers' DebertaV2Converter makes it of spm.model (the model's own normaliser): ids and offsets. Each
   difference must have one of these reasons, which is checked, counted and printed:
     normaliser    the Rust library applies the model's table cluster by cluster, SentencePiece by longest match: the normalised texts differ
     equal score   two cuts of the same normalised text have the same score, and the two libraries choose differently
     whole place   the ids are equal; infig's place covers all characters that a piece came of (letter and mark), the fast tokenizer's fewer
3. The class DebertaV2Tokenizer of transformers 5, whose normaliser is not the model's: the same reasons, the first of them much more often.
"""
import collections
import json
import pathlib
import re

import pytest
import tokenizer_inputs
from conftest import data_folder, real_texts
from test_tokenizers import RANDOM, ours

sentencepiece = pytest.importorskip("sentencepiece")
tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")

SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
TYPED = re.compile("(" + "|".join(map(re.escape, SPECIAL)) + ")")


@pytest.fixture(scope="module")
def texts():
    folder = data_folder()
    lines = (real_texts(folder) if folder.is_dir() else []) + tokenizer_inputs.random_texts(RANDOM, seed=6) + ["", " ", "\u3000", "[SEP]", "a" * 100_000]
    return [line.replace("\n", " ") for line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("deberta")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TYPED.sub(" ", t) for t in texts[:40_000] if len(t) < 4000), model_prefix=str(path / "spm"), model_type="unigram",
        vocab_size=8000, character_coverage=0.9995, pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]",
        unk_piece="[UNK]", num_threads=1, minloglevel=2)
    (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "DebertaV2Tokenizer"}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def processor(folder):
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "spm.model"))


@pytest.fixture(scope="module")
def rows(infig, folder, texts):
    return ours(infig, folder, texts)


def stretches(text):
    """What lies between special tokens typed in the text, and these."""
    return [part for part in TYPED.split(text) if part]


def expected_ids(processor, text):
    ids = [1]
    for part in stretches(text):
        ids += [SPECIAL.index(part) if part != "[MASK]" else processor.get_piece_size()] if part in SPECIAL else processor.encode(part)
    return ids + [2]


def test_ids_are_sentencepieces(processor, rows, texts):
    differing = [(t, r["ids"][:20], expected_ids(processor, t)[:20]) for t, r in zip(texts, rows) if r["ids"] != expected_ids(processor, t)]
    assert not differing, f"{len(differing)} texts differ, first: {differing[0]}"


class Slow:  # what DebertaV2Converter asks of a slow tokenizer
    split_by_punct = do_lower_case = False
    add_prefix_space = legacy = True

    def __init__(self, path):
        self.vocab_file = path

    def convert_tokens_to_ids(self, token):
        return SPECIAL.index(token)


def converted(folder):
    from transformers.convert_slow_tokenizer import DebertaV2Converter
    tokenizer = DebertaV2Converter(Slow(str(folder / "spm.model"))).converted()
    tokenizer.add_special_tokens([tokenizers.AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def score(processor, ids):
    """Of a cut; an unknown piece costs 10 more than the rarest."""
    lowest = min(processor.get_score(i) for i in range(4, processor.get_piece_size()))
    return sum(lowest - 10 if i == 3 else processor.get_score(i) for i in ids if i > 3 or i == 3)


def reason(processor, backend, text, row, encoding):
    if row["ids"] == encoding.ids:
        wider = all(a <= c and b >= d for (a, b), (c, d) in zip(row["offsets"], encoding.offsets) if c < d)
        return "whole place" if wider else "unexplained place"
    for part in stretches(text):
        if part in SPECIAL:
            continue
        mine = processor.normalize(part).replace("\u2581", " ").strip(" ")
        other = backend.normalizer.normalize_str(part).replace("\u2581", " ").strip(" ")
        if mine != other:
            return "normaliser"
    known = processor.get_piece_size()
    a, b = (score(processor, [i for i in ids if i < known]) for ids in (row["ids"], encoding.ids))
    return "equal score" if abs(a - b) < 1e-3 * max(1.0, abs(a)) else "unexplained ids"


def differences(processor, backend, texts, rows):
    found = collections.defaultdict(list)
    for start in range(0, len(texts), 2000):
        batch = texts[start:start + 2000]
        for text, row, encoding in zip(batch, rows[start:start + 2000], backend.encode_batch(batch)):
            if row["ids"] != encoding.ids or [tuple(p) for p in row["offsets"]] != encoding.offsets:
                found[reason(processor, backend, text, row, encoding)].append((text, row, encoding))
    return found


def report(name, found, total):
    print(f"\n{name}: {sum(map(len, found.values()))} of {total} texts differ")
    for why, cases in sorted(found.items()):
        text, row, encoding = min(cases, key=lambda case: len(case[0]))
        print(f"  {why}: {len(cases)}, shortest {text!r}: infig {list(zip(row['tokens'], row['offsets']))[1:-1]}, "
              f"original {list(zip(encoding.tokens, encoding.offsets))[1:-1]}")


def test_differences_from_the_converted_tokenizer_have_reasons(processor, folder, rows, texts):
    found = differences(processor, converted(folder), texts, rows)
    report("DebertaV2Converter", found, len(texts))
    assert not [why for why in found if why.startswith("unexplained")]
    real = len(texts) - RANDOM
    assert sum(map(len, found.values())) < 0.5 * RANDOM + 0.02 * real


def test_differences_from_the_class_of_transformers_5_have_reasons(processor, folder, rows, texts):
    backend = transformers.AutoTokenizer.from_pretrained(str(folder)).backend_tokenizer
    found = differences(processor, backend, texts, rows)
    report("DebertaV2Tokenizer", found, len(texts))
    assert not [why for why in found if why.startswith("unexplained")]

"""infig tokenize on DeBERTa's SentencePiece files, against three originals.

1. Python's SentencePiece (another version of the library): the same ids on every stretch between special tokens, or a cut of equal score.
2. The fast tokenizer as transformers' DebertaV2Converter makes it of spm.model (the model's own normaliser): ids and offsets. Each
   difference must have one of these reasons, which is checked, counted and printed:
     normaliser        the Rust library applies the model's table cluster by cluster, SentencePiece by longest match: the normalised texts differ
     equal score       two cuts of the same normalised text have the same score, and the two libraries choose differently
   and where the ids are equal, the places of some pieces differ by
     marks             combining marks (and conjoining letters): infig's place has all characters that a piece came of
     white space       spaces, dropped control characters, a literal U+2581
     dropped characters  where the model's table drops some (control, format), the fast tokenizer's places of what follows lie that many too early
     shared character  one whose normalised form is cut between two pieces ("\u00bd" is "1\u20442")
3. The class DebertaV2Tokenizer of transformers 5, whose normaliser is not the model's: the same reasons, the first of them much more often.
"""
import collections
import json
import re
import unicodedata

import pytest
import tokenizer_inputs
from conftest import data_folder, real_texts
from test_tokenizers import RANDOM, equal, ours, pairs

sentencepiece = pytest.importorskip("sentencepiece")
tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")

SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
TYPED = re.compile("(" + "|".join(map(re.escape, SPECIAL)) + ")")


@pytest.fixture(scope="module")
def texts():
    folder = data_folder()
    if not folder.is_dir():  # random characters alone make no vocabulary
        pytest.skip(f"real data is absent: {folder} (or name it in INFIG_DATA)")
    lines = real_texts(folder) + ["", " ", "\u3000", "[SEP]", "a" * 100_000] + tokenizer_inputs.random_texts(RANDOM, seed=6)
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


def stretches(text):
    """What lies between special tokens typed in the text, and these."""
    return [part for part in TYPED.split(text) if part]


def expected_ids(processor, text):
    ids = [1]
    for part in stretches(text):
        ids += [SPECIAL.index(part) if part != "[MASK]" else processor.get_piece_size()] if part in SPECIAL else processor.encode(part)
    return ids + [2]


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
    known = processor.get_piece_size()
    if not hasattr(score, "lowest"):
        score.lowest = min(processor.get_score(i) for i in range(4, known))
    return sum(score.lowest - 10 if i == 3 else processor.get_score(i) for i in ids if i < known)


def same_score(processor, first, second):
    a, b = score(processor, first), score(processor, second)
    return abs(a - b) < 1e-5 * max(1.0, abs(a))


def test_ids_are_sentencepieces(infig, folder, processor, texts):
    wrong, ties = [], []
    for start in range(0, len(texts), 10_000):
        part = texts[start:start + 10_000]
        for text, row in zip(part, ours(infig, folder, part)):
            expected = expected_ids(processor, text)
            if row["ids"] != expected:
                (ties if same_score(processor, row["ids"], expected) else wrong).append((text, row["ids"], expected))
    print(f"\nSentencePiece: {len(ties)} of {len(texts)} texts are cut differently at the same score, {len(wrong)} differ otherwise")
    assert not wrong, wrong[0]
    assert len(ties) < 0.01 * len(texts)


def kind_of(character):
    """Why a character may count to a piece on one side only; empty where nothing explains it."""
    compatible = unicodedata.normalize("NFKC", character)
    if character in "\u2581\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Zs", "Zl", "Zp") or not compatible.strip():
        return "white space"
    if unicodedata.category(character).startswith("M") or unicodedata.combining(character) or 0x1160 <= ord(character) <= 0x11FF:
        return "marks"
    return "shared character" if len(compatible) > 1 else ""


PLACE_REASONS = ("unexplained place", "dropped characters", "marks", "shared character", "white space")


def end_reasons(text, mine, other):
    """Why one end of a piece lies elsewhere."""
    between = {kind_of(character) for character in text[min(mine, other):max(mine, other)]}
    late = sum(unicodedata.category(character) in ("Cc", "Cf") for character in text[:mine]) + sum(unicodedata.combining(c) > 0 for c in text[other:mine])
    return between if "" not in between else {"dropped characters" if other < mine <= other + late else "unexplained place"}


def place_reason(text, tokens, mine, others):
    reasons = set()
    for token, (a, b), (c, d) in zip(tokens, mine, others):
        if (a, b) == (c, d):
            continue
        # The space that begins a word: one side gives it the white space, the other the character behind or, where that brings a space along
        # in its normalised form, that one.
        spaces = [all(kind_of(character) == "white space" for character in part) for part in (text[a:b], text[c:d])]
        if token == "\u2581" and (any(spaces) or " " in unicodedata.normalize("NFKC", text[c:d])):
            reasons.add("white space")
        else:
            reasons |= end_reasons(text, a, c) | end_reasons(text, b, d)
    return next(why for why in PLACE_REASONS if why in reasons)


def normalised_alike(processor, backend, text):
    for part in stretches(text):
        if part in SPECIAL:
            continue
        other = backend.normalizer.normalize_str(part).replace(" ", "\u2581")
        if processor.normalize(part) != (other if other.startswith("\u2581") or not other else "\u2581" + other):
            return False
    return True


def reason(processor, backend, text, row, encoding):
    if row["ids"] == encoding.ids:
        why = place_reason(text, row["tokens"], row["offsets"], encoding.offsets)
        if not why.startswith("unexplained"):
            return why
    if not normalised_alike(processor, backend, text):
        return "normaliser"
    if row["ids"] == encoding.ids:
        return "unexplained place"
    return "equal score" if same_score(processor, row["ids"], encoding.ids) else "unexplained ids"


def differences(infig, folder, processor, backend, texts):
    found = collections.defaultdict(list)
    for text, row, encoding in pairs(infig, folder, backend, texts):
        if not equal(row, encoding):
            found[reason(processor, backend, text, row, encoding)].append((text, row, encoding))
    return found


def report(name, found, total):
    print(f"\n{name}: {sum(map(len, found.values()))} of {total} texts differ")
    for why, cases in sorted(found.items()):
        text, row, encoding = min(cases, key=lambda case: len(case[0]))
        print(f"  {why}: {len(cases)}, shortest {text!r}: infig {list(zip(row['tokens'], row['offsets']))[1:-1]}, "
              f"original {list(zip(encoding.tokens, encoding.offsets))[1:-1]}")


def check(name, infig, folder, processor, backend, texts):
    real, drawn = texts[:-RANDOM], texts[-RANDOM:]
    for kind, part in (("real texts", real), ("random texts", drawn)):
        found = differences(infig, folder, processor, backend, part)
        report(f"{name}, {kind}", found, len(part))
        assert not [why for why in found if why.startswith("unexplained")]


def test_differences_from_the_converted_tokenizer_have_reasons(infig, processor, folder, texts):
    check("DebertaV2Converter", infig, folder, processor, converted(folder), texts)


def test_differences_from_the_class_of_transformers_5_have_reasons(infig, processor, folder, texts):
    check("DebertaV2Tokenizer", infig, folder, processor, transformers.AutoTokenizer.from_pretrained(str(folder)).backend_tokenizer, texts)

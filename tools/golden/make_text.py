"""Golden files of the tokenizer: a small vocabulary trained by Python's SentencePiece, and what transformers makes of texts with it.

Writes tests/golden/text/spm.model and tests/golden/text/encodings.json. The model's normaliser is a short list of rules (NFKC of a few
characters, white space, control characters), since the table of nmt_nfkc takes 240 KB.

Needs: transformers, tokenizers, sentencepiece, protobuf.   Run from anywhere: python tools/golden/make_text.py
With --check DIR it checks a folder that infig wrote (spm.model, tokenizer_config.json) instead: AutoTokenizer must load it, with the
special tokens at their ids, and give the ids of Python's SentencePiece.
"""
import argparse
import io
import json
import pathlib
import random
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken
from transformers import AutoTokenizer
from transformers.convert_slow_tokenizer import DebertaV2Converter

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "text"
SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
VOCAB_SIZE = 300

OPENERS = ["Just saw", "I really love", "So tired of", "Cannot wait for", "Thinking about", "Nobody talks about", "What a day at",
           "Best view of"]
THINGS = ["the old harbour", "my sister's garden", "this rainy morning", "the night train", "our first concert", "a tiny blue house",
          "the market in winter", "grandma's apple pie", "the empty stadium", "a café in Zürich"]
MOODS = ["and it made me smile", "and I am still sad", "but honestly it was boring", "so happy right now!!!",
         "why does it always end like this?",
         "feeling nothing at all...", "10/10 would go again", "never again, I promise", "in 2016, not 1999"]
TAGS = ["#happy", "#sad", "#travel", "#nofilter", "@someone", "http://t.co/a1B2c3", "RT @friend:", "😀", "💔", ":)"]

CASES = [
    "", " ", "   ", "\n\n", "hello world", "  hello   world  ", "a  b", "tab\tand\nnewline", "Just saw the old harbour #happy 😀",
    "I really love this rainy morning, so happy right now!!!", "RT @friend: never again http://t.co/a1B2c3", "unknown 漢字 and 🦄🦄 here", "🦄",
    "😀😀", "…dots… everywhere…", "ﬁne ① ｆｕｌｌ ½", "wide\u3000space", "nbsp\u00a0and x", "50 % off & more <tag>", "a[UNK]b",
    "x [SEP] y [MASK] z",
    "[CLS]", "[MASK][MASK]", "[ SEP] [sep]", "Zürich café naïve", "ÀÉÎ", "مرحبا", "日本語", "🇨🇦 flag", "👨\u200d👩\u200d👧 family",
    "it's 2016... or 1999?",
    "A" * 40, "the market in winter " * 12, "½ cup", "™ and ℃", "null\u0000byte", "end [SEP]", "why does it always end like this? 💔",
]


# Letter and combining mark: transformers gives the letter's place alone, infig that of both; the ids are equal.
COMBINED = ["cafe\u0301 end", "e\u0301", "A\u0302\u0300 x"]


def rules():
    table = {chr(c): " " for c in (0x09, 0x0A, 0x0D, 0xA0, 0x3000, 0x200B)}
    table.update({chr(c): "" for c in list(range(1, 9)) + [0x7F]})
    wide = [chr(c) for c in range(0xFF21, 0xFF5B)]
    table.update({c: unicodedata.normalize("NFKC", c) for c in list("…ﬁﬂ①½™℃²") + wide})
    for letters in ("e\u0301", "a\u0301", "A\u0302\u0300"):
        table[letters] = unicodedata.normalize("NFKC", letters)
    code = lambda text: " ".join(f"{ord(c):X}" for c in text)
    return "".join(f"{code(source)}\t{code(target)}\n" for source, target in sorted(table.items()))


def corpus():
    draw = random.Random(20)
    lines = []
    for _ in range(240):
        parts = [draw.choice(OPENERS), draw.choice(THINGS), draw.choice(MOODS)] + draw.sample(TAGS, draw.randint(0, 2))
        lines.append(" ".join(parts))
    return lines


def train(lines):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as file:
        file.write(rules())
        file.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, model_type="unigram", vocab_size=VOCAB_SIZE, hard_vocab_limit=False,
            character_coverage=1.0, normalization_rule_tsv=file.name, pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]",
            bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]", num_threads=1, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    proto.normalizer_spec.ClearField("normalization_rule_tsv")  # a path of the machine that ran this
    return proto.SerializeToString()


class Original:  # what DebertaV2Converter asks of a slow tokenizer
    split_by_punct = False
    do_lower_case = False
    add_prefix_space = True
    legacy = True

    def __init__(self, path, pieces):
        self.vocab_file = path
        self.pieces = pieces

    def convert_tokens_to_ids(self, token):
        return self.pieces.index(token)


def fast_tokenizer(model, pieces):
    """The fast tokenizer as transformers converts it from spm.model, the model's own normaliser included."""
    with tempfile.NamedTemporaryFile(suffix=".model") as file:
        file.write(model)
        file.flush()
        tokenizer = DebertaV2Converter(Original(file.name, pieces)).converted()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def make():
    model = train(corpus())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    tokenizer = fast_tokenizer(model, pieces)
    golden = {"pieces": pieces + ["[MASK]"], "cases": [], "combined": []}
    for name, texts in (("cases", CASES), ("combined", COMBINED)):
        for text in texts:
            encoding = tokenizer.encode(text)
            golden[name].append({"text": text, "ids": encoding.ids, "offsets": [list(pair) for pair in encoding.offsets]})
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "spm.model").write_bytes(model)
    (OUT / "encodings.json").write_text(json.dumps(golden, ensure_ascii=True, indent=0).replace(",\n", ", ") + "\n")
    print(f"{OUT}: {len(pieces)} pieces, {len(CASES)} cases")


def check(folder):
    processor = sentencepiece.SentencePieceProcessor(model_file=str(pathlib.Path(folder) / "spm.model"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer).__name__ == "DebertaV2Tokenizer", type(tokenizer)
    assert len(tokenizer) == processor.get_piece_size() + 1
    assert tokenizer.convert_tokens_to_ids(SPECIAL) == [0, 1, 2, 3, processor.get_piece_size()]
    for text in corpus():
        assert tokenizer(text)["input_ids"] == [1] + processor.encode(text) + [2], text
    print(f"{folder}: loads, and gives SentencePiece's ids")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", metavar="DIR")
    arguments = parser.parse_args()
    check(arguments.check) if arguments.check else make()

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
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from text_cases import CASES, COMBINED, corpus
from tokenizers import AddedToken
from transformers import AutoTokenizer
from transformers.convert_slow_tokenizer import DebertaV2Converter

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "text"
SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
VOCAB_SIZE = 300

def rules():
    table = {chr(c): " " for c in (0x09, 0x0A, 0x0D, 0xA0, 0x3000, 0x200B)}
    table.update({chr(c): "" for c in list(range(1, 9)) + [0x7F]})
    wide = [chr(c) for c in range(0xFF21, 0xFF5B)]
    table.update({c: unicodedata.normalize("NFKC", c) for c in list("…ﬁﬂ①½™℃²") + wide})
    for letters in ("e\u0301", "a\u0301", "A\u0302\u0300"):
        table[letters] = unicodedata.normalize("NFKC", letters)
    code = lambda text: " ".join(f"{ord(c):X}" for c in text)
    return "".join(f"{code(source)}\t{code(target)}\n" for source, target in sorted(table.items()))


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

"""infig tokenize against the fast tokenizers of transformers, live: ids and offsets must be equal on every text.

Texts: all of the shared data (about 70,000 lines), 20,000 drawn from all of Unicode, lines of 100 KB, and every code point there is.
Tokenizers: BERT and MPNet with a real vocabulary where one is installed (weights/minilm-l6, weights/mpnet-base; else one trained here), CLIP with
its own, RoBERTa with a byte-level vocabulary trained here.
One difference fails. DeBERTa, whose originals differ among themselves, has test_tokenizers_deberta.py.
"""
import json
import os
import pathlib
import shutil

import pytest
import tokenizer_inputs
from conftest import ROOT, data_folder, real_texts, run

tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")

RANDOM = 20_000


def bytes_to_symbols():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    order = printable + [b for b in range(256) if b not in printable]
    return [chr(b) if i < len(printable) else chr(256 + i - len(printable)) for i, b in enumerate(order)]


def training_corpus():
    """Real texts where they are, else enough of random ones to train vocabularies on."""
    folder = data_folder()
    return real_texts(folder) if folder.is_dir() else tokenizer_inputs.random_texts(5000, seed=9)


@pytest.fixture(scope="session")
def corpus():
    return training_corpus()


@pytest.fixture(scope="session")
def texts(corpus):
    hard = tokenizer_inputs.random_texts(RANDOM)
    lines = corpus + hard + tokenizer_inputs.long_texts() + ["", " ", "\u3000", "[SEP]", "<mask>"]
    return [line.replace("\n", " ") for line in lines]


@pytest.fixture(scope="session")
def characters():
    return tokenizer_inputs.every_character()


def weights(name):
    """The folder of a published model: $INFIG_WEIGHTS/NAME or weights/NAME; None where it is not installed."""
    folder = pathlib.Path(os.environ.get("INFIG_WEIGHTS") or ROOT / "weights") / name
    return folder if (folder / "vocab.txt").is_file() else None


def wordpiece_folder(folder, corpus, name, special, config):
    """A real vocabulary where it is there, with its own files; else one trained on the corpus."""
    folder.mkdir()
    published = weights(name)
    if published is not None:
        for path in published.iterdir():
            if path.suffix in (".json", ".txt") and path.name != "config.json" or path.name == "vocab.txt":
                shutil.copy(path, folder)
        found = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        found.update(config)
        (folder / "tokenizer_config.json").write_text(json.dumps(found), encoding="utf-8")
        return folder
    trainer = tokenizers.trainers.WordPieceTrainer(vocab_size=12_000, special_tokens=special)
    model = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    model.normalizer = tokenizers.normalizers.BertNormalizer()
    model.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    model.train_from_iterator(corpus, trainer)
    model.model.save(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MPNET_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def make_bert(folder, corpus, **options):
    return wordpiece_folder(folder, corpus, "minilm-l6", BERT_SPECIAL, {"tokenizer_class": "BertTokenizer", **options})


def make_mpnet(folder, corpus, **options):
    return wordpiece_folder(folder, corpus, "mpnet-base", MPNET_SPECIAL, {"tokenizer_class": "MPNetTokenizer", **options})


def make_roberta(folder, corpus, **options):
    folder.mkdir()
    model = tokenizers.ByteLevelBPETokenizer()
    model.train_from_iterator(corpus, vocab_size=20_000, special_tokens=ROBERTA_SPECIAL)
    model.save_model(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "RobertaTokenizer", **options}), encoding="utf-8")
    return folder


def make_clip(folder, corpus, **options):
    """vocab.json and merges.txt from CLIP's own list of merges where that is there, else trained here."""
    import gzip
    folder.mkdir()
    published = data_folder() / "clip-bpe" / "bpe_simple_vocab_16e6.txt.gz"
    if published.is_file():
        merges = gzip.decompress(published.read_bytes()).decode("utf-8").split("\n")[1:49152 - 256 - 2 + 1]
        symbols = bytes_to_symbols()
        tokens = symbols + [s + "</w>" for s in symbols] + ["".join(m.split()) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
        (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}), encoding="utf-8")
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    else:
        alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=10_000, end_of_word_suffix="</w>", initial_alphabet=alphabet,
                                                 special_tokens=["<|startoftext|>", "<|endoftext|>"] + [s + "</w>" for s in alphabet])
        model = tokenizers.Tokenizer(tokenizers.models.BPE(end_of_word_suffix="</w>"))
        model.normalizer = tokenizers.normalizers.Lowercase()
        model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        model.train_from_iterator(corpus, trainer)
        model.model.save(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer", **options}), encoding="utf-8")
    return folder


MASK = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": True}
USER = {"content": "<user>", "lstrip": False, "rstrip": False, "single_word": False, "normalized": True, "special": False}
SAD = {"content": "#SAD", "lstrip": True, "rstrip": True, "single_word": True, "normalized": True, "special": False}

KINDS = {
    "bert": (make_bert, {}),
    "bert-cased": (make_bert, {"do_lower_case": False}),
    "bert-accents": (make_bert, {"do_lower_case": True, "strip_accents": False}),
    "bert-cased-plain": (make_bert, {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}),
    "mpnet": (make_mpnet, {}),
    "roberta": (make_roberta, {}),
    "roberta-prefix": (make_roberta, {"add_prefix_space": True, "mask_token": MASK}),
    "roberta-untrimmed": (make_roberta, {"trim_offsets": False}),
    "clip": (make_clip, {}),
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory, corpus):
    made = {}

    def get(kind):
        if kind not in made:
            make, options = KINDS[kind]
            made[kind] = make(tmp_path_factory.mktemp("tokenizers") / kind, corpus, **options)
        return made[kind]
    return get


def ours(infig, folder, texts, *flags):
    out = run(infig, "tokenize", "--model", folder, *flags, input="\n".join(texts).encode("utf-8") + b"\n").decode("utf-8")
    rows = [json.loads(line) for line in out.split("\n")[:-1]]  # tokens may hold other line ends
    assert len(rows) == len(texts)
    return rows


def theirs(folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    assert tokenizer.is_fast
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return backend


def pairs(infig, folder, backend, texts, batch=10_000):
    """(text, our row, their encoding), a batch in memory at a time."""
    for start in range(0, len(texts), batch):
        part = texts[start:start + batch]
        yield from zip(part, ours(infig, folder, part), backend.encode_batch(part))


def equal(row, encoding):
    return row["ids"] == encoding.ids and row["offsets"] == [list(pair) for pair in encoding.offsets]


def compare(infig, folder, texts):
    """Texts on which ids or offsets differ, with both sides."""
    differing, tokens = [], 0
    for text, row, encoding in pairs(infig, folder, theirs(folder), texts):
        tokens += len(encoding.ids)
        if not equal(row, encoding):
            differing.append((text, row, encoding))
    assert tokens > 3 * len(texts)
    return differing


def shown(differing, count=5):
    lines = [f"{len(differing)} texts differ"]
    for text, row, expected in differing[:count]:
        mine = list(zip(row["ids"], map(tuple, row["offsets"]), row["tokens"]))
        other = list(zip(expected.ids, expected.offsets, expected.tokens))
        first = next((i for i, (a, b) in enumerate(zip(mine, other)) if a[:2] != b[:2]), min(len(mine), len(other)))
        lines.append(f"{text[:200]!r}\n  at token {first}: infig {mine[first:first + 4]}\n  original {other[first:first + 4]}")
    return "\n".join(lines)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_original(infig, folders, texts, kind):
    differing = compare(infig, folders(kind), texts)
    assert not differing, shown(differing)


@pytest.mark.parametrize("kind", ["bert", "bert-cased", "roberta", "clip"])
def test_every_code_point(infig, folders, characters, kind):
    differing = compare(infig, folders(kind), characters)
    assert not differing, shown(differing)

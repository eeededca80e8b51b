"""infig tokenize on tokenizer.json files of every kind against the library `tokenizers`, live: ids and offsets must be equal on every text;
and on folders of published classes against AutoTokenizer of transformers, where class, switches and file disagree.

The files are made here (json_kinds.py): every model with different normalisers, pre-tokenizers and post-processors. One difference fails.
"""
import json
import shutil

import json_kinds
import pytest
import tokenizer_inputs
from conftest import data_folder, real_texts, run
from test_tokenizers import RANDOM, equal, ours, shown

tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")
pytest.importorskip("sentencepiece")

SIZE = 3000


@pytest.fixture(scope="session")
def training_texts():
    folder = data_folder()
    real = [text for text in real_texts(folder)[:20_000] if len(text) < 1000] if folder.is_dir() else []
    return real + [text.replace("\n", " ") for text in tokenizer_inputs.random_texts(2500, seed=9)]


@pytest.fixture(scope="session")
def json_texts():
    folder = data_folder()
    real = real_texts(folder)[::3] if folder.is_dir() else []
    flags = ["", " ", "\u3000", "[SEP]", "<mask>", "a " * 50, "  <user>  x <user>y #SAD#SAD  HTTP   z \u00e9t\u00e9 \u00c9t\u00e9", "x</s>y <s>  </s>"]
    return [text.replace("\n", " ") for text in real + tokenizer_inputs.random_texts(RANDOM) + flags]


@pytest.fixture(scope="session")
def json_folder(tmp_path_factory, training_texts):
    made = {}

    def get(name):
        if name not in made:
            folder = tmp_path_factory.mktemp("json") / name
            folder.mkdir()
            content = json_kinds.make(name, training_texts, SIZE)
            (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
            made[name] = folder
        return made[name]
    return get


def differing(infig, folder, encode, texts, batch=5000):
    found, tokens = [], 0
    for start in range(0, len(texts), batch):
        part = texts[start:start + batch]
        for text, row, encoding in zip(part, ours(infig, folder, part), encode(part)):
            tokens += len(encoding.ids)
            if not equal(row, encoding):
                found.append((text, row, encoding))
    assert tokens > 2 * len(texts)
    return found


@pytest.mark.parametrize("name", json_kinds.NAMES)
def test_equals_the_library(infig, json_folder, json_texts, name):
    folder = json_folder(name)
    library = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    found = differing(infig, folder, library.encode_batch, json_texts)
    assert not found, shown(found)


# Which rules win: a file, what stands beside it, and what AutoTokenizer makes of both. Keys of tokenizer_config.json; the type in config.json.
WINNERS = {
    "class-lowers": ("wordpiece-nfkc", {"tokenizer_class": "BertTokenizer"}, "bert"),
    "class-is-cased": ("wordpiece-bert", {"tokenizer_class": "BertTokenizerFast", "do_lower_case": False}, "bert"),
    "class-of-the-model": ("wordpiece-nfkc", {}, "bert"),
    "electra": ("wordpiece-nfkc", {"tokenizer_class": "ElectraTokenizer", "strip_accents": False}, "electra"),
    "distilbert": ("wordpiece-nfkc", {"tokenizer_class": "DistilBertTokenizer", "tokenize_chinese_chars": False}, "distilbert"),
    "file-of-bert": ("wordpiece-nfkc", {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "[CLS]", "sep_token": "[SEP]"}, "bert"),
    "file-without-frame": ("wordpiece-plain", {"tokenizer_class": "TokenizersBackend"}, "bert"),
    "unknown-class": ("wordpiece-nfkc", {"tokenizer_class": "MineTokenizer"}, "bert"),
    "convbert": ("wordpiece-nfkc", {"tokenizer_class": "ConvBertTokenizer"}, "convbert"),
    "roberta": ("bpe-roberta", {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True}, "roberta"),
    "roberta-file": ("bpe-roberta-prefix", {"tokenizer_class": "PreTrainedTokenizerFast"}, "roberta"),
    "clip": ("bpe-clip", {"tokenizer_class": "CLIPTokenizer"}, "clip"),
    "clip-file": ("bpe-clip", {"tokenizer_class": "TokenizersBackend"}, "clip"),
    "modernbert": ("bpe-modernbert", {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "[CLS]", "mask_token": "[MASK]"}, "modernbert"),
    "deberta": ("unigram-deberta", {"tokenizer_class": "DebertaV2Tokenizer"}, "deberta-v2"),
    "deberta-lower": ("unigram-deberta", {"tokenizer_class": "DebertaV2TokenizerFast", "do_lower_case": True, "split_by_punct": True, "add_prefix_space": False}, "deberta-v2"),
    "deberta-file": ("unigram-precompiled", {"tokenizer_class": "PreTrainedTokenizerFast"}, "deberta-v2"),
    "xlm-roberta": ("unigram-precompiled", {"tokenizer_class": "XLMRobertaTokenizer"}, "xlm-roberta"),
    "xlm-roberta-no-table": ("unigram-fallback-xlm", {"tokenizer_class": "XLMRobertaTokenizer", "add_prefix_space": False}, "xlm-roberta"),
    "siglip2": ("bpe-gemma", {"tokenizer_class": "Siglip2Tokenizer"}, "siglip2"),
    "gemma": ("bpe-gemma", {"tokenizer_class": "GemmaTokenizer"}, ""),
    "more-tokens": ("wordpiece-nfkc", {"tokenizer_class": "TokenizersBackend", "mask_token": "<new-mask>", "extra_special_tokens": ["<extra>", "the"]}, "bert"),
}


@pytest.fixture(scope="session")
def ruled_folder(tmp_path_factory, json_folder):
    def get(name):
        kind, config, model_type = WINNERS[name]
        folder = tmp_path_factory.mktemp("ruled") / name
        shutil.copytree(json_folder(kind.removesuffix("-xlm").replace("unigram-fallback", "unigram-precompiled")), folder)
        if kind.endswith("-xlm"):
            content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
            content["normalizer"] = {"type": "NFKC"}
            (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
        if model_type:
            (folder / "config.json").write_text(json.dumps({"model_type": model_type}), encoding="utf-8")
        return folder
    return get


@pytest.mark.parametrize("name", WINNERS)
def test_the_winner_is_that_of_transformers(infig, ruled_folder, json_texts, name):
    folder = ruled_folder(name)
    backend = transformers.AutoTokenizer.from_pretrained(str(folder)).backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    texts = json_texts[::2] + ["<new-mask> x <extra> the end"]
    found = differing(infig, folder, backend.encode_batch, texts)
    assert not found, shown(found)


def test_xlm_roberta_from_its_pieces(infig, tmp_path, training_texts, json_texts):
    import sentencepiece
    texts = ["".join(c if ord(c) < 0x500 else " " for c in text) for text in training_texts]
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts), model_prefix=str(tmp_path / "sentencepiece.bpe"), model_type="unigram", vocab_size=SIZE,
                                             normalization_rule_name="nmt_nfkc", minloglevel=2, num_threads=1)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLMRobertaTokenizer"}), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "xlm-roberta"}), encoding="utf-8")
    backend = transformers.AutoTokenizer.from_pretrained(str(tmp_path)).backend_tokenizer
    found = differing(infig, tmp_path, backend.encode_batch, json_texts[::2])
    assert not found, shown(found)


SPLIT = ["wordpiece-plain", "wordlevel-fixed", "bpe-roberta", "bpe-split-bytes", "bpe-fallback", "unigram-deberta", "unigram-trim", "bpe-clip"]


@pytest.mark.parametrize("name", SPLIT)
def test_split_is_the_librarys_with_the_vocabulary_hidden(infig, json_folder, json_texts, name):
    """No special token comes out of a text, whatever the library's encode_special_tokens lets through as a piece of the vocabulary; other texts are cut
    as the library cuts them."""
    folder = json_folder(name)
    library = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    library.encode_special_tokens = True
    special = {token.content: i for i, token in library.get_added_tokens_decoder().items() if token.special and not token.content.startswith("<0x")}
    unknown = {library.token_to_id(token) for token in ("[UNK]", "<unk>", "<|endoftext|>")}
    around = len(library.encode("").ids)
    texts = [text for text in json_texts[-RANDOM // 2:]]
    rows = ours(infig, folder, texts, "--special-in-text", "split")
    same = 0
    for text, row, encoding in zip(texts, rows, library.encode_batch(texts)):
        ids = row["ids"]
        assert sum(ids.count(i) for i in set(special.values()) - unknown) <= around, text
        if not any(content in text for content in special):
            assert ids == encoding.ids, text
            same += 1
    assert same > len(texts) // 3

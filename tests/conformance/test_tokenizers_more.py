"""infig tokenize on CLIP's vocabulary as open_clip reads texts, and on BERTweet's files, against their originals: ids must be equal on every text.

open_clip itself is no package of this environment: its cleaning is ftfy's fix_text, html.unescape twice, white space and lower case, its words a pattern
of the package regex, its pieces CLIP's byte pairs (the library's BPE). A text that ftfy takes for wrongly decoded is left out and counted.
"""
import html
import json
import unicodedata

import pytest
import tokenizer_inputs
from conftest import data_folder, real_texts
from test_tokenizers import RANDOM, bytes_to_symbols, make_clip, ours, training_corpus

ftfy = pytest.importorskip("ftfy")
regex = pytest.importorskip("regex")
tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")

WORDS = regex.compile(r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""", regex.IGNORECASE)
ESCAPES = ["&amp;", "&lt;3", "&amp;amp;", "&eacute;", "&EACUTE;", "&copy", "&copyx", "&#39;", "&#x1F600;", "&#150;", "&#0;", "&nosuch;", "it\u2019s", "\u201cquoted\u201d", "\ufb01ne", "\uff28\uff25\uff39",
           "a\u2028b", "\x1b[31mred\x1b[0m", "x\ufeffy", "caf\u00e9", "cafe\u0301", "\u03a3\u0391\u03a3", "<b>&amp;</b>", "\x85", "\u0149", "&notit;", "&ampamp;", "&#xD800;", "&AMP"]


# Marks that came with Unicode 10 to 14: the Rust library's normal forms, and infig's, know none of them.
OLD = unicodedata.ucd_3_2_0
NEWER = {chr(c) for c in range(0x110000) if unicodedata.combining(chr(c)) and OLD.category(chr(c)) == "Cn"} | {"\u0345"}  # which the package regex takes for an iota


def more_texts():
    folder = data_folder()
    real = real_texts(folder)[::3] if folder.is_dir() else []
    import random
    draw = random.Random(12)
    drawn = [" ".join(draw.choice(ESCAPES + tokenizer_inputs.WORDS) for _ in range(draw.choice([1, 2, 4, 9]))) for _ in range(5000)]
    return [text.replace("\n", " ") for text in real + tokenizer_inputs.random_texts(RANDOM) + drawn + ESCAPES]


def test_open_clip(infig, tmp_path):
    folder = make_clip(tmp_path / "clip", training_corpus())
    (folder / "open_clip_config.json").write_text("{}", encoding="utf-8")
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    model = tokenizers.models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"), end_of_word_suffix="</w>")
    symbols = bytes_to_symbols()
    order = [*range(33, 127), *range(161, 173), *range(174, 256)]
    of_byte = dict(zip(order + [b for b in range(256) if b not in order], symbols))
    texts = more_texts()
    wrong, guessed, compared = [], 0, 0
    for text, row in zip(texts, ours(infig, folder, texts)):
        if any(unicodedata.category(character) == "Cn" or character in NEWER for character in text):
            continue  # what Python's Unicode does not know, or the Unicode 9 of the library's normal forms
        compared += 1
        repaired = ftfy.fix_text(text)
        if repaired != ftfy.fix_text(text, fix_encoding=False):
            guessed += 1
            continue
        cleaned = " ".join(html.unescape(html.unescape(repaired)).split()).strip().lower()
        if "start_of_text" in cleaned or "end_of_text" in cleaned:
            continue
        ids = [vocabulary["<|startoftext|>"]]
        for word in WORDS.findall(cleaned):
            ids += [token.id for token in model.tokenize("".join(of_byte[byte] for byte in word.encode("utf-8")))]
        if row["ids"] != ids + [vocabulary["<|endoftext|>"]]:
            wrong.append((text, row["ids"], ids))
    print(f"\nopen_clip: {guessed} of {compared} texts are taken for wrongly decoded by ftfy; of the others {len(wrong)} differ")
    assert compared > len(texts) // 2 and guessed < compared // 10
    assert not wrong, wrong[:3]


def make_bertweet(folder):
    """BERTweet's files with a small vocabulary, which knows what its normalisation writes."""
    # The original parts its files at characters that the training does not take for white space.
    corpus = ["".join(c if unicodedata.category(c) != "Cc" else " " for c in text) for text in training_corpus() if len(text) < 500][:20_000]
    corpus += ["@USER HTTPURL :grinning_face: :red_heart: n't 's"] * 50
    trained = tokenizers.Tokenizer(tokenizers.models.BPE(end_of_word_suffix="</w>"))
    trained.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    trained.train_from_iterator(corpus, tokenizers.trainers.BpeTrainer(vocab_size=4000, end_of_word_suffix="</w>", limit_alphabet=300, show_progress=False))
    merges = json.loads(trained.to_str())["model"]["merges"]
    (folder / "bpe.codes").write_text("".join(f"{left} {right} {len(merges) - i}\n" for i, (left, right) in enumerate(merges)), encoding="utf-8")
    pieces = dict.fromkeys(piece.removesuffix("</w>") if piece.endswith("</w>") else piece + "@@" for piece in trained.get_vocab())
    (folder / "vocab.txt").write_text("".join(f"{piece} 1\n" for piece in sorted(pieces) if piece.strip() == piece and piece and piece not in ("<s>", "<pad>", "</s>", "<unk>")), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta"}), encoding="utf-8")


def test_bertweet(infig, tmp_path):
    make_bertweet(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertweetTokenizer"}), encoding="utf-8")
    original = transformers.BertweetTokenizer(str(tmp_path / "vocab.txt"), str(tmp_path / "bpe.codes"))
    texts = more_texts()
    wrong = [(text, row["ids"], expected) for text, row in zip(texts, ours(infig, tmp_path, texts)) if row["ids"] != (expected := original(text)["input_ids"])]
    assert not wrong, wrong[:3]


def test_bertweet_normalization(infig, tmp_path):
    """All shared texts and 5,000 strings of what tweets hold, through normalizeTweet. Left out: characters that Python's Unicode 14 does not know (the
    package regex knows later ones than infig), and numbers that stand for half a surrogate pair."""
    emoji = pytest.importorskip("emoji")
    assert emoji.__version__ == "0.6.0"
    make_bertweet(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertweetTokenizer", "normalization": True}), encoding="utf-8")
    original = transformers.BertweetTokenizer(str(tmp_path / "vocab.txt"), str(tmp_path / "bpe.codes"), normalization=True)
    texts = real_texts(data_folder()) if data_folder().is_dir() else []
    real = len(texts)
    texts += tokenizer_inputs.tweet_texts(5000) + tokenizer_inputs.random_texts(RANDOM // 4) + tokenizer_inputs.every_character()
    texts = [text.replace("\n", " ") for text in texts]
    compared, wrong = 0, []
    for text, row in zip(texts, ours(infig, tmp_path, texts)):
        if any(unicodedata.category(character) == "Cn" for character in text):
            continue
        compared += 1
        expected = original(text)["input_ids"]
        if row["ids"] != expected:
            wrong.append((text, row["ids"], expected))
        assert all(0 <= begin <= end <= len(text) for begin, end in row["offsets"]), text
    print(f"\nBERTweet's normalisation: {compared} texts compared, {real} of them real; {len(wrong)} differ")
    assert compared > 5000 and not wrong, wrong[:3]

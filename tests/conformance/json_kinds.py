"""tokenizer.json files of every kind that there is: each model with different normalisers, pre-tokenizers and post-processors, trained on some texts.
make(name, texts, size) gives the content of one; NAMES lists them. tools/golden/make_json_tokenizers.py makes small ones of the same kinds."""
import base64
import json
import re

import tokenizers
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers, processors, trainers

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
MODERN = [AddedToken("|||IP_ADDRESS|||", normalized=True, special=False), AddedToken(" " * 3, normalized=True, special=False),
          AddedToken(" " * 2, normalized=True, special=False), AddedToken("[MASK]", lstrip=True, normalized=False, special=True)]
FLAGS = [AddedToken("<user>", normalized=False, special=False, single_word=True), AddedToken("#SAD", lstrip=True, rstrip=True, special=False),
         AddedToken("\u00c9t\u00e9", normalized=True, special=False), AddedToken("HTTP", normalized=False, special=False, rstrip=True)]


def template(first, last):
    def frame(tokenizer):
        ids = [(one, tokenizer.token_to_id(one)) for one in dict.fromkeys((first, last))]
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{first} $A {last}", pair=f"{first} $A {last} $B:1 {last}:1", special_tokens=ids)
    return frame


def roberta_frame(trim, prefix):
    def frame(tokenizer):
        pair = [(one, tokenizer.token_to_id(one)) for one in ("</s>", "<s>")]
        tokenizer.post_processor = processors.RobertaProcessing(*pair, trim_offsets=trim, add_prefix_space=prefix)
    return frame


def bert_frame(tokenizer):
    tokenizer.post_processor = processors.BertProcessing(*[(one, tokenizer.token_to_id(one)) for one in ("[SEP]", "[CLS]")])


def long_frame(tokenizer):
    ids = [(one, tokenizer.token_to_id(one)) for one in BERT]
    trim = processors.ByteLevel(trim_offsets=True, add_prefix_space=False)
    frame = processors.TemplateProcessing(single="[CLS] [MASK] $A [SEP]", pair="[CLS] $A [SEP] $B", special_tokens=ids)
    tokenizer.post_processor = processors.Sequence([trim, frame])


def no_frame(tokenizer):
    pass


def sequence(*steps):
    return normalizers.Sequence(list(steps))


def pre(*steps):
    return pre_tokenizers.Sequence(list(steps))


def word_piece(size, special=BERT, **options):
    return models.WordPiece(unk_token="[UNK]", **options), trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False)


def byte_pairs(size, special, trainer=None, **options):
    return models.BPE(**options), trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False, **(trainer or {}))


def unigram(size, special, unknown):
    return models.Unigram(), trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token=unknown, show_progress=False, max_piece_length=12)


def word_level(size, special=BERT):
    return models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=size, special_tokens=special, show_progress=False)


ALPHABET = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
NORMAL = normalizers.BertNormalizer
META = pre_tokenizers.Metaspace

# name: (model and trainer by size, normaliser, pre-tokenizer, frame, added tokens, changes to the model in the file)
KINDS = {
    "wordpiece-bert": (lambda n: word_piece(n), NORMAL(), pre_tokenizers.BertPreTokenizer(), template("[CLS]", "[SEP]"), [], {}),
    "wordpiece-flags": (lambda n: word_piece(n), NORMAL(lowercase=True, strip_accents=False), pre_tokenizers.BertPreTokenizer(), bert_frame, FLAGS, {}),
    "wordpiece-plain": (lambda n: word_piece(n), NORMAL(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False),
                        pre_tokenizers.WhitespaceSplit(), no_frame, [], {"max_input_chars_per_word": 12}),
    "wordpiece-nfkc": (lambda n: word_piece(n), sequence(normalizers.NFKC(), normalizers.Lowercase()), pre_tokenizers.Whitespace(), template("[CLS]", "[SEP]"), FLAGS, {}),
    "wordpiece-nfkd-accents": (lambda n: word_piece(n), sequence(normalizers.NFKD(), normalizers.StripAccents(), normalizers.Strip()),
                               pre(pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(behavior="contiguous")), long_frame, [], {}),
    "wordpiece-nmt-digits": (lambda n: word_piece(n), sequence(normalizers.Nmt(), normalizers.NFD(), normalizers.Strip(left=True, right=False)),
                             pre(pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)), no_frame, [], {}),
    "wordlevel-scripts": (lambda n: word_level(n), normalizers.NFC(), pre(pre_tokenizers.UnicodeScripts(), pre_tokenizers.Digits()), template("[CLS]", "[SEP]"), FLAGS, {}),
    "wordlevel-punctuation": (lambda n: word_level(n), sequence(normalizers.Prepend("_"), normalizers.Replace(Regex("[0-9]+"), "0"), normalizers.Replace("!", "?!")),
                              pre(pre_tokenizers.CharDelimiterSplit(" "), pre_tokenizers.Punctuation(behavior="merged_with_previous")), bert_frame, [], {}),
    "wordlevel-fixed": (lambda n: word_level(n), normalizers.Lowercase(), pre_tokenizers.FixedLength(length=3), no_frame, [], {}),
    "wordlevel-empty-matches": (lambda n: word_level(n), sequence(normalizers.Replace(Regex("^"), "^"), normalizers.Replace(Regex("\\b"), "|")),
                                pre_tokenizers.Split(Regex("[aeiou]*"), behavior="isolated"), no_frame, [], {}),
    "bpe-roberta": (lambda n: byte_pairs(n, ROBERTA, ALPHABET), None, pre_tokenizers.ByteLevel(add_prefix_space=False), roberta_frame(True, False), [AddedToken("<mask>", lstrip=True, special=True, normalized=True)], {}),
    "bpe-roberta-prefix": (lambda n: byte_pairs(n, ROBERTA, ALPHABET), None, pre_tokenizers.ByteLevel(add_prefix_space=True), roberta_frame(True, True), FLAGS, {}),
    "bpe-modernbert": (lambda n: byte_pairs(n, BERT[1:], ALPHABET), normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True), template("[CLS]", "[SEP]"), MODERN, {}),
    "bpe-split-bytes": (lambda n: byte_pairs(n, BERT, ALPHABET), None,
                        pre(pre_tokenizers.Split(Regex(GPT4), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)), long_frame, [], {"ignore_merges": True}),
    "bpe-byte-normalizer": (lambda n: byte_pairs(n, BERT, ALPHABET), sequence(normalizers.NFC(), normalizers.ByteLevel()), pre_tokenizers.Split(Regex("\u0120+"), behavior="merged_with_next"), template("[CLS]", "[SEP]"), [], {}),
    "bpe-clip": (lambda n: byte_pairs(n, ["<|startoftext|>", "<|endoftext|>"], {**ALPHABET, "end_of_word_suffix": "</w>"}, unk_token="<|endoftext|>", end_of_word_suffix="</w>"),
                 sequence(normalizers.NFC(), normalizers.Replace(Regex("\\s+"), " "), normalizers.Lowercase()),
                 pre(pre_tokenizers.Split(Regex("<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"), behavior="removed", invert=True),
                     pre_tokenizers.ByteLevel(add_prefix_space=False)), template("<|startoftext|>", "<|endoftext|>"), [], {}),
    "bpe-characters": (lambda n: byte_pairs(n, ["<unk>", "<s>", "</s>"], {"continuing_subword_prefix": "##", "end_of_word_suffix": "$"}, unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="$"),
                       normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit(), template("<s>", "</s>"), FLAGS, {}),
    "bpe-fused": (lambda n: byte_pairs(n, ["<unk>", "<s>", "</s>"], {"limit_alphabet": 60}, unk_token="<unk>", fuse_unk=True), None, pre_tokenizers.Whitespace(), template("<s>", "</s>"), [], {}),
    "bpe-no-unknown": (lambda n: byte_pairs(n, ["<s>", "</s>"], {"limit_alphabet": 60}), None, META(prepend_scheme="first", split=False), template("<s>", "</s>"), FLAGS, {}),
    "bpe-fallback": (lambda n: byte_pairs(n, ["<unk>", "<s>", "</s>"] + BYTES, {"limit_alphabet": 60}, unk_token="<unk>", fuse_unk=True, byte_fallback=True),
                     sequence(normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")), None, template("<s>", "</s>"), [], {}),
    "bpe-half-fallback": (lambda n: byte_pairs(n, ["<unk>"] + BYTES[:0xC4], {"limit_alphabet": 60}, unk_token="<unk>", byte_fallback=True),
                          None, pre_tokenizers.WhitespaceSplit(), no_frame, [], {}),
    "bpe-gemma": (lambda n: byte_pairs(n, ["<pad>", "<eos>", "<bos>", "<unk>"] + BYTES, {"limit_alphabet": 100}, unk_token="<unk>", fuse_unk=True, byte_fallback=True),
                  normalizers.Replace(" ", "\u2581"), pre_tokenizers.Split(" ", behavior="merged_with_previous"), template("<bos>", "<eos>"), [], {}),
    "unigram-deberta": (lambda n: unigram(n, ["[PAD]", "[CLS]", "[SEP]", "[UNK]"], "[UNK]"),
                        sequence(normalizers.Replace(Regex("\\s{2,}|[\\n\\r\\t]"), " "), normalizers.NFC(), normalizers.Strip(left=False, right=True)),
                        pre(META(prepend_scheme="always")), template("[CLS]", "[SEP]"), [AddedToken("[MASK]", special=True, normalized=False)], {}),
    "unigram-precompiled": (lambda n: unigram(n, ["<s>", "<pad>", "</s>", "<unk>"], "<unk>"), "precompiled", pre(pre_tokenizers.WhitespaceSplit(), META(prepend_scheme="always")),
                            template("<s>", "</s>"), [AddedToken("<mask>", lstrip=True, special=True, normalized=False)], {}),
    "unigram-precompiled-only": (lambda n: unigram(n, ["<unk>", "<s>", "</s>"], "<unk>"), "precompiled-sequence", META(prepend_scheme="first"), no_frame, FLAGS, {}),
    "unigram-fallback": (lambda n: unigram(n, ["<unk>", "<s>", "</s>"] + BYTES, "<unk>"), normalizers.NFKC(), META(prepend_scheme="never"), template("<s>", "</s>"), [], {"byte_fallback": True}),
    "unigram-trim": (lambda n: unigram(n, BERT, "[UNK]"), None, pre_tokenizers.Split(" ", behavior="merged_with_next"), long_frame, [], {}),
    "split-removed": (lambda n: word_level(n), None, pre_tokenizers.Split(Regex("\\w+"), behavior="removed", invert=True), no_frame, [], {}),
    "split-next": (lambda n: word_level(n), None, pre_tokenizers.Split(Regex("\\p{P}|\\p{S}"), behavior="merged_with_next"), no_frame, [], {}),
    "split-previous": (lambda n: word_level(n), None, pre_tokenizers.Split(Regex("\\d|\\s"), behavior="merged_with_previous"), no_frame, [], {}),
    "split-contiguous": (lambda n: word_level(n), None, pre_tokenizers.Split(Regex("[[:upper:]]|\\p{Lo}"), behavior="contiguous"), no_frame, [], {}),
    "punctuation-next": (lambda n: word_level(n), None, pre(pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(behavior="merged_with_next")), no_frame, [], {}),
    "punctuation-removed": (lambda n: word_level(n), None, pre(pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation(behavior="removed")), no_frame, [], {}),
}
NAMES = list(KINDS)


def charsmap(rule="nmt_nfkc"):
    """The normalisation table that SentencePiece puts into its models."""
    import io

    import sentencepiece
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d e f g h", "hello world"] * 20), model_writer=model, vocab_size=24, hard_vocab_limit=False,
                                             normalization_rule_name=rule, minloglevel=2)
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap


def is_unigram(model):
    return isinstance(model, models.Unigram)


def make(name, texts, size):
    """The content of a tokenizer.json, as an object."""
    model, normalizer, pre_tokenizer, frame, added, changes = KINDS[name]
    made, trainer = model(size)
    tokenizer = tokenizers.Tokenizer(made)
    if normalizer == "precompiled":
        normalizer = normalizers.Precompiled(charsmap())
    elif normalizer == "precompiled-sequence":
        normalizer = sequence(normalizers.Precompiled(charsmap("nmt_nfkc_cf")), normalizers.Replace(Regex(" {2,}"), " "))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if is_unigram(made):  # its vocabulary must hold every character
        texts = ["".join(c if ord(c) < 0x500 else " " for c in text) for text in texts]
    tokenizer.train_from_iterator(texts, trainer)
    content = json.loads(tokenizer.to_str())
    content["model"].update(changes)
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(content))
    tokenizer.add_tokens(added)
    frame(tokenizer)
    return json.loads(tokenizer.to_str())

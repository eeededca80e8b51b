#!/usr/bin/env python3
"""A small spiece.model as SigLIP has one, and the ids that SiglipTokenizer of transformers gives with it.

    python tools/golden/make_siglip_text.py tests/golden/text
"""
import json
import pathlib
import random
import sys

import sentencepiece
from transformers import SiglipTokenizer

draw = random.Random(1)
WORDS = "the a cat dog photo of happy sad tweet people smile cry love hate rain sun big small red blue with in on and its dont tag user caf\u00e9".split()
TEXTS = ["Hello, the Cat's  dog!", "a </s> cat", "</s>cat", "<unk>", "", " ", "!!", "a\u2581b", "the </s>", "the <unk> cat", "\u2581", "x </s>  y.", "\u2581</s>", "  the\tcat\u00a0 dog\x1cx ",
         "a </s></s> b", "CAF\u00c9 \u03a3\u0391\u03a3 \u0130", "don't @user #tag", "<pad> cat", "\u4f60\u597d the \U0001f600cat", "w\u00f6rter_und-mehr", "</s>zzz \u4f60", "the cat" * 30]

folder = pathlib.Path(sys.argv[1])
(folder / "siglip").mkdir(exist_ok=True)
corpus = [" ".join(draw.choice(WORDS) for _ in range(12)) for _ in range(3000)]
sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_prefix=str(folder / "siglip" / "m"), vocab_size=120, hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2,
                                         bos_id=-1, pad_piece="<pad>", eos_piece="</s>", unk_piece="<unk>", normalization_rule_name="identity", minloglevel=2)
(folder / "siglip" / "m.vocab").unlink()
model = (folder / "siglip" / "m.model").rename(folder / "siglip" / "spiece.model")
made = {}
for name, options in {"plain": {}, "cased": {"do_lower_case": False, "pad_token": "<pad>"}, "extra": {"additional_special_tokens": ["<xx>"]}}.items():
    tokenizer = SiglipTokenizer(str(model), **options)
    texts = TEXTS + (["<xx>cat <xx> dog</s>", "a<xx>"] if name == "extra" else [])
    made[name] = {"config": {"tokenizer_class": "SiglipTokenizer", **options}, "pad": tokenizer.pad_token_id, "cases": [[text, tokenizer(text)["input_ids"]] for text in texts],
                  "cut": [[text, tokenizer(text, truncation=True, max_length=4)["input_ids"]] for text in texts]}
(folder / "siglip.json").write_text(json.dumps(made).replace('], ["', '],\n["'), encoding="utf-8")

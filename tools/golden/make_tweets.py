#!/usr/bin/env python3
"""Tweets and what normalizeTweet of transformers' BertweetTokenizer makes of them, with the package emoji 0.6.0 that it names.

    python tools/golden/make_tweets.py > tests/golden/text/tweets.json
"""
import importlib.util
import json
import pathlib
import sys

import emoji
from transformers.models.bertweet.tokenization_bertweet import BertweetTokenizer, TweetTokenizer

HERE = pathlib.Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("tokenizer_inputs", HERE / "tests" / "conformance" / "tokenizer_inputs.py")
inputs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(inputs)
assert emoji.__version__ == "0.6.0", emoji.__version__

original = BertweetTokenizer.__new__(BertweetTokenizer)  # normalizeTweet needs no vocabulary
original.tweetPreprocessor, original.special_puncts, original.demojizer = TweetTokenizer(), {"\u2019": "'", "\u2026": "..."}, emoji.demojize
cases = ["SC has first two presumptive cases of coronavirus, DHEC confirms https://postandcourier.com/health/covid19/x.html?utm_medium=social via @postandcourier \U0001f614",
         "I can't even\u2026 it's 5 p . m . http://t.co/x &lt;3 #love @you", "", " "]
cases += inputs.TWEET_PARTS + inputs.tweet_texts(250, seed=14)
json.dump([[case, original.normalizeTweet(case)] for case in cases], sys.stdout, indent=0)

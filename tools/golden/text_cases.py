"""Texts that more than one golden script uses: a small corpus to train vocabularies on, and cases to encode."""
import random

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


def corpus():
    draw = random.Random(20)
    lines = []
    for _ in range(240):
        parts = [draw.choice(OPENERS), draw.choice(THINGS), draw.choice(MOODS)] + draw.sample(TAGS, draw.randint(0, 2))
        lines.append(" ".join(parts))
    return lines

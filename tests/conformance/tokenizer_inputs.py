"""Texts that are hard on a tokenizer: drawn from all of Unicode, with a fixed seed."""
import random

RANGES = {
    "ascii": [(0x20, 0x7E)],
    "latin": [(0xA0, 0x24F), (0x1E00, 0x1EFF)],
    "emoji": [(0x1F300, 0x1FAFF), (0x2600, 0x27BF), (0x1F1E6, 0x1F1FF), (0x1F3FB, 0x1F3FF)],
    "joiners": [(0x200B, 0x200F), (0xFE00, 0xFE0F), (0x2028, 0x202F), (0x2060, 0x206F), (0xFEFF, 0xFEFF)],
    "marks": [(0x300, 0x36F), (0x1AB0, 0x1ACE), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0), (0x610, 0x61A), (0x64B, 0x65F), (0x591, 0x5C7),
              (0xF71, 0xF84), (0x302A, 0x302F), (0x1D165, 0x1D1AD), (0x93C, 0x94D), (0xE38, 0xE4D)],
    "right-to-left": [(0x5D0, 0x5EA), (0x600, 0x6FF), (0x700, 0x74F), (0xFB1D, 0xFDFF), (0x10D00, 0x10D3F)],
    "indic": [(0x900, 0xDFF), (0xE00, 0xFFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x11000, 0x115FF)],
    "cjk": [(0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x20FFF), (0xFF00, 0xFFEF)],
    "hangul": [(0x1100, 0x11FF), (0xAC00, 0xD7FB), (0x3130, 0x318F)],
    "symbols": [(0x2000, 0x23FF), (0x2460, 0x25FF), (0x2900, 0x2BFF), (0x1D400, 0x1D7FF), (0x1F100, 0x1F1E5)],
    "control": [(0x1, 0x9), (0xB, 0x1F), (0x7F, 0x9F)],
    "case": [(0x370, 0x52F), (0x10A0, 0x10FF), (0x13A0, 0x13FF), (0x1C80, 0x1CBF), (0xA640, 0xA7FF), (0x10400, 0x104FF), (0x10C80, 0x10CFF),
             (0x10D50, 0x10D85), (0x118A0, 0x118DF), (0x16E40, 0x16ECF), (0x1E900, 0x1E943)],
    "any": [(0x1, 0x9), (0xB, 0xD7FF), (0xE000, 0x10FFFF)],
    "assigned planes": [(0x1, 0x9), (0xB, 0xD7FF), (0xE000, 0x33FFF), (0xE0000, 0xE01FF)],
}
WORDS = ["the", "happy", "don't", "I'm", "we'll", "they've", "you're", "it's", "HELLO", "#sad", "@user", "http://t.co/aB1", "RT", "caf\u00e9",
         "na\u00efve", "cafe\u0301", "\u0130stanbul", "stra\u00dfe", "\ufb01ne", "100,000", "3.14", "a\u0323\u0301", "1\u00bd", "\u4f60\u597d", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "...", "!!!", ":-)", "<3",
         "[SEP]", "[CLS]", "[MASK]", "[UNK]", "[PAD]", "<mask>", "<s>", "</s>", "<pad>", "<unk>", "<|startoftext|>", "<|endoftext|>",
         "<|ENDOFTEXT|>", "[ sep ]", "\u2585", "\u2581x", "\u0120x", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "\U0001F1E8\U0001F1E6", "\u1100\u1161\u11a8", "x" * 101, "\u00e9" * 100]
SPACES = [" ", " ", " ", "  ", "\t", "\u00a0", "\u3000", "\r", "\u2003", "\x0b", "\x0c", "\x85", "\u2028", "   ", ""]


def character(draw, kind):
    first, last = draw.choice(RANGES[kind])
    while True:
        code = draw.randint(first, last)
        if not 0xD800 <= code <= 0xDFFF and code != 0x0A:
            return chr(code)


def word(draw):
    choice = draw.random()
    if choice < 0.25:
        return draw.choice(WORDS)
    kinds = draw.choices(list(RANGES), k=draw.choice([1, 1, 2, 3]))
    return "".join(character(draw, draw.choice(kinds)) for _ in range(draw.choice([1, 1, 2, 3, 4, 6, 9, 14])))


def random_texts(count, seed=4):
    draw = random.Random(seed)
    texts = []
    for _ in range(count):
        text = "".join(word(draw) + draw.choice(SPACES) for _ in range(draw.choice([0, 1, 2, 3, 5, 8, 13, 30])))
        texts.append(draw.choice(["", "", " ", "\u00a0"]) + text)
    return texts


def long_texts(seed=5):
    """A dozen lines of 100 KB, some of them a single word."""
    draw = random.Random(seed)
    lines = ["a" * 100_000, "\u00e9" * 50_000, "\U0001F600" * 25_000, "\u0301" * 50_000, " " * 100_000, "!" * 100_000, "ab" * 50_000, "1" * 100_000]
    for _ in range(8):
        parts = []
        while sum(map(len, parts)) < 50_000:
            parts.append(word(draw) + draw.choice(SPACES))
        lines.append("".join(parts))
    return lines


def every_character():
    """Each code point but surrogates and LF, alone, inside a word and behind a letter and a mark: twenty to a line."""
    texts = []
    codes = [c for c in range(1, 0x110000) if c != 0x0A and not 0xD800 <= c <= 0xDFFF]
    for start in range(0, len(codes), 20):
        texts.append(" ".join(f"{chr(c)} b{chr(c)}d e\u0345{chr(c)}" for c in codes[start:start + 20]))
    return texts


TWEET_PARTS = [
    "@user", "@a_b.c", "a@b.co", "x.y+z@mail-host.co.uk", "http://t.co/aB1", "https://a.b/c(d(e)f)g", "HTTP:x", "httpx", "www.a.com", "WWW", "a.b.c", "foo.na@bar", "t.co/x,", "bit.ly/2?a=1&b=2.",
    "#tag", "##t-a'g_", "#1", "#", "don't", "can't", "cannot", "ain't", "I'm", "you're", "it's", "we'll", "he'd", "they've", "n't", "n 't", "don\u2019t", "\u2019", "\u2026", "...", ". . .", "..", "p.m.", "p . m .", "a.m", "a . m",
    "555-1234", "+1 (800) 555 1234", "1 800 555.1234", "(555)5551234", "12/31", "3.14", "-5.0-", "1,000", "1:30", ":)", ":-(", "8-D", "=P", "D:", "<3", ">:|", ":'(", "(:", "<:|", "-->", "<--", "<-", "->",
    "<b>", "</a>", "<a b>", "&amp;", "&lt;3", "&#39;", "&#x27;", "&xi;", "&x41;", "&nosuch;", "&#150;", "&#129;", "&#xD7FF;", "&#1114112;", "&;", "&#;", "&#x;", "&rsquo;", "&hellip;", "&lang;", "&#0x41;", "&#1_0;", "&# 5;",
    "\U0001f600", "\u2764\ufe0f", "\u2600", "\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e8\U0001f1e6", "\U0001f45e", "\ufe0f", "1\ufe0f\u20e3", "\U0001fae0", "\u00a9", "!!!!!!", "????", "aaaaaa", "----", "-----", "~~~~~", "      ",
    "caf\u00e9", "na\u00efve-d'etre", "\u4f60\u597d", "\u0661\u0662\u0663\u0661\u0662\u0663\u0664", "\u017f", "h\u212aa.com", "A.\u0130o/x", "w_w", "_", "__a", "a-", "-a", "o'", "'o", "o--o", "(", ")", "[x]", "{", "`", "/", "\\", "|", "*", "$5", "100%", "\x1c", "\u00a0", "\u200b", "\u2028"]


def tweet_texts(count, seed=9):
    """Strings of what tweets hold, with spaces between the parts or without."""
    draw = random.Random(seed)
    return ["".join(draw.choice(TWEET_PARTS) + draw.choice(["", "", " ", " ", " ", "  "]) for _ in range(draw.choice([1, 2, 3, 5, 8, 13, 21]))) for _ in range(count)]

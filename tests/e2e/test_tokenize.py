"""infig tokenize: one JSON object a line, in order, whatever the threads and the bytes."""

import json
import subprocess

from conftest import BINARY, ROOT, infig

BERT = ROOT / "tests/golden/text/bert"


def tokenize(data, *flags, model=BERT):
    done = subprocess.run([BINARY, "tokenize", "--model", model, *flags], input=data, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]


def test_golden_lines():
    cases = [case for case in json.loads((ROOT / "tests/golden/text/bert.json").read_text()) if "\n" not in case["text"]]
    rows = tokenize("\n".join(case["text"] for case in cases).encode("utf-8"))
    assert len(rows) == len(cases) > 60
    for row, case in zip(rows, cases):
        assert (row["ids"], row["offsets"]) == (case["ids"], case["offsets"]), case["text"]
        assert len(row["tokens"]) == len(row["ids"]) and row["tokens"][0] == "[CLS]"


def test_order_and_threads():
    data = "".join(f"the dog number {i} ran home\n" for i in range(30_000)).encode()
    one = tokenize(data, "--threads", "1")
    assert len(one) == 30_000 and one == tokenize(data, "--threads", "5")
    assert tokenize(b"the dog number 29999 ran home")[0] == one[-1]


def test_odd_input():
    assert tokenize(b"") == []
    assert [len(row["ids"]) > 2 for row in tokenize(b"\n\nhappy\n\n")] == [False, False, True, False]
    broken, replaced = tokenize(b"a\xffb\xed\xa0\x80"), tokenize("a\ufffdb\ufffd\ufffd\ufffd".encode())
    assert broken == replaced
    long = tokenize(b"happy " * 20_000 + b"\n" + b"x" * 100_000)
    assert len(long) == 2 and len(long[0]["ids"]) > 20_000 and len(long[1]["ids"]) == 3


def test_max_length_keeps_the_last_token():
    row, = tokenize(b"happy happy happy happy happy happy", "--max-length", "4")
    assert len(row["ids"]) == 4 and row["tokens"][-1] == "[SEP]" and row["offsets"][-1] == [0, 0]


def test_answers_before_the_input_ends():
    with subprocess.Popen([BINARY, "tokenize", "--model", BERT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"happy\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["tokens"][0] == "[CLS]"
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_special_tokens_in_a_text():
    text = b"happy [SEP] dog [MASK]\n"
    (keep,), (split,) = tokenize(text), tokenize(text, "--special-in-text", "split")
    assert keep == tokenize(text, "--special-in-text", "keep")[0]
    assert keep["tokens"].count("[SEP]") == 2 and keep["tokens"].count("[MASK]") == 1
    assert split["tokens"].count("[SEP]") == 1 and "[MASK]" not in split["tokens"] and len(split["ids"]) > len(keep["ids"])
    assert infig("tokenize", "--model", BERT, "--special-in-text", "both").code == 2


def test_says_whose_rules_hold():
    for name, rule in (("bert", "vocab.txt, by the rules of BertTokenizer"), ("json/bpe-clip", "tokenizer.json, by its own rules")):
        done = subprocess.run([BINARY, "tokenize", "--model", ROOT / "tests/golden/text" / name], input=b"x", capture_output=True, timeout=60)
        assert done.returncode == 0 and rule in done.stderr.decode()


def test_refusals(tmp_path):
    assert infig("tokenize").code == 2
    assert infig("tokenize", "--model", BERT, "--max-length", "1").code == 2
    done = infig("tokenize", "--model", tmp_path)
    assert done.code == 1 and "vocab.txt" in done.err

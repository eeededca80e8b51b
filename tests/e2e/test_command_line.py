"""What a person who types meets: verbs and flags that are not there, values that are missing or said twice, help, and one meaning of each flag in every verb."""

import re
import shlex

import pytest
from conftest import ROOT, SMALL, infig

TINY = ROOT / "configs/tiny.yaml"


def refused(*words):
    """A wrong command line ends with code 2 and a few lines on stderr, none of them the help."""
    done = infig(*words)
    assert done.code == 2, done.all
    assert not done.out and "Usage" not in done.err and len(done.err.splitlines()) <= 4, done.all
    return done.err


@pytest.mark.parametrize("words, meant", [
    (["trian"], "infig train?"), (["trian", "--help"], "infig train?"), (["help", "trian"], "infig train?"), (["trian", "--config", "x.yaml"], "infig train?"),
    (["eval"], "infig evaluate?"), (["fit"], "infig train?"), (["version"], "infig --version?"), (["prepare", "tabel"], "infig prepare table?"),
    (["prepare", "tabel", "--help"], "infig prepare table?"), (["weights", "pul", "a/b"], "infig weights pull?"), (["help", "prepare", "mvsa"], "infig prepare "),
])
def test_unknown_verbs_are_answered_with_the_nearest(words, meant):
    said = refused(*words)
    assert meant in said


def test_what_is_like_no_verb_lists_them():
    said = refused("dance", "--help")
    assert "did you mean" not in said and "evaluate" in said and "--help" in said
    assert "postcards" in refused("prepare") and "kind" in refused("prepare", "--raw", "x")
    assert "before the verb" in refused("--config", "x", "train")


def test_nothing_at_all_and_the_usual_flags():
    done = infig()
    assert done.code == 2 and not done.out and "verify-data" in done.err
    for flag in ["-h", "--help"]:
        done = infig(flag)
        assert done.code == 0 and "verify-data" in done.out and not done.err
    done = infig("--version")
    assert done.code == 0 and re.fullmatch(r"infig \d+\.\d+\.\d+\n", done.out)


@pytest.mark.parametrize("flag, value, meant", [
    ("--epochs", "3", ["train.epochs=3"]), ("--batch-size", "8", ["train.batch_size=8"]), ("--batch_size", "8", ["train.batch_size=8"]), ("--lr", "1e-4", ["optim.lr=1e-4"]),
    ("--learning-rate", "1e-4", ["optim.lr=1e-4"]), ("--num-train-epochs", "3", ["train.epochs=3"]), ("--train.epochs", "5", ["train.epochs=5"]),
    ("--queue-size", "64", ["gam.queue_size=64"]), ("--model", "DIR", ["text.model=DIR", "image.model=DIR", "clip.model=DIR"]), ("--epohcs", "3", ["train.epochs=3"]),
    ("--out", "runs/a", ["--output-dir runs/a"]), ("--outputdir", "runs/a", ["--output-dir runs/a"]), ("--confg", "a.yaml", ["--config a.yaml"]),
])
def test_unknown_flags_of_train_name_the_key_or_flag(flag, value, meant):
    for words in ([flag, value], [f"{flag}={value}"]):
        said = refused("train", "--config", TINY, "--data", "d", "--output-dir", "r", *words)
        assert f"has no flag {flag}" in said
        for one in meant:
            assert one in said, said


def test_a_flag_that_is_wrong_is_said_before_one_that_is_missing():
    assert "train.epochs=3" in refused("train", "--epochs", "3")
    said = refused("train")
    assert "--config" in said and "--data" in said and "--output-dir" in said
    assert "--run" in refused("evaluate", "--data", "d") and "PART" not in refused("reproduce", "table2", "--data-root", "d")


def test_verbs_without_a_config_refuse_its_keys_by_name():
    said = refused("evaluate", "--run", "r", "--data", "d", "--epochs", "3")
    assert "train.epochs is a key of train" in said
    assert "train.epochs" in refused("predict", "--run", "r", "train.epochs=3")
    said = refused("evaluate", "--run", "r", "--data", "d", "--seed", "3")
    assert "--seed" in said and "train" in said and "bench" in said
    assert "--seed" in refused("evaluate", "--run", "r", "--data", "d", "seed=3")
    assert "--limit" in refused("verify-data", "d", "limit=3")
    assert "--split" in refused("evaluate", "--run", "r", "--data", "d", "--splt", "dev")
    assert "--config" in refused("train", "-config", TINY)


def test_what_stands_elsewhere_is_named(run, tmp_path):
    assert "evaluate" in (said := refused("verify-data", "d", "--limit", "3")) and "--list" not in said
    said = refused("weights", "import", "--input", "x.pth", "--output", "w")
    assert "its source stands without a flag: infig weights import x.pth" in said
    for words in (["weights", "inspect", run], ["weights", "import", run, "--output", tmp_path / "w"], ["tokenize", "--model", run]):
        assert f"{run} is a run; the folder of its model is {run}/checkpoints/best" in refused(*words)
    assert infig("weights", "inspect", run / "checkpoints/best").code == 0
    assert "absent.yaml: cannot be opened" in refused("train", "--config", tmp_path / "absent.yaml", "--data", "d", "--output-dir", "r")
    (tmp_path / "t.csv").write_text("text,label\na,x\n")
    assert "expected a .parquet file; infig prepare table reads .csv" in refused("prepare", "parquet", "--raw", tmp_path / "t.csv", "--out", tmp_path / "out")


def test_help_of_a_verb_is_its_help():
    assert infig("help").out == infig("--help").out
    for words in (["train"], ["prepare", "table"], ["prepare"]):
        done = infig("help", *words)
        assert done.code == 0 and done.out == infig(*words, "--help").out
    assert "infig train" in refused("help", "train", "more")


# Every verb that computes, as one that gets as far as its input, which is not there (exit code 1).
COMPUTING = {
    "train": ["train", "--config", TINY, "--data", "none", "--output-dir", "none/run"],
    "bench": ["bench", "--config", TINY, "--data", "none"],
    "ablate": ["ablate", "--config", TINY, "--data", "none", "--output-dir", "none/run"],
    "sweep": ["sweep", "gam.layer=1,2", "--config", TINY, "--data", "none", "--output-dir", "none/run"],
    "reproduce": ["reproduce", "table3", "--config-dir", ROOT / "configs", "--data-root", "none", "--output-dir", "none/run"],
    "evaluate": ["evaluate", "--run", "none", "--data", "none"],
    "predict": ["predict", "--run", "none", "--input", "none", "--output", "none.csv"],
    "anchors": ["anchors", "--data", "none"],
    "encode": ["encode", "text", "--model", TINY, "--input", TINY, "--output", "none.safetensors"],
    "verify-data": ["verify-data", "none"],
    "compare": ["compare", "none", "none"],
    "prepare": ["prepare", "table", "--raw", "none", "--out", "none"],
    "tokenize": ["tokenize", "--model", "none"],
}
SHARED = {"threads": ("2", "3", set(COMPUTING)), "limit": ("5", "6", set(COMPUTING) - {"verify-data", "compare", "prepare", "tokenize"}),
          "device": ("cpu", "auto", {"train", "bench", "ablate", "sweep", "reproduce", "evaluate", "predict"}),
          "precision": ("fp32", "auto", {"train", "bench", "ablate", "sweep", "reproduce", "evaluate", "predict"}), "seed": ("4", "5", {"train", "bench", "compare", "prepare"})}


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_flag_and_its_pair_are_one(name, tmp_path):
    one, other, verbs = SHARED[name]
    for verb, words in COMPUTING.items():
        pair = f"data.limit={other}" if name == "limit" and verb != "encode" else f"{name}={other}"
        said = infig(*words, f"--{name}", one, pair, cwd=tmp_path)
        assert said.code == 2, (verb, said.all)
        if verb not in verbs:
            assert f"no flag --{name}" in said.err, (verb, said.err)
            continue
        assert f"--{name} {one}" in said.err and pair in said.err, (verb, said.err)
        if verb in ("train", "evaluate", "compare"):
            both = infig(*words, f"--{name}", one, f"{name}={one}", cwd=tmp_path)
            assert both.code == 1, (verb, both.all)  # none of the inputs is there


def test_flag_and_pair_have_one_effect(postcards, run, tmp_path):
    base = ["train", "--config", TINY, "--data", postcards, *SMALL, "train.epochs=1"]
    for name, words in {"flags": ["--seed", 3, "--limit=30", "--threads", 1, "--device", "cpu", "--precision=fp32"],
                        "pairs": ["seed=3", "limit=30", "threads=1", "device=cpu", "precision=fp32"]}.items():
        done = infig(*base, "--output-dir", tmp_path / name, *words)
        assert done.code == 0, done.all
    config = (tmp_path / "flags/config.yaml").read_text()
    assert config == (tmp_path / "pairs/config.yaml").read_text()
    assert "seed: 3" in config and "limit: 30" in config and "device: cpu" in config
    (tmp_path / "posts.jsonl").write_text("".join(f'{{"id": "{i}", "text": "post {i}"}}\n' for i in range(9)))
    outputs = []
    for name, words in {"a": ["--limit", 4, "--threads", 1], "b": ["limit=4", "threads=1"], "c": ["data.limit=4", "threads=1", "batch_size=64"]}.items():
        done = infig("predict", "--run", run, "--input", tmp_path / "posts.jsonl", "--output", tmp_path / f"{name}.csv", *words)
        assert done.code == 0, done.all
        outputs.append((tmp_path / f"{name}.csv").read_bytes())
    assert outputs[0] == outputs[1] == outputs[2] and outputs[0].count(b"\n") == 5
    assert "--limit" in refused("predict", "--run", run, "--text", "one", "--limit", 3)


def test_a_part_of_the_posts_is_shown_and_not_kept(postcards, run):
    before = {path: path.read_bytes() for path in [*run.glob("eval/*"), run / "report.html", run / "model-card.md"]}
    done = infig("evaluate", "--run", run, "--data", postcards, "--limit", 7, "threads=1")
    assert done.code == 0 and "test: 7 posts" in done.out and "nothing is written" in done.out
    assert before == {path: path.read_bytes() for path in [*run.glob("eval/*"), run / "report.html", run / "model-card.md"]}
    for flag in ("--fit-temperature", "--modalities"):
        assert "--limit" in refused("evaluate", "--run", run, "--data", postcards, "--limit", 7, flag)
    done = infig("anchors", "--data", postcards, "limit=12", "--threads", 1)
    assert done.code == 0 and "not kept" in done.out and not list(postcards.rglob("anchors*"))


@pytest.mark.parametrize("words", [["ablate", "seed=3"], ["sweep", "gam.layer=1,2", "seed=3"], ["sweep", "seed=1,2"], ["train", "--seeds", "2", "--seed", "3"], ["train", "--seeds", "2", "seed=3"]])
def test_one_seed_beside_several_is_refused(words, tmp_path):
    said = refused(*words, "--config", TINY, "--data", tmp_path, "--output-dir", tmp_path / "run")
    assert "seed=" in said and "--seeds" in said


@pytest.mark.parametrize("words, parts", [
    (["train.epochs", "=", "3"], ["train.epochs=3", "without blanks"]), (["train.epochs=", "3"], ["train.epochs=3"]), (["train.epochs", "=3"], ["train.epochs=3"]),
    (["--resume"], ["--resume", "{latest}"]), (["--resume", "newest"], ["--resume", "latest"]),
    (["--seeds"], ["--seeds", "missing", "nothing"]), (["--seeds", "--data", "d"], ["--seeds", "missing", "--data", "--seeds=--data"]),
    (["--seed", "1", "--seed", "2"], ["--seed 1", "--seed 2"]), (["--seed", "1", "--seed=2"], ["--seed 1", "--seed=2"]), (["--bad-image", "skip", "data.bad_image=error"], ["--bad-image skip", "data.bad_image=error"]),
    (["--device", "tpu"], ["--device", "tpu", "cuda"]), (["--limit", "many"], ["data.limit", "many"]), (["word"], ["word", "key=value"]), (["epochs=3"], ["train.epochs"]),
])
def test_slips_of_typing_are_named(words, parts, tmp_path):
    said = refused("train", "--config", TINY, "--output-dir", tmp_path / "run", *([] if "--data" in words else ["--data", tmp_path]), *words)
    for part in parts:
        assert part in said, said


def test_a_preset_by_its_name_alone_is_proposed(tmp_path):
    for cwd, word in [(ROOT, "tiny"), (ROOT, "tiny.yaml"), (ROOT / "configs", "tiny")]:
        done = infig("train", "--config", word, "--data", tmp_path, "--output-dir", tmp_path / "run", cwd=cwd)
        assert done.code == 2 and f"did you mean {'' if cwd != ROOT else 'configs/'}tiny.yaml?" in done.err, done.all
    said = infig("train", "--config", TINY, "--data", tmp_path, "--output-dir", tmp_path / "run", "gam.layr=2").err
    assert "did you mean 'gam.layer'? configs/reference.yaml lists every key" in said


@pytest.mark.parametrize("words, said", [
    (["evaluate", "--batch-size", "0"], "--batch-size: expected a whole number of at least 1, found 0"), (["evaluate", "--limit", "-1"], "--limit: expected a whole number of at least 0, found -1"),
    (["evaluate", "--split", "tset"], "--split: expected train, dev or test, found tset"), (["evaluate", "--without", "sound"], "--without: sound"),
    (["evaluate", "--bad-image", "ignore"], "--bad-image: ignore"), (["predict", "--bad-image", "ignore"], "--bad-image: ignore"),
    (["evaluate", "--min-confidence", "1.5"], "--min-confidence: expected a number from 0 to 1, found 1.5"), (["predict", "--block-rows", "0"], "--block-rows: expected a whole number of at least 1, found 0"),
    (["predict", "--workers", "some"], "--workers: expected a whole number of at least 0, found some"), (["anchors", "--batch-size", "0"], "of at least 1, found 0"), (["bench", "--steps", "0"], "--steps: expected a whole number of at least 1, found 0"),
    (["verify-data", "--near-text", "2"], "--near-text: expected a number from 0.05 to 1, found 2"), (["prepare", "postcards", "--count", "5"], "--count: expected a whole number from 50 to 100000, found 5"),
])
def test_values_of_flags_are_refused_in_the_same_words(words, said):
    done = infig(*words)
    assert done.code == 2 and said in done.err and max(map(len, done.err.splitlines())) < 300, done.all


def test_what_is_said_twice_alike_is_said_once(tmp_path):
    words = ["evaluate", "--run", "none", "--data", "none", "--split", "dev"]
    assert infig(*words, "--split=dev", cwd=tmp_path).code == 1
    assert "--split dev" in refused(*words, "--split", "test")
    # A text may look like a pair or a flag; with '=' it is a text whatever it looks like.
    for text in (["--text", "threads=1"], ["--text=--image"], ["--text", "-5"], ["--text="]):
        done = infig("predict", "--run", "none", *text, "--image", "none.jpg", cwd=tmp_path)
        assert done.code == 1 and "none" in done.err, done.all


def test_help_of_train_lists_the_keys_with_their_defaults():
    text = infig("train", "--help").out
    reference = (ROOT / "configs/reference.yaml").read_text()
    keys = ["train.epochs", "train.batch_size", "optim.lr", "train.patience", "train.best_metric", "train.micro_batch", "text.model", "image.model", "clip.model", "text.max_length"]
    for key in keys:
        section, name = key.split(".")
        block = re.search(rf"^{section}:\n((?:  .*\n)+)", reference, re.M).group(1)
        default, comment = re.search(rf"^  {name}: (\S+)  # (.*)$", block, re.M).groups()
        line = re.search(rf"^  {re.escape(key)} +(\S+) +(.*)$", text, re.M)
        assert line, key
        assert line.group(1) == ("(none)" if default == '""' else default)
        assert comment.startswith(line.group(2))


def test_the_sample_in_the_help_of_prepare_table_works(tmp_path, postcards):
    text = infig("prepare", "table", "--help").out
    sample = re.search(r"^  (id,.*\n(?:  .*\n)+)", text, re.M).group(1)
    rows = [line.strip() for line in sample.splitlines() if not line.strip().startswith("infig ")]
    (tmp_path / "posts.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "pictures").mkdir()
    picture = next((postcards / "images").iterdir()).read_bytes()
    for name in re.findall(r"[\w-]+\.jpg", sample):
        (tmp_path / "pictures" / name).write_bytes(picture)
    command = re.search(r"^  infig (prepare table .*)$", text, re.M).group(1)
    done = infig(*shlex.split(command), cwd=tmp_path)
    assert done.code == 0 and "dropped" not in done.out and "warning" not in done.err, done.all
    assert len((tmp_path / "data/mine/posts.jsonl").read_text().splitlines()) == len(rows) - 1


@pytest.fixture(scope="session")
def helps():
    """The help of every verb, and of every kind of those that have kinds, by its words."""
    found = {}
    names = re.findall(r"^  ([a-z-]+) ", infig("--help").out.split("Subcommands:")[1].split("Examples:")[0], re.M)
    for name in names:
        text = infig("help", name).out
        kinds = re.findall(r"^  ([a-z0-9-]+) ", text.partition("Subcommands:")[2], re.M)
        found.update({(name, kind): infig("help", name, kind).out for kind in kinds} or {(name,): text})
    return found


# Flags whose value is a text or a list of its own. Every other flag of type TEXT names a file or folder: it belongs into table_places() of
# src/apps/command_table.cpp, from which help and completion know that.
TEXTS = {"--text", "--name", "--seeds", "--labels", "--bad-image", "--resume", "--split", "--without", "--expect", "--entry", "--columns", "--members", "--ids", "--word", "--time-limit", "--sort", "--filter", "--caption", "--protocol"}


def test_an_empty_value_is_refused_by_name():
    for words in ["predict", "--run=", "--text", "a"], ["train", "--config", "x", "--data", "", "--output-dir", "o"], ["bench", "--config", "x", "--data", "y", "--limit="]:
        done = infig(*words)
        assert done.code == 2 and "its value is empty" in done.err, done.all


def test_flags_that_name_places_say_so(helps):
    flags = {flag for text in helps.values() for flag in re.findall(r"^  (?:-\w,|--[a-z-]+,)*(--[a-z-]+) TEXT", text, re.M)}
    assert "--seeds" in flags and not flags - TEXTS
    assert "--run FOLDER" in helps["predict",] and "--raw,--input PATH" in helps["prepare", "table"] and "source PATH" in helps["weights", "import"]


def test_every_help_has_examples_and_every_example_is_right_usage(helps, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for name in ["weights/minilm-l6", "weights/efficientnet-lite0", "weights/clip-vit-b32"]:
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "posts.jsonl").write_text("")
    (tmp_path / "posts.csv").write_text("")
    seen = set()
    for verb, text in helps.items():
        examples = re.findall(r"^  (?:mpirun -n \d+ |source <\()?infig ([^)\n]*)", text, re.M)
        assert any(example.split()[:len(verb)] == list(verb) for example in examples), verb
        for example in examples:
            words = shlex.split(re.split(r" [<>|#] ?", example)[0])
            if example in seen or words[0] in ("doctor", "help", "completion") or words[:2] == ["prepare", "postcards"]:
                continue
            seen.add(example)
            done = infig(*words, cwd=tmp_path)
            assert done.code in (0, 1), (example, done.all)
    assert len(seen) > 40


def test_a_value_whose_flag_was_left_out_is_named():
    """`prepare table own.csv` without --raw: the file that was typed stands in the error, beside what is missing."""
    prepared = infig("prepare", "table", "own.csv")
    assert prepared.code == 2 and "missing: --raw PATH, --out FOLDER; found without a flag: own.csv" in prepared.err
    predicted = infig("predict", "own.csv", "--text", "hello")
    assert predicted.code == 2 and "missing: --run FOLDER; found without a flag: own.csv" in predicted.err

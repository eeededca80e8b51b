"""infig completion SHELL: sourced in the shell itself, and asked there."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest
from conftest import BINARY, ROOT, infig


@pytest.fixture(scope="session")
def script(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completion")

    def path_of(shell):
        path = folder / f"infig.{shell}"
        if not path.exists():
            done = infig("completion", shell)
            assert done.code == 0 and done.out, done.all
            path.write_text(done.out)
        return path

    return path_of


@pytest.fixture()
def here(tmp_path):
    (tmp_path / "settings.yaml").touch()
    (tmp_path / "some run").mkdir()
    (tmp_path / "shots").mkdir()
    return tmp_path


def need(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


def bash(script, line, cwd, breaks=None):
    """Candidates of `line`, parted into words as readline parts it."""
    words = [part for word in line.split(" ") for part in (re.split("(=)", word) if "=" in word else [word])]
    words = [word for i, word in enumerate(words) if word or i == len(words) - 1 and words[i - 1] != "="]
    if breaks is not None:
        words = line.split(" ")
    quoted = " ".join("'" + word + "'" for word in words)
    program = f"set -u; source {script('bash')}; COMP_WORDS=({quoted}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
    program += f"COMP_WORDBREAKS='{breaks}'; " if breaks is not None else ""
    program += "_infig; ((${#COMPREPLY[@]} == 0)) || printf '%s\\n' \"${COMPREPLY[@]}\""
    done = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True, cwd=cwd, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return set(done.stdout.splitlines())


def fish(script, line, cwd):
    need("fish")
    program = f"source {script('fish')}; complete -C '{line}'"
    done = subprocess.run(["fish", "--no-config", "-c", program], capture_output=True, text=True, cwd=cwd, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return {one.split("\t")[0] for one in done.stdout.splitlines()}


def typed(command, first, line, wanted, cwd):
    """Types `line` and a tab into an interactive shell until `wanted` is on its screen."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(cwd)
        os.execvpe(command[0], command, {**os.environ, "TERM": "dumb", "HOME": str(cwd), "ZDOTDIR": str(cwd), "PS1": "$ "})
    screen = ""

    def read_until(text, seconds):
        nonlocal screen
        end = time.monotonic() + seconds
        while text not in screen and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                screen += os.read(terminal, 65536).decode(errors="replace")
        return text in screen

    try:
        os.write(terminal, f"{first}; echo rea''dy\n".encode())
        assert read_until("ready\r", 60), screen
        screen = ""
        os.write(terminal, f"{line}\t".encode())
        assert read_until(wanted, 60), screen
    finally:
        os.write(terminal, b"\x03\x04exit\n")
        os.close(terminal)
        os.waitpid(process, 0)


# The line, what is among its candidates, what is not.
LINES = [
    ("infig ", ["train", "evaluate", "prepare", "help", "completion"], ["--config"]),
    ("infig tr", ["train"], ["evaluate"]),
    ("infig help prep", ["prepare"], ["train"]),
    ("infig prepare ", ["table", "postcards", "mvsa-single"], ["train"]),
    ("infig prepare table --li", ["--link-images"], ["--labels"]),
    ("infig train --", ["--config", "--data", "--output-dir", "--seeds", "--limit", "--device", "--help"], ["--run"]),
    ("infig train --device ", ["cpu", "cuda", "auto"], ["train.epochs="]),
    ("infig train --bad-image s", ["skip"], ["missing"]),
    ("infig train --config s", ["settings.yaml"], ["seed="]),
    ("infig evaluate --run s", ["shots"], ["settings.yaml"]),
    ("infig evaluate --split ", ["train", "dev", "test"], []),
    ("infig verify-data s", ["settings.yaml"], ["--list"]),
    ("infig reproduce t", ["table2", "table3"], ["figure3"]),
    ("infig train --config train train.ep", ["train.epochs="], ["text.model="]),
    ("infig completion ", ["bash", "zsh", "fish"], []),
    ("infig train --limit ", [], ["train.epochs=", "settings.yaml"]),
]


@pytest.mark.parametrize("line, wanted, unwanted", LINES)
def test_bash(script, here, line, wanted, unwanted):
    found = bash(script, line, here)
    assert set(wanted) <= found and not found & set(unwanted), found


def test_bash_behind_an_equals_sign(script, here):
    assert bash(script, "infig train train.best_metric=f1_", here) == {"f1_macro", "f1_weighted"}
    assert bash(script, "infig train train.best_metric=f1_", here, breaks=" ") == {"train.best_metric=f1_macro", "train.best_metric=f1_weighted"}
    assert bash(script, "infig train --precision=f", here) == {"fp32", "fp16"}
    assert "settings.yaml" in bash(script, "infig train text.model=s", here)
    assert "some run" in bash(script, "infig train train.init_from=so", here)
    assert bash(script, "infig evaluate train.ep", here) == set()


def test_bash_completes_what_is_typed(script, here):
    first = f"source {script('bash')}"
    typed(["bash", "--norc", "--noprofile", "-i"], first, "infig train train.best_metric=f1_m", "f1_macro", here)
    typed(["bash", "--norc", "--noprofile", "-i"], first, "infig train --conf", "--config ", here)
    typed(["bash", "--norc", "--noprofile", "-i"], first, "infig evaluate --run some", "some\\ run/", here)


@pytest.mark.parametrize("line, wanted, unwanted", LINES)
def test_fish(script, here, line, wanted, unwanted):
    found = {one.rstrip("/") for one in fish(script, line, here)}
    assert set(wanted) - {"shots"} <= found and not found & set(unwanted), found


def test_fish_behind_an_equals_sign(script, here):
    assert fish(script, "infig train train.best_metric=f1_", here) == {"train.best_metric=f1_macro", "train.best_metric=f1_weighted"}
    assert fish(script, "infig train --precision=f", here) == {"--precision=fp32", "--precision=fp16"}
    assert "text.model=settings.yaml" in fish(script, "infig train text.model=s", here)


@pytest.mark.parametrize("line, wanted", [
    ("infig trai", "train "), ("infig prepare tab", "table "), ("infig train --conf", "--config "), ("infig train --device cud", "cuda "), ("infig train --config sett", "settings.yaml "),
    ("infig train train.best_metric=f1_m", "f1_macro"), ("infig train --precision=bf", "bf16"), ("infig train train.ep", "train.epochs="), ("infig evaluate --run sho", "shots/"),
])
def test_zsh(script, here, line, wanted):
    need("zsh")
    typed(["zsh", "-f", "-i"], f"PS1='$ '; autoload -Uz compinit; compinit -u -D; source {script('zsh')}", line, wanted, here)


def test_zsh_shows_what_flags_are(script, here):
    need("zsh")
    typed(["zsh", "-f", "-i"], f"PS1='$ '; autoload -Uz compinit; compinit -u -D; source {script('zsh')}", "infig train --s\t", "several runs OUT/seed-S", here)


def test_every_flag_of_every_help_is_completed(script, here):
    for verb in ["train", "evaluate", "predict", "bench", "prepare table", "encode text", "sweep"]:
        text = infig(*verb.split(), "--help").out
        flags = set(re.findall(r"^  (?:-h,)?(--[a-z-]+)", text, re.M)) | set(re.findall(r"^  (?:--[a-z-]+,)(--[a-z-]+)", text, re.M))
        assert flags and bash(script, f"infig {verb} --", here) >= flags

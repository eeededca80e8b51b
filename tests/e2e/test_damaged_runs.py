"""Files of a finished run that are gone or cut off: every message names a way out, the way out works, and what fails removes nothing."""

import re
import shlex
import shutil

import pytest
from conftest import infig, train

TRAINING = ["train.patience=0", "train.epochs=3", "optim.lr=1e-30"]  # the first evaluation stays the best one


@pytest.fixture(scope="module")
def finished(work, postcards):
    folder = work / "finished"
    done = train(postcards, folder, *TRAINING)
    assert done.code == 0, done.all
    return folder


@pytest.fixture
def own(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder, symlinks=True)
    return folder


def tree(run):
    """Every name in the folder, where links lead to, and how large files are."""
    return {str(path.relative_to(run)): path.readlink() if path.is_symlink() else path.stat().st_size if path.is_file() else None for path in run.rglob("*") if path.name != ".lock"}


def advised(message):
    return shlex.split(re.search(r"--run \S+", message).group())


def resume(run, postcards, *more):
    return train(postcards, run, *TRAINING, "--resume", "latest", *more)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_the_folder_of_the_best_checkpoint_is_gone(own, postcards):
    best = (own / "checkpoints/best").resolve()
    assert best.name == "step-000006"
    shutil.rmtree(best)
    before = tree(own)
    for verb, rest in [("predict", ["--text", "a lovely day"]), ("evaluate", ["--data", postcards, "--no-report"])]:
        refused = infig(verb, "--run", own, *rest)
        assert refused.code == 1 and "checkpoints/best is step-000006, which lacks model.safetensors" in refused.err, refused.all
        assert infig(verb, *advised(refused.err), *rest).code == 0
    shutil.rmtree(own / "checkpoints/step-000018/eval")
    refused = resume(own, postcards)
    assert refused.code == 1 and "the best checkpoint, of step 6, cannot be used any more: the folder is gone; put it back" in refused.err, refused.all
    assert infig("predict", *advised(refused.err), "--text", "a lovely day").code == 0
    assert {name: what for name, what in tree(own).items() if name != "train.log"} == {name: what for name, what in before.items() if name != "train.log"}
    (own / "checkpoints/best").unlink()  # the link as well: resuming is no way out of this
    refused = infig("predict", "--run", own, "--text", "a lovely day")
    assert refused.code == 1 and "the best checkpoint, step-000006, is gone or damaged: put it back, or use another checkpoint" in refused.err and "--resume" not in refused.err, refused.all
    assert infig("predict", *advised(refused.err), "--text", "a lovely day").code == 0


def test_the_link_alone_is_gone(own, postcards):
    (own / "checkpoints/best").unlink()
    refused = infig("predict", "--run", own, "--text", "a lovely day")
    assert refused.code == 1 and "the link was deleted; train --resume latest sets it again" in refused.err, refused.all
    assert advised(refused.err)[1].endswith("step-000006") and infig("predict", *advised(refused.err), "--text", "a lovely day").code == 0
    assert resume(own, postcards).code == 0
    assert infig("predict", "--run", own, "--text", "a lovely day").code == 0


@pytest.mark.parametrize("name,damage", [("model.safetensors", cut), ("config.json", lambda path: path.unlink()), ("spm.model", lambda path: path.unlink())])
def test_a_file_of_the_best_checkpoint_is_damaged(own, postcards, name, damage):
    damage(own / "checkpoints/step-000006" / name)
    before = tree(own / "checkpoints")
    refused = infig("predict", "--run", own, "--text", "a lovely day")
    assert refused.code == 1 and "put back what is damaged, or use another checkpoint of the run: --run" in refused.err or "put the file back" in refused.err, refused.all
    assert infig("predict", *advised(refused.err), "--text", "a lovely day").code == 0
    if name != "spm.model":
        refused = resume(own, postcards)
        assert refused.code == 1 and "the best checkpoint, of step 6, cannot be used any more: " in refused.err and "nothing to do" not in refused.err, refused.all
        assert infig("predict", *advised(refused.err), "--text", "a lovely day").code == 0
    assert tree(own / "checkpoints") == before


def test_what_says_where_the_run_comes_from_is_gone(own, postcards, tmp_path):
    (own / "description.json").unlink()
    before = tree(own)
    refused = infig("evaluate", "--run", own, "--data", postcards)
    assert refused.code == 1 and "description.json is absent, which says what the run was trained on" in refused.err and not refused.out, refused.all
    assert tree(own) == before
    done = infig("evaluate", *advised(refused.err), "--data", postcards)
    assert done.code == 0 and "is a checkpoint" in done.out, done.all
    refused = resume(own, postcards)
    assert refused.code == 1 and "description.json is absent" in refused.err, refused.all
    start = re.search(r"--init-from (\S+)", refused.err)[1]
    done = train(postcards, tmp_path / "new", "train.epochs=1", "--init-from", start)
    assert done.code == 0 and "starting from the weights of" in done.err, done.all


@pytest.mark.parametrize("damage", ["gone", "broken"])
def test_evaluate_without_the_config_writes_nothing_or_what_was_asked_for(own, postcards, damage):
    (own / "config.yaml").unlink() if damage == "gone" else (own / "config.yaml").write_text("seed: [1\n")
    before = tree(own)
    refused = infig("evaluate", "--run", own, "--data", postcards)
    assert refused.code == 1 and "config.yaml" in refused.err and "leave them out with --no-report" in refused.err and not refused.out, refused.all
    assert tree(own) == before
    done = infig("evaluate", "--run", own, "--data", postcards, "--no-report")
    assert done.code == 0 and f"wrote {own / 'eval/test.json'}" in done.out, done.all


def test_a_folder_of_seeds_is_no_run_to_start_from(postcards, tmp_path):
    for seed in (1, 2):
        (tmp_path / f"seeds/seed-{seed}").mkdir(parents=True)
    refused = train(postcards, tmp_path / "new", "--init-from", tmp_path / "seeds")
    assert refused.code == 1 and f"holds 2 runs (seed-1, seed-2); give one of them, as --init-from {tmp_path / 'seeds/seed-1'}" in refused.err and "--run" not in refused.err, refused.all
    refused = infig("predict", "--run", tmp_path / "seeds", "--text", "a")
    assert refused.code == 1 and f"as --run {tmp_path / 'seeds/seed-1'}" in refused.err, refused.all

"""tools/layering.py on copies of the tree that break the rule, one way each."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src")
    shutil.copy(ROOT / "CMakeLists.txt", tmp_path)
    return tmp_path


def layering(tree):
    done = subprocess.run([sys.executable, ROOT / "tools/layering.py", tree], capture_output=True, text=True)
    return done.returncode, done.stdout


def append(path, text):
    path.write_text(path.read_text() + text)
    return len(path.read_text().splitlines())


def test_the_tree_as_it_is_keeps_the_rule(tree):
    code, text = layering(tree)
    assert code == 0, text
    assert "0 faults" in text


@pytest.mark.parametrize("folder, header, reason", [
    ("core/config.h", '"data/post.h"', "stands below core"),
    ("data/post.h", '"image/image.h"', "stand on one level"),
    ("text/tokenizer.h", "<torch/types.h>", "free of torch"),
    ("archive/safetensors.h", "<ATen/ATen.h>", "free of torch"),
    ("nn/transformer.h", "<torch/torch.h>", "whole of libtorch"),
    ("fusion/fusion.h", '"encoders/resnet.h"', "stand on one level"),
    ("core/error.h", '"nowhere/x.h"', 'write "folder/file.h"'),
    ("core/error.h", '"config.h"', 'write "folder/file.h"'),
    ("data/post.h", '"core/absent.h"', "does not exist"),
    ("losses/loss_term.h", '"data/post.h"', "add it to USES"),
    ("data/post.h", "<core/error.h>", "quotes"),
])
def test_a_wrong_include_is_named_with_line_and_reason(tree, folder, header, reason):
    line = append(tree / "src" / folder, f"#include {header}\n")
    code, text = layering(tree)
    assert code == 1
    fault = [row for row in text.splitlines() if row.startswith(f"src/{folder}:{line}: includes {header[1:-1]}: ")]
    assert len(fault) == 1 and reason in fault[0], text


@pytest.mark.parametrize("before, after, reason", [
    ("infig_folder(data LEVEL 1 USES core", "infig_folder(data LEVEL 1 USES core text", "no earlier infig_folder"),
    ("infig_folder(image LEVEL 1 USES core", "infig_folder(image LEVEL 1 USES core data", "never of the same one"),
    ("infig_folder(metrics LEVEL 1 USES core", "infig_folder(metrics LEVEL 1 TORCH USES core", "must stay free of it"),
    ("infig_folder(archive LEVEL 1 USES core", "infig_folder(archive LEVEL 1", "archive does not use core"),
])
def test_the_list_in_cmake_must_agree(tree, before, after, reason):
    cmake = tree / "CMakeLists.txt"
    assert before in cmake.read_text()
    cmake.write_text(cmake.read_text().replace(before, after))
    code, text = layering(tree)
    assert code == 1 and reason in text, text


def test_a_folder_without_a_declaration_is_a_fault(tree):
    (tree / "src/extra").mkdir()
    (tree / "src/extra/x.cpp").write_text("int x;\n")
    code, text = layering(tree)
    assert code == 1 and "no infig_folder(extra)" in text


def test_an_empty_list_is_a_fault(tree):
    (tree / "CMakeLists.txt").write_text("")
    assert layering(tree)[0] == 1

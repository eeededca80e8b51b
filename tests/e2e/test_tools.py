"""The checks of tools/ that everyone relies on: the house's lint, needless skips, repeatable setup."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import house_lint  # noqa: E402


def run(*command, **environment):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env={**os.environ, **environment}, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def lint(folder, name, text, header="#pragma once\n"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if path.suffix == ".cpp" and header:
        path.with_suffix(".h").write_text(header)
    return run(sys.executable, ROOT / "tools/house_lint.py", folder)


LONG = "int f() {\n" + "  g();\n" * 58 + "}\n"  # 60 lines


@pytest.mark.parametrize("name, text, fault", [
    ("src/core/a.cpp", "int x;\n" * 400, "src/core/a.cpp:400: 400 lines"),
    ("src/core/a.cpp", "// one\n" + LONG, "src/core/a.cpp:2: a function of 60 lines"),
    ("src/core/a.cpp", "namespace a {\nstruct B {\n" + LONG + "};\n}\n", "src/core/a.cpp:3: a function of 60 lines"),
    ("src/core/a.h", "int x;\n", "#pragma once is missing"),
    ("src/core/a.cpp", "std::mt19937 engine;\n", "core/random.h"),
    ("src/nn/a.cpp", "torch::manual_seed(1);\n", "global state"),
    ("src/nn/a.cpp", 'std::cout << "x";\n', "only apps prints"),
    ("src/nn/a.cpp", 'auto x = std::getenv("X");\n', "only apps reads the environment"),
    ("src/nn/a.cpp", "std::exit(1);\n", "only apps ends the process"),
    ("src/nn/a.cpp", "// TO" "DO: later\n", "work left to do"),
    ("docs/a.md", "see /ho" "me/someone/file\n", "a folder of one machine"),
    ("tests/golden/nn/a.json", "1" * 200_001, "expected at most 200000"),
])
def test_house_lint_finds(tmp_path, name, text, fault):
    code, output = lint(tmp_path, name, text)
    assert code == 1 and fault in output, output
    assert "1 faults" in output, output


@pytest.mark.parametrize("name, text", [
    ("src/core/a.cpp", "int x;\n" * 399),
    ("src/core/a.cpp", "// over 60 lines because a table stands in it\n" + LONG),
    ("src/core/a.cpp", 'const char* s = "std::cout { std::mt19937";  // std::exit(1) {\n'),
    ("src/core/a.cpp", "const int kTable[] = {\n" + "  1,\n" * 100 + "};\n"),
    ("src/apps/a.cpp", 'int main() { std::cout << std::getenv("X"); std::exit(1); }\n'),
    ("src/nn/a.cpp", "x = options.exit(1) + stream.rand(2);\n"),
    ("docs/a.md", "see https://example.org/home/page and runs/work/x\n"),
])
def test_house_lint_lets_pass(tmp_path, name, text):
    code, output = lint(tmp_path, name, text)
    assert code == 0, output


@pytest.mark.parametrize("first, second, fault", [
    ("namespace {\nint f(int x) {\n}\n}\n", "int y;\nnamespace {\nint f(int x) {\n}\n}\n", "function f(int x) is defined in src/nn/a.cpp too"),
    ("namespace {\nstruct R {\n};\n}\n", "namespace {\nconst int x = 1;\nstruct R {\n};\n}\n", "type R"),
    ("namespace {\nconstexpr int kTwo = 2;\n}\n", "namespace {\n\nconstexpr double kTwo = 2.0;\n}\n", "constant kTwo"),
    ("namespace {\nint f(int x) {\n}\n}\n", "namespace {\n\nint f(double x) {\n}\n}\n", None),
    ("int f(int x) {\n}\n", "namespace {\n\nint f(int x) {\n}\n}\n", None),
    ("namespace {\nint g() {\n  int f = 1;\n}\n}\n", "namespace {\n\nint h() {\n  int f = 1;\n}\n}\n", None),
])
def test_names_that_a_unity_build_would_join(tmp_path, first, second, fault):
    (tmp_path / "CMakeLists.txt").write_text("infig_folder(nn LEVEL 0 TORCH)\n")
    lint(tmp_path, "src/nn/a.cpp", first)
    code, output = lint(tmp_path, "src/nn/b.cpp", second)
    assert code == (1 if fault else 0), output
    if fault:
        assert f"src/nn/b.cpp:3: {fault}" in output, output


@pytest.mark.parametrize("name, other, header, code", [
    ("src/nn/a.cpp", "src/nn/a.h", "#pragma once\n", 0),
    ("src/nn/a.cpp", "src/nn/b.h", "// Reading is in a.cpp, writing in c.cpp.\n#pragma once\n", 0),
    ("src/nn/a.cpp", "src/nn/b.h", "// Reading is in aa.cpp, writing in a.cppx, drawing in b-a.cpp.\n#pragma once\n", 1),
    ("src/nn/a.cpp", "src/core/a.h", "// a.cpp\n#pragma once\n", 1),
    ("src/nn/kernels/a.cpp", "src/nn/a.h", "// a.cpp\n#pragma once\n", 1),
    ("src/nn/main.cpp", "src/nn/b.h", "#pragma once\n", 1),
    ("src/apps/main.cpp", "src/apps/b.h", "#pragma once\n", 0),
    ("src/apps/cmd_a.cpp", "src/apps/b.h", "#pragma once\n", 0),
    ("src/apps/a.cpp", "src/apps/b.h", "#pragma once\n", 1),
    ("tests/nn/a.cpp", "src/nn/b.h", "#pragma once\n", 0),
])
def test_a_source_is_found_from_a_header(tmp_path, name, other, header, code):
    (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / other).write_text(header)
    done, output = lint(tmp_path, name, "int x;\n", header=None)
    assert done == code, output
    assert not code or f"{name}:1: neither {Path(name).stem}.h nor a header of {Path(name).parent}/" in output, output


def test_functions_are_found_with_their_lines():
    text = ("namespace a {\n"                      # 1
            "class B : public C {\n"               # 2
            " public:\n"                           # 3
            "  B(int x) : x_{x} {\n"               # 4
            "    if (x) {\n    }\n"                # 5, 6
            "  }\n"                                # 7
            "};\n"                                 # 8
            "template <typename T>\n"              # 9
            "int f(T t) {\n"                       # 10
            "  return [&] { return R\"(})\"; }();\n"  # 11
            "}\n"                                  # 12
            "}\n")                                 # 13
    assert (9, 12) in list(house_lint.functions(text))
    assert max(last for _, last in house_lint.functions(text)) == 12
    assert any(first <= 4 and last == 7 for first, last in house_lint.functions(text))


REPORT = '<testsuites><testsuite><testcase classname="Data" name="Reads" result="skipped"><skipped message="{}"/></testcase></testsuite></testsuites>'


@pytest.mark.parametrize("reason, with_data, code", [
    ("real data is absent: shared/data", False, 0),
    ("real data is absent: shared/data", True, 1),
    ("no GPU on this machine", True, 0),
    ("I did not feel like it", False, 1),
    ("", False, 1),
])
def test_a_needless_skip_fails(tmp_path, reason, with_data, code):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/test_data.xml").write_text(REPORT.format(reason))
    (tmp_path / "data").mkdir()
    if with_data:
        (tmp_path / "data/posts").write_text("x")
    found, output = run(sys.executable, ROOT / "tools/check_skips.py", tmp_path / "reports", INFIG_DATA=str(tmp_path / "data"))
    assert found == code, output


def test_no_report_is_a_fault(tmp_path):
    assert run(sys.executable, ROOT / "tools/check_skips.py", tmp_path)[0] == 1


def test_setup_says_nothing_when_nothing_is_missing():
    if not (ROOT / ".venv/setup.stamp").is_file():
        pytest.fail("tools/setup.sh has not run here; make test runs it first")
    assert run(ROOT / "tools/setup.sh") == (0, "")
    assert run(ROOT / "tools/setup.sh", HOME="") == (0, "")


def anchors(page):
    """The names that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.M)}


def broken_links(root):
    """Relative links of the Markdown files that the project holds which lead nowhere, and how many there are in all."""
    broken, count = [], 0
    for name in house_lint.tracked(root):
        page = root / name
        if page.suffix != ".md":
            continue
        text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            path, _, anchor = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            if not found.exists() or (anchor and anchor not in anchors(found)):
                broken.append(f"{name}: {target}")
    return broken, count


def test_relative_links_of_the_docs_lead_somewhere():
    broken, count = broken_links(ROOT)
    assert not broken, broken
    assert count > 20, count


def test_broken_links_are_found(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/b.md").write_text("# One two, three\n")
    (tmp_path / "a.md").write_text("[1](docs/b.md#one-two-three) [2](docs/b.md#four) [3](docs/c.md) [4](https://example.org/x) `[5](d.md)`\n```\n[6](e.md)\n```\n")
    assert broken_links(tmp_path) == (["a.md: docs/b.md#four", "a.md: docs/c.md"], 3)

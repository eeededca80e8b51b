"""Whatever the config, the code and the documents refer to is there: rows of the table of decisions, documents, links."""

import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

ROW = re.compile(r"^\| <a id=\"row-(\d+)\"></a>(\d+) \| (.*) \|$", re.M)
REFERENCE = re.compile(r"\brows? (\d+)(?:-(\d+)| (?:to|and) (\d+))?((?:, \d+)*)\b")
PLACE = re.compile(r"(?:\.\w+|FILE|L), row \d+|row \d+ of |\bfirst_rows?\b")  # of a table of posts: "t.csv, row 3"


def files(*patterns):
    known = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in known.stdout.splitlines() if (ROOT / name).exists()]


@pytest.fixture(scope="module")
def rows():
    found = ROW.findall((ROOT / "docs/method.md").read_text())
    assert all(anchor == number for anchor, number, _ in found)
    return {int(number): text for _, number, text in found}


def numbers(text):
    for match in REFERENCE.finditer(PLACE.sub("", text)):
        first, *ends, more = match.groups()
        last = next((int(end) for end in ends if end), int(first))
        yield from range(int(first), last + 1) if match.group(2) or " to " in match.group(0) else {int(first), last}
        yield from (int(number) for number in re.findall(r"\d+", more))


def test_the_table_is_whole(rows):
    assert list(rows) == list(range(1, 49)) and all(row.count(" | ") == 2 for row in rows.values())


def test_every_row_of_the_config_resolves_and_names_its_key(rows):
    section, seen = "", 0
    for line in (ROOT / "configs/reference.yaml").read_text().splitlines():
        if match := re.match(r"(\w+):$", line):
            section = match.group(1) + "."
        key = re.match(r"( *)(\w+):", line)
        for number in numbers(line.partition("#")[2]) if key else ():
            name = (section if key.group(1) else "") + key.group(2)
            assert number in rows and f"`{name}" in rows[number], (name, number)
            seen += 1
    assert seen > 40
    assert "docs/method.md" in (ROOT / "configs/reference.yaml").read_text().splitlines()[0]


def test_keys_that_the_table_names_are_keys(rows):
    known, section = set(), ""
    for line in (ROOT / "configs/reference.yaml").read_text().splitlines():
        if match := re.match(r"( *)(\w+):(.*)", line):
            section = match.group(2) if not match.group(1) and not match.group(3) else section if match.group(1) else ""
            known.add(f"{section}.{match.group(2)}" if section else match.group(2))
    named = {key for row in rows.values() for key in re.findall(r"`((?:data|text|image|clip|gam|hfam|fusion|head|loss|optim|train)\.[a-z_]+)", row)}
    assert len(named) > 50 and named <= known, named - known


def test_every_row_that_the_code_names_resolves(rows):
    seen = 0
    for path in files("src/*.cpp", "src/*.h", "tools/*.py", "tests/reference/*", "tests/alignment/*", "tests/model/*", "docs/glossary.md", "configs/*.yaml"):
        for line in path.read_text().splitlines():
            comment = line if path.suffix in (".md", ".yaml") else " ".join(re.findall(r"//.*|#.*|\"\"\".*", line))
            for number in numbers(comment):
                assert number in rows, (path.name, line)
                seen += 1
    assert seen > 100


def test_documents_that_are_named_are_there():
    # Written by the program; the paper, beside the checkout; files of others.
    generated = {"model-card.md", "table.md", "reproduction.md", "infig.md", "LICENSE.md", "readme.md", "README.md"}
    for path in files("src", "include", "configs", "docs", "bench", "tools", "cmake", "examples", "*.md", "Makefile", "CMakeLists.txt"):
        for name in re.findall(r"[\w./-]*\b[\w-]+\.md\b", path.read_text(errors="replace")):
            plain = Path(name.lstrip("/"))
            if plain.name in generated or path == Path(__file__).resolve():
                continue
            places = [path.parent / plain, ROOT / plain, ROOT / "docs" / plain, ROOT / "docs" / plain.name]
            assert any(place.exists() for place in places), (str(path.relative_to(ROOT)), name)


def anchors(document):
    text = document.read_text()
    heads = [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.M)]
    return {*heads, *re.findall(r"<a id=\"([^\"]+)\"", text)}


def test_links_of_the_documents_resolve():
    seen = 0
    for path in files("*.md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            if re.match(r"\w+:", target):
                continue
            name, _, anchor = target.partition("#")
            document = (path.parent / name).resolve() if name else path
            assert document.exists(), (path.name, target)
            assert not anchor or document.suffix != ".md" or anchor in anchors(document), (path.name, target)
            seen += 1
    assert seen > 20

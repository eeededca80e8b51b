#!/usr/bin/env python3
"""The rules of CONTRIBUTING.md that a machine can check and that no other tool does.

    tools/house_lint.py [ROOT]      exit 1 and a line per fault (file:line: what)

  * a source file has fewer than 400 lines, a function fewer than 60; one that cannot says so in a comment
    ("over 400 lines because ...", "over 60 lines because ...", the latter in the function or right above it)
  * headers begin with #pragma once
  * a source of src/ has a header of its name beside it, or a header of its folder names it ("reading is in NAME.cpp"); apps' cmd_*.cpp and
    main.cpp need neither
  * src/ draws random numbers from core/random.h alone, formats with fmt, and only apps prints, exits and reads the environment
  * nothing in the tree names a folder of somebody's machine, and no work is left marked as to be done
  * sources of one folder name different things in their unnamed namespaces: unity builds put them into one
  * golden files stay small: 200 KB each, 7 MB together
"""

import re
import subprocess
import sys
from pathlib import Path

import layering

MAX_FILE, MAX_FUNCTION = 400, 60
MAX_GOLDEN, MAX_GOLDEN_ALL = 200_000, 6_000_000
CODE = {".h", ".cpp", ".py", ".sh", ".js", ".css"}
CPP = {".h", ".cpp"}
# A folder at the root of a machine, not one inside a longer path or address.
MACHINE_PATH = re.compile(r"(?<![\w.~/$}-])/(?:work|root|home|Users|mnt)/[\w.]")
LEFT_OVER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")

BANNED = [  # (pattern, what is wrong with it, path prefixes where it is right)
    (re.compile(r"\bstd::(?:mt19937|minstd|random_device|default_random_engine|shuffle\b|\w+_distribution)"),
     "random draws come from core/random.h", ()),
    (re.compile(r"\btorch::manual_seed\b|(?<![\w:.>])s?rand\("), "random draws come from a stream of the run's seed, never from global state", ()),
    (re.compile(r"\bstd::format\b|#\s*include\s*<format>"), "g++ 12 has no std::format; use fmt::format", ()),
    (re.compile(r"\b(?:std::)?getenv\("), "only apps reads the environment", ("src/apps/",)),
    (re.compile(r"\bstd::(?:cout|cerr|clog)\b|(?<![\w:])(?:std::)?(?:printf|puts|putchar)\(|\bstd(?:err|out)\b"), "only apps prints", ("src/apps/",)),
    (re.compile(r"(?<![\w:.>])(?:std::|::)?_?exit\(|\bstd::(?:abort|terminate|quick_exit)\("), "only apps ends the process", ("src/apps/",)),
]


def blank(match):
    """The same lines without their text, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group(0))


def strip_cpp(text):
    """Comments, strings and characters of C++ blanked out."""
    pattern = r'R"(\w*)\((?:.|\n)*?\)\1"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\''
    return re.sub(pattern, blank, text)


def functions(text):
    """(first line, last line) of every function body; a simple reader of braces that knows namespaces, classes and the rest."""
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", blank, strip_cpp(text), flags=re.M)
    stack, start, line = [], 0, 1
    for position, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char in ";":
            start = position + 1
        elif char == "{":
            head = code[start:position]
            inside = any(kind == "function" for kind, _, _ in stack)
            if re.search(r"\b(?:namespace|class|struct|union|enum)\b(?![^<>]*>\s*\w+\s*\()", head) and not inside and not re.search(r"\)\s*(?:const|noexcept|override)?\s*$", head):
                kind = "scope"
            elif "(" in head and not inside:
                kind = "function"
            else:
                kind = "block"
            stack.append((kind, code.count("\n", 0, start + len(head) - len(head.lstrip())) + 1, start))
            start = position + 1
        elif char == "}":
            if stack:
                kind, first, before = stack.pop()
                if kind == "function":
                    yield first, line
                # "B(int x) : x_{x} {": the brace of a member's value does not end the head of the constructor.
                start = before if re.match(r"\s*[,{)]", code[position + 1:position + 200]) else position + 1
            else:
                start = position + 1


def hidden_names(text):
    """What the unnamed namespaces of a source define, and its tests: {kind and name (and parameters): line}."""
    code = strip_cpp(text)
    found = {}
    for match in re.finditer(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", code, re.M):
        found.setdefault(f"test {match.group(1)}.{match.group(2)}", code.count("\n", 0, match.start()) + 1)
    for opening in re.finditer(r"\bnamespace\s*\{", code):
        depth, flat = 1, []
        for char in code[opening.end():]:  # keep what stands in the namespace itself, not in the braces within
            depth += (char == "{") - (char == "}")
            if depth == 0:
                break
            flat.append(char if depth == 1 or char == "\n" or char == "{" and depth == 2 else " ")
        first, inner = code.count("\n", 0, opening.end()) + 1, "".join(flat)
        patterns = [("type", r"^(?:template <[^\n]*> *)?(?:struct|class|enum class|enum|union)\s+(\w+)()\s*(?:final\s*)?(?::[^;{]*)?\{"),
                    ("constant", r"^(?:inline |static |const |constexpr |thread_local )+[\w:<>,*& ]*?\b(\w+)()(?:\[[^\]]*\])*\s*(?:=|\{)"),
                    ("function", r"^(?!TEST|return|else|using|struct|class|enum)[\w:<>,*& ]+?[ *&](\w+)(\([^{};=]*\))\s*(?:const\s*|noexcept\s*)*\{")]
        for kind, pattern in patterns:
            for match in re.finditer(pattern, inner, re.M):
                key = f"{kind} {match.group(1)}{' '.join(match.group(2).split())}"
                found.setdefault(key, first + inner.count("\n", 0, match.start()))
    return found


def check_unity(root, names):
    folders, _ = layering.read_folders(root / "CMakeLists.txt") if (root / "CMakeLists.txt").is_file() else ({}, [])
    seen = {}
    for name in names:
        parts = Path(name).parts
        if len(parts) < 3 or parts[0] not in ("src", "tests") or not name.endswith(".cpp") or parts[1] not in folders:
            continue
        for key, line in hidden_names((root / name).read_text(errors="replace")).items():
            other = seen.setdefault((parts[0], parts[1], key), name)
            if other != name:
                yield f"{name}:{line}: {key} is defined in {other} too; unity builds compile both as one, so name it after what it belongs to"


def tracked(root):
    """Files of the project, committed or about to be; every file where git is not at hand."""
    try:
        listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, check=True).stdout
        names = sorted(name for name in listing.decode().split("\0") if name)
    except (OSError, subprocess.CalledProcessError):
        names = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    return [name for name in names if (root / name).is_file() and not (root / name).is_symlink()]


def check_size(name, text):
    lines = text.splitlines()
    suffix = Path(name).suffix
    if suffix in CODE and len(lines) >= MAX_FILE and "over 400 lines because" not in text:
        yield f"{name}:{len(lines)}: {len(lines)} lines, expected fewer than {MAX_FILE}; split it, or say why not"
    if suffix not in CPP:
        return
    for first, last in functions(text):
        around = "\n".join(lines[max(0, first - 4):last])
        if last - first + 1 >= MAX_FUNCTION and "over 60 lines because" not in around:
            yield f"{name}:{first}: a function of {last - first + 1} lines, expected fewer than {MAX_FUNCTION}; split it, or say why not"
    if suffix == ".h" and "#pragma once" not in text:
        yield f"{name}:1: #pragma once is missing"


def check_headers(root, names):
    """Who looks for the declaration of what a source defines finds it by the source's name."""
    headers = {}
    for name in names:
        if name.startswith("src/") and name.endswith(".h"):
            headers.setdefault(str(Path(name).parent), []).append(name)
    for name in names:
        path = Path(name)
        if not name.startswith("src/") or path.suffix != ".cpp" or str(path.with_suffix(".h")) in names:
            continue
        if path.parent == Path("src/apps") and (path.name == "main.cpp" or path.name.startswith("cmd_")):
            continue
        named = re.compile(rf"(?<![\w.-]){re.escape(path.name)}\b")
        if not any(named.search((root / header).read_text(errors="replace")) for header in headers.get(str(path.parent), [])):
            yield f"{name}:1: neither {path.with_suffix('.h').name} nor a header of {path.parent}/ that names {path.name}; expected one of the two"


def check_words(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: names a folder of one machine: {line.strip()[:100]}"
        if LEFT_OVER.search(line) and not name.endswith((".json", ".jsonl", ".csv")):
            yield f"{name}:{number}: work left to do: {line.strip()[:100]}"
    if not name.startswith("src/") or Path(name).suffix not in CPP:
        return
    for number, line in enumerate(strip_cpp(text).splitlines(), 1):
        for pattern, why, exempt in BANNED:
            if pattern.search(line) and not name.startswith(exempt):
                yield f"{name}:{number}: {why}: {line.strip()[:100]}"


def check(root):
    faults, golden, count = [], 0, 0
    for name in tracked(root):
        data = (root / name).read_bytes()
        count += 1
        if name.startswith("tests/golden/"):
            golden += len(data)
            if len(data) > MAX_GOLDEN:
                faults.append(f"{name}: {len(data)} bytes, expected at most {MAX_GOLDEN}")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            continue  # a picture, an archive
        if "\0" in text:
            continue
        faults += check_size(name, text)
        faults += check_words(name, text)
    names = tracked(root)
    faults += check_headers(root, names)
    faults += check_unity(root, names)
    if golden > MAX_GOLDEN_ALL:
        faults.append(f"tests/golden: {golden} bytes together, expected at most {MAX_GOLDEN_ALL}")
    return faults, count


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    faults, count = check(root)
    for fault in faults:
        print(fault)
    print(f"house lint: {len(faults)} faults in {count} files")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

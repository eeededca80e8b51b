#!/usr/bin/env python3
"""Lint: the house's own rules over the whole tree, clang-format and clang-tidy over what changed.

    tools/lint.py [--fix] [--all] [--base COMMIT] [--no-tidy] [--build DIR] [--jobs N]

What changed is what differs from the merge base with origin/main (or COMMIT), committed or not. Where that is nothing but
the present commit itself (a fresh clone of main), or git is not at hand, it is everything. clang-tidy reads DIR's
compile_commands.json; a file that passed is not looked at again while it, the headers of the project and the rules are the same.
--fix lets clang-format rewrite the files; nothing else is changed.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("src", "tests", "bench")


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def every_file():
    return sorted(p for part in PARTS for p in (ROOT / part).rglob("*") if p.suffix in (".h", ".cpp") and p.is_file())


def changed_files(base):
    """The C++ files that differ from the base, and in words what was compared; all of them where there is no base."""
    head = git("rev-parse", "HEAD")
    commit = git("merge-base", "HEAD", base or "origin/main") if head else None
    if base and commit is None:
        sys.exit(f"lint: {base} is no commit of this repository, expected one to compare with")
    if commit is None or commit == head and not git("status", "--porcelain"):
        return every_file(), "all files"
    names = set(git("diff", "--name-only", "--diff-filter=d", commit).splitlines())
    names |= set(git("ls-files", "--others", "--exclude-standard").splitlines())
    files = sorted(ROOT / name for name in names if name.startswith(PARTS) and name.endswith((".h", ".cpp")))
    return files, f"what changed since {commit[:12]}"


def tool(name):
    """clang-format or clang-tidy of .venv, which tools/setup.sh pins; any other version would judge differently."""
    path = ROOT / ".venv" / "bin" / name
    if not path.is_file():
        sys.exit(f"lint: {path} does not exist; run tools/setup.sh")
    return str(path)


def run_format(files, fix):
    if not files:
        return 0
    arguments = ["-i"] if fix else ["--dry-run", "-Werror"]
    done = subprocess.run([tool("clang-format"), *arguments, *map(str, files)], cwd=ROOT, capture_output=True, text=True)
    bad = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error: code should be clang-formatted", done.stderr, re.M)))
    for name in bad:
        print(f"{os.path.relpath(name, ROOT)}: not formatted; run make format")
    if done.returncode != 0 and not bad:
        print(done.stderr.strip())
    return max(len(bad), int(done.returncode != 0))


def compile_commands(build):
    """(folder, flags, unit) of each source. Unity sources are opened, so that each file in them gets the flags of the whole."""
    database = build / "compile_commands.json"
    if not database.is_file():
        sys.exit(f"lint: {database} does not exist; run make build first, or name another folder with --build")
    flags = {}
    for entry in json.loads(database.read_text()):
        words = shlex.split(entry["command"]) if "command" in entry else entry["arguments"]
        source = Path(entry["directory"], entry["file"]).resolve()
        sources = [source]
        if source.name.startswith("unity_") and source.is_file():
            sources = [Path(name) for name in re.findall(r'#include "([^"]+)"', source.read_text())]
        for each in sources:
            flags[str(each.resolve())] = (entry["directory"], keep_flags(words), source)
    return flags


def keep_flags(words):
    """What clang understands of g++'s command: no launcher, no precompiled header, no output, no warnings."""
    start = next(i for i, word in enumerate(words) if re.search(r"(^|/)(g\+\+|c\+\+|clang\+\+)[-\d.]*$", word))
    kept, skip = ["clang++"], False
    for i, word in enumerate(words[start + 1:], start + 1):
        following = words[i + 1] if i + 1 < len(words) else ""
        if skip:
            skip = False
        elif word in ("-o", "-c") or (word == "-include" and "cmake_pch" in following):
            skip = True
        elif word not in ("-fpch-preprocess", "-Winvalid-pch", "-Werror") and not word.startswith(("-W", "-fsanitize")):
            kept.append(word)
    return [word for word in kept if not word.endswith((".cpp", ".cxx"))] + ["-Wno-everything", "-Wno-unknown-attributes"]


def digest_of_rules():
    """What a verdict rests on beside the file itself: every header, the rules, the tool."""
    state = hashlib.sha256()
    for path in [ROOT / ".clang-tidy", ROOT / "tools/requirements-dev.txt", *(p for p in every_file() if p.suffix == ".h")]:
        state.update(path.name.encode() + path.read_bytes())
    return state.hexdigest()


def choose_units(flags, files):
    """{what clang-tidy is given: the sources in it}. Most of its time goes into libtorch's headers, so sources that are
    compiled as one are looked at as one, unless only one of them is asked for."""
    stems = {str(path.with_suffix(".cpp")) for path in files}  # a changed header is read with the source beside it
    units = {}
    for name in sorted(set(flags) & stems):
        units.setdefault(flags[name][2], []).append(Path(name))
    return {(unit if len(sources) > 1 else sources[0]): sources for unit, sources in units.items()}


def write_database(flags, units, folder):
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for unit, sources in units.items():
        directory, words, _ = flags[str(sources[0])]
        entries.append({"directory": directory, "file": str(unit), "arguments": words + ["-c", str(unit)]})
    (folder / "compile_commands.json").write_text(json.dumps(entries, indent=1))


def tidy_one(unit, database, passed):
    if passed.is_file():
        return ""
    command = [tool("clang-tidy"), "--quiet", f"--config-file={ROOT / '.clang-tidy'}", "-p", str(database), str(unit)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    text = done.stdout.strip() or (done.stderr.strip() if done.returncode != 0 else "")
    if not text:
        passed.touch()
    return text


def run_tidy(files, build, jobs):
    flags = compile_commands(build)
    units = choose_units(flags, files)
    folder, rules = build / "lint", digest_of_rules()
    write_database(flags, units, folder)
    faults = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        verdicts = []
        for unit, sources in units.items():
            contents = "".join(f"{path}\n{path.read_text()}" for path in sources)
            key = hashlib.sha256((rules + str(flags[str(sources[0])]) + contents).encode()).hexdigest()
            verdicts.append(pool.submit(tidy_one, unit, folder, folder / f"{key[:32]}.passed"))
        for verdict in verdicts:
            text = verdict.result()
            faults += bool(text)
            if text:
                print(text.replace(str(ROOT) + "/", ""), flush=True)
    return faults, sum(len(sources) for sources in units.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fix", action="store_true", help="let clang-format rewrite the files")
    parser.add_argument("--all", action="store_true", help="every file, not only what changed")
    parser.add_argument("--base", help="commit to compare with (default: the merge base with origin/main)")
    parser.add_argument("--no-tidy", action="store_true", help="leave clang-tidy out")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="folder with compile_commands.json")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    files, what = (every_file(), "all files") if options.all else changed_files(options.base)
    faults = run_format(files, options.fix)
    for script in () if options.fix else ("house_lint.py", "layering.py"):
        faults += subprocess.run([sys.executable, str(ROOT / "tools" / script)], cwd=ROOT).returncode
    if not options.no_tidy and not options.fix:
        found, count = run_tidy(files, options.build.resolve(), options.jobs)
        faults += found
        what += f", clang-tidy on {count} sources"
    print(f"lint: {faults} faults ({what}, {len(files)} files formatted)")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Checks that each folder of src/ includes only what stands above it in the house.

    tools/layering.py [ROOT]        exit 1 and a line per fault (file:line: what: why) where the rule is broken

The list of folders, their levels and what each USES is read from CMakeLists.txt (`infig_folder(NAME LEVEL N [TORCH] USES ...)`),
so that what is linked and what is checked cannot differ. Checked are
  * a folder includes itself, and what it USES, at first or further hand; USES names folders of a lower level only;
  * folders without TORCH never include a header of libtorch, and those of TORCH_FREE never get TORCH;
  * <torch/torch.h> and its like stand in no header;
  * an include names a header under src/ as "folder/file.h".
"""

import re
import sys
from pathlib import Path

# What data readers, tokenizers, decoders and metrics are stays usable, and sanitized, without libtorch.
TORCH_FREE = {"core", "data", "text", "image", "metrics", "archive", "hub", "run", "postcards", "posts", "prepare", "pages", "linear", "quality"}
TORCH_HEADER = re.compile(r"^(torch|ATen|c10|caffe2|torchgen)/")
WHOLE_TORCH = {"torch/torch.h", "torch/all.h", "torch/extension.h", "torch/script.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
APPS = "apps"


class Folder:
    def __init__(self, name, level, torch, uses):
        self.name, self.level, self.torch, self.uses = name, level, torch, uses


def read_folders(cmake):
    """The infig_folder() calls of CMakeLists.txt, in order, and the faults of the list itself."""
    text = re.sub(r"#.*", "", cmake.read_text())
    folders, faults = {}, []
    for call in re.finditer(r"\binfig_folder\(([^)]*)\)", text):
        words = call.group(1).split()
        where = f"{cmake.name}:{text.count(chr(10), 0, call.start()) + 1}"
        name, level, torch, uses, part = words[0], None, False, [], None
        for word in words[1:]:
            if word in ("LEVEL", "USES", "LINK"):
                part = word
            elif word in ("TORCH", "COLD"):  # options; COLD is about compiling alone
                torch = torch or word == "TORCH"
            elif part == "LEVEL":
                level = int(word)
            elif part == "USES":
                uses.append(word)
        if level is None:
            faults.append(f"{where}: {name} has no LEVEL")
            continue
        for used in uses:
            if used not in folders:
                faults.append(f"{where}: {name} USES {used}, which no earlier infig_folder() declares")
            elif folders[used].level >= level:
                faults.append(f"{where}: {name} (level {level}) USES {used} (level {folders[used].level}): "
                              "only folders of a lower level, never of the same one")
            elif folders[used].torch and not torch:
                faults.append(f"{where}: {name} has no TORCH but USES {used}, which has")
        if torch and name in TORCH_FREE:
            faults.append(f"{where}: {name} has TORCH, but must stay free of it")
        folders[name] = Folder(name, level, torch, [u for u in uses if u in folders])
    top = max((folder.level for folder in folders.values()), default=0)
    folders[APPS] = Folder(APPS, top + 1, True, [name for name in folders])
    return folders, faults


def reachable(folders, name):
    """What `name` may include: itself and all it uses, at first or further hand."""
    seen, waiting = set(), [name]
    while waiting:
        folder = waiting.pop()
        if folder not in seen:
            seen.add(folder)
            waiting += folders[folder].uses
    return seen


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def why_not(folders, folder, target):
    own, other = folders[folder], folders[target]
    if other.level > own.level:
        return f"{target} (level {other.level}) stands below {folder} (level {own.level}); a folder includes only what is above it"
    if other.level == own.level:
        return f"{target} and {folder} stand on one level ({own.level}); such folders never include each other"
    return f"{folder} does not use {target}; if it should, add it to USES of infig_folder({folder}) in CMakeLists.txt"


def check_torch(folders, folder, path, header):
    if header in WHOLE_TORCH and path.suffix == ".h":
        return "the whole of libtorch in a header costs every file that includes it 12 s or more; name the exact headers, or tensor/fwd.h"
    if TORCH_HEADER.match(header) and not folders[folder].torch:
        return f"{folder} is free of torch; what needs a tensor belongs to tensor or below"
    return None


def check_file(root, folders, allowed, folder, path):
    source = root / "src"
    where = path.relative_to(root)
    for number, angled, header in includes(path):
        problem = check_torch(folders, folder, path, header)
        target = header.split("/")[0]
        if problem is None and target in folders and "/" in header and (source / header).parent.is_dir():
            if target not in allowed:
                problem = why_not(folders, folder, target)
            elif angled:
                problem = 'headers of the project are included with "quotes"'
            elif not (source / header).is_file():
                problem = f"src/{header} does not exist"
            elif not header.endswith(".h"):
                problem = "only headers are included"
        elif problem is None and not angled:
            problem = f'write "folder/file.h" as it stands under src/ ({header} is none of its folders)'
        if problem:
            yield f"{where}:{number}: includes {header}: {problem}"


def check(root):
    folders, faults = read_folders(root / "CMakeLists.txt")
    if len(folders) == 1:
        return [f"{root / 'CMakeLists.txt'}: no infig_folder() was found"], 0
    count = 0
    for directory in sorted(p for p in (root / "src").iterdir() if p.is_dir()):
        folder = directory.name
        files = sorted(p for p in directory.rglob("*") if p.suffix in (".h", ".cpp", ".hpp", ".inc"))
        if folder not in folders:
            if files:
                faults.append(f"src/{folder}: no infig_folder({folder}) in CMakeLists.txt")
            continue
        allowed = reachable(folders, folder)
        for path in files:
            count += 1
            faults += check_file(root, folders, allowed, folder, path)
    for path in sorted(p for part in ("tests", "bench") for p in (root / part).rglob("*.h")):
        for number, _, header in includes(path):
            if header in WHOLE_TORCH:
                faults.append(f"{path.relative_to(root)}:{number}: includes {header}: name the exact headers instead")
    return faults, count


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    faults, count = check(root)
    for fault in faults:
        print(fault)
    print(f"layering: {len(faults)} faults in {count} files")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

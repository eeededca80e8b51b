"""libinfig as others use it: installed, found by CMake, asked from several threads; and the archive that runs where nothing is installed."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile

from pathlib import Path

import pytest

from conftest import BINARY, ROOT, infig

BUILD = BINARY.parent.parent
POSTS = [("What a lovely day", 0), ("", 1), ("the worst storm in years", None), ("caf\u00e9 \U0001f600 closed", 2), ("fine", 3), ("hello", "broken.jpg")]


def command(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=600, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    command("cmake", "--install", BUILD, "--prefix", folder)
    return folder


@pytest.fixture(scope="module")
def embed(prefix, tmp_path_factory):
    """The example, as a project of its own that knows the prefix alone."""
    build = tmp_path_factory.mktemp("embed")
    shutil.copytree(ROOT / "examples/embed", build / "source")
    command("cmake", "-S", build / "source", "-B", build / "build", f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    command("cmake", "--build", build / "build")
    assert "torch" not in (build / "build/compile_commands.json").read_text()
    return build / "build/embed"


def picture(postcards, which, tmp_path):
    if which is None:
        return ""
    if isinstance(which, str):
        (tmp_path / which).write_bytes(b"no picture at all")
        return str(tmp_path / which)
    return str(sorted((postcards / "images").iterdir())[which])


def test_what_is_installed(prefix):
    assert command(prefix / "bin/infig", "--version") == command(BINARY, "--version")
    names = {str(path.relative_to(prefix)) for path in prefix.rglob("*")}
    assert {"bin/infig", "include/infig/infig.h", "lib/libinfig.so", "lib/cmake/infig/infigConfig.cmake", "lib/cmake/infig/infigConfigVersion.cmake"} <= names
    symbols = command("nm", "-DC", "--defined-only", prefix / "lib/libinfig.so").splitlines()
    assert len(symbols) > 10
    shown = re.compile(r" (?:infig::api::(?:version\(|Error::|Predictor::(?!Impl))|(?:typeinfo |typeinfo name |vtable )for infig::api::Error$)")
    assert not [line for line in symbols if not shown.search(line)]


def test_the_header_stands_alone(prefix, tmp_path):
    text = (prefix / "include/infig/infig.h").read_text()
    assert not re.search(r"#\s*include\s*[<\"](torch|ATen|c10|fmt|nlohmann)", text)
    (tmp_path / "alone.cpp").write_text("#include <infig/infig.h>\nint main() { return infig::api::Post{}.image.given(); }\n")
    for standard in ("c++17", "c++20"):
        command("c++", f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-fsyntax-only", f"-I{prefix}/include", tmp_path / "alone.cpp")


def test_another_version_is_not_found(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.20)\nproject(x LANGUAGES CXX)\nfind_package(infig 9.0 REQUIRED)\n")
    done = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}"], capture_output=True, text=True)
    assert done.returncode != 0 and "9.0" in done.stderr


@pytest.mark.parametrize("threads", [1, 4])
def test_the_example_says_what_predict_says(run, postcards, embed, tmp_path, threads):
    lines, expected = [], []
    for text, which in POSTS * 3:
        image = picture(postcards, which, tmp_path)
        lines.append(f"{text}\t{image}")
        words = (["--text", text] if text else []) + (["--image", image] if image and not isinstance(which, str) else [])
        if len(expected) < len(POSTS):  # the file that is no picture: the text alone counts
            done = infig("predict", "--run", run, "--threads", 1, *words)
            assert done.code == 0, done.all
            expected.append(json.loads(done.out))
    done = subprocess.run([embed, run, str(threads)], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == len(lines)
    for i, answer in enumerate(answers):
        label, *probabilities = answer.split(" ")
        one = expected[i % len(POSTS)]
        assert label == one["prediction"]
        assert [float(p) for p in probabilities] == [value for key, value in one.items() if key.startswith("p_")], (lines[i], answer, one)


def test_the_example_says_what_is_wrong(embed, tmp_path):
    done = subprocess.run([embed, tmp_path / "no-run", "1"], input="", capture_output=True, text=True)
    assert done.returncode == 1 and "no-run: no such run folder" in done.stderr and done.stdout == ""


def test_predict_and_evaluate_take_a_precision_and_a_device(run, postcards, tmp_path):
    def file(name, *words):
        done = infig("predict", "--run", run, "--input", postcards, "--output", tmp_path / name, "--threads", 1, *words)
        assert done.code == 0, done.all
        return [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]

    plain, single, half = file("plain.jsonl"), file("fp32.jsonl", "--precision", "fp32", "--device", "cpu"), file("bf16.jsonl", "--precision", "bf16")
    assert plain == single
    differences = [abs(one[name] - other[name]) for one, other in zip(plain, half, strict=True) for name in one if name.startswith("p_")]
    assert 0 < max(differences) < 0.1
    done = infig("evaluate", "--run", run, "--data", postcards, "--split", "test", "--precision", "bf16", "--device", "cpu", "--no-report")
    assert done.code == 0, done.all
    for verb in (["predict", "--run", run, "--text", "x"], ["evaluate", "--run", run, "--data", postcards]):
        wrong = infig(*verb, "--precision", "int8")
        assert wrong.code == 2 and "precision" in wrong.err and "bf16" in wrong.err


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    command(sys.executable, ROOT / "tools/make_package.py", "--build", BUILD, "--output", folder, "--level", 1)
    archive, = folder.iterdir()
    assert re.fullmatch(r"infig-[\d.]+-linux-\w+\.tar\.gz", archive.name)
    return archive


def glibc_files():
    """glibc's own shared libraries, the loader among them: all that the archive takes from the system."""
    listing = command("ldd", "/bin/true") + command("ldd", BINARY)
    names = re.findall(r"(/\S*/(?:ld-linux[\w.-]*|lib(?:c|m|dl|pthread|rt|mvec|util|resolv|anl)\.so\.\d+))\b", listing)
    return sorted(set(names))


def elf_files(folder):
    """Programs and shared libraries in a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [path for path in files if path.open("rb").read(4) == b"\x7fELF"]


def test_the_package_needs_nothing_but_glibc(package, run, postcards, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    with tarfile.open(package) as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == sorted((member.name for member in members), key=lambda name: name.split("/"))
        assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 0)}
    command("tar", "-xzf", package, "-C", root)
    top, = root.iterdir()
    assert len(elf_files(top)) > 20
    glibc = {os.path.basename(name) for name in glibc_files()}
    # The RPATH of program and library holds for what their libraries need in turn; asked about one of those alone, ldd would not know it.
    for path in (top / "bin/infig", top / "lib/libinfig.so"):
        for name, place in re.findall(r"^\s*(\S+) => (.*?)(?: \(0x[0-9a-f]+\))?$", command("env", "-i", shutil.which("ldd"), path), re.M):
            assert place.startswith(str(top)) or os.path.basename(name) in glibc, f"{path.name}: {name} => {place}"
    licences = top / "share/doc/infig/licences"
    for line in (top / "share/doc/infig/LIBRARIES").read_text().splitlines()[1:]:
        assert any(path.is_file() for path in (licences / line.split(": ")[1]).rglob("*")), line
    assert (licences / "libcsv3/copyright").is_file() and (top / "share/infig/configs/tiny.yaml").is_file()

    text, image = "What a lovely day", picture(postcards, 0, tmp_path)
    expected = infig("predict", "--run", run, "--threads", 1, "--text", text, "--image", image)
    words = ["predict", "--threads", "1", "--text", text]
    done = subprocess.run([top / "bin/infig", *words, "--run", run, "--image", image], env={}, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == expected.out, done.stdout + done.stderr

    if os.geteuid() != 0:
        return
    # Where nothing else can be reached: a root of the archive, glibc and the run alone.
    for name in glibc_files():
        target = root / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, target)
        target.chmod(0o755)
    shutil.copytree(run, root / "run")
    shutil.copyfile(image, root / "picture")
    (root / "tmp").mkdir()
    (root / "proc/self").mkdir(parents=True)  # glibc asks it where the program lies, of which $ORIGIN is made
    (root / "proc/self/exe").symlink_to(f"/{top.name}/bin/infig")
    (root / "proc/cpuinfo").write_text(Path("/proc/cpuinfo").read_text())  # what libtorch asks of every Linux
    (root / "dev").mkdir()
    try:
        os.mknod(root / "dev/urandom", stat.S_IFCHR | 0o666, os.makedev(1, 9))
    except PermissionError:
        return
    chroot = shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin:/bin")
    probe = subprocess.run([chroot, root, f"/{top.name}/bin/infig", "--version"], env={}, capture_output=True, text=True)
    if "Operation not permitted" in probe.stderr:
        return
    assert probe.returncode == 0, probe.stderr
    done = subprocess.run([chroot, root, f"/{top.name}/bin/infig", *words, "--run", "/run", "--image", "/picture"], env={}, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == expected.out, done.stdout + done.stderr


def test_equal_folders_make_equal_archives(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import make_package

    made = []
    for name in ("one", "two"):
        folder = tmp_path / name / "infig-1"
        (folder / "bin").mkdir(parents=True)
        for file in (["b", "a"] if name == "one" else ["a", "b"]):
            (folder / "bin" / file).write_text(file)
        (folder / "bin/a").chmod(0o700 if name == "one" else 0o755)
        os.utime(folder / "bin/b", (1e9 if name == "one" else 1.5e9,) * 2)
        (folder / "link").symlink_to("bin/a")
        made.append(tmp_path / f"{name}.tar.gz")
        make_package.write_archive(folder, made[-1], 6)
    assert made[0].read_bytes() == made[1].read_bytes()
    with tarfile.open(made[0]) as archive:
        assert archive.getnames() == ["infig-1", "infig-1/bin", "infig-1/bin/a", "infig-1/bin/b", "infig-1/link"]
        assert archive.getmember("infig-1/bin/a").mode == 0o755

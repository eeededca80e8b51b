#!/usr/bin/env python3
"""One archive that runs on another machine of the same distribution, or a later one, with nothing installed.

    tools/make_package.py [--build DIR] [--output DIR] [--level 1..9]     writes OUTPUT/infig-VERSION-linux-ARCH.tar.gz

In it: what `cmake --install` installs (program, libinfig and its header), libtorch's CPU libraries, Arrow's (Parquet), every other shared library that they
need except glibc's own, the presets, and the licence of each. Nothing of the target machine is used but the kernel and glibc, which must be
as new as the ones here. Names are sorted, times and owners are none: equal builds give equal archives.
"""

import argparse
import gzip
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Of glibc, which belongs to the system: mixing two copies of it cannot work.
GLIBC = re.compile(r"^(?:ld-linux[\w.-]*|lib(?:c|m|mvec|dl|pthread|rt|util|resolv|anl|nsl|BrokenLocale|thread_db))\.so\.\d+$")
# Compiled in from headers: no shared library says that they are there.
HEADERS_OF = ["libcli11-dev", "libfmt-dev", "libspdlog-dev", "nlohmann-json3-dev", "libprotozero-dev", "libstb-dev"]


def fail(message):
    raise SystemExit(f"make_package: {message}")


def output_of(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{' '.join(str(word) for word in command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def elf_files(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink() and is_elf(path)]


def dynamic(path):
    """(names of the libraries needed, RPATH or RUNPATH or None) of an ELF file."""
    needed, rpath = [], None
    for line in output_of("readelf", "-dW", path).splitlines():
        if match := re.search(r"\(NEEDED\).*\[(.*)\]", line):
            needed.append(match.group(1))
        elif match := re.search(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", line):
            rpath = match.group(1)
    return needed, rpath


def libraries_of(path):
    """{name: file} of every shared library that the loader finds for an ELF file, here and now."""
    found = {}
    for line in output_of("ldd", path).splitlines():
        match = re.match(r"\s*(\S+) => (.*?)(?: \(0x[0-9a-f]+\))?$", line)
        if not match:
            continue
        name, file = match.groups()
        if "not found" in file:
            fail(f"{path}: needs {name}, which is not found; build anew")
        found[name] = Path(file)
    return found


def set_rpath(path, new):
    old = dynamic(path)[1]
    if old is None or old == new:
        return
    script = f'file(RPATH_CHANGE FILE "{path}" OLD_RPATH [==[{old}]==] NEW_RPATH [==[{new}]==])'
    with tempfile.NamedTemporaryFile("w", suffix=".cmake") as file:
        file.write(script)
        file.flush()
        output_of("cmake", "-P", file.name)
    if dynamic(path)[1] != new:
        fail(f"{path}: its RPATH is {dynamic(path)[1]}, expected {new}")


def package_of(path):
    """Debian's package that a file belongs to. A library may be known by its path before or after /usr was merged."""
    real = path.resolve()
    names = [str(real), str(path)]
    names += [name[len("/usr"):] if name.startswith("/usr/") else "/usr" + name for name in list(names)]
    for name in names:
        done = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0].split(",")[0].strip()
    return None


def wheel_licences(library):
    """(name, its files of licences) of the wheel that a library belongs to, or of the libtorch that was unpacked."""
    for folder in library.parents:
        for package, name in (("torch", "libtorch"), ("pyarrow", "arrow")):
            if not library.is_relative_to(folder / package):
                continue
            for pattern in (f"{package}-*.dist-info/licenses", f"{package}-*.dist-info/LICENSE*"):
                if found := sorted(folder.glob(pattern)):
                    return name, found
        if (folder / "lib").is_dir() and (found := sorted(folder.glob("LICENSE*"))):
            return "libtorch", found
    return None, []


def copy_licences(libraries, target):
    """One folder a package; returns lines of (library, where from) for the list."""
    lines, packages, common = [], set(HEADERS_OF), set()
    for name, file in sorted(libraries.items()):
        owner = package_of(file)
        if owner is None:
            owner, found = wheel_licences(file.resolve())
            if not found:
                fail(f"{file}: belongs to no package and no wheel of libtorch or Arrow is around it: its licence is not known")
            for one in found:
                copy = shutil.copytree if one.is_dir() else shutil.copy
                (target / owner).mkdir(parents=True, exist_ok=True)
                destination = target / owner / one.name
                if not destination.exists():
                    copy(one, destination)
        else:
            packages.add(owner)
        lines.append(f"{name}: {owner}")
    for package in sorted(packages):
        text = Path("/usr/share/doc") / package / "copyright"
        if not text.is_file():
            fail(f"{text}: not there, so the licence of {package} cannot be shipped; install the package with its documentation")
        (target / package).mkdir(parents=True)
        shutil.copyfile(text, target / package / "copyright")
        common |= set(re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", text.read_text(errors="replace")))
    (target / "common-licenses").mkdir()
    for name in sorted(common):
        source = Path("/usr/share/common-licenses") / name
        if source.is_file():
            shutil.copyfile(source.resolve(), target / "common-licenses" / name)
    return lines


def stage(build, folder):
    """What the archive holds, as a folder."""
    output_of("cmake", "--install", build, "--prefix", folder, "--strip")
    programs = elf_files(folder)
    library_folder = next((path.parent for path in programs if path.name.startswith("libinfig.so")), None)
    if library_folder is None or not (folder / "bin" / "infig").is_file():
        fail(f"{build}: installs no bin/infig and libinfig.so; build it first")
    libraries = {}
    for program in programs:
        libraries |= {name: file for name, file in libraries_of(program).items() if not GLIBC.match(name)}
    if "libtorch_cuda.so" in libraries:
        fail("this build uses CUDA's libtorch, of several gigabytes; build with the CPU wheel to make a package")
    for name, file in libraries.items():
        target = library_folder / name
        if not target.exists():
            shutil.copyfile(file.resolve(), target)
            target.chmod(0o755)
    up = os.path.relpath(library_folder, folder / "bin")
    for path in elf_files(folder):
        set_rpath(path, f"$ORIGIN/{up}" if path.parent.name == "bin" else "$ORIGIN")
    share = folder / "share"
    shutil.copytree(ROOT / "configs", share / "infig" / "configs")
    documents = share / "doc" / "infig"
    lines = copy_licences({name: file for name, file in libraries.items() if not name.startswith("libinfig.")}, documents / "licences")
    for name in ("LICENSE", "README.md", "THIRD_PARTY.md"):
        shutil.copyfile(ROOT / name, documents / name)
    (documents / "LIBRARIES").write_text("\n".join(["# shared library: package whose licence stands in licences/", *lines]) + "\n")
    check(folder, library_folder)


def check(folder, library_folder):
    """Every library that anything in the archive needs is in it, or glibc's, and nothing looks for one elsewhere."""
    here = {path.name for path in library_folder.iterdir()}
    for path in elf_files(folder):
        needed, rpath = dynamic(path)
        for name in needed:
            if name not in here and not GLIBC.match(name):
                fail(f"{path.relative_to(folder)}: needs {name}, which is not in the archive")
        if rpath is not None and not all(part.startswith("$ORIGIN") for part in rpath.split(":")):
            fail(f"{path.relative_to(folder)}: looks for libraries in {rpath}")


def write_archive(folder, path, level):
    """A tar.gz whose bytes depend on names, modes and contents alone. It appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")

    def plain(member):
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    try:
        with open(partial, "wb") as raw, gzip.GzipFile("", "wb", level, raw, mtime=0) as packed:
            with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
                for one in [folder, *sorted(folder.rglob("*"))]:
                    archive.add(one, str(one.relative_to(folder.parent)), recursive=False, filter=plain)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def version():
    return re.search(r"project\(infig VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="build folder (default: build)")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "package", help="folder of the archive (default: build/package)")
    parser.add_argument("--level", type=int, default=9, choices=range(1, 10), help="of gzip (default: 9)")
    flags = parser.parse_args()
    flags.output.mkdir(parents=True, exist_ok=True)
    name = f"infig-{version()}-linux-{platform.machine()}"
    with tempfile.TemporaryDirectory(dir=flags.output) as work:
        stage(flags.build.resolve(), Path(work) / name)
        unpacked = sum(path.stat().st_size for path in Path(work).rglob("*") if path.is_file() and not path.is_symlink())
        archive = flags.output / f"{name}.tar.gz"
        write_archive(Path(work) / name, archive, flags.level)
    print(f"{archive}: {archive.stat().st_size / 1e6:.0f} MB, {unpacked / 1e6:.0f} MB unpacked")
    return 0


if __name__ == "__main__":
    sys.exit(main())

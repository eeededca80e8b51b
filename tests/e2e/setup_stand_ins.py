"""Stand-ins for what tools/setup.sh calls, which write down how they were called. PATH holds them and a few plain tools, nothing else."""

import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAIN = ["bash", "env", "cat", "sed", "awk", "grep", "tr", "cut", "head", "wc", "mktemp", "rm", "mkdir", "sha256sum", "dirname", "timeout", "sleep", "uname", "id", "true"]

# A Python whose pip installs nothing. What it offers stands in state.json beside the project; each call becomes a line of calls.jsonl.
PYTHON = '''#!{python}
import json, os, shutil, sys
from pathlib import Path
root, words = Path({root!r}), sys.argv[1:]
state = json.loads((root / "state.json").read_text())

def note(what):
    environment = {{key: value for key, value in os.environ.items() if key.startswith("PIP_") or key == "HOME"}}
    with open(root / "calls.jsonl", "a") as log:
        log.write(json.dumps({{"what": what, "words": words, "env": environment}}) + "\\n")

def save():
    (root / "state.json").write_text(json.dumps(state))

def offered():
    indexes = [words[at + 1] for at, word in enumerate(words) if word == "--extra-index-url"]
    return state["with_index"] if indexes and state["with_index"] else state["offers"]

def item(wheel):
    return {{"metadata": {{"name": wheel["name"], "version": wheel["version"], "requires_dist": wheel.get("requires", [])}}, "download_info": {{"url": wheel["url"]}}}}

if words[0] == "-c":
    sys.version_info = tuple(state["python"]) + (0, "final", 0)
    exec(words[1])
elif words[:2] == ["-m", "venv"]:
    note("venv")
    (Path(words[2]) / "bin").mkdir(parents=True)
    shutil.copy(__file__, Path(words[2]) / "bin/python")
    if state.pop("kill_venv", False):
        state["broken_pip"] = True
        save()
        sys.exit(1)
    state["broken_pip"] = False
    save()
elif words[:3] == ["-m", "pip", "--version"]:
    sys.exit(state.get("broken_pip", False))
elif words[:4] == ["-m", "pip", "config", "list"]:
    for line in state.get("config", []):
        print(line)
    if "PIP_NO_INDEX" in os.environ:
        print(f":env:.no-index='{{os.environ['PIP_NO_INDEX']}}'")
elif words[:3] == ["-m", "pip", "install"]:
    torch = "tools/requirements-torch.txt" in words
    if "--dry-run" in words:
        note("ask")
        if not state["offers"] and not (offered()):
            sys.exit("ERROR: No matching distribution found for torch")
        wheels = [] if state.get("torch") and "--ignore-installed" not in words else [offered()] + ([] if "--no-deps" in words else state["needs"])
        Path(words[words.index("--report") + 1]).write_text(json.dumps({{"install": [item(wheel) for wheel in wheels]}}))
        sys.exit(0)
    note("install")
    if torch:
        if state.pop("kill_install", False):
            save()
            sys.exit(1)
        if not offered():
            sys.exit("ERROR: No matching distribution found for torch")
        state["torch"] = offered()["version"]
        save()
elif words[:1] == ["tools/setup/torch_wheel.py"] and words[1] == "installed":
    version = state.get("torch", "")
    print(("cpu " if version.endswith("+cpu") else "cuda ") + version if version else "none")
elif words[:1] == ["tools/setup/torch_wheel.py"] and words[1] == "probe" and "pytorch.org" in words[2]:
    note("probe")  # tests leave the network alone
    sys.exit(1)
else:
    os.execv({python!r}, [{python!r}, *words])
'''

SHELL = {  # name: what it does after it was written down
    "dpkg-query": 'cat "$root/installed.txt"',
    "apt-get": 'if [[ $1 == install ]]; then for word; do [[ $word == -* || $word == install ]] || printf "installed %s\\n" "$word"; done >>"$root/installed.txt"; fi',
    "apt-cache": '! grep -qx -- "${@: -1}" "$root/absent.txt"',
    "nvidia-smi": 'cat "$root/gpus.txt"; exit "$(cat "$root/gpus_code.txt")"',
    "sudo": '[[ -e $root/no_sudo ]] && exit 1; [[ $1 == -n ]] && shift; exec "$@"',
}


class Machine:
    """A fresh machine: a project folder with setup's files, an empty home, and the stand-ins."""

    def __init__(self, folder, offers="2.13.0", gpu=None):
        self.project, self.tools, self.home = folder / "project", folder / "bin", folder / "home"
        for path in (self.project / "tools", self.tools, self.home):
            path.mkdir(parents=True)
        shutil.copy(ROOT / "tools/setup.sh", self.project / "tools")
        shutil.copy(ROOT / "tools/packages.tsv", self.project / "tools")
        shutil.copytree(ROOT / "tools/setup", self.project / "tools/setup", ignore=shutil.ignore_patterns("__pycache__"))
        (self.project / "tools/requirements-torch.txt").write_text("# the wheel\ntorch==2.13.0\n")
        (self.project / "tools/requirements-dev.txt").write_text("# checks\npytest==9.2.0\n")
        (self.project / "tools/requirements-parquet.txt").write_text("# wheel\npyarrow==26.0.1\n")
        for name in PLAIN:
            (self.tools / name).symlink_to(shutil.which(name))
        self._write(self.tools / "python3", PYTHON.format(python=sys.executable, root=str(folder)))
        for name, body in SHELL.items():
            if name != "nvidia-smi" or gpu is not None:
                head = f'#!{shutil.which("bash")}\nroot={folder}\nprintf "%s\\n" "{name} $*" >>"$root/commands.txt"\n'
                self._write(self.tools / name, head + body + "\n")
        self.folder = folder
        self.release("ID=debian\nVERSION_ID=\"12\"\n")
        self.installed(column("debian-12"))
        (folder / "absent.txt").write_text("")
        output, code = gpu or ("", 0)
        (folder / "gpus.txt").write_text(output)
        (folder / "gpus_code.txt").write_text(str(code))
        needs = [self.wheel("nvidia-cublas", "13.0", megabytes=1600)]
        self.state(python=[3, 12], offers=self.torch(offers) if offers else None, with_index=self.torch("2.13.0+cpu"), needs=needs)

    @staticmethod
    def _write(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def wheel(self, name, version, megabytes, requires=()):
        path = self.folder / f"{name}-{version}.whl"
        with open(path, "wb") as file:
            file.truncate(megabytes * 1_000_000)  # a hole, no bytes on the disk
        return {"name": name, "version": version, "url": path.as_uri(), "requires": list(requires)}

    def torch(self, version):
        requires = ["filelock"] if version.endswith("+cpu") else ["filelock", "nvidia-cublas==13.0"]
        return self.wheel("torch", version, 200 if version.endswith("+cpu") else 900, requires)

    def state(self, **values):
        path = self.folder / "state.json"
        old = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps({**old, **values}))

    def release(self, text):
        (self.folder / "os-release").write_text(text)

    def installed(self, names):
        (self.folder / "installed.txt").write_text("".join(f"installed {name}\n" for name in names))

    def setup(self, **environment):
        (self.folder / "calls.jsonl").write_text("")
        (self.folder / "commands.txt").write_text("")
        settings = {"PATH": str(self.tools), "HOME": str(self.home), "INFIG_OS_RELEASE": str(self.folder / "os-release"), **environment}
        done = subprocess.run([str(self.tools / "bash"), "tools/setup.sh"], cwd=self.project, env=settings, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120)
        assert done.stdout == "", done.stdout
        return done.returncode, done.stderr

    def calls(self, what=None):
        found = [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]
        return [call for call in found if what in (None, call["what"])]

    def torch_installs(self):
        return [call for call in self.calls("install") if "tools/requirements-torch.txt" in call["words"]]

    def commands(self, name):
        return [line for line in (self.folder / "commands.txt").read_text().splitlines() if line.split()[0] == name]


def column(name):
    rows = [line.split("\t") for line in (ROOT / "tools/packages.tsv").read_text().splitlines() if line and not line.startswith("#")]
    at = rows[0].index(name)
    return [row[at] for row in rows[1:] if row[at] != "-"]


@contextmanager
def index(status=200):
    """An index of wheels on this machine; yields its address and the paths it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<a href='torch-2.13.0+cpu.whl'>")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/whl/cpu", asked
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silent_index():
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/whl/cpu"


def closed_index():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/whl/cpu"

#!/usr/bin/env python3
"""What tools/setup.sh asks about torch wheels.

    torch_wheel.py kind REPORT       of `pip install --dry-run --report REPORT`: "cpu VERSION", "cuda VERSION" (any build for a GPU), or
                                     "satisfied" where pip would install nothing
    torch_wheel.py installed         the same of the torch in this Python; "none" without one
    torch_wheel.py gigabytes REPORT  what all of the report's files come to, as "2.9"; exit 1 where a size cannot be learnt
    torch_wheel.py probe INDEX       exit 0 where the package index answers for torch within five seconds
"""

import importlib.metadata
import json
import os
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

SECONDS = 5  # for one answer


def applies(requirement):
    """Whether a requirement's marker holds here: on other processors torch's list of NVIDIA's libraries does not."""
    marker = requirement.partition(";")[2].strip()
    if not marker:
        return True
    try:
        from pip._vendor.packaging.markers import Marker
    except ImportError:
        return "extra ==" not in marker
    return Marker(marker).evaluate({"extra": ""})


def kind(version, requirements):
    local = version.partition("+")[2]
    if local.startswith("cpu"):
        return f"cpu {version}"
    needs = [requirement for requirement in requirements if requirement.startswith(("nvidia", "cuda", "triton")) and applies(requirement)]
    return f"cuda {version}" if local.startswith(("cu", "rocm", "xpu")) or needs else f"cpu {version}"


def kind_of_report(path):
    for item in json.loads(Path(path).read_text())["install"]:
        if item["metadata"]["name"].lower() == "torch":
            return kind(item["metadata"]["version"], item["metadata"].get("requires_dist", []))
    return "satisfied"


def kind_installed():
    try:
        found = importlib.metadata.distribution("torch")
    except importlib.metadata.PackageNotFoundError:
        return "none"
    return kind(found.version, found.requires or [])


def pip_option(name):
    """An option of pip's configuration, where its variable is not set; pip itself says which."""
    value = os.environ.get("PIP_" + name.upper())
    if value is None:
        done = subprocess.run([sys.executable, "-m", "pip", "config", "get", f"global.{name}"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        value = done.stdout.strip().strip("'\"") if done.returncode == 0 else ""
    return value


def opener():
    """Opens addresses as pip does: through its proxy, trusting whom it trusts."""
    handlers = []
    if proxy := pip_option("proxy"):
        proxy = proxy if "://" in proxy else "http://" + proxy
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    if cert := pip_option("cert"):
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=cert)))
    return urllib.request.build_opener(*handlers)


def size_of(url, opened):
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path)).stat().st_size
    with opened.open(urllib.request.Request(url, method="HEAD"), timeout=SECONDS) as answer:
        return int(answer.headers["Content-Length"])


def gigabytes(path):
    opened = opener()
    items = json.loads(Path(path).read_text())["install"]
    total = sum(size_of(item["download_info"]["url"], opened) for item in items)
    if total == 0:
        raise ValueError("the report lists no file")
    return f"{total / 1e9:.1f}"


def probe(index):
    opened = opener()
    # The seconds count from here, names' look-up included, which no timeout of a socket bounds; a slow machine has its own time to start.
    clock = threading.Timer(SECONDS, os._exit, [1])
    clock.daemon = True
    clock.start()
    with opened.open(index.rstrip("/") + "/torch/", timeout=SECONDS) as answer:
        answer.read(1)
    clock.cancel()


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    try:
        if what == "kind":
            print(kind_of_report(*arguments))
        elif what == "installed":
            print(kind_installed())
        elif what == "gigabytes":
            print(gigabytes(*arguments))
        elif what == "probe":
            probe(*arguments)
        else:
            sys.exit(__doc__)
    except (OSError, ValueError, TypeError, urllib.error.URLError):  # no answer, no size: what setup then does stands there
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

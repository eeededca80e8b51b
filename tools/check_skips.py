#!/usr/bin/env python3
"""Fails where a test was skipped that need not have been.

    tools/check_skips.py REPORTS        folder with the JUnit files of the last test run

A skip is right only while what it waits for is absent. Tests on real data wait for $INFIG_DATA, or shared/data beside the
project: where that folder is there, they must have run. Skips for hardware or programs this machine lacks are listed only.
"""

import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What a machine may rightly lack, as the tests' own messages name it.
LACKING = re.compile(r"\b(base-weights|GPU|CUDA|bf16|AVX|AMX|mpirun|MPI|Chromium|Playwright|root|superuser|zsh|fish|cores|memory|no support for (?:WebP|GIF|BMP|AVIF|HEIC|TIFF|JPEG XL))\b", re.I)


def data_folder():
    named = os.environ.get("INFIG_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() and any(folder.iterdir()) else None


def skipped(reports):
    """(test, reason) of every skipped test; GoogleTest and pytest both write <skipped message=...> in a <testcase>."""
    for path in sorted(reports.glob("*.xml")):
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            sys.exit(f"check_skips: {path.name} is not a test report: {error}; was it written by two processes at once?")
        for case in root.iter("testcase"):
            mark = case.find("skipped")
            if mark is not None or case.get("result") == "skipped":
                reason = "" if mark is None else mark.get("message") or mark.text or ""
                yield f"{case.get('classname')}.{case.get('name')}", " ".join(reason.split())


def main():
    reports = Path(sys.argv[1])
    files = sorted(reports.glob("*.xml"))
    if not files:
        sys.exit(f"check_skips: {reports} holds no test report; run make test first")
    data, wrong, total = data_folder(), 0, 0
    for test, reason in skipped(reports):
        total += 1
        needless = not LACKING.search(reason) and (data is not None or not re.search(r"data", reason, re.I))
        wrong += needless
        print(f"{'needlessly skipped' if needless else 'skipped'}: {test}: {reason or 'no reason given'}")
    print(f"skips: {total} in {len(files)} reports, {wrong} needless (real data {'present' if data else 'absent'})")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

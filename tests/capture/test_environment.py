"""What is captured of the environment: packages with origins, indexes without credentials, listed variables only."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from madang.workspace import environment, probe


def install(folder: Path, name: str, version: str, direct_url: object = None) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(direct_url if isinstance(direct_url, str) else json.dumps(direct_url))


def test_packages_of_this_interpreter() -> None:
    """The names and versions are those that importlib.metadata tells."""
    ours = {name: version for name, version, _ in probe.packages(sys.path)}
    for item in importlib.metadata.distributions():
        name = probe._normal(item.metadata["Name"])
        assert name in ours
    assert ours["msgspec"] == importlib.metadata.version("msgspec")


def test_origins(tmp_path: Path) -> None:
    """Where a package came from is told, with the commit of a repository and without credentials."""
    first, second = tmp_path / "a", tmp_path / "b"
    vcs = {"vcs": "git", "commit_id": "c0ffee", "requested_revision": "main"}
    install(first, "Plain_Name", "1.0")
    install(first, "from_git", "2.0", {"url": "https://kim:geheim@example.org/x.git", "vcs_info": vcs})
    install(first, "edited", "0.1", {"url": "file:///home/x", "dir_info": {"editable": True}})
    install(first, "wheel", "3", {"url": "https://e.org/w.whl", "archive_info": {"hashes": {"sha256": "ab"}}})
    install(first, "odd", "3", "not json")
    install(second, "plain.name", "9.9")
    (second / "old-1.2-py3.11.egg-info").mkdir()
    (second / "noise.txt").write_text("x")
    assert probe.packages([str(first), str(second), str(tmp_path / "none")]) == [
        ["edited", "0.1", "editable file:///home/x"],
        ["from-git", "2.0", "git+https://example.org/x.git@c0ffee"],
        ["odd", "3", "unknown"],
        ["old", "1.2", "system"],
        ["plain-name", "1.0", "index"],
        ["wheel", "3", "https://e.org/w.whl#sha256=ab"],
    ]


def test_another_interpreter_is_asked(tmp_path: Path) -> None:
    """A process with another interpreter, or another PYTHONPATH, is described by its own packages."""
    extra = tmp_path / "extra"
    install(extra, "only-there", "5.0")
    link = tmp_path / "python"
    link.symlink_to(os.path.realpath(sys.executable))
    found = environment.capture(str(link), {"PYTHONPATH": str(extra), "PATH": "/bin"})
    assert ("only-there", "5.0", "index") in found.packages
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.implementation == "cpython"
    broken = environment.capture(str(tmp_path / "no python"), {"PYTHONPATH": "x"})
    assert (broken.python, broken.packages) == ("", [])
    assert broken.memory > 0


def test_a_shell_script_runs_the_python_on_its_path(tmp_path: Path) -> None:
    """Without a known interpreter it is the one that the process would find; without any there are no packages."""
    (tmp_path / "python").symlink_to(os.path.realpath(sys.executable))
    found = environment.interpreter("", {"PATH": str(tmp_path)})
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert environment.interpreter("", {"PATH": str(tmp_path / "none")}) == {}


def test_an_interpreter_is_asked_again_only_when_something_was_installed(tmp_path: Path) -> None:
    """Many runs of one interpreter ask it once; what is installed or removed since, or another variable, is seen."""
    extra, asked = tmp_path / "extra", tmp_path / "asked"
    install(extra, "first", "1")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho >> "{asked}"\nexec "{os.path.realpath(sys.executable)}" "$@"\n')
    python.chmod(0o755)
    os.utime(extra, (1, 1))

    def found(**variables: str) -> set[str]:
        told = environment.interpreter(str(python), {"PYTHONPATH": str(extra), "PATH": "/bin:/usr/bin", **variables})
        assert isinstance(told["packages"], list)
        return {name for name, _, origin in told["packages"] if origin == "index"} & {"first", "second"}

    assert found(MADANG_RUN_ID="1") == found(MADANG_RUN_ID="2") == {"first"}
    assert asked.read_text().count("\n") == 1
    install(extra, "second", "1")
    assert found() == {"first", "second"}
    shutil.rmtree(extra / "first-1.dist-info")
    assert found() == {"second"}
    before = asked.read_text().count("\n")
    assert found(PYTHONHASHSEED="1") == {"second"}
    assert asked.read_text().count("\n") == before + 1


def test_conda_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What conda installed is told, Python packages once."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / "conda-meta").mkdir()
    for name in ("cuda-toolkit-12.4.0-h123_0.json", "numpy-2.0.0-py311_1.json", "history", "odd.json"):
        (tmp_path / "conda-meta" / name).write_text("{}")
    install(tmp_path / "site", "numpy", "2.0.0")
    (tmp_path / "site/numpy-2.0.0.dist-info/INSTALLER").write_text("conda\n")
    install(tmp_path / "site", "by_pip", "1.0")
    (tmp_path / "site/by_pip-1.0.dist-info/INSTALLER").write_text("pip\n")
    assert probe.packages([str(tmp_path / "site")]) == [
        ["by-pip", "1.0", "index"],
        ["cuda-toolkit", "12.4.0", "conda"],
        ["numpy", "2.0.0", "conda"],
    ]


def test_indexes_have_no_credentials(tmp_path: Path) -> None:
    """Indexes of variables and of pip's files are told, each once, without users and passwords."""
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://kim:geheim@one.example.org/simple\nextra-index-url =\n  https://two.example.org/x\n"
        "  https://token@three.example.org/x?a=b\n"
    )
    env = {
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "UV_INDEX": "internal=https://u:p@four.example.org/s",
        "PIP_INDEX_URL": "https://two.example.org/x",
    }
    assert environment.indexes(env, str(tmp_path / "none")) == [
        "https://two.example.org/x",
        "https://four.example.org/s",
        "https://one.example.org/simple",
        "https://three.example.org/x",
    ]
    (tmp_path / "pip.conf").write_bytes(b"\xff[[[")
    assert environment.indexes({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}, "") == []


def test_only_listed_variables_are_recorded() -> None:
    """Variables that change a training are recorded, secrets in them are not, the rest stays private."""
    found = environment.listed_variables(
        {
            "CUDA_VISIBLE_DEVICES": "0,1",
            "HF_TOKEN": "hf" + "_" + "a1" * 17,
            "HF_HOME": "/data/hf",
            "HOME": "/home/kim",
            "AWS_SECRET_ACCESS_KEY": "x",
            "PYTHONHASHSEED": "0",
            "SLURM_JOB_ID": "7",
            "TORCH_X": "https://u:p@e.org",
        }
    )
    assert found == {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "HF_HOME": "/data/hf",
        "HF_TOKEN": "[redacted]",
        "PYTHONHASHSEED": "0",
        "SLURM_JOB_ID": "7",
        "TORCH_X": "https://[redacted]@e.org",
    }


def test_the_machine() -> None:
    """The machine's facts are there and make sense."""
    found = environment.capture(sys.executable, dict(os.environ))
    assert found.cpus >= 1
    assert found.memory > 1 << 28
    assert found.os
    assert found.hostname


def test_what_the_launcher_adds_is_not_recorded() -> None:
    """The folder that `madang run` puts on PYTHONPATH is not part of the environment; the user's own entries are."""
    ours = "/venv/lib/madang/_inject"
    assert "PYTHONPATH" not in environment.listed_variables({"PYTHONPATH": ours})
    assert environment.listed_variables({"PYTHONPATH": f"{ours}:/src:lib"})["PYTHONPATH"] == "/src:lib"

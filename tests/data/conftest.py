"""Fixtures of the data tests: a repository, and the real dvc in one process that stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data.helpers import SETTINGS, Answer, Tool
from tests.data.source import make_source

from madang.workspace.data.repo.initializing import initialize
from madang.workspace.data.repo.repository import Repository

_SERVER = """
import json, os, sys, tempfile, warnings
warnings.simplefilter("ignore")
from dvc.cli import main
answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    request = json.loads(line)
    os.chdir(request["cwd"])
    os.environ.update(request["settings"])
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            code = main(request["args"])
        except SystemExit as stop:
            code = stop.code
        sys.stdout.flush()
        sys.stderr.flush()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    answers.write(json.dumps({"code": code, "out": texts[0], "err": texts[1]}) + "\\n")
    answers.flush()
    os.chdir("/")
"""


@pytest.fixture(scope="session")
def dvc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """The real dvc: ``dvc(folder, "status")``. What it sets for its user or machine ends with the test."""
    base = tmp_path_factory.mktemp("dvc")
    environment = {
        **os.environ,
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(base / "site"),
        "DVC_TEST": "true",
    }
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    requests, answers = server.stdin, server.stdout

    def run(folder: Path, *args: str) -> Answer:
        # Beside our own of this test; what a fixture of a wider scope runs has none yet.
        settings = {name: str(Path(os.environ.get(name, base / name)) / "dvc") for name in SETTINGS}
        requests.write(json.dumps({"cwd": str(folder), "args": list(args), "settings": settings}) + "\n")
        requests.flush()
        return Answer(**json.loads(answers.readline()))

    with server:
        yield run
        requests.close()


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory, dvc: Tool) -> Path:
    """A repository of the real dvc to import from; ``bare.git`` beside it. Nobody changes it."""
    return make_source(tmp_path_factory.mktemp("source"), dvc)


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings of whoever runs it."""
    for name in SETTINGS:
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp("settings")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("user cache")))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with ``.dvc``, which is also the present folder."""
    folder = tmp_path / "저장소 repo"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    initialize(str(folder))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def repo(root: Path) -> Iterator[Repository]:
    """The repository as data commands see it."""
    repository = Repository(str(root))
    yield repository
    repository.close()


@pytest.fixture
def madang(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Tool:
    """Our commands in this process: ``madang(folder, "status")``."""
    from madang.cli.main import run as run_command

    def run(folder: Path, *args: str) -> Answer:
        capfd.readouterr()
        monkeypatch.chdir(folder)
        code = run_command(args)
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    return run

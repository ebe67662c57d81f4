"""Fixtures of the tests of experiments: a repository with a pipeline and a commit, and the real dvc."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.data.conftest import _own_settings, dvc, madang
from tests.data.helpers import Tool, make

from madang.workspace.data.repo.initializing import initialize

__all__ = ["_own_settings", "begun", "dvc", "madang", "project"]

PARAMS = b"""\
# of the training
lr: 0.1  # rate
epochs: 3
model:
  name: cnn
  layers:
  - 1
  - 2
"""

TRAIN = b"""\
import json, sys
params = dict(line.split("#")[0].split(":", 1) for line in open("params.yaml") if line[:2] in ("lr", "ep"))
lr = float(params["lr"])
if lr < 0:
    sys.exit("a rate below zero")
open("model.bin", "w").write(open("data.txt").read() + str(lr))
json.dump({"acc": lr * 2, "loss": 1.5}, open("metrics.json", "w"))
"""

PIPELINE = b"""\
stages:
  prepare:
    cmd: tr a-z A-Z < raw.txt > data.txt
    deps: [raw.txt]
    outs: [data.txt]
  train:
    cmd: python3 train.py
    deps: [train.py, data.txt]
    params: [lr, epochs]
    outs: [model.bin]
    metrics:
    - metrics.json: {cache: false}
"""


def git(folder: Path, *args: str) -> str:
    """What git prints."""
    return subprocess.run(["git", "-C", str(folder), *args], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory, dvc: Tool) -> Path:
    """A repository whose pipeline was never run, all of it committed on the branch ``main``."""
    root = tmp_path_factory.mktemp("begun")
    git(root, "init", "-q")
    initialize(str(root))
    git(root, "config", "user.name", "A Name")
    git(root, "config", "user.email", "name@example.org")
    make(root, {"params.yaml": PARAMS, "train.py": TRAIN, "dvc.yaml": PIPELINE, "raw.txt": b"words\n"})
    assert dvc(root, "add", "-q", "raw.txt").code == 0
    git(root, "checkout", "-q", "-b", "main")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "start")
    return root


@pytest.fixture
def project(tmp_path: Path, begun: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it.

    Its path and its user's name are plain: beside the work tree dvc runs nothing where they are 저장소 or 이름.
    """
    root = shutil.copytree(begun, tmp_path / "a project", symlinks=True)
    git(root, "status", "--porcelain")  # so that git knows the files of the copy
    monkeypatch.chdir(root)
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
        monkeypatch.setenv(name, "A Name")
    for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "name@example.org")
    return root

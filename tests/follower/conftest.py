"""A repository with a store, trainings that log to it, and the follower beside them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.formats import store as layout
from madang.testing.trainings import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A repository with one committed script and an empty store."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    root = tmp_path / "작업"
    root.mkdir()
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["config", "user.name", "x"],
        ["config", "user.email", "x@example.org"],
    ):
        subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)
    (root / "train.py").write_text("print(1)\n")
    subprocess.run(["git", "-C", str(root), "add", "."], check=True, capture_output=True)
    subprocess.run(["git", "-C", str(root), "commit", "-qm", "first"], check=True, capture_output=True)
    made = Place(root)
    layout.ensure(str(made.store))
    yield made
    for training in made.trainings:
        if training.process.poll() is None:
            training.kill()
        for stream in (training.process.stdin, training.process.stdout):
            if stream is not None:
                stream.close()
    for follower in made.followers:
        if follower.poll() is None:
            follower.kill()
        follower.wait()

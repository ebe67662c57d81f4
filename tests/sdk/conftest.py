"""Fixtures for programs that log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.sdk.run import active
from madang.testing.programs import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The present folder is a new work tree with Korean letters and a blank in its name."""
    root = tmp_path / "작업 폴더"
    root.mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    for key in [key for key in os.environ if key.startswith(("MADANG_", "SLURM_", "TORCHELASTIC_"))]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("MADANG_FOLLOWER", "0")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(root)
    before = list(active)
    made = Place(root, str(root / ".git" / "madang"))
    yield made
    made.stop()
    for run in [run for run in active if run not in before]:
        run.end("finished")

"""Fixtures of the tests of pipelines: those of the data tests, and a repository that nobody changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.conftest import _own_settings, dvc, madang, repo, root
from tests.data.helpers import Tool
from tests.pipelines.side_by_side import make_repository

__all__ = ["_own_settings", "dvc", "madang", "made", "repo", "root"]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, dvc: Tool) -> Path:
    """A repository with commits, metrics and parameters; nobody changes it."""
    return make_repository(tmp_path_factory.mktemp("made") / "저장소 repo", dvc)

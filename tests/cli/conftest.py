"""A repository for the stories."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.testing.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty repository whose path has Korean letters and a blank."""
    return Project(tmp_path / "내 프로젝트", tmp_path)

"""Fixtures of the tests of pipelines: those of the data tests."""

from __future__ import annotations

from tests.data.conftest import _own_settings, dvc, madang, repo, root

__all__ = ["_own_settings", "dvc", "madang", "repo", "root"]

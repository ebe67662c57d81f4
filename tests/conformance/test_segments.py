"""Segment files in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.backends.segments import LocalSegments
from madang.formats import store as layout
from madang.ports.segments import SegmentFiles
from madang.testing.segments import SegmentFilesConformance


class TestLocalSegments(SegmentFilesConformance):
    """The store of a workspace."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> SegmentFiles:
        """An empty store, with a name of more than ASCII."""
        layout.ensure(str(tmp_path / "저장소"))
        return LocalSegments(str(tmp_path / "저장소"))

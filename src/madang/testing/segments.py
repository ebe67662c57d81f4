"""The conformance suite of `madang.ports.segments.SegmentFiles`: every backend runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from madang.errors import Conflict, CorruptData
from madang.ports.segments import SegmentFiles

RUN, SEGMENT = "5" * 32, "6" * 32


class SegmentFilesConformance:
    """A subclass gives the fixture ``files``: an empty store."""

    def test_what_is_put_is_read(self, files: SegmentFiles) -> None:
        """A segment is put once; its bytes are read from any offset; its run has changed."""
        assert files.stat(RUN, SEGMENT) is None
        assert files.read(RUN, SEGMENT, 0, 10) == b""
        assert files.put(RUN, SEGMENT, b"0123456789")
        assert not files.put(RUN, SEGMENT, b"other")
        assert files.read(RUN, SEGMENT, 3, 4) == b"3456"
        assert [(item.segment, item.size, item.live) for item in files.of_run(RUN)] == [(SEGMENT, 10, False)]
        assert RUN in files.changed(b"").runs

    def test_a_packed_segment_is_the_same(self, files: SegmentFiles) -> None:
        """Packing changes neither size nor bytes, is done once, and what was packed cannot be put again."""
        data = os.urandom(100_000)
        files.put(RUN, SEGMENT, data)
        before = files.of_run(RUN)
        assert files.pack(RUN, SEGMENT)
        assert not files.pack(RUN, SEGMENT)
        assert files.of_run(RUN) == before
        assert files.read(RUN, SEGMENT, 99_000, 5000) == data[99_000:]
        assert not files.put(RUN, SEGMENT, b"other")
        assert not files.pack(RUN, "7" * 32)

    def test_a_packed_segment_goes_on(self, files: SegmentFiles) -> None:
        """What is added to a packed segment, or replaces its end, stands where it should."""
        files.append(RUN, SEGMENT, 0, b"0123")
        files.pack(RUN, SEGMENT)
        files.append(RUN, SEGMENT, 4, b"45")
        assert files.read(RUN, SEGMENT, 0, 99) == b"012345"
        files.pack(RUN, SEGMENT)
        files.append(RUN, SEGMENT, 2, b"x")
        assert files.read(RUN, SEGMENT, 0, 99) == b"01x"

    def test_nothing_is_added_behind_a_hole(self, files: SegmentFiles) -> None:
        """Bytes that follow others which are not here are refused, and nothing is made up."""
        with pytest.raises(Conflict):
            files.append(RUN, SEGMENT, 4, b"45")
        assert files.read(RUN, SEGMENT, 0, 99) == b""

    def test_a_segment_comes_whole_or_not_at_all(self, files: SegmentFiles) -> None:
        """Pieces that end in an error leave nothing; whole ones are a segment; one that is there stays."""

        def broken() -> Iterator[bytes]:
            yield b"01"
            raise CorruptData("no")

        with pytest.raises(CorruptData):
            files.bring(RUN, SEGMENT, broken())
        assert files.of_run(RUN) == []
        assert files.bring(RUN, SEGMENT, iter([b"01", b"23"]))
        assert files.read(RUN, SEGMENT, 0, 99) == b"0123"
        assert not files.bring(RUN, SEGMENT, iter([b"99"]))
        assert files.read(RUN, SEGMENT, 0, 99) == b"0123"
        assert files.held(RUN) is None

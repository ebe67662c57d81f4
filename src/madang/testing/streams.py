"""The conformance suite of streamed lines.

Subclass `StreamsConformance` in a test module, with a fixture ``records`` that yields empty records.
"""

from __future__ import annotations

from madang.domain.line_streams import StreamRow, compare
from madang.ports.records import Records
from madang.testing.records import make_run, put


class StreamsConformance:
    """What every database does."""

    def test_lines_are_held_in_blocks(self, records: Records) -> None:
        """What was sent is found again by the range of its lines, and forgotten from a line on."""
        streams = records.streams
        assert (streams.count(7, "h"), streams.blocks(7, "h", 0, 9)) == (0, {})
        for offset, lines in ((0, ["a", "b"]), (2, ["c"]), (5, ["f", "g"])):
            streams.keep(7, "h", compare(lines, offset, streams.count(7, "h"), {}).blocks)
        streams.keep(7, "other", compare(["x"], 0, 0, {}).blocks)
        assert streams.count(7, "h") == 7
        assert (streams.files(7), streams.files(8)) == (["h", "other"], [])
        assert sorted(streams.blocks(7, "h", 1, 6)) == [0, 2, 5]
        assert sorted(streams.blocks(7, "h", 3, 5)) == []
        streams.cut(7, "h", 1)
        assert (streams.count(7, "h"), streams.count(7, "other")) == (1, 1)
        found = compare(["a", "B"], 0, 1, streams.blocks(7, "h", 0, 2))
        assert [line.number for line in found.fresh] == [1]

    def test_silent_clients_are_found(self, records: Records) -> None:
        """Only those that should go on, by when they were heard."""
        run, gone = put(records, make_run(1)), put(records, make_run(2))
        records.streams.put(StreamRow(run.number, 10, True, 3))
        records.streams.put(StreamRow(gone.number, 5, False))
        assert records.streams.get(run.number) == StreamRow(run.number, 10, True, 3)
        assert records.streams.silent(11) == [(run.state.run, 10)]
        assert records.streams.silent(10) == []
        records.streams.put(StreamRow(run.number, 20, True))
        assert records.streams.silent(11) == []

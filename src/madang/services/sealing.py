"""Moving the tail of a segment into a sealed chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from madang.domain.events import Console, Stamp
from madang.formats.chunk import Group, encode
from madang.formats.rows import Batch, Rows
from madang.formats.rows import joined as one_piece
from madang.ports.history import ChunkRow
from madang.ports.records import Records, SegmentRow

SEAL_FROM = 1000  # rows and lines of a segment that is still written
TEXT, IS_ERROR = 0, 1  # the "keys" of a console chunk


def joined(found: Iterable[Rows]) -> list[Rows]:
    """Rows of one segment, those with the same keys in one piece: what is done with columns costs by the piece."""
    groups: dict[tuple[str, ...], list[Rows]] = {}
    for rows in found:
        groups.setdefault((rows.types, *rows.names), []).append(rows)
    return [one_piece(parts) for parts in groups.values()]


def seal(records: Records, row: SegmentRow, first: int, batches: Sequence[Batch]) -> None:
    """Store what lies between the sealed part (which ended before frame ``first``) and where the segment is read to."""
    rows = joined(chain.from_iterable(batch.rows for batch in batches))
    lines = [line for batch in batches for line in batch.console]
    if rows:
        names = dict.fromkeys(name for group in rows for name in group.names)
        numbers = records.segments.numbers(list(names), create=True)
        groups = [
            Group(
                [numbers[name] for name in item.names], item.types, item.sequences, item.times, item.steps, item.columns
            )
            for item in rows
            if item.names
        ]
        if groups:
            head, blocks = encode(groups)
            records.history.add(ChunkRow(row.run, row.number, first, "h", head), blocks)
    if lines:
        head, blocks = encode([_console(lines)])
        records.history.add(ChunkRow(row.run, row.number, first, "c", head), blocks)


def _console(lines: list[tuple[Stamp, Console]]) -> Group:
    """Lines as rows: the number of the line stands in the place of the step."""
    latest = {line.n: (stamp, line) for stamp, line in lines}  # a later text of the same line replaces the one before
    kept = sorted(latest.values(), key=lambda item: item[0])
    return Group(
        [TEXT, IS_ERROR],
        "v?",
        [stamp.sequence for stamp, _ in kept],
        [stamp.time for stamp, _ in kept],
        [line.n for _, line in kept],
        [[line.text for _, line in kept], [line.stream == "err" for _, line in kept]],
    )

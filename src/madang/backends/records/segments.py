"""Segments, their key sets, pieces and chunks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from madang.backends.records.database import Database, Row, key_of
from madang.backends.records.names import Names
from madang.formats.zstd import decompress
from madang.ports.history import ChunkRow
from madang.ports.records import KeySetRow, SegmentRow

NUMBER = "segment"  # of what a transaction has met: its number


class SqlSegments:
    """`ports.records.SegmentRecords`."""

    def __init__(self, database: Database, names: Names) -> None:
        self._db = database
        self._names = names

    def get(self, run: int, segment: str) -> SegmentRow | None:
        """The row of one segment."""
        row = self._db.row("get_segment", run=run, id=key_of(segment))
        if row is None:
            return None
        found = _segment(row)
        self._db.scratch[NUMBER, run, segment] = found.number
        return found

    def of_run(self, run: int) -> list[SegmentRow]:
        """All segments of a run."""
        return [_segment(row) for row in self._db.rows("segments_of_run", run=run)]

    def known(self, run: str) -> dict[str, tuple[int, bool, bool]]:
        """See `SegmentRecords.known`."""
        rows = self._db.rows("known_segments", id=key_of(run))
        return {bytes(name).hex(): (int(size), bool(ended), bool(damage)) for name, size, ended, damage in rows}

    def open(self) -> list[tuple[str, SegmentRow]]:
        """(run id, row) of every segment that has not ended."""
        return [(bytes(row[0]).hex(), _segment(row[1:])) for row in self._db.rows("open_segments")]

    def put(self, row: SegmentRow, before: int | None) -> bool:
        """Store a row if nobody moved it meanwhile."""
        values = vars(row) | {"ended": int(row.ended), "id": key_of(row.id)}
        if before is None:
            made = self._db.row("insert_segment", **{key: values[key] for key in values if key != "number"})
            if made is None:
                return False
            row.number = int(made[0])
            self._db.scratch[NUMBER, row.run, row.id] = row.number
            return True
        del values["run"], values["id"]
        return self._db.run("update_segment", **values, before=before) == 1

    def keysets(self, segment: int) -> list[KeySetRow]:
        """The declared sets in the order of their sequence."""
        return [
            KeySetRow(sequence, number, msgspec.msgpack.decode(names, type=tuple[int, ...]), types)
            for sequence, number, names, types in self._db.rows("keysets", segment=segment)
        ]

    def add_keysets(self, segment: int, sets: Iterable[KeySetRow]) -> None:
        """Keep declared sets."""
        self._db.many(
            "add_keyset",
            [
                {
                    "segment": segment,
                    "sequence": item.sequence,
                    "id": item.id,
                    "names": msgspec.msgpack.encode(item.keys),
                    "types": item.types,
                }
                for item in sets
            ],
        )

    def names(self, keys: Collection[int]) -> dict[int, str]:
        """Metric names by number."""
        return self._names.names(keys)

    def numbers(self, names: Sequence[str], *, create: bool = False) -> dict[str, int]:
        """Numbers by metric name."""
        return self._names.numbers(names, create=create)

    def add_piece(self, segment: int, offset: int, data: bytes) -> None:
        """Keep raw bytes of a segment."""
        self._db.run("add_piece", segment=segment, start=offset, stop=offset + len(data), packed=0, data=data)

    def pieces(self, segment: int, offset: int, stop: int = 1 << 62) -> bytes:
        """The kept bytes from ``offset`` up to ``stop``, joined."""
        parts = []
        for start, packed, data in self._db.rows("pieces", segment=segment, start=offset, stop=stop):
            plain = decompress(data) if packed else bytes(data)
            parts.append(plain[max(0, offset - start) : stop - start])
        return b"".join(parts)

    def loose(self, before: int, limit: int) -> list[tuple[int, int]]:
        """(segment, offset) of the first piece that is not packed."""
        return [(int(row[0]), int(row[1])) for row in self._db.rows("loose_pieces", before=before, limit=limit)]

    def add_packed(self, segment: int, offset: int, size: int, packed: bytes) -> None:
        """Keep the end of a segment compressed."""
        self._db.run("drop_pieces", segment=segment, start=offset, stop=1 << 62)
        self._db.run("add_piece", segment=segment, start=offset, stop=offset + size, packed=1, data=packed)

    def pack_pieces(self, segment: int, offset: int, size: int, packed: bytes) -> None:
        """Replace the pieces of ``size`` bytes from ``offset`` by one that is compressed."""
        stop = offset + size
        with self._db.transaction():
            rest = self.pieces(segment, stop)
            self._db.run("drop_pieces", segment=segment, start=offset, stop=1 << 62)
            self._db.run("add_piece", segment=segment, start=offset, stop=stop, packed=1, data=packed)
            if rest:
                self.add_piece(segment, stop, rest)


class SqlHistory:
    """`ports.history.HistoryRecords`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, chunk: ChunkRow, blocks: Sequence[bytes]) -> None:
        """Store a chunk."""
        place = {"run": chunk.run, "kind": chunk.kind, "segment": chunk.segment, "first": chunk.first}
        self._db.many(
            "put_block",
            [{**place, "block": number, "data": data} for number, data in enumerate([chunk.head, *blocks])],
        )

    def heads(self, run: int, kind: str) -> list[ChunkRow]:
        """All chunks of a run."""
        rows = self._db.rows("chunk_heads", run=run, kind=kind)
        return [ChunkRow(number, segment, first, letter, bytes(head)) for number, segment, first, letter, head in rows]

    def blocks(self, chunk: ChunkRow, numbers: Sequence[int]) -> dict[int, bytes]:
        """Some blocks of a chunk."""
        if not numbers:
            return {}
        rows = self._db.rows(
            "chunk_blocks",
            run=chunk.run,
            kind=chunk.kind,
            segment=chunk.segment,
            first=chunk.first,
            blocks=list(numbers),
        )
        return {int(number): bytes(data) for number, data in rows}


def _segment(row: Row) -> SegmentRow:
    run, id_, number, offset, sequence, chain, sealed, sealed_sequence, sealed_chain, rows, size, ended, damage = row
    return SegmentRow(
        run,
        bytes(id_).hex(),
        number,
        offset,
        sequence,
        bytes(chain),
        sealed,
        sealed_sequence,
        bytes(sealed_chain),
        rows,
        size,
        bool(ended),
        damage,
    )

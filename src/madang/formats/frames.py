"""Frames made in memory, for writers that are no process of their own: edges, and whoever closes a lost run."""

from __future__ import annotations

import dataclasses
import struct
from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Mapping, Sequence
from typing import Any

from madang.domain import events
from madang.domain.commands import Fact, Points
from madang.domain.events import Event
from madang.errors import InvalidInput
from madang.formats import segment as codec
from madang.formats.journal import Frame, KeySet, Position, kind_of_event
from madang.formats.rows import Rows

_FLOATS = frozenset({float})
_FLAT = (
    events.Header, events.Started, events.Config, events.Removed, events.Summary, events.Tags, events.Described,
    events.Console, events.File, events.Status, events.Dataset, events.Linked,
)  # fmt: skip
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


class FrameBuilder:
    """Continues a segment at a known place. ``keysets`` are those declared before that place."""

    def __init__(
        self, sequence: int = 0, chain: bytes = codec.CHAIN_START, keysets: Mapping[int, KeySet] | None = None
    ):
        self._sequence = sequence
        self._chain = chain
        self._size = 0
        self._floats: dict[tuple[str, ...], _Floats] = {}
        self._sets = {(tuple(item.names), item.types): number for number, item in (keysets or {}).items()}
        self._parts: list[bytes] = []

        self.frames: list[Frame] = []
        """The frames made so far, but those of rows that are all floats."""

    @property
    def data(self) -> bytes:
        """The frames made so far."""
        return b"".join(self._parts)

    @property
    def rows(self) -> list[Rows]:
        """The rows that are all floats."""
        return [
            Rows(item.names, item.letters, item.sequences, item.times, item.steps, list(zip(*item.values, strict=True)))
            for item in self._floats.values()
        ]

    def position(self, offset: int) -> Position:
        """The place behind the frames made so far, which began at ``offset``."""
        return Position(offset + self._size, self._sequence, self._chain)

    def add(self, fact: Fact, at: int) -> None:
        """One fact, at a time in µs UTC."""
        if isinstance(fact, Points):
            self._points(fact, at if fact.time is None else fact.time)
        else:
            self._json(kind_of_event(fact), {"t": at, **_body(fact)})

    def _json(self, kind: int, body: Mapping[str, Any]) -> None:
        self._frame(bytes((kind,)) + codec.encode_json(body))

    def _frame(self, payload: bytes) -> None:
        self.frames.append(Frame(self._sequence, payload))
        self._append(payload)

    def _append(self, payload: bytes) -> None:
        if len(payload) > codec.MAX_PAYLOAD:
            raise InvalidInput(f"One record of {len(payload)} bytes is over the limit of {codec.MAX_PAYLOAD}.")
        data, self._chain = codec.frame(self._sequence, self._chain, payload)
        self._sequence += 1
        self._size += len(data)
        self._parts.append(data)

    def _points(self, points: Points, at: int) -> None:
        names, given = tuple(points.values), tuple(points.values.values())
        if _FLOATS.issuperset(map(type, given)):
            known = self._floats.get(names) or self._of_floats(names, at)
            payload = known.pack(codec.METRICS, at, points.step, known.number, *given)
            known.add(self._sequence, at, points.step, given)
            self._append(payload)
            return
        values = {key: _plain(value) for key, value in points.values.items()}
        letters = "".join(map(_letter, values.values()))
        number = self._set(names, letters, at)
        paired = list(zip(values.values(), letters, strict=True))
        fixed = [value for value, letter in paired if letter != "v"]
        rest = [value for value, letter in paired if letter == "v"]
        body = struct.pack("<BqqI" + letters.replace("v", ""), codec.METRICS, at, points.step, number, *fixed)
        self._frame(body + (codec.encode_json(rest) if rest else b""))  # type: ignore[arg-type]

    def _set(self, names: tuple[str, ...], letters: str, at: int) -> int:
        """The number of a set of keys, which is declared when it is new."""
        number = self._sets.get((names, letters))
        if number is None:
            number = max(self._sets.values(), default=-1) + 1
            self._json(codec.KEYS, {"t": at, "id": number, "names": list(names), "types": letters})
            self._sets[names, letters] = number
        return number

    def _of_floats(self, names: tuple[str, ...], at: int) -> _Floats:
        made = self._floats[names] = _Floats(names, self._set(names, "d" * len(names), at))
        return made

    def add_floats(self, facts: Sequence[Fact], place: int) -> int:
        """Add the rows from ``place`` on that are floats under the same names, each with its own time; how many."""
        first = facts[place]
        if (
            not isinstance(first, Points)
            or first.time is None
            or not _FLOATS.issuperset(map(type, first.values.values()))
        ):
            return 0
        keys = first.values.keys()
        names = tuple(keys)
        known = self._floats.get(names) or self._of_floats(names, first.time)
        pack, head, number = known.pack, codec.HEAD.pack, known.number
        sequence, chain, parts, size = self._sequence, self._chain, self._parts, 0
        times, steps, values = known.times, known.steps, known.values
        for item in facts[place:]:  # the frames are made here: this is most of what logging many points costs
            if type(item) is not Points or item.time is None or item.values.keys() != keys:
                break
            given, time = tuple(map(item.values.__getitem__, names)), item.time
            if not _FLOATS.issuperset(map(type, given)):
                break
            payload = pack(codec.METRICS, time, item.step, number, *given)
            told = head(len(payload), sequence)
            chain = blake2b(chain + told + payload, digest_size=16).digest()
            parts += (told, chain, payload)
            times.append(time)
            steps.append(item.step)
            values.append(given)
            sequence, size = sequence + 1, size + codec.FRAME_HEAD + len(payload)
        count = sequence - self._sequence
        known.sequences += range(self._sequence, sequence)
        self._size += size
        self._sequence, self._chain = sequence, chain
        return count


class _Floats:
    """Rows of one set of names whose values are all floats."""

    def __init__(self, names: tuple[str, ...], number: int) -> None:
        self.names, self.letters, self.number = list(names), "d" * len(names), number
        self.pack = struct.Struct("<BqqI" + self.letters).pack
        self.sequences: list[int] = []
        self.times: list[int] = []
        self.steps: list[int] = []
        self.values: list[tuple[float, ...]] = []

    def add(self, sequence: int, time: int, step: int, values: tuple[float, ...]) -> None:
        """One row."""
        self.sequences.append(sequence)
        self.times.append(time)
        self.steps.append(step)
        self.values.append(values)


def _body(event: Event) -> dict[str, Any]:
    flat = {name: getattr(event, name) for name in event.__dataclass_fields__}
    made = flat if isinstance(event, _FLAT) else dataclasses.asdict(event)
    if isinstance(event, events.Described | events.Finished):
        return {name: value for name, value in made.items() if value is not None}
    return made


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, dict) else codec.scalar(value)


def _letter(value: Any) -> str:
    if type(value) is bool:
        return "?"
    if type(value) is float:
        return "d"
    return "q" if type(value) is int and _INT64_MIN <= value <= _INT64_MAX else "v"

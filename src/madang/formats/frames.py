"""Frames made in memory, for writers that are no process of their own: edges, and whoever closes a lost run."""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from madang.domain import events
from madang.domain.commands import Columns, Fact, Points
from madang.domain.events import Event
from madang.domain.progressions import constant
from madang.errors import InvalidInput
from madang.formats import segment as codec
from madang.formats.journal import Frame, KeySet, Position, kind_of_event
from madang.formats.numbers import Packed
from madang.formats.rows import Rows
from madang.formats.tables import MOST_ROWS, Table, encoded

_FLAT = (
    events.Header, events.Started, events.Config, events.Removed, events.Summary, events.Tags, events.Described,
    events.Console, events.File, events.Status, events.Dataset, events.Linked,
)  # fmt: skip
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_EXACT = 1 << 53
_LETTERS = {frozenset({float}): "d", frozenset({bool}): "?", frozenset({int}): "q"}
_PLAIN = frozenset({float, int, bool, str, dict, type(None)})
_EXACTLY = frozenset({str, bool, type(None)})
_TEXT = frozenset({str})

KeySetNumbers = dict[tuple[tuple[str, ...], str], int]
"""The numbers of declared key sets, by names and type letters."""


def numbers_of(keysets: Mapping[int, KeySet]) -> KeySetNumbers:
    """Declared key sets the other way round."""
    return {(tuple(item.names), item.types): number for number, item in keysets.items()}


class Said(NamedTuple):
    """An event, its time in µs UTC and its frame. ``is_exact``: reading the frame gives this very event."""

    at: int
    event: Event
    frame: Frame
    is_exact: bool


def _is_exact(item: Any) -> bool:
    """Whether JSON gives a value back as it is; False also where that would take long to find out."""
    if type(item) is dict:
        is_wrapped = len(item) == 1 and str(next(iter(item))).startswith("$")
        return not is_wrapped and _TEXT.issuperset(map(type, item)) and _TEXT.issuperset(map(type, item.values()))
    if type(item) is int:
        return -_EXACT <= item <= _EXACT
    return type(item) in _EXACTLY or item == []


class FrameBuilder:
    """Continues a segment at a known place. ``known`` are the key sets declared before; new ones are added to it."""

    def __init__(self, sequence: int = 0, chain: bytes = codec.CHAIN_START, known: KeySetNumbers | None = None):
        self._sequence = sequence
        self._chain = chain
        self._size = 0
        self._sets: KeySetNumbers = {} if known is None else known
        self._next: int | None = None  # the number of the last set that was declared here
        self._parts: list[bytes] = []

        self.frames: list[Frame] = []
        """The frames made so far, but those of tables."""

        self.said: list[Said] = []
        """The events among them."""

        self.rows: list[Rows] = []
        """What the frames of many rows hold."""

    @property
    def data(self) -> bytes:
        """The frames made so far."""
        return b"".join(self._parts)

    def position(self, offset: int) -> Position:
        """The place behind the frames made so far, which began at ``offset``."""
        return Position(offset + self._size, self._sequence, self._chain)

    def add(self, fact: Fact, at: int) -> None:
        """One fact, at a time in µs UTC."""
        if isinstance(fact, Points):
            self._points(fact, at if fact.time is None else fact.time)
        elif isinstance(fact, Columns):
            self._columns(fact)
        else:
            self._event(fact, at)

    def _event(self, event: Event, at: int) -> None:
        body, is_exact = {"t": at, **_body(event)}, _is_exact(at) and all(map(_is_exact, vars(event).values()))
        try:
            data = msgspec.json.encode(body) if is_exact else codec.encode_json(body)
        except UnicodeEncodeError:  # half of a surrogate pair
            data, is_exact = codec.encode_json(body), False
        self._frame(bytes((kind_of_event(event),)) + data)
        self.said.append(Said(at, event, self.frames[-1], is_exact))

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
        names = tuple(points.values)
        typed = [_typed((value,)) for value in points.values.values()]
        values, letters = [value for _, (value,) in typed], "".join(letter for letter, _ in typed)
        if (names, letters) not in self._sets:  # some clients send the keys of each row in another order
            names, values, letters = _sorted(names, values, letters)
        number = self._set(names, letters, at)
        paired = list(zip(values, letters, strict=True))
        fixed = [value for value, letter in paired if letter != "v"]
        rest = [value for value, letter in paired if letter == "v"]
        _check_place(points.step, at)
        body = struct.pack("<BqqI" + letters.replace("v", ""), codec.METRICS, at, points.step, number, *fixed)
        self._frame(body + _json_of(rest) if rest else body)

    def _set(self, names: tuple[str, ...], letters: str, at: int) -> int:
        """The number of a set of keys, which is declared when it is new."""
        number = self._sets.get((names, letters))
        if number is None:
            number = self._next = 1 + (max(self._sets.values(), default=-1) if self._next is None else self._next)
            self._json(codec.KEYS, {"t": at, "id": number, "names": list(names), "types": letters})
            self._sets[names, letters] = number
        return number

    def _columns(self, columns: Columns) -> None:
        names, values = tuple(columns.values), list(columns.values.values())
        if len(columns.steps) <= MOST_ROWS:
            self._table(names, columns.times, columns.steps, values)
            return
        for start in range(0, len(columns.steps), MOST_ROWS):
            part = slice(start, start + MOST_ROWS)
            self._table(names, columns.times[part], columns.steps[part], [column[part] for column in values])

    def _table(
        self, names: tuple[str, ...], times: Sequence[int], steps: Sequence[int], values: list[Sequence[Any]]
    ) -> None:
        typed = [_typed(column) for column in values]
        letters, values = "".join(letter for letter, _ in typed), [column for _, column in typed]
        number = self._set(names, letters, times[0])
        rest = [column for letter, column in typed if letter == "v"]
        try:
            payload = encoded(number, letters, Table(times, steps, values), _json_of(rest) if rest else b"")
        except OverflowError:  # values were looked at before
            raise InvalidInput("A step or time is not a 64-bit integer.") from None
        self.rows.append(Rows(list(names), letters, constant(self._sequence, len(steps)), times, steps, values))
        self._append(payload)


def _check_place(step: int, at: int) -> None:
    for name, number in (("Step", step), ("Time", at)):
        if not _INT64_MIN <= number <= _INT64_MAX:
            raise InvalidInput(f"{name} {number!r:.80} is not a 64-bit integer.")


def _sorted(names: tuple[str, ...], values: list[Any], letters: str) -> tuple[tuple[str, ...], list[Any], str]:
    order = sorted(range(len(names)), key=names.__getitem__)
    return tuple(names[at] for at in order), [values[at] for at in order], "".join(letters[at] for at in order)


def _json_of(values: list[Any]) -> bytes:
    """A JSON array of values, or of columns of values."""
    if all(isinstance(column, list) and _is_json(column) for column in values):
        return msgspec.json.encode(values)
    return codec.encode_json(values)  # type: ignore[arg-type]


def _is_json(column: list[Any]) -> bool:
    """Whether JSON holds the values as they are: finite numbers, small integers, texts of well-formed Unicode."""
    kinds = set(map(type, column))
    if kinds <= {float, int}:
        return bool(min(column) >= -_EXACT and max(column) <= _EXACT and math.isfinite(sum(column)))
    return kinds <= {str} and "".join(column).isascii()


def _typed(column: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """The letter of a column, and its values as they are kept."""
    if type(column) is Packed:
        return column.letter, column
    kinds = frozenset(map(type, column))
    if not kinds <= _PLAIN:
        column = [_plain(value) for value in column]
        kinds = frozenset(map(type, column))
    letter = _LETTERS.get(kinds, "v")
    fits = letter != "q" or (min(column) >= _INT64_MIN and max(column) <= _INT64_MAX)
    return letter if fits else "v", column


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, dict) else codec.scalar(value)


def _body(event: Event) -> dict[str, Any]:
    flat = {name: getattr(event, name) for name in event.__dataclass_fields__}
    made = flat if isinstance(event, _FLAT) else dataclasses.asdict(event)
    if isinstance(event, events.Described | events.Finished):
        return {name: value for name, value in made.items() if value is not None}
    return made

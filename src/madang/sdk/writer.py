"""What stands between `run.log` and the segment: nested and odd metrics are made flat here, off the quick path."""

from __future__ import annotations

import time

from madang.domain import redact
from madang.errors import Conflict, InvalidInput
from madang.formats.segment import MEMORY, METRICS, SegmentWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from madang.formats.recent import Recent

_PLAIN = (float, int, bool, str)
_CHUNK_KEYS = 50_000
_CHUNK_CHARACTERS = 8 << 20
_HASTE = 256  # calls in a row of which…
_SLOW = 0.5  # …all within so many seconds make it worth to have memory for the newest frames


class RunWriter(SegmentWriter):
    """A segment writer that takes metrics as people write them, and those of a fast loop without a system call."""

    __slots__ = ("_calls", "_recent", "_since", "_start")

    def __init__(self, path: str, segment: str, header: Mapping[str, Any], now: int | None = None) -> None:
        self._recent: Recent | None = None
        self._calls = 0
        self._since = time.monotonic()
        super().__init__(path, segment, header, now)

    @property
    def offset(self) -> int:
        """See `SegmentWriter.offset`."""
        return self._filed if self._recent is None else self._filed + self._end - self._start

    def _overflow(self, frame: bytearray, size: int) -> None:
        self._file(frame, size)
        if self._recent is None:
            self._calls += 1
            if self._calls == _HASTE:
                now = time.monotonic()
                if now - self._since < _SLOW:
                    self._hasten()
                else:
                    self._calls, self._since = 0, now

    def _hasten(self) -> None:
        from madang.formats.recent import Recent

        try:
            recent = Recent(self.path)
        except OSError:
            return  # frames go on to be written one by one
        start = recent.restart(self.offset, self._sequence, self.chain)
        self._memory, self._start = recent.memory, start
        self._recent, self._end = recent, start  # last: an interrupt before leaves no room in it

    def _append(self, data: bytes | bytearray) -> int:
        """Write to the file: first what is in the memory, in the same call."""
        recent = self._recent
        if recent is None:
            return super()._append(data)
        written = super()._append(data if self._end == self._start else recent.frames(self._end) + data)
        if data:
            self._end = recent.restart(self._filed + written, self._sequence + 1, bytes(data[8:24]))
        return written

    def is_whole(self) -> bool:
        """See `SegmentWriter.is_whole`: the memory, too."""
        recent = self._recent
        if recent is not None and recent.end_of(self._filed) != (self._end, self._sequence, self.chain):
            return False
        return super().is_whole()

    def sync(self) -> None:
        """See `SegmentWriter.sync`. What is logged later is written to the file call by call."""
        recent = self._recent
        if recent is not None:
            written = self._append(b"")
            self._recent, self._end = None, MEMORY + 1
            self._filed += written
            recent.remove()
        super().sync()

    def close(self) -> None:
        """See `SegmentWriter.close`. Without `sync` before, the newest frames stay where readers find them."""
        if self._recent is not None:
            self._recent.close()
        super().close()

    def _metrics_slowly(self, values: Mapping[str, Any], step: Any, kind: int, when: int) -> None:
        step = _whole(step)
        try:
            flat = dict(_flatten(values, ""))
        except RecursionError:
            raise InvalidInput("The metrics are nested too deeply.", hint="Log them by flat names.") from None
        parts = [flat] if len(flat) <= _CHUNK_KEYS and sum(map(len, flat)) <= _CHUNK_CHARACTERS else _chunks(flat)
        is_flat = flat.keys() == values.keys()
        for part in parts:
            if is_flat:
                super()._metrics_slowly(part, step, kind, when)
            else:  # made flat, it may be quick
                self.metrics(part, step, kind, when)

    def _shown(self, names: Sequence[str]) -> Sequence[str]:
        return redact.names(names)


class NoWriter:
    """Stands in where nothing is to be written: mode `disabled`."""

    segment = ""
    offset = 0

    def metrics(self, values: Mapping[str, Any], step: int, kind: int = METRICS, at: int | None = None) -> None:
        """Drop the metrics."""

    def append(self, kind: int, body: Mapping[str, Any], at: int | None = None) -> None:
        """Drop the event."""

    def sync(self) -> None:
        """Nothing to make durable."""

    def close(self) -> None:
        """Nothing to close."""


class Unopened(NoWriter):
    """Stands in until the first event of a new segment: in a forked child, and after a segment was abandoned."""

    def __init__(self, opening: Callable[[], RunWriter]) -> None:
        self._opening = opening

    def metrics(self, values: Mapping[str, Any], step: int, kind: int = METRICS, at: int | None = None) -> None:
        """Open the segment and write."""
        self._opening().metrics(values, step, kind, at)

    def append(self, kind: int, body: Mapping[str, Any], at: int | None = None) -> None:
        """Open the segment and write."""
        self._opening().append(kind, body, at)


class Closed(NoWriter):
    """Stands in after the end: what is logged now would be lost, so it is refused."""

    def __init__(self, run: str) -> None:
        self.run = run

    def metrics(self, values: Mapping[str, Any], step: int, kind: int = METRICS, at: int | None = None) -> None:
        """Refuse.

        Raises:
            Conflict: always.
        """
        self.append(kind, {})

    def append(self, kind: int, body: Mapping[str, Any], at: int | None = None) -> None:
        """Refuse.

        Raises:
            Conflict: always.
        """
        raise Conflict(
            f"The run {self.run} has finished; nothing more can be logged to it.",
            hint=f"Continue it with madang.init(id={self.run!r}, resume='must').",
        )


def _flatten(values: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = prefix + (key if type(key) is str else str(key))
        kind = type(value)
        if kind in _PLAIN or value is None:
            yield name, redact.text(value) if kind is str else value
        elif isinstance(value, dict) or hasattr(value, "items"):
            if "media" in value:  # a pointer to a file of the run: one value
                yield name, dict(value)
            else:
                yield from _flatten(value, name + "/")
        elif isinstance(value, (list, tuple, set, frozenset)) or any(side != 1 for side in getattr(value, "shape", ())):
            raise InvalidInput(
                f"The metric {name[:200]!r} is {_describe(value)}, not one number.",
                hint="Log one value for each key, or use run.log_histogram, log_table or log_image.",
            )
        else:
            yield name, value


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"an array of shape {tuple(shape)}" if shape is not None else f"a {type(value).__name__}"


def _whole(step: Any) -> Any:
    """The step as an int: also of a NumPy integer, an integer tensor or a float without a fraction."""
    if type(step) is int:
        return step
    if isinstance(step, float) and step.is_integer():
        return int(step)
    try:
        return step.__index__()
    except (AttributeError, TypeError, ValueError):
        return step


def _chunks(flat: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A million keys at once would not fit into one record."""
    part: dict[str, Any] = {}
    size = 0
    for key, value in flat.items():
        part[key] = value
        size += len(key)
        if len(part) >= _CHUNK_KEYS or size >= _CHUNK_CHARACTERS:
            yield part
            part, size = {}, 0
    if part:
        yield part

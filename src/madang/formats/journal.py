"""Reading segments: bytes → frames → events and metric rows. The bytes are described in docs/formats/journal.md."""

from __future__ import annotations

import struct
from _blake2 import blake2b
from collections.abc import Iterator
from dataclasses import field
from typing import Any, NamedTuple

import msgspec

from madang.domain import events
from madang.domain.events import Event, Stamp
from madang.domain.values import mutable
from madang.formats import segment as codec
from madang.formats.learning import learnt

_HEAD = struct.Struct("<II")
_METRICS_HEAD = struct.Struct("<xqqI")

_TYPES: dict[int, type] = {
    codec.HEADER: events.Header,
    codec.KEYS: events.Keys,
    codec.STARTED: events.Started,
    codec.RESUMED: events.Resumed,
    codec.CONFIG: events.Config,
    codec.REMOVED: events.Removed,
    codec.SUMMARY: events.Summary,
    codec.DEFINE_METRIC: events.DefineMetric,
    codec.TAGS: events.Tags,
    codec.DESCRIBED: events.Described,
    codec.CONSOLE: events.Console,
    codec.FILE: events.File,
    codec.VERSION: events.VersionWritten,
    codec.USE: events.Use,
    codec.OPENED: events.Opened,
    codec.INPUTS: events.Inputs,
    codec.CODE: events.Code,
    codec.ENVIRONMENT: events.Environment,
    codec.IMPORTS: events.Imports,
    codec.CAPTURED: events.Captured,
    codec.REWOUND: events.Rewound,
    codec.FORKED_FROM: events.ForkedFrom,
    codec.HEARTBEAT: events.Heartbeat,
    codec.ALERT: events.Alert,
    codec.FINISHED: events.Finished,
    codec.OUTPUTS: events.Outputs,
    codec.VERDICT: events.Verdict,
    codec.PIPELINE: events.Pipeline,
    codec.STATUS: events.Status,
    codec.DATASET: events.Dataset,
    codec.LINKED: events.Linked,
}

_FAR = 1 << 62  # µs; a time beyond is no time
_KINDS = {kind: number for number, kind in _TYPES.items()}


def kind_of_event(event: Event) -> int:
    """The frame kind of an event."""
    return _KINDS[type(event)]


class Frame(NamedTuple):
    """One whole, verified frame."""

    sequence: int
    payload: bytes

    @property
    def kind(self) -> int:
        """The frame's kind, the first byte of its payload."""
        return self.payload[0]


@mutable
class Position:
    """A place in a segment: where reading stopped, and all that is needed to go on from there."""

    offset: int = 0
    sequence: int = 0
    chain: bytes = codec.CHAIN_START
    damage: str = ""  # why reading cannot go on, empty while all is well


def read_frames(data: bytes, position: Position) -> list[Frame]:
    """Take the whole, verified frames from ``data`` (which begins at ``position.offset``) and move the position on.

    A torn tail is left for the next call. A frame that does not fit sets ``position.damage``; nothing after it is read.
    """
    frames: list[Frame] = []
    start, end, chain, sequence = 0, len(data), position.chain, position.sequence
    unpack, append = _HEAD.unpack_from, frames.append
    while end - start > codec.FRAME_HEAD and not position.damage:
        length, number = unpack(data, start)
        stop = start + codec.FRAME_HEAD + length
        if not 0 < length <= codec.MAX_PAYLOAD or number != sequence:
            position.damage = f"frame {sequence} at byte {position.offset + start} has a wrong head"
            break
        if stop > end:
            break
        payload = data[start + codec.FRAME_HEAD : stop]
        after = blake2b(chain + data[start : start + 8] + payload, digest_size=16).digest()
        if after != data[start + 8 : start + codec.FRAME_HEAD]:
            position.damage = f"frame {sequence} at byte {position.offset + start} does not match its hash"
            break
        append(Frame(number, payload))
        chain, start, sequence = after, stop, sequence + 1
    position.offset += start
    position.chain, position.sequence = chain, sequence
    return frames


def from_json(value: Any) -> Any:
    """Undo `segment.to_json`. Malformed wrappers are left as they are."""
    if isinstance(value, dict):
        if len(value) == 1:
            (key, inner), *_ = value.items()
            if key == "$f" and inner in ("nan", "inf", "-inf"):
                return float(inner)
            if key == "$i" and isinstance(inner, str) and len(inner) < 5000:
                return _integer(inner, value)
            if key == "$o" and isinstance(inner, dict):
                return {name: from_json(item) for name, item in inner.items()}
        return {name: from_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [from_json(item) for item in value]
    return value


def _integer(digits: str, otherwise: Any) -> Any:
    try:
        return int(digits)
    except ValueError:
        return otherwise


def decode_event(payload: bytes, segment: str, sequence: int) -> tuple[Stamp, Event]:
    """The event of a JSON frame. Never fails: an unknown kind or a body of the wrong shape becomes `Unread`."""
    kind = payload[0]
    try:
        body = msgspec.json.decode(payload[1:].decode("utf-8", "surrogatepass").encode("utf-8", "replace"))
        if type(body) is not dict:
            return Stamp(0, segment, sequence), events.Unread(kind)
        time = body.pop("t", 0)
        stamp = Stamp(time if type(time) is int and abs(time) < _FAR else 0, segment, sequence)
        known = _TYPES.get(kind)
        if known is None:
            return stamp, events.Unread(kind)
        if b'"$' in payload or b"\\u0024" in payload:  # a wrapper, maybe
            body = from_json(body)
        return stamp, msgspec.convert(body, learnt(known))
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError, RecursionError):
        return Stamp(0, segment, sequence), events.Unread(kind)


@mutable
class KeySet:
    """A declared set of metric names, with the decoder of its frames."""

    names: list[str]
    types: str
    fixed: struct.Struct = field(init=False)
    packed: bool = field(init=False)  # no `v` key: the row is the fixed part alone

    def __post_init__(self) -> None:
        letters = self.types.replace("v", "")
        if len(self.types) != len(self.names) or set(letters) - set("dq?"):
            raise ValueError(f"key set of {len(self.names)} names with types {self.types[:40]!r}")
        self.fixed = struct.Struct("<xqqI" + letters)
        self.packed = "v" not in self.types

    def row(self, payload: bytes) -> tuple[int, int, tuple[Any, ...]]:
        """(time µs, step, values in the order of the names).

        Raises:
            ValueError: the frame does not have the declared shape.
        """
        try:
            time, step, _, *fixed = self.fixed.unpack_from(payload)
            if self.packed:
                return time, step, tuple(fixed)
            rest = iter(msgspec.json.decode(payload[self.fixed.size :]))
            numbers = iter(fixed)
            values = tuple(from_json(next(rest)) if letter == "v" else next(numbers) for letter in self.types)
        except (struct.error, msgspec.DecodeError, StopIteration, RuntimeError, TypeError) as error:
            raise ValueError(f"metrics frame does not fit its keys: {error}") from error
        return time, step, values


def keyset_of(payload: bytes) -> int:
    """The number of the key set that a metrics or system frame refers to.

    Raises:
        ValueError: the frame is too short.
    """
    if len(payload) < _METRICS_HEAD.size:
        raise ValueError("metrics frame is too short")
    number: int = _METRICS_HEAD.unpack_from(payload)[2]
    return number


def read_events(data: bytes, segment: str, position: Position) -> Iterator[tuple[Stamp, Event]]:
    """All events but metrics and system samples, for readers that need no history."""
    for frame in read_frames(data, position):
        if frame.kind not in (codec.METRICS, codec.SYSTEM, codec.ROWS, codec.TABLE):
            yield decode_event(frame.payload, segment, frame.sequence)

"""The stored form of a run's derived state: MessagePack of the domain's values (docs/formats/store.md).

It is a cache of the segments and never leaves the store, so it has no compatibility to keep: the store's schema
version covers it.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import msgspec

from madang.domain import events
from madang.domain.events import Stamp
from madang.domain.files import FileRef, InputItem
from madang.domain.run_state import RunState
from madang.domain.runs import Overrides
from madang.domain.values import mutable
from madang.errors import CorruptData
from madang.formats.journal import from_json
from madang.formats.learning import learnt
from madang.formats.segment import to_json
from madang.formats.state_dictionary import STATE_DICTIONARY
from madang.formats.zstd import Dictionary

_PLAIN, _WRAPPED = b"\x01", b"\x02"  # the second has integers beyond 64 bits in the journal's wrappers


@mutable
class _Heavy:
    files: dict[str, tuple[Stamp, events.File]] = dataclasses.field(default_factory=dict)
    versions: list[tuple[Stamp, events.VersionWritten]] = dataclasses.field(default_factory=list)
    opened: dict[str, str] = dataclasses.field(default_factory=dict)
    inputs: dict[str, tuple[Stamp, InputItem]] = dataclasses.field(default_factory=dict)
    outputs: dict[str, tuple[Stamp, FileRef]] = dataclasses.field(default_factory=dict)
    imports: dict[str, int] = dataclasses.field(default_factory=dict)
    environment: tuple[Stamp, events.Environment] | None = None


HEAVY = tuple(field.name for field in dataclasses.fields(_Heavy))
_LIGHT = tuple(field.name for field in dataclasses.fields(RunState) if field.name not in HEAVY)
_dictionary = Dictionary(STATE_DICTIONARY)


def _encode(value: Any) -> bytes:
    try:
        return _PLAIN + msgspec.msgpack.encode(value)
    except OverflowError:
        plain = to_json(msgspec.to_builtins(value, str_keys=True))
        return _WRAPPED + msgspec.msgpack.encode(plain)


def _decode(data: bytes, kind: Any) -> Any:
    try:
        body = memoryview(data)[1:]
        if data[:1] == _PLAIN:
            return msgspec.msgpack.decode(body, type=learnt(kind))
        return msgspec.convert(from_json(msgspec.msgpack.decode(body)), learnt(kind))
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise CorruptData(
            f"The stored state of a run cannot be read: {error}.",
            hint="In a workspace delete records.db: it is rebuilt from the segments. A hub needs its backup.",
        ) from error


def encode_environment(value: events.Environment) -> bytes:
    """An environment that several runs may share, not compressed."""
    try:
        return msgspec.msgpack.encode(value)  # its first byte is a map's, so it is told from the other form
    except OverflowError:
        return _encode(value)


def decode_environment(data: bytes) -> events.Environment:
    """What `encode_environment` made.

    Raises:
        CorruptData: the bytes are not that.
    """
    made: events.Environment = _decode(data if data[:1] == _WRAPPED else _PLAIN + data, events.Environment)
    return made


@cache
def _empty() -> RunState:
    return RunState("")


def _fields(state: RunState, names: tuple[str, ...]) -> dict[str, Any]:
    empty = _empty()
    return {name: value for name in names if (value := getattr(state, name)) != getattr(empty, name)}


def encode_state(state: RunState) -> tuple[bytes, bytes]:
    """(light, heavy): the short fields, and the long lists and capture; the second is empty when there are none."""
    heavy = _fields(state, HEAVY)
    light = {"run": state.run, **_fields(state, _LIGHT)}
    return _dictionary.compress(_encode(light)), _dictionary.compress(_encode(heavy)) if heavy else b""


def decode_state(light: bytes, heavy: bytes = b"") -> RunState:
    """The state; without ``heavy`` those fields are empty.

    Raises:
        CorruptData: the bytes are not what `encode_state` made.
    """
    state: RunState = _decode(_dictionary.decompress(light), RunState)
    for table in (state.config, state.tags, state.summary):  # (value,) or () comes back as a list
        for key, (stamp, value) in table.items():
            table[key] = (stamp, tuple(value))
    if heavy:
        other: _Heavy = _decode(_dictionary.decompress(heavy), _Heavy)
        for name in HEAVY:
            setattr(state, name, getattr(other, name))
    return state


def encode_overrides(overrides: Overrides) -> bytes:
    """Changes from outside; empty bytes when there are none."""
    return b"" if overrides == Overrides() else _encode(overrides)


def decode_overrides(data: bytes) -> Overrides:
    """Undo `encode_overrides`."""
    made: Overrides = _decode(data, Overrides) if data else Overrides()
    return made

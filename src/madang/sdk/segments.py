"""Reading a run's own segments on this machine: for resuming, and for the summary while the run is being written."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import field
from typing import Any

from madang.domain import events
from madang.domain.metrics import MetricSummary
from madang.domain.run_state import RunState, apply
from madang.domain.values import mutable
from madang.errors import Conflict
from madang.formats import recent, tables
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.formats.journal import Frame, KeySet, Position, decode_event, keyset_of, read_frames


@mutable
class _Segment:
    position: Position = field(default_factory=Position)
    keys: dict[int, KeySet] = field(default_factory=dict)


@mutable
class LocalRun:
    """All that the local segments of a run say, kept up to date by `catch_up`."""

    store: str
    run: str
    state: RunState
    metrics: dict[str, MetricSummary] = field(default_factory=dict)
    last_step: int = -1
    _segments: dict[str, _Segment] = field(default_factory=dict)
    _newest: int = 0

    def catch_up(self, skip: str = "") -> None:
        """Read what was written since the last call."""
        folder = layout.run_dir(self.store, self.run)
        for name in sorted(os.listdir(folder)):
            segment, _, ending = name.partition(".")
            if ending in ("seg", "seg.zst") and segment != skip:
                self._read(segment, f"{folder}/{segment}.seg")

    def config(self) -> dict[str, Any]:
        """The parameters."""
        return {key: value[0] for key, (_, value) in self.state.config.items() if value}

    def name(self) -> str:
        """The run's name, empty when none was given."""
        return str(self.state.scalars["name"][1]) if "name" in self.state.scalars else ""

    def _read(self, segment: str, path: str) -> None:
        known = self._segments.setdefault(segment, _Segment())
        data = _read_from(path, known.position.offset)
        for frame in read_frames(data, known.position):
            with suppress(ValueError):  # a whole frame without sense, by another writer: the records tell of it
                self._take(known, segment, frame)

    def _take(self, known: _Segment, segment: str, frame: Frame) -> None:
        if frame.kind == codec.METRICS:
            self._points(known, segment, frame.sequence, frame.payload)
        elif frame.kind in tables.KINDS:
            self._rows(known, segment, frame.sequence, frame.payload)
        elif frame.kind != codec.SYSTEM:
            stamp, event = decode_event(frame.payload, segment, frame.sequence)
            if isinstance(event, events.Keys):
                known.keys.pop(event.id, None)
                known.keys[event.id] = KeySet(event.names, event.types)
            else:
                apply(self.state, stamp, event)

    def _points(self, known: _Segment, segment: str, sequence: int, payload: bytes) -> None:
        keys = known.keys.get(keyset_of(payload))
        if keys is None:
            return
        time, step, values = keys.row(payload)
        for key, value in zip(keys.names, values, strict=True):
            self.metrics.setdefault(key, MetricSummary()).add(value, (step, time, segment, sequence))
        if time >= self._newest:
            self._newest, self.last_step = time, step

    def _rows(self, known: _Segment, segment: str, sequence: int, payload: bytes) -> None:
        keys = known.keys.get(tables.keyset_of(payload))
        if keys is None:
            return
        times, steps, columns = tables.decoded(keys, payload)
        for key, column in zip(keys.names, columns, strict=True):
            summary = self.metrics.setdefault(key, MetricSummary())
            for step, time, value in zip(steps, times, column, strict=True):
                if value is not None:
                    summary.add(value, (step, time, segment, sequence))
        time, step = max(zip(times, steps, strict=True))
        if time >= self._newest:
            self._newest, self.last_step = time, step


def _read_from(path: str, offset: int) -> bytes:
    try:
        return recent.read(path, offset)
    except FileNotFoundError:
        from madang.formats import packed  # only a run that goes on after its end pays for it

        return packed.read(path + packed.ENDING, offset, 1 << 62)


def refuse_given_up(store: str, run: str) -> None:
    """A run cannot go on from a last step that only a hub knows.

    Raises:
        Conflict: segments of the run were given up here.
    """
    folder = layout.run_dir(store, run)
    if not os.path.exists(folder + "/held"):
        return
    from madang.formats.held import read_held  # nearly no run has such a note

    held, here = read_held(store, run), {name.partition(".")[0] for name in os.listdir(folder) if ".seg" in name}
    missing = [item for item in held.segments if item.id not in here] if held is not None else []
    if missing:
        hub = missing[0].hub
        raise Conflict(
            f"{len(missing)} segments of run {run} are not here, since {hub} holds them.",
            hint=f"Bring them back with `madang sync --fetch {run} --hub {hub}`, then go on with the run.",
        )


def read(store: str, run: str, skip: str = "") -> LocalRun:
    """Read all segments of a run."""
    local = LocalRun(store, run, RunState(run))
    local.catch_up(skip)
    return local

"""Runs as lists show them, and their rows, each encoded once for a revision of its run and kept in the records.

A page that is open asks for the same rows again and again, and nearly all of them stand as they were: a run that has
ended never changes. A hub encodes the row of a run when it takes in its bytes, so that the first answer is as quick as
any other; elsewhere it is encoded when somebody first asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from madang.domain.runs import RunRecord, record
from madang.errors import StorageError, Unavailable
from madang.ports.records import Records, RunRow, Selected, StoredRun, WouldWait
from madang.version import __version__

Encode = Callable[[RunRecord], bytes]
JSON = "json"
"""The form of rows that a hub makes in advance."""
KEYS_A_RUN = 200  # metrics of a run that a list shows


class RunRows:
    """Loads runs for lists, and keeps encoded rows. Thread-safe."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def runs(self, numbers: Sequence[int], keys: Collection[str] | None) -> list[RunRecord]:
        """Runs with their metrics of these ``keys`` (None: all, up to a bound)."""
        return [made for _, made in self._loaded(numbers, keys)]

    def encoded(self, found: Selected, form: str, encode: Encode, most_keys: int = KEYS_A_RUN) -> list[bytes]:
        """The rows of a page, with all metrics up to a bound. ``form`` names what ``encode`` makes."""
        written = self._records.versions.of_runs([run for _, _, run in found.runs])
        marks = {number: _mark(changed, written.get(run, ())) for number, changed, run in found.runs}
        kept = self._records.runs.rows(list(marks), form)
        rows = {number: row.data for number, row in kept.items() if row.mark == marks[number]}
        missing = [number for number in marks if number not in rows]
        if missing:
            made = self._made(missing, encode, most_keys)
            rows.update({number: row.data for number, row in made.items()})
            with suppress(StorageError, Unavailable, WouldWait):  # a full disk, or a lock, keeps nobody from reading
                self._records.runs.keep_rows(form, made)
        return [rows[number] for number in marks if number in rows]

    def renew(self, number: int, form: str, encode: Encode) -> None:
        """Encode the row of a run that has changed."""
        self._records.runs.keep_rows(form, self._made([number], encode))

    def _made(self, numbers: Sequence[int], encode: Encode, most_keys: int = KEYS_A_RUN) -> dict[int, RunRow]:
        # Metrics that are newer than the state do no harm: the run has another revision then, and this row is not used.
        return {
            stored.number: RunRow(_mark(stored.changed, made.versions), encode(made))
            for stored, made in self._loaded(numbers, None, most_keys)
        }

    def _loaded(
        self, numbers: Sequence[int], keys: Collection[str] | None, most_keys: int = KEYS_A_RUN
    ) -> list[tuple[StoredRun, RunRecord]]:
        found = self._records.runs.load(numbers)
        metrics = self._records.runs.metrics([item.number for item in found], keys, most_keys)
        written = self._records.versions.of_runs([item.state.run for item in found])
        return [
            (item, shown(record(item.state, item.overrides, metrics[item.number]), item, written.get(item.state.run)))
            for item in found
        ]


def shown(made: RunRecord, stored: StoredRun, written: list[str] | None) -> RunRecord:
    """The record with what the store knows beside the state: the versions that the run wrote, and its damage."""
    if not written and not stored.damage:
        return made
    damage = [f"{segment}: {reason}" for segment, reason in stored.damage.items()]
    return replace(made, versions=written or [], damage=damage)


def _mark(changed: int, written: Sequence[str]) -> str:
    """What a row was made of. Another release may write other fields; a version comes to a run without touching it."""
    return " ".join([__version__, str(changed), *written])

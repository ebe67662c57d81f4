"""Versions as events of runs tell of them."""

from __future__ import annotations

from dataclasses import replace

from madang.domain import events
from madang.domain.events import Stamp
from madang.domain.run_state import RunState
from madang.domain.versions import Entry, VersionRecord, check_name, check_path
from madang.errors import InvalidInput
from madang.formats.manifest import manifest_digest
from madang.ports.records import Records

_LARGEST = 1 << 50  # bytes of one file


def entries_of(event: events.VersionWritten) -> list[Entry]:
    """The files of a version. Raises `InvalidInput` for paths and sizes that cannot be."""
    if any(not 0 <= size < _LARGEST for _, _, size in event.entries):
        raise InvalidInput(f"The version {event.name[:80]!r} has a file of an impossible size.")
    return [Entry(check_path(path), digest, size) for path, digest, size in event.entries]


def version_of(state: RunState, stamp: Stamp, event: events.VersionWritten) -> VersionRecord:
    """The version, as yet without a number. Raises `InvalidInput` for names that cannot be."""
    entries = entries_of(event)
    return VersionRecord(
        state.project,
        check_name(event.name),
        event.type,
        0,
        manifest_digest(entries),
        sum(entry.size for entry in entries),
        len(entries),
        stamp.time,
        state.run,
        tuple(check_name(alias, "alias").lower() for alias in event.aliases),
        event.description,
        dict(event.metadata),
        {},
        state.segments[stamp.segment].header.user,
    )


def without_late(records: Records, made: VersionRecord) -> tuple[VersionRecord, str]:
    """The version without the aliases that were moved after it was made, and what is to be said of these.

    A run may arrive long after it ended: what people decided meanwhile is not undone by it.
    """
    if not made.aliases:
        return made, ""
    history = records.versions.pointer_history(made.project, made.name)
    moved = {one.alias for one in history if one.at > made.created_at}
    late = ", ".join(alias for alias in made.aliases if alias in moved)
    kept = replace(made, aliases=tuple(alias for alias in made.aliases if alias not in moved))
    return kept, f"{late} of {made.name!r} was moved after this version was made, and stays" if late else ""

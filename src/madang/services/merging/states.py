"""The state of a collection as it travels to another store, and which of that store's versions are here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from madang.domain.collection_states import (
    CARRIED,
    CollectionState,
    DroppedCollection,
    Origin,
    VersionState,
    made_at,
    portable_metadata,
    portable_tags,
)
from madang.domain.versions import GONE, VersionRecord, parse_ref
from madang.errors import NotFound
from madang.ports.records import Records


def state_of(
    records: Records, project: str, name: str, origins: Mapping[tuple[str, int], Sequence[Origin]] | None = None
) -> CollectionState:
    """All that is known of a collection; ``origins`` are those of its project, where they are known already.

    Raises:
        NotFound: nothing has this name.
    """
    row = records.versions.collection(project, name)
    if row is None:
        raise NotFound(f"Project {project!r} has no artifact {name!r}.")
    known = records.versions.origins(project) if origins is None else origins
    versions = [_version(one, known.get((name, one.number), ())) for one in records.versions.versions(project, name)]
    notes = [one for one in records.registry.changes(project, name) if one.kind in CARRIED]
    moves = [one for one in records.versions.pointer_history(project, name) if one.alias]
    return CollectionState(
        project, row.name, row.type, row.created_at, row.first, row.description, portable_tags(row.tags),
        tuple(versions[::-1]), {key: item for key, item in row.aliases.items() if key != "latest"},
        tuple(moves[::-1]), tuple(notes[::-1]), tuple(records.tombstones.of_name(project, name)), 0,
        tuple(records.registry.protections(project, name)),
    )  # fmt: skip


def dropped_state(records: Records, gone: DroppedCollection) -> CollectionState:
    """What is known of a collection that was taken away."""
    return CollectionState(
        gone.project, gone.name, gone.type, gone.created_at, dropped_at=gone.dropped_at, notes=gone.notes,
        dropped=tuple(records.tombstones.of_name(gone.project, gone.name)),
    )  # fmt: skip


def _version(one: VersionRecord, origins: Sequence[Origin]) -> VersionState:
    return VersionState(
        one.number, one.digest, one.created_at, one.run, one.actor, one.size, one.files, one.description,
        portable_metadata(one.metadata), portable_tags(one.tags), tuple(origins), one.tags.get(GONE, ""),
        one.updated_at,
    )  # fmt: skip


def known_numbers(records: Records, state: CollectionState) -> dict[int, int]:
    """Our numbers of another store's versions, by its numbers, as far as they are here."""
    place = (state.project, state.name)
    ours = {one.number: one for one in records.versions.versions(*place)}
    by_making = {(one.digest, one.created_at): one.number for one in reversed(ours.values())}
    found: dict[int, int] = {}
    for one in state.versions:
        number = _by_origin(records, one, place)
        if number not in ours:
            number = by_making.get((one.digest, one.created_at))
        if number is None and one.run:
            number = _by_run(records, one, state, ours)
        if number is not None:
            found[one.number] = number
    return found


def _by_origin(records: Records, one: VersionState, place: tuple[str, str]) -> int | None:
    for origin in (*one.origins, made_at(one)):
        found = records.versions.placed(origin)
        if found is not None and found[:2] == place:
            return found[2]
    return None


def _by_run(
    records: Records, one: VersionState, state: CollectionState, ours: Mapping[int, VersionRecord]
) -> int | None:
    """The same content, which the same run is said to have written: another run has written it here first."""
    for ref in records.versions.of_runs([one.run]).get(one.run, []):
        parsed = parse_ref(ref)
        version = ours.get(parsed.number or -1)
        if parsed.name == state.name and version is not None and version.digest == one.digest:
            return version.number
    return None

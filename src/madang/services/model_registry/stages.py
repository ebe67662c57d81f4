"""Aliases and stages: the rule that a version is in one stage at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from madang.domain.reviews import base_of
from madang.domain.versions import STAGES, Entry, PointerChange, VersionRecord
from madang.errors import AccessDenied, InvalidInput, NotFound
from madang.ports.records import Records


def commit(
    records: Records,
    version: VersionRecord,
    entries: Sequence[Entry],
    origin: tuple[str, int] | None = None,
    first: int = 1,
    *,
    fresh: bool = False,
) -> VersionRecord:
    """Add a version with its aliases, in one transaction; ``first`` and ``fresh`` as in `VersionRecords.add`.

    Raises:
        InvalidInput: two stages at once.
        Conflict: the name holds versions of another type.
        AccessDenied: an alias is protected, or the version would leave a protected stage. Nothing was added.
    """
    with records.transaction():
        stage = _checked(records, version)
        made = records.versions.add(version, entries, origin, first, fresh=fresh)
        _leave_others(records, made, stage, version.actor, version.created_at)
        return made


def write_again(records: Records, version: VersionRecord, at: int) -> VersionRecord:
    """Let ``version.run`` too have written a version that is there, and put the aliases named on ``version`` at it.

    ``at`` (µs UTC) is when. Raises as `commit`; `NotFound`: the version is gone.
    """
    with records.transaction():
        stage = _checked(records, version)
        if version.run:
            records.versions.add_writer(version, version.run)
        row = records.versions.collection(version.project, version.name)
        for alias in version.aliases:
            if row is None or row.aliases.get(alias) != version.number:
                records.versions.point(
                    PointerChange(version.project, version.name, alias, version.number, None, version.actor, at)
                )
        _leave_others(records, version, stage, version.actor, at)
        found = records.versions.get(version.project, version.name, version.number)
        if found is None:
            raise NotFound(f"There is no {version.ref!r} any more.")
        return found


def _checked(records: Records, version: VersionRecord) -> str:
    """The stage that a version is to be in, "" for none. Raises as `commit`."""
    stages = [alias for alias in version.aliases if alias in STAGES]
    if len(stages) > 1:
        raise InvalidInput(f"{version.name!r} cannot be in {' and '.join(stages)} at once.", hint="Choose one stage.")
    if version.aliases:
        _check_protected(records, version)
    return stages[0] if stages else ""


def _leave_others(records: Records, version: VersionRecord, stage: str, actor: str, at: int) -> None:
    """Take a version out of the stages that it was in, but for the one that it has come into."""
    if stage and stage in version.aliases:
        change = PointerChange(version.project, version.name, stage, version.number, None, actor, at)
        for left in stages_left(records, change, but=stage):
            records.versions.point(left)


def _check_protected(records: Records, version: VersionRecord) -> None:
    for rule in records.registry.protections(version.project, version.name):
        held = records.versions.get(version.project, version.name, alias=rule.alias)
        same = held is not None and held.digest == version.digest and any(one in STAGES for one in version.aliases)
        if any(base_of(alias) == rule.alias for alias in version.aliases) or (same and rule.alias in STAGES):
            raise AccessDenied(
                f"{rule.alias!r} of {version.name!r} is protected: it does not move with a new version.",
                hint=f"Ask for it once the version is there: `madang models request {version.name}:vN {rule.alias}`.",
            )


def stages_left(records: Records, change: PointerChange, but: str = "") -> list[PointerChange]:
    """The moves that take the version of ``change`` out of every stage but one."""
    row = records.versions.collection(change.project, change.name)
    held = [stage for stage in STAGES if row and stage != but and row.aliases.get(stage) == change.number]
    return [replace(change, alias=stage, number=None, before=None) for stage in held]

"""Aliases and stages: the rule that a version is in one stage at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from madang.domain.reviews import base_of
from madang.domain.versions import STAGES, Entry, PointerChange, VersionRecord
from madang.errors import AccessDenied, InvalidInput
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
    stages = [alias for alias in version.aliases if alias in STAGES]
    if len(stages) > 1:
        raise InvalidInput(f"{version.name!r} cannot be in {' and '.join(stages)} at once.", hint="Choose one stage.")
    with records.transaction():
        if version.aliases:
            _check_protected(records, version)
        made = records.versions.add(version, entries, origin, first, fresh=fresh)
        if stages and stages[0] in made.aliases:
            change = PointerChange(
                made.project, made.name, stages[0], made.number, None, version.actor, version.created_at
            )
            for left in stages_left(records, change, but=stages[0]):
                records.versions.point(left)
        return made


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

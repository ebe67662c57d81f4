"""Aliases and stages: the rule that a version is in one stage at most."""

from __future__ import annotations

from collections.abc import Sequence

from madang.domain.versions import STAGES, Entry, PointerChange, VersionRecord
from madang.errors import InvalidInput
from madang.ports.records import Records


def commit(
    records: Records, version: VersionRecord, entries: Sequence[Entry], origin: tuple[str, int] | None = None
) -> VersionRecord:
    """Add a version with its aliases, in one transaction.

    Raises:
        InvalidInput: two stages at once.
        Conflict: the name holds versions of another type.
    """
    stages = [alias for alias in version.aliases if alias in STAGES]
    if len(stages) > 1:
        raise InvalidInput(f"{version.name!r} cannot be in {' and '.join(stages)} at once.", hint="Choose one stage.")
    with records.transaction():
        made = records.versions.add(version, entries, origin)
        if stages and stages[0] in made.aliases:
            change = PointerChange(
                made.project, made.name, stages[0], made.number, None, version.actor, version.created_at
            )
            leave_stages(records, change, but=stages[0])
        return made


def leave_stages(records: Records, change: PointerChange, but: str = "") -> list[PointerChange]:
    """Take every stage but one from the version that ``change`` is about."""
    row = records.versions.collection(change.project, change.name)
    held = [stage for stage in STAGES if row and stage != but and row.aliases.get(stage) == change.number]
    return [
        records.versions.point(
            PointerChange(change.project, change.name, stage, None, None, change.actor, change.at, change.reason)
        )
        for stage in held
    ]

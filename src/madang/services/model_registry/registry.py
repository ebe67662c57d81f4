"""The model registry: pointers at versions, the stages among them, and the history of every move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from madang.domain.access import Permission, Principal, require
from madang.domain.reviews import checked_alias
from madang.domain.versions import STAGES, AliasMove, PointerChange, VersionRecord, check_name, parse_ref
from madang.errors import Conflict, InvalidInput, NotFound
from madang.ports.records import Records
from madang.ports.versions import CollectionRow
from madang.services.changes import now
from madang.services.model_registry.guard import NOTHING, Evidence, Guard
from madang.services.model_registry.stages import stages_left
from madang.services.tracking import Tracking


class Registry:
    """Models, aliases and stages. Thread-safe: a move compares and swaps in one transaction."""

    def __init__(self, records: Records, tracking: Tracking, guard: Guard) -> None:
        self._records = records
        self._tracking = tracking
        self._guard = guard

    def models(self, who: Principal, project: str | None = None) -> list[CollectionRow]:
        """The models of a project, or of all projects that the caller may read, by name."""
        self._tracking.catch_up()
        if project is not None:
            require(who, Permission.READ, project)
            return self._records.versions.collections(project, "model")
        names = [item.name for item in self._records.runs.projects() if who.level(item.name) >= Permission.READ]
        found = [row for name in names for row in self._records.versions.collections(name, "model")]
        return sorted(found, key=lambda row: (row.name, row.project))

    def point(
        self,
        who: Principal,
        project: str,
        name: str,
        alias: str,
        number: int | None,
        *,
        expected: Any = ...,
        reason: str = "",
    ) -> PointerChange:
        """Move an alias to a version (None: take it away), if it points at ``expected`` now (left out: wherever).

        Raises:
            NotFound: no such name or version.
            Conflict: the alias points elsewhere.
            InvalidInput: ``latest`` cannot be moved; a version number is no alias.
            AccessDenied: it is protected, and somebody has to approve, or the version does not fulfil its gates.
        """
        require(who, Permission.WRITE, project)
        self._tracking.catch_up()
        change = PointerChange(project, check_name(name), checked_alias(alias), number, None, who.name, now(), reason)
        evidence = self._guard.evidence(project, change.name, change.alias, number)
        return self._point(change, evidence, expected)

    def _point(self, change: PointerChange, evidence: Evidence, expected: Any = ...) -> PointerChange:
        with self._records.transaction():
            return self._guard.promote(change, evidence, expected)

    def point_all(self, who: Principal, moves: Sequence[AliasMove], reason: str = "") -> list[PointerChange]:
        """Make several moves, all or none. Raises as `point`."""
        for project in {move.project for move in moves}:
            require(who, Permission.WRITE, project)
        with self._records.transaction():
            return [
                self.point(who, move.project, move.name, move.alias, move.number, expected=move.expected, reason=reason)
                for move in moves
            ]

    def promote(self, who: Principal, project: str, ref: str, stage: str, reason: str = "") -> PointerChange:
        """Bring a version to a stage; it leaves the stage it was in. Stage ``none`` only takes it out.

        Raises:
            InvalidInput: no such stage.
            NotFound: no such version.
            Conflict: ``none`` for a version without a stage.
            AccessDenied: as `point`.
        """
        require(who, Permission.WRITE, project)
        wanted = stage.lower()
        if wanted not in (*STAGES, "none"):
            raise InvalidInput(f"{stage[:40]!r} is not a stage.", hint=f"Stages: {', '.join(STAGES)} and none.")
        self._tracking.catch_up()
        version = self.resolve(project, ref)
        change = PointerChange(project, version.name, wanted, version.number, None, who.name, now(), reason)
        if wanted != "none":
            return self._point(change, self._guard.evidence(project, version.name, wanted, version.number))
        with self._records.transaction():
            left = [self._guard.move(one, NOTHING) for one in stages_left(self._records, change)]
        if not left:
            raise Conflict(f"{version.ref} is in no stage.")
        return left[-1]

    def history(self, who: Principal, project: str, name: str) -> list[PointerChange]:
        """All moves of the pointers of a name, newest first.

        Raises:
            NotFound: nothing has this name.
        """
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        if self._records.versions.collection(project, check_name(name)) is None:
            raise NotFound(f"Project {project!r} has no artifact {name!r}.")
        return self._records.versions.pointer_history(project, check_name(name))

    def resolve(self, project: str, ref: str) -> VersionRecord:
        """The version that a reference means, whoever asks. Raises `NotFound`."""
        parsed = parse_ref(ref)
        found = self._records.versions.get(project, parsed.name, parsed.number, parsed.alias)
        if found is None:
            raise NotFound(f"Project {project!r} has no {ref!r}.", hint="List the versions with `madang models show`.")
        return found

"""What another store knows of versions, models and pointers is taken in here; nothing that was done here is undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from madang.domain.access import Permission, Principal, require
from madang.domain.collection_states import (
    CollectionState,
    DroppedVersion,
    Finding,
    Merged,
    Origin,
    VersionState,
    last_moves,
    made_at,
    portable_metadata,
    portable_tags,
    translated,
)
from madang.domain.ids import check_digest, is_id
from madang.domain.values import value
from madang.domain.versions import GONE, Entry, VersionChange, VersionRecord, check_name, check_path, check_reference
from madang.errors import InvalidInput, NotFound, TooLarge
from madang.formats.manifest import manifest_digest
from madang.ports.records import Records
from madang.services.artifacts import MAX_ENTRIES
from madang.services.changes import now
from madang.services.merging.collection_merge import signed
from madang.services.merging.drops import DropMerge
from madang.services.merging.pointers import PointerMerge
from madang.services.merging.protections import ProtectionMerge
from madang.services.merging.states import dropped_state, known_numbers, state_of
from madang.services.merging.texts import TextMerge
from madang.services.model_registry.guard import Guard
from madang.services.model_registry.reviews import Reviews
from madang.services.tracking import Tracking

_AHEAD = 3_600_000_000  # µs that the clock of another store may go before ours
_FARTHEST = 1_000_000  # how far beyond the numbers that were given one may be claimed


@value
class Adopted:
    """The number of a version here; or, before there is one, the blobs that have to come first."""

    number: int | None = None
    lacks: tuple[str, ...] = ()


class Merging:
    """Thread-safe. Every step may be repeated, and another store may do the same meanwhile.

    A store that takes in (``as_is`` false) signs for what it is told: history says who brought it. One that fetches
    what its hub says keeps that word for word.
    """

    def __init__(self, records: Records, tracking: Tracking, guard: Guard, reviews: Reviews) -> None:
        self._records = records
        self._tracking = tracking
        self._guard = guard
        self._reviews = reviews

    def state(self, who: Principal, project: str, name: str) -> CollectionState:
        """All that is known of a collection. Raises `NotFound`."""
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        return state_of(self._records, project, check_name(name))

    def dropped(self, who: Principal, project: str, name: str) -> CollectionState:
        """What is known of the collection that had a name before it was taken away. Raises `NotFound`."""
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        for one in self._records.tombstones.collections(project):
            if one.name == check_name(name):
                return dropped_state(self._records, one)
        raise NotFound(f"Nothing that was called {name[:200]!r} was taken away from project {project!r}.")

    def drop(self, who: Principal, state: CollectionState) -> Merged:
        """Take a collection away that was taken away in another store, unless it was changed here since.

        A version or the whole of it that was changed stays, and is told.
        """
        place = self._place(who, state)
        self._tracking.catch_up()
        return Merged(findings=tuple(DropMerge(self._records, self._guard, who, place).take_all(state)))

    def claim(self, who: Principal, state: CollectionState) -> None:
        """Keep the numbers that versions have in another store, as far as they are free, until these come.

        Raises:
            Conflict: the name holds versions of another type.
            InvalidInput: a number is far beyond all that were given.
        """
        place = self._place(who, state)
        self._tracking.catch_up()
        row = self._records.versions.collection(*place)
        if any(not 0 <= one.number <= (row.latest if row else 0) + _FARTHEST for one in state.versions):
            raise InvalidInput(f"The numbers of {place[1]!r} are out of all bounds.")
        with self._records.transaction():  # two stores that ask at once must not be given the same numbers
            wanted = self._claims(place, state)
            if (wanted or row is None) and not self._elsewhere(state):
                self._records.versions.claim(*place, state.type, state.created_at or now(), state.first, wanted)

    def _claims(self, place: tuple[str, str], state: CollectionState) -> list[tuple[int, Origin]]:
        """Numbers that were never given here, for versions that are not here; and those of what is here already."""
        known, free = self._numbers(state), self._records.versions.next_number(*place)
        wanted = []
        for one in state.versions:
            claimed = {origin: self._records.versions.placed(origin) for origin in self._own(place[0], one)}
            kept = next((found[2] for found in claimed.values() if found and found[:2] == place), None)
            number = known.get(one.number, one.number if kept is None else kept)
            if one.number in known or kept is not None or number >= free:
                wanted += [(number, origin) for origin, found in claimed.items() if found is None]
        return wanted

    def adopt(
        self,
        who: Principal,
        state: CollectionState,
        entries: Sequence[Entry],
        *,
        is_partial: bool = False,
        as_is: bool = False,
    ) -> Adopted:
        """Make the one version of a state, whose blobs are here, once; ``is_partial``: also without some of them.

        Raises:
            Conflict: the name holds versions of another type, or the version is that of another name here.
            InvalidInput: the files are not those of the digest.
        """
        project, name = self._place(who, state)
        one = state.versions[0]
        self._check(one, entries)
        lacks = [] if one.gone else self._lacking(project, entries)
        if lacks and not is_partial:
            return Adopted(None, tuple(lacks))
        self._tracking.catch_up([one.run] if one.run else [])
        version = VersionRecord(
            project, name, state.type, one.number, one.digest, one.size, one.files, one.created_at,
            one.run if as_is or self._is_of(project, one.run) else "", (), one.description,
            one.metadata, portable_tags(one.tags) | ({GONE: one.gone} if one.gone else {}),
            signed(one.actor, who, as_is) or who.name,
        )  # fmt: skip
        with self._records.transaction():
            known = self._numbers(state).get(one.number)
            if known is not None:
                return Adopted(known)
            made = self._records.versions.adopt(version, entries, self._own(project, one))
            served = self._served(made)
            if served != made.metadata:
                self._records.versions.edit(project, name, made.number, VersionChange(metadata=served))
        self._tracking.version_made(made.run)
        return Adopted(made.number)

    def acknowledge(self, who: Principal, state: CollectionState) -> None:
        """Know of what the hub has done where both have come to the same: the next sync sees that it goes on there."""
        place = self._place(who, state)
        theirs = translated(state, self._numbers(state))
        TextMerge(self._records, who, place, as_is=True, only_same=True).take(theirs)
        PointerMerge(self._records, self._guard, self._reviews, who, place, as_is=True, only_same=True).take(theirs)
        ProtectionMerge(self._records, who, place, as_is=True, only_same=True).take(theirs)

    def merge(self, who: Principal, state: CollectionState, *, as_is: bool = False) -> Merged:
        """Take in what another store has of a collection, once all versions are here that it has.

        A pointer, text or protection that has changed here since both were the same stays, and is told; so does a
        version that was taken away there, where something was done to it here. What a guard protects is asked for.

        Raises:
            Conflict: the name holds versions of another type.
        """
        place = self._place(who, state)
        self._tracking.catch_up()
        elsewhere = self._elsewhere(state)
        if elsewhere:
            return Merged(findings=(Finding(state.name, "renamed", elsewhere),))
        row = self._records.versions.collection(*place)
        if row is None or row.type != state.type:
            self._records.versions.claim(*place, state.type, state.created_at or now(), state.first, [])
        numbers, gone = self._numbers(state), self._gone(state)
        lacks = tuple(one.number for one in state.versions if one.number not in numbers and one.number not in gone)
        if lacks:
            return Merged(numbers, lacks)
        findings = DropMerge(self._records, self._guard, who, place).take(state)
        numbers = self._numbers(state)
        theirs = translated(state, numbers)
        findings += TextMerge(self._records, who, place, as_is=as_is).take(theirs)
        findings += PointerMerge(self._records, self._guard, self._reviews, who, place, as_is=as_is).take(theirs)
        findings += ProtectionMerge(self._records, who, place, as_is=as_is).take(theirs)
        findings += [Finding(f"v{number}", "dropped here", there=number) for number in sorted(gone)]
        findings += [
            Finding(alias, "refused", f"v{number} there was deleted here")
            for alias, number in state.aliases.items()
            if number in gone and not any(map(gone[number].has_heard_of, last_moves(state.moves, alias)))
        ]
        return Merged(numbers, (), tuple(findings))

    # Helpers

    def _place(self, who: Principal, state: CollectionState) -> tuple[str, str]:
        require(who, Permission.WRITE, state.project)
        times = [state.created_at, state.dropped_at, *(one.dropped_at for one in state.dropped)]
        times += [*(one.created_at for one in state.versions), *(one.at for one in state.moves)]
        if not all(0 <= at <= now() + _AHEAD for at in (*times, *(one.at for one in state.notes))):
            raise InvalidInput(f"{state.name[:200]!r} has a time that is still to come.", hint="Set the clock there.")
        check_name(state.type, "type")
        return check_name(state.project, "project"), check_name(state.name)

    def _numbers(self, state: CollectionState) -> dict[int, int]:
        """Our numbers of another store's versions, as far as they are here."""
        return known_numbers(self._records, state)

    def _gone(self, state: CollectionState) -> dict[int, DroppedVersion]:
        """The versions that were taken away here, by the numbers that another store has for them."""
        gone = self._records.tombstones.of_name(state.project, state.name)
        dropped = {(one.digest, one.created_at): one for one in gone}
        found = ((one.number, dropped.get((one.digest, one.created_at))) for one in state.versions)
        return {number: one for number, one in found if one is not None}

    def _elsewhere(self, state: CollectionState) -> str:
        """The name that these versions have here, if nothing has theirs."""
        if self._records.versions.collection(state.project, state.name) is not None:
            return ""
        for one in state.versions:
            for origin in one.origins or (made_at(one),):
                found = self._records.versions.placed(origin)
                if found is not None and found[0] == state.project and "\n" not in found[1] != state.name:
                    return found[1]
        return ""

    def _own(self, project: str, version: VersionState) -> list[Origin]:
        """What a version was made of, without what only the writer of a run elsewhere could say."""
        runs = [origin for origin in version.origins if self._may_be_of(project, origin[0])]
        return runs or [made_at(version)]

    def _may_be_of(self, project: str, origin: str) -> bool:
        run, _, segment = origin.partition("/")
        return is_id(run) and is_id(segment) and self._is_of(project, run, unknown=True)

    def _is_of(self, project: str, run: str, *, unknown: bool = False) -> bool:
        found = self._records.runs.fetch([run]) if run else []
        return found[0].state.project == project if found else unknown and bool(run)

    def _lacking(self, project: str, entries: Sequence[Entry]) -> list[str]:
        digests = dict.fromkeys(entry.digest for entry in entries if entry.is_held)
        return [digest for digest in digests if not self._records.versions.holds_blob(project, digest)]

    @staticmethod
    def _check(version: VersionState, entries: Sequence[Entry]) -> None:
        if len(entries) > MAX_ENTRIES:
            raise TooLarge(f"A version of {len(entries)} files is over the limit of {MAX_ENTRIES}.")
        paths = {check_path(entry.path) for entry in entries}
        for entry in entries:
            if entry.uri:
                check_reference(entry)
            else:
                check_digest(entry.digest)
        if len(paths) != len(entries) or manifest_digest(list(entries)) != version.digest:
            raise InvalidInput(f"The files of v{version.number} are not those of {version.digest[:80]!r}.")

    @staticmethod
    def _served(version: VersionRecord) -> dict[str, Any]:
        """Its metadata with the address at which this store serves the files to clients of MLflow."""
        told = portable_metadata(version.metadata)
        if not isinstance(told.get("mlflow"), dict) or not version.files:
            return told
        place = f"mlflow-artifacts:/versions/{version.project}/{version.name}/v{version.number}/artifacts"
        return {**told, "mlflow": {**told["mlflow"], "location": place}}

"""Versions and collections that another store has taken away: they go here too, unless something was done to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import TypeAlias

from madang.domain.access import Principal
from madang.domain.collection_states import (
    CollectionState,
    DroppedVersion,
    Finding,
    Origin,
    heard_of,
    is_of_collection,
    last_moves,
    made_at,
    note_key,
)
from madang.domain.reviews import PENDING, ModelChange
from madang.domain.versions import VersionRecord
from madang.errors import AccessDenied
from madang.ports.records import Records
from madang.services.changes import note, now
from madang.services.merging.collection_merge import CollectionMerge
from madang.services.model_registry.guard import Guard

_Origins: TypeAlias = Mapping[tuple[str, int], Sequence[Origin]]  # by name and number


class DropMerge(CollectionMerge):
    """Each version is looked at and taken away in one transaction."""

    def __init__(self, records: Records, guard: Guard, who: Principal, place: tuple[str, str]) -> None:
        super().__init__(records, who, place)
        self._guard = guard

    def take(self, theirs: CollectionState) -> list[Finding]:
        """Take the versions away that were taken away there; what became of each that was here."""
        if not theirs.dropped:
            return []
        origins = self._records.versions.origins(self._place[0])
        return [*self._take_here(theirs, origins), *self._take_renamed(theirs, origins)]

    def take_all(self, theirs: CollectionState) -> list[Finding]:
        """Take a whole collection away that was taken away there, unless there is more of it here."""
        origins = self._records.versions.origins(self._place[0])
        return [*self._take_whole(theirs, origins), *self._take_renamed(theirs, origins)]

    def _take_whole(self, theirs: CollectionState, origins: _Origins) -> list[Finding]:
        row = self._records.versions.collection(*self._place)
        if row is None:
            return []
        found = self._take_here(theirs, origins)
        if row.created_at != theirs.created_at and not found:
            return []  # another one, which only has the same name
        if any(one.outcome != "dropped" for one in found):
            return found
        with self._records.transaction():
            since = self._more(theirs)
            if since:
                return [*found, Finding(self._place[1], "conflict", since)]
            try:
                self._guard.check_removal(*self._place, None)
            except AccessDenied as error:
                return [*found, Finding(self._place[1], "refused", error.message)]
            self._records.versions.drop(*self._place, None, theirs.dropped_at, self._who.name)
        return [*found, Finding(self._place[1], "dropped")]

    def _take_here(self, theirs: CollectionState, origins: _Origins) -> list[Finding]:
        gone = {(one.digest, key): one for one in theirs.dropped for key in (one.created_at, *one.origins)}
        found = []
        for version in self._records.versions.versions(*self._place):
            own = set(origins.get((self._place[1], version.number), ()))
            known = (gone.get((version.digest, key)) for key in (version.created_at, *own))
            one = next((one for one in known if one is not None), None)
            if one is not None:
                found.append(self._drop(version, one, own))
        return found

    def _take_renamed(self, theirs: CollectionState, origins: _Origins) -> Iterator[Finding]:
        """Of versions that stand under another name here: that of their collection before it was renamed there."""
        for gone in theirs.dropped:
            places = map(self._records.versions.placed, gone.origins or (made_at(gone),))
            for project, name, number in dict.fromkeys(place for place in places if place is not None):
                if project != self._place[0] or name == self._place[1]:
                    continue
                version = self._records.versions.get(project, name, number)
                if version is not None and version.digest == gone.digest:
                    there = DropMerge(self._records, self._guard, self._who, (project, name))
                    found = there._drop(version, gone, set(origins.get((name, number), ())))
                    yield replace(found, subject=f"{name}:{found.subject}")

    def _drop(self, version: VersionRecord, gone: DroppedVersion, own: Set[Origin]) -> Finding:
        is_of_others = len(own - {*gone.origins, made_at(version)}) > 0
        subject = f"v{version.number}"
        with self._records.transaction():
            if self._records.versions.get(*self._place, version.number) is None:
                return Finding(subject, "dropped")  # by somebody else, just now
            since = "another run has written the same" if is_of_others else self._since(version, gone)
            if since:
                return Finding(subject, "conflict", since)
            try:
                self._guard.check_removal(*self._place, version.number)
            except AccessDenied as error:
                return Finding(subject, "refused", error.message)
            self._records.versions.drop(*self._place, version.number, gone.dropped_at or now(), self._who.name)
            if not any(one.kind == "version" and one.subject == subject for one in self._notes()):
                note(self._records, self._who, self._place, "version", subject, "made", "deleted")
        return Finding(subject, "dropped")

    def _since(self, version: VersionRecord, gone: DroppedVersion) -> str:
        """What was done here to a version that its store had not heard of when it took the version away."""
        row = self._records.versions.collection(*self._place)
        for alias in sorted(alias for alias, at in row.aliases.items() if at == version.number) if row else ():
            last = last_moves(self._records.versions.pointer_history(*self._place)[::-1], alias)
            if alias != "latest" and not any(map(gone.has_heard_of, last)):
                return f"{alias} was moved to it"
        for what, _ in set(heard_of(version.number, (), self._notes())) - set(gone.heard):
            return f"its {what} was changed"
        for one in self._records.registry.requests(*self._place):
            if one.state == PENDING and one.version == version.number:
                return f"request {one.number} wants {one.alias} to be at it"
        return ""

    def _more(self, theirs: CollectionState) -> str:
        """What the collection has that its store had not heard of when it took it away."""
        left = self._records.versions.versions(*self._place)
        if left:
            return f"{', '.join(f'v{one.number}' for one in left[::-1][:5])} came since, or was not known there"
        heard = set(map(note_key, theirs.notes))
        changed = [one for one in self._notes() if is_of_collection(one) and note_key(one) not in heard]
        return f"its {changed[0].kind} was changed" if changed else ""

    def _notes(self) -> list[ModelChange]:
        return self._records.registry.changes(*self._place)

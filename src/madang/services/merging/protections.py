"""Protections of pointers that another store has: taken in from its admins, where nobody changed them here since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from madang.domain.access import Permission
from madang.domain.collection_states import CollectionState, Finding, note_key, order
from madang.domain.reviews import ModelChange, Protection, checked_protection, rule_of
from madang.errors import InvalidInput
from madang.services.merging.collection_merge import CollectionMerge

KIND = "protection"


class ProtectionMerge(CollectionMerge):
    """In one transaction."""

    def take(self, theirs: CollectionState) -> list[Finding]:
        """Take in the protections of ``theirs``; what has changed at both ends, or is for an admin to say."""
        with self._records.transaction():
            here = _by_alias(self._records.registry.protections(*self._place))
            there = _by_alias(theirs.protections)
            own = _notes(self._records.registry.changes(*self._place)[::-1])
            their = _notes(theirs.notes)
            findings = []
            for alias in sorted({*here, *there}):
                found = self._one(alias, here.get(alias), there.get(alias), own.get(alias, []), their.get(alias, []))
                findings += [found] if found is not None else []
            return findings

    def _one(
        self,
        alias: str,
        here: Protection | None,
        there: Protection | None,
        own: Sequence[ModelChange],
        their: Sequence[ModelChange],
    ) -> Finding | None:
        subject = f"{KIND} of {alias}"
        which = order(list(map(note_key, own)), list(map(note_key, their))) if their else "ahead"
        if (here and rule_of(here)) == (there and rule_of(there)):
            if which == "behind" and self._who.level(self._place[0]) >= Permission.ADMIN:
                self._carry(own, their)
            return Finding(subject, "same") if which == "apart" else None
        if self._only_same:
            return None
        if which != "behind":
            return Finding(subject, "newer here" if which == "ahead" else "conflict")
        if self._who.level(self._place[0]) < Permission.ADMIN:
            return Finding(subject, "refused", "only an admin protects pointers")
        try:
            self._put(alias, there)
        except InvalidInput as error:
            return Finding(subject, "refused", error.message)
        self._carry(own, their)
        return None

    def _put(self, alias: str, there: Protection | None) -> None:
        if there is None:
            self._records.registry.unprotect(*self._place, alias)
            return
        actor = self._signed(there.actor)
        self._records.registry.protect(
            checked_protection(replace(there, project=self._place[0], name=self._place[1], actor=actor))
        )

    def _carry(self, own: Sequence[ModelChange], their: Sequence[ModelChange]) -> None:
        known = set(map(note_key, own))
        for one in their:
            if note_key(one) not in known:
                self._records.registry.note(replace(
                    one, project=self._place[0], name=self._place[1], actor=self._signed(one.actor)
                ))  # fmt: skip


def _by_alias(protections: Sequence[Protection]) -> Mapping[str, Protection]:
    return {one.alias: one for one in protections}


def _notes(notes: Sequence[ModelChange]) -> dict[str, list[ModelChange]]:
    found: dict[str, list[ModelChange]] = {}
    for note in notes:
        if note.kind == KIND:
            found.setdefault(note.subject, []).append(note)
    return found

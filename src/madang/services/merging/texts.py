"""Descriptions, tags, metadata and notes of another store: taken in where nobody changed them here since."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from madang.domain.collection_states import (
    OWN_TAGS,
    TEXTS,
    CollectionState,
    Finding,
    Order,
    VersionState,
    note_key,
    order,
)
from madang.domain.reviews import ModelChange
from madang.domain.values import value
from madang.domain.versions import CollectionChange, VersionChange
from madang.formats.mlflow.words import ALIASES
from madang.services.merging.collection_merge import CollectionMerge
from madang.services.merging.states import state_of

GUARDED = TEXTS | {"protection"}
"""Kinds of notes that go along only with what they tell of."""
_SHOWN = 1000  # characters of a text in the history
_Notes: TypeAlias = dict[tuple[str, str], list[ModelChange]]


@value
class _Text:
    """One text of a collection (``number`` None) or version, here and there."""

    number: int | None
    kind: str
    key: str  # of a tag
    here: Any
    there: Any

    def subject(self, name: str) -> str:
        """What notes call it."""
        about = name if self.number is None else f"v{self.number}"
        return f"{about} {self.key}" if self.kind == "tag" else about


class TextMerge(CollectionMerge):
    """In one transaction."""

    def take(self, theirs: CollectionState) -> list[Finding]:
        """Take in the texts of ``theirs``, whose numbers are ours; what has changed at both ends."""
        with self._records.transaction():
            ours = state_of(self._records, *self._place, origins={})
            own, their = _by_subject(ours.notes), _by_subject(theirs.notes)
            findings, taken = [], []
            for text in _texts(ours, theirs):
                about = (text.kind, text.subject(theirs.name))
                which = _order(own.get(about, []), their.get(about, []))
                if text.here == text.there:
                    is_to_know = which == "behind" or (which == "apart" and self._as_is)
                    self._carry(own.get(about, []), their.get(about, []) if is_to_know else [])
                    findings += [Finding(f"{text.kind} of {about[1]}", "same")] if which == "apart" else []
                elif self._only_same:
                    continue
                elif which == "behind":
                    taken.append(text)
                    self._carry(own.get(about, []), their.get(about, []))
                else:
                    outcome = "newer here" if which == "ahead" else "conflict"
                    findings.append(Finding(f"{text.kind} of {about[1]}", outcome))
            self._edit(ours, taken)
            if not self._only_same:
                self._carry([one for one in ours.notes if one.kind not in GUARDED],
                            [one for one in theirs.notes if one.kind not in GUARDED])  # fmt: skip
        return findings

    def _carry(self, own: Sequence[ModelChange], their: Sequence[ModelChange]) -> None:
        known = set(map(note_key, own))
        for one in their:
            if note_key(one) not in known:
                actor = self._signed(one.actor)
                self._records.registry.note(ModelChange(
                    *self._place, one.kind, one.subject[:_SHOWN], one.before[:_SHOWN], one.after[:_SHOWN], actor,
                    one.at, one.reason[:_SHOWN],
                ))  # fmt: skip

    def _edit(self, ours: CollectionState, taken: Sequence[_Text]) -> None:
        for number in dict.fromkeys(text.number for text in taken):
            mine = [text for text in taken if text.number == number]
            said = {text.kind: text.there for text in mine if text.kind != "tag"}
            tags = {text.key: text.there for text in mine if text.kind == "tag"}
            if number is None:
                row = self._records.versions.collection(*self._place)
                assert row is not None
                change = CollectionChange(said.get("description"), _with(row.tags, tags))
                self._records.versions.edit_collection(*self._place, change)
                continue
            version = self._records.versions.get(*self._place, number)
            assert version is not None
            metadata = said.get("metadata")
            own, told = version.metadata.get("mlflow"), (metadata or {}).get("mlflow", {})
            if metadata is not None and isinstance(own, dict) and isinstance(told, dict):
                metadata = {**metadata, "mlflow": {**own, **told}}
            wanted = VersionChange(said.get("description"), metadata, _with(version.tags, tags))
            self._records.versions.edit(*self._place, number, wanted)


def _with(tags: Mapping[str, str], changed: Mapping[str, str | None]) -> dict[str, str] | None:
    """The tags with some others; None: they stay."""
    later = {**tags, **changed}
    return {key: text for key, text in later.items() if text is not None} if changed else None


def _order(own: Sequence[ModelChange], their: Sequence[ModelChange]) -> Order:
    return order(list(map(note_key, own)), list(map(note_key, their)))


def _by_subject(notes: Sequence[ModelChange]) -> _Notes:
    found: _Notes = {}
    for note in notes:
        found.setdefault((note.kind, note.subject), []).append(note)
    return found


def _texts(ours: CollectionState, theirs: CollectionState) -> Iterator[_Text]:
    yield _Text(None, "description", "", ours.description, theirs.description)
    yield from _tags(None, ours.tags, theirs.tags)
    known = {one.number: one for one in ours.versions}
    for one in theirs.versions:
        yield from _of_version(known[one.number], one)


def _of_version(ours: VersionState, theirs: VersionState) -> Iterator[_Text]:
    yield _Text(ours.number, "description", "", ours.description, theirs.description)
    yield _Text(ours.number, "metadata", "", ours.metadata, theirs.metadata)
    yield from _tags(ours.number, ours.tags, theirs.tags)


def _tags(number: int | None, ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[_Text]:
    for key in sorted({*ours, *theirs} - OWN_TAGS):
        there = _both(ours.get(key), theirs.get(key)) if key == ALIASES else theirs.get(key)
        yield _Text(number, "tag", key, ours.get(key), there)


def _both(ours: str | None, theirs: str | None) -> str | None:
    """How clients wrote aliases, in both stores."""
    try:
        return json.dumps({**json.loads(theirs or "{}"), **json.loads(ours or "{}")})
    except (ValueError, TypeError, RecursionError):  # anyone may set a tag
        return ours

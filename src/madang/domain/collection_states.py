"""What is known of a named line of versions, as it travels between two stores, and which of the two goes on from which.

Numbers of versions are each store's own. Two versions are the same by their ``origins`` (the events of segments that
made them), or by their digest and the moment they were made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import Any, Literal, TypeAlias, TypeVar

from madang.domain.reviews import ModelChange, Protection, base_of, checked_alias
from madang.domain.values import value
from madang.domain.versions import GONE, SOURCE, STAGES, PointerChange, VersionRecord
from madang.errors import InvalidInput

K = TypeVar("K")
Origin: TypeAlias = tuple[str, int]
"""``RUN/SEGMENT`` and the sequence of an event; or what `made_at` says of a version that no event has made."""

Order: TypeAlias = Literal["behind", "ahead", "apart"]

OWN_TAGS = frozenset((GONE, SOURCE, "wandb.artifact", "wandb.link"))
"""Tags that speak of one store: its numbers, ids and bytes."""

TEXTS = frozenset(("description", "tag", "metadata"))
CARRIED = TEXTS | {"model", "name", "protection", "rule", "version"}
"""Kinds of notes that go along. What guards have asked for and been told is the matter of each store."""

_SERVED = "mlflow-artifacts:"
_NUMBERED = re.compile(r"v(\d{1,18})(?= |\Z)")


@value
class VersionState:
    """A version, under the number that its store has for it."""

    number: int
    digest: str
    created_at: int  # µs UTC
    run: str = ""
    actor: str = ""
    size: int = 0
    files: int = 0
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()
    gone: str = ""  # why its bytes were removed
    updated_at: int = 0  # µs UTC; each store's own


@value
class DroppedVersion:
    """A version that was taken away, with what its store had heard of it by then (`heard_of`)."""

    number: int  # 0: of an earlier collection of the same name
    digest: str
    created_at: int  # µs UTC
    dropped_at: int  # µs UTC
    origins: tuple[Origin, ...] = ()
    heard: tuple[tuple[str, int], ...] = ()

    def has_heard_of(self, move: PointerChange) -> bool:
        """Whether who took the version away knew that a pointer had been moved to it."""
        return ("pointer " + base_of(move.alias), move.at) in self.heard


@value
class DroppedCollection:
    """A collection that was taken away as a whole."""

    project: str
    name: str
    type: str
    created_at: int  # µs UTC
    dropped_at: int  # µs UTC
    notes: tuple[ModelChange, ...] = ()


@value
class CollectionState:
    """A collection. ``moves`` and ``notes`` are its history, oldest first.

    ``dropped`` are versions that were taken away; with ``dropped_at`` (µs UTC) all of it was.
    """

    project: str
    name: str
    type: str
    created_at: int  # µs UTC
    first: int = 1
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    versions: tuple[VersionState, ...] = ()
    aliases: dict[str, int] = field(default_factory=dict)
    moves: tuple[PointerChange, ...] = ()
    notes: tuple[ModelChange, ...] = ()
    dropped: tuple[DroppedVersion, ...] = ()
    dropped_at: int = 0
    protections: tuple[Protection, ...] = ()


@value
class Finding:
    """What became of one pointer, text, protection or deletion that the two stores have otherwise.

    ``outcome``: `taken`, `newer here` (of the store that was asked), `conflict`, `requested`, `rejected`, `refused`,
    `renamed`, `dropped` (it was taken away as there), `dropped here` (it was before), `older` (a store of an older
    release does not know of it), or `same`: both have come to it by themselves.
    ``here`` and ``there`` are versions of a pointer, both in the numbers of the store that was asked.
    """

    subject: str
    outcome: str
    detail: str = ""
    here: int | None = None
    there: int | None = None


@value
class Merged:
    """What a store has taken in. ``numbers`` are its numbers by the sender's; ``lacks`` the sender's it wants first."""

    numbers: dict[int, int] = field(default_factory=dict)
    lacks: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()


def made_at(version: VersionRecord | VersionState | DroppedVersion) -> Origin:
    """What tells a version that was not made by an event from all others of its collection."""
    return f"made {version.created_at} {version.digest}", 0


def heard_of(number: int, moves: Iterable[PointerChange], notes: Iterable[ModelChange]) -> list[tuple[str, int]]:
    """What a store has heard of a version: the moves of pointers to it, and the changes of its texts."""
    found = [(f"pointer {base_of(move.alias)}", move.at) for move in moves if move.number == number]
    for note in notes:
        named = _NUMBERED.match(note.subject)
        if note.kind in TEXTS and named is not None and int(named[1]) == number:
            found.append((f"{note.kind}{note.subject[named.end() :]}", note.at))
    return found


def last_moves(moves: Sequence[PointerChange], alias: str) -> Sequence[PointerChange]:
    """The last move of an alias, if there is any."""
    return [move for move in moves if move.alias == alias][-1:]


def is_of_collection(note: ModelChange) -> bool:
    """Whether a note tells of a text that no version has."""
    return note.kind in TEXTS and _NUMBERED.match(note.subject) is None


def order(ours: Sequence[K], theirs: Sequence[K]) -> Order:
    """Whether our history is ``behind``: theirs goes on from where it ends. Or ``ahead``, or both went on ``apart``."""
    if not ours or ours[-1] in theirs:
        return "behind"
    return "ahead" if not theirs or theirs[-1] in ours else "apart"


def beyond(ours: Sequence[K], theirs: Sequence[K]) -> Sequence[K]:
    """What theirs has after the end of ours, which is `behind`."""
    if not ours:
        return theirs
    last = max(place for place, item in enumerate(theirs) if item == ours[-1])
    return theirs[last + 1 :]


def group_of(alias: str) -> str:
    """The pointers that are moved together: a version is in one stage at most."""
    return "stage" if alias.partition("/")[0] in STAGES else alias


def key_of(move: PointerChange) -> tuple[str, int | None, int]:
    """What tells one move from another in both stores, whoever is said to have made it."""
    return move.alias, move.number, move.at


def note_key(note: ModelChange) -> tuple[str, str, str, int]:
    """The same of a note."""
    return note.kind, note.subject, note.after, note.at


def portable_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags without those that speak of one store."""
    return {key: text for key, text in tags.items() if key not in OWN_TAGS}


def portable_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without the address at which one store serves the files."""
    told = metadata.get("mlflow")
    if not isinstance(told, dict) or not str(told.get("location", "")).startswith(_SERVED):
        return dict(metadata)
    return {**metadata, "mlflow": {key: text for key, text in told.items() if key != "location"}}


def translated(state: CollectionState, numbers: Mapping[int, int]) -> CollectionState:
    """The same in another store's numbers. What speaks of a version that it does not have is left out."""
    moves = (_move(one, numbers) for one in state.moves)
    notes = (_note(one, numbers) for one in state.notes if one.kind in CARRIED)
    aliases = {
        named: numbers[number]
        for alias, number in state.aliases.items()
        if number in numbers and (named := _alias(alias, numbers))
    }
    return replace(
        state,
        versions=tuple(replace(one, number=numbers[one.number]) for one in state.versions if one.number in numbers),
        aliases=aliases,
        moves=tuple(one for one in moves if one is not None),
        notes=tuple(one for one in notes if one is not None),
    )


def _alias(alias: str, numbers: Mapping[int, int]) -> str:
    """Further versions of a stage hold ``production/3``. Empty: that version is not there, or no alias is called so."""
    stage, _, number = alias.partition("/")
    if stage not in STAGES or not number.isdecimal():
        with suppress(InvalidInput):
            return alias if checked_alias(alias) == alias else ""
        return ""
    return f"{stage}/{numbers[int(number)]}" if int(number) in numbers else ""


def _move(move: PointerChange, numbers: Mapping[int, int]) -> PointerChange | None:
    alias = _alias(move.alias, numbers)
    if not alias or (move.number is not None and move.number not in numbers):
        return None
    number = None if move.number is None else numbers[move.number]
    before = None if move.before is None else numbers.get(move.before)
    return replace(move, alias=alias, number=number, before=before)


def _note(note: ModelChange, numbers: Mapping[int, int]) -> ModelChange | None:
    found = _NUMBERED.match(note.subject)
    if found is None or note.kind in ("model", "name"):
        return note
    if int(found[1]) not in numbers:
        return None
    return replace(note, subject=f"v{numbers[int(found[1])]}{note.subject[found.end() :]}")

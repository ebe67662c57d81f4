"""Whether a hub has what is here of a name: versions, texts, pointers and protections, each under our numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from madang.client.sync import same
from madang.domain.collection_states import CollectionState, VersionState, translated
from madang.domain.reviews import rule_of
from madang.domain.values import value
from madang.formats.mlflow.words import ALIASES

_TEXTS = ("description", "metadata", "gone")


@value
class NameCheck:
    """What of one name is not the same on the hub; nothing where it is."""

    project: str
    name: str
    type: str
    differs: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the hub has all of it."""
        return not self.differs


def compared(ours: CollectionState, theirs: CollectionState | None) -> NameCheck:
    """What the hub has otherwise, or not. Versions that it has beside ours are no difference, pointers at them are."""
    found = NameCheck(ours.project, ours.name, ours.type)
    if theirs is None:
        return replace(found, differs=("it is not there",))
    if theirs.type != ours.type:
        return replace(found, differs=(f"its type there is {theirs.type}",))
    return replace(found, differs=tuple(_differences(ours, theirs)))


def _differences(ours: CollectionState, theirs: CollectionState) -> Iterator[str]:
    numbers = _numbers(ours, theirs)
    there = {one.number: one for one in translated(theirs, numbers).versions}
    yield from _texts("", ours, theirs, ("description",))
    for one in ours.versions:
        if one.number not in there:
            yield f"v{one.number} is not there"
        else:
            yield from _texts(f"v{one.number}: ", one, there[one.number], _TEXTS)
    yield from _pointers(ours.aliases, theirs.aliases, numbers)
    rules, others = ({one.alias: rule_of(one) for one in state.protections} for state in (ours, theirs))
    yield from (f"protection of {alias}" for alias in sorted(_unlike(rules, others)))
    gone = {(one.digest, one.created_at) for one in ours.dropped}
    yield from (
        f"v{one.number} (its number there) was deleted here"
        for one in theirs.versions
        if (one.digest, one.created_at) in gone
    )


def _texts(where: str, ours: Any, theirs: Any, names: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{where}{name}" for name in names if not same(getattr(ours, name), getattr(theirs, name)))
    yield from (f"{where}tag {key}" for key in sorted(_unlike(ours.tags, theirs.tags)) if key != ALIASES)


def _unlike(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    return [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]


def _pointers(ours: Mapping[str, int], theirs: Mapping[str, int], numbers: Mapping[int, int]) -> Iterator[str]:
    for alias in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(alias), theirs.get(alias)
        if there is None or numbers.get(there) != here:
            yield f"{alias} is at {_version(here)} here, at {_version(there, numbers)} there"


def _version(number: int | None, numbers: Mapping[int, int] | None = None) -> str:
    if number is None:
        return "nothing"
    if numbers is None:
        return f"v{number}"
    return f"v{numbers[number]}" if number in numbers else "another version"


def _numbers(ours: CollectionState, theirs: CollectionState) -> dict[int, int]:
    """Our numbers of their versions, as far as they are here."""
    made: dict[object, int] = {}
    for one in reversed(ours.versions):
        made.update(dict.fromkeys([(one.digest, one.run), (one.digest, one.created_at), *one.origins], one.number))
    return {one.number: number for one in theirs.versions if (number := _known(one, made)) is not None}


def _known(one: VersionState, made: Mapping[object, int]) -> int | None:
    for key in (*one.origins, (one.digest, one.created_at)):
        if key in made:
            return made[key]
    return made.get((one.digest, one.run)) if one.run else None

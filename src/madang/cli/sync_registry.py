"""The part of `madang sync` that is about versions, models and their pointers: what is told of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from madang.domain.collection_states import Finding
    from madang.workspace.moving.registry_sync import Moved

_SHOWN = 5  # numbers that differ, of one name


def tell(moved: Iterable[Moved], address: str, *, back: bool = False) -> bool:
    """Print what became of each name; whether all is well."""
    found = list(moved)
    sent = [item for item in found if item.versions]
    if sent:
        count, size = sum(item.versions for item in sent), sum(item.bytes for item in sent)
        what = "came" if back else "were sent"
        click.echo(f"{count} versions of {len(sent)} artifacts and models {what}: {size} bytes")
    for item in found:
        for line in _lines(item, address, back=back):
            output.note(f"{item.type or 'artifact'} {output.printable(item.name)}: {line}")
    return all(item.ok for item in found)


def body(moved: Iterable[Moved]) -> list[dict[str, Any]]:
    """What became of each name, as JSON has it."""
    return [{**asdict(item), "numbers": {f"v{one}": f"v{other}" for one, other in item.numbers.items()}}
            for item in moved]  # fmt: skip


def _lines(item: Moved, address: str, *, back: bool) -> list[str]:
    lines = [item.error] if item.error else []
    pairs = [f"v{here} here is v{there} there" for here, there in sorted(item.numbers.items()) if here != there]
    if pairs and (item.versions or item.findings):
        more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
        lines.append(f"on {address} {', '.join(pairs[:_SHOWN])}{more}")
    if item.missing:
        lines.append(f"{len(item.missing)} files are named but not in this store, e.g. {item.missing[0]}")
    if item.left:
        lines.append(f"the files of {item.left} versions stay on {address}: no stage or alias is at them")
    for one in item.findings:
        text = _back(one, item, address) if back else _there(one, item, address)
        if text:
            lines.append(text)
    return lines


def _there(one: Finding, item: Moved, address: str) -> str:
    """What a hub answered: its ``here`` is the hub, and the numbers are the hub's."""
    to_us = {there: here for here, there in item.numbers.items()}
    match one.outcome:
        case "taken":
            return ""
        case "newer here":
            return f"{_as_it_is(one)} on {address} meanwhile; `madang sync --fetch` brings that here"
        case "dropped":
            return f"{one.subject} was deleted on {address} too"
        case "dropped here":
            return f"{one.subject} was deleted on {address}; `madang sync --fetch` takes it away here too"
        case "conflict":
            if one.here is None and one.there is None:
                return _parted(one, "here", f"on {address}")
            follow = _command(item.name, None if one.here is None else to_us.get(one.here), one.subject)
            if one.here is not None and one.here not in to_us:
                follow = "`madang sync --fetch` brings it"
            return (
                f"{_at(one.subject, one.here)} on {address}{_by(one)}, and at {_version(one.there)} (its number there)"
                f" by what was done here: nothing was done. To follow the hub: {follow}; to have it follow:"
                f" MADANG_HUB={address} {_command(item.name, one.there, one.subject)}"
            )
        case "renamed":
            return f"it is {one.detail!r} on {address}; rename it on one side, and sync again"
        case "older" if one.subject != item.name:
            return f"{address} is of an older release: the {one.subject} stay here"
        case "older":
            return f"{address} is of an older release and takes runs alone; artifacts and models stay here"
        case _:
            return _refused(one, f"on {address}")


def _back(one: Finding, item: Moved, address: str) -> str:
    """What this store answered to the state of the hub: all numbers are ours."""
    match one.outcome:
        case "taken":
            return f"{_at(one.subject, one.there)} now, as on {address}"
        case "newer here":
            return f"{_as_it_is(one)} here since; `madang sync` sends that"
        case "dropped":
            return f"{one.subject} was deleted here, as on {address}"
        case "dropped here":
            return f"{one.subject} (its number on {address}) was deleted here; `madang sync` sends that"
        case "conflict":
            if one.here is None and one.there is None:
                return _parted(one, f"on {address}", "here")
            return (
                f"{_at(one.subject, one.here)} here and at {_version(one.there)} on {address}: nothing was done. To"
                f" follow the hub: {_command(item.name, one.there, one.subject)}"
            )
        case "renamed":
            return f"it is {one.detail!r} here; rename it on one side"
        case _:
            return _refused(one, "here")


def _is_pointer(one: Finding) -> bool:
    """Else it is about a text, a protection, or something that was deleted."""
    return one.here is not None or one.there is not None


def _as_it_is(one: Finding) -> str:
    return _at(one.subject, one.here) if _is_pointer(one) else f"the {one.subject} was changed"


def _parted(one: Finding, there: str, here: str) -> str:
    """Of what is no pointer, ``here`` being where it was decided."""
    if one.detail:
        return (f"{one.subject} was deleted {there}, and {one.detail} {here}: nothing was done. Delete it {here} too,"
                " or make it anew as another version")  # fmt: skip
    return (f"the {one.subject} has changed {there} and {here}: nothing was done. Change one of them to what the other"
            " one is, and sync again")  # fmt: skip


def _refused(one: Finding, here: str) -> str:
    if not _is_pointer(one):
        return f"the {one.subject} was not changed {here}: {one.detail}"
    return f"{_at(one.subject, one.here)} {here} and was not moved to {_version(one.there)}: {one.detail}"


def _at(subject: str, number: int | None) -> str:
    return f"{subject} is at {_version(number)}"


def _by(one: Finding) -> str:
    return f" ({one.detail})" if one.detail else ""


def _version(number: int | None) -> str:
    return "nothing" if number is None else f"v{number}"


def _command(name: str, number: int | None, pointer: str) -> str:
    from madang.domain.versions import STAGES

    if pointer.partition("/")[0] in STAGES:
        return f"`madang models promote {name}:v{number} {pointer}`" if number is not None else f"take {pointer} away"
    remove = " --remove" if number is None else ""
    ref = name if number is None else f"{name}:v{number}"
    return f"`madang models alias {ref} {pointer}{remove}`"

"""Where the pointers of models stood at a time, and the moves that bring them back there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from madang.domain.releases import Model
from madang.domain.versions import STAGES, AliasMove, PointerChange
from madang.ports.reader import Reader
from madang.ports.versions import CollectionRow


def pointers_at(history: Iterable[PointerChange], moment: int) -> dict[str, int]:
    """Which version each alias pointed at, at a time (µs UTC)."""
    found: dict[str, int] = {}
    for change in sorted(history, key=lambda one: one.at):
        if change.at > moment or not change.alias:
            continue
        if change.number is None:
            found.pop(change.alias, None)
        else:
            found[change.alias] = change.number
    return found


def moves_to(reader: Reader, wanted: Mapping[tuple[str, str], Mapping[str, int]]) -> list[AliasMove]:
    """The moves that bring the aliases of models, by (project, name), to the wanted ones; others go away.

    A version is taken out of a stage before another one comes in.
    """
    gone: list[AliasMove] = []
    come: list[AliasMove] = []
    for row in reader.models():
        aliases = wanted.get((row.project, row.name))
        if aliases is None:
            continue
        now = {alias: number for alias, number in row.aliases.items() if alias != "latest"}
        for alias in sorted(now.keys() | aliases.keys()):
            if now.get(alias) == aliases.get(alias):
                continue
            move = AliasMove(row.project, row.name, alias, aliases.get(alias), now.get(alias))
            (gone if move.number is None else come).append(move)
    return [*gone, *come]


def are_made(reader: Reader, moves: Iterable[AliasMove], reason: str) -> bool:
    """Whether moves were made for a reason that no others have; all of them are made or none."""
    return any(
        change.reason == reason and (change.alias, change.number) == (move.alias, move.number)
        for move in moves
        for change in reader.pointer_history(move.project, move.name)
    )


def at_time(reader: Reader, moment: int) -> dict[tuple[str, str], dict[str, int]]:
    """The pointers of every model at a time. A model whose first version is newer is left as it is."""
    found = {}
    for row in reader.models():
        history = reader.pointer_history(row.project, row.name)
        if row.created_at <= moment:
            found[row.project, row.name] = pointers_at(history, moment)
    return found


def of_release(models: Iterable[Model]) -> dict[tuple[str, str], dict[str, int]]:
    """The pointers that a release names."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for model in models:
        found.setdefault((model.project, model.name), {})[model.alias] = model.number
    return found


def of_run(reader: Reader, refs: Iterable[str], project: str, moment: int) -> dict[tuple[str, str], dict[str, int]]:
    """The pointers at the end of a run, with production at the models that it wrote itself."""
    found = at_time(reader, moment)
    for ref in refs:
        version = reader.resolve(project, ref)
        if version.type == "model":
            aliases = {
                alias: number
                for alias, number in found.get((project, version.name), {}).items()
                if number != version.number or alias not in STAGES
            }
            found[project, version.name] = {**aliases, "production": version.number}
    return found


def current(rows: Iterable[CollectionRow], reader: Reader) -> tuple[Model, ...]:
    """What the aliases of models point at now, for a release."""
    return tuple(
        Model(row.project, row.name, alias, number, reader.resolve(row.project, f"{row.name}:v{number}").digest)
        for row in rows
        for alias, number in sorted(row.aliases.items())
        if alias != "latest"
    )

"""Settings files of two runs: which values differ, and a file that has some of the one and some of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from madang.domain.causes import Change, Part, is_seed, same
from madang.errors import InvalidInput
from madang.formats.dvc import parameters
from madang.formats.dvc.overrides import Override
from madang.formats.dvc.parameters_editing import edited


def differing(path: str, old: bytes, new: bytes) -> list[Change] | None:
    """The values that differ between two texts of a settings file; None when it cannot be read as one."""
    try:
        one, other = (_flat(parameters.parse(body, path)) for body in (old, new))
    except InvalidInput:
        return None
    return [
        Change(f"{path}:{key}", one.get(key), other.get(key))
        for key in sorted(one.keys() | other.keys())
        if not same(one.get(key), other.get(key))
    ]


def is_list(path: str, changes: Sequence[Change]) -> bool:
    """Whether a file holds no named values but a list: rows of data, though its name is that of a settings file."""
    return [change.what for change in changes] == [f"{path}:"]


def part_of(change: Change) -> Part:
    """Whether a changed value of a settings file is a seed or another parameter."""
    return "seed" if is_seed(change.what.rpartition(":")[2].rpartition(".")[2]) else "params"


def mixed(path: str, old: bytes, new: bytes, chosen: frozenset[Part]) -> bytes | None:
    """The earlier text with the values of the chosen parts of the later one; None when it cannot be made."""
    changes = differing(path, old, new)
    if changes is None:
        return None
    taken = [change for change in changes if part_of(change) in chosen]
    if len(taken) in (0, len(changes)):
        return new if taken else old
    keys = [change.what.removeprefix(f"{path}:") for change in taken]
    steps = [_step(path, key, change) for key, change in zip(keys, taken, strict=True)]
    try:
        made = edited(old, path, steps)
        found = _flat(parameters.parse(made, path))
        one, other = (_flat(parameters.parse(body, path)) for body in (old, new))
    except InvalidInput:
        return None
    wanted = {key: other.get(key) if key in keys else one.get(key) for key in one.keys() | other.keys()}
    is_right = all(same(found.get(key), item) for key, item in wanted.items())
    return made if is_right and found.keys() <= wanted.keys() else None


def _step(path: str, key: str, change: Change) -> Override:
    if change.new is None:
        return Override(path, key, "delete", None, has_value=False)
    return Override(path, key, "force", change.new)


def _flat(value: Any, above: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {above: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= _flat(item, f"{above}.{key}" if above else str(key))
    return found

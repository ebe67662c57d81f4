"""Values of files at several revisions, side by side: what params and metrics have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.errors import MadangError
from madang.workspace.pipelines.states import State


@mutable
class Values:
    """What one revision says: values by file (relative to the repository's root), and what could not be read."""

    files: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, MadangError] = field(default_factory=dict)  # by file
    error: MadangError | None = None  # nothing could be read at all

    @property
    def is_whole(self) -> bool:
        """Whether everything could be read."""
        return not self.errors and self.error is None


Change = dict[str, Any]
"""``old``, ``new`` and, of two numbers, ``diff``."""


def gather(state: State, files: Callable[[State], Iterable[tuple[str, Callable[[], Any]]]]) -> Values:
    """Read what ``files`` gives: (path, what reads its values). What fails is kept as an error."""
    found = Values()
    try:
        for path, read in files(state):
            try:
                found.files[path] = read()
            except MadangError as error:
                found.errors[path] = error
    except MadangError as error:
        return Values(error=error)
    return found


def differences(old: Values, new: Values, *, unchanged: bool = False) -> dict[str, dict[str, Change]]:
    """File → key (parts joined with dots; empty for a file that is one value) → change; sorted.

    Lists are compared and shown as text, as dvc does. With ``unchanged`` also what is the same.
    """
    found = {}
    for path in sorted(old.files.keys() | new.files.keys()):
        changes = _changes(old.files.get(path, {}), new.files.get(path, {}), unchanged)
        if changes:
            found[path] = changes
    return found


def _changes(old: Any, new: Any, unchanged: bool) -> dict[str, Change]:
    before, after = _flat_or_none(_parsed(old)), _flat_or_none(_parsed(new))
    if not isinstance(_parsed(old), Mapping) and not isinstance(_parsed(new), Mapping):
        change = _change(_parsed(old), _parsed(new), unchanged)
        return {"": change} if change else {}
    found = {}
    for key in sorted({**(before or {}), **(after or {})}):
        change = _change(
            "unable to parse" if before is None else before.get(key),
            "unable to parse" if after is None else after.get(key),
            unchanged,
        )
        if change:
            found[key] = change
    return found


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _flat_or_none(value: Any) -> dict[str, Any] | None:
    """None for a value that is no mapping; an empty value counts as an empty mapping."""
    if not value:
        return {}
    return flattened(value) if isinstance(value, Mapping) else None


def _change(old: Any, new: Any, unchanged: bool) -> Change:
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new) == 1:
        return _change(old[0], new[0], unchanged)
    if not unchanged and old == new:
        return {}
    change = {"old": old, "new": new}
    if isinstance(old, int | float) and isinstance(new, int | float):
        change["diff"] = new - old
    return change


def flattened(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """One level: keys joined with dots, lists as text; empty mappings vanish."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found.update(flattened(value, f"{name}."))
        else:
            found[name] = str(value) if isinstance(value, list) else value
    return found

"""Metrics that a command writes into JSON files, as DVC's metrics files: numbers at the leaves."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.errors import InvalidInput
from madang.formats.dvc import parameters
from madang.workspace.neighbours import Neighbours

DEFAULT = "metrics.json"
MAX_SIZE = 16 << 20  # bytes of one file
_State = tuple[int, int, int]


@mutable
class FoundMetrics:
    """What was read: values by key, the files, and what was wrong with others."""

    values: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class MetricFiles:
    """Files that fit some patterns, and which of them are written from now on."""

    def __init__(self, folder: str, patterns: Sequence[str], store: str = "") -> None:
        """With a ``store``, other commands that are recorded there are told of, when they ran here meanwhile."""
        self.folder = folder
        self._neighbours = Neighbours(store, folder) if store else None
        self.given = bool(patterns)
        self.patterns = list(patterns) or [DEFAULT]
        self._before = {path: _state(path) for path in self._paths()}

    def _paths(self) -> list[str]:
        found: dict[str, None] = {}
        for pattern in self.patterns:
            whole = os.path.join(self.folder, pattern)
            names = [whole] if os.path.exists(whole) else sorted(glob.glob(whole, recursive=True))
            found.update(dict.fromkeys(name for name in names if os.path.isfile(name)))
        return list(found)

    def read(self) -> FoundMetrics:
        """Read the files written since this object was made. With two of them, keys get the file's name before them."""
        found = FoundMetrics()
        written = [path for path in self._paths() if _state(path) != self._before.get(path)]
        parts: dict[str, dict[str, Any]] = {}
        for path in written:
            name = os.path.relpath(path, self.folder)
            try:
                parts[name] = read_metrics(path)
            except (OSError, ValueError, RecursionError, InvalidInput) as error:
                found.problems.append(f"{name} is not a file of metrics: {error}")
        for name, values in parts.items():
            stem = os.path.splitext(name)[0]
            found.values.update(values if len(parts) == 1 else {f"{stem}/{key}": item for key, item in values.items()})
            found.files.append(name)
        if self.given and not written:
            found.problems.append(f"the command wrote no file that fits {', '.join(self.patterns)}")
        if found.values and self._neighbours is not None and self._neighbours.were_there():
            found.problems.append(
                f"other commands ran in this folder meanwhile, and may have written {', '.join(found.files)} last:"
                " let each write a file of its own, or log its numbers"
            )
        return found

    def close(self) -> None:
        """Be no neighbour of other commands any more."""
        if self._neighbours is not None:
            self._neighbours.close()


def read_metrics(path: str) -> dict[str, Any]:
    """The numbers (and truth values) of one file of JSON, YAML or TOML; nested keys are joined by ``/``.

    Raises:
        ValueError: too large, or not a JSON object. InvalidInput: not such YAML or TOML.
        OSError: it cannot be read.
    """
    if os.path.getsize(path) > MAX_SIZE:
        raise ValueError(f"it is larger than {MAX_SIZE >> 20} MiB")
    if path.endswith((".yaml", ".yml", ".toml")):
        with open(path, "rb") as body:
            value = parameters.parse(body.read(), path)
    else:
        with open(path, encoding="utf-8-sig") as file:
            value = json.load(file)
    if not isinstance(value, dict):
        raise ValueError("it holds no mapping")
    return dict(_leaves(value, ""))


def _leaves(value: dict[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _leaves(item, f"{before}{key}/")
        elif isinstance(item, bool | int | float):
            yield before + key, item


def _state(path: str) -> _State | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def tree_state(path: str) -> list[tuple[str, int, int, int]]:
    """What tells whether a file, or anything in a folder, has been written since; empty where nothing is."""
    found = []
    inner = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    for name in sorted(inner) if os.path.isdir(path) else [path]:
        try:
            facts = os.stat(name)
        except OSError:
            continue
        found.append((name, facts.st_ctime_ns, facts.st_size, facts.st_ino))
    return found

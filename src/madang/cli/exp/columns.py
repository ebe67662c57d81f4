"""The columns of `exp show`: metrics, parameters and dependencies of all rows under names of their own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from madang.domain.values import mutable, value
from madang.errors import InvalidInput
from madang.workspace.pipelines.values import flattened

if TYPE_CHECKING:
    from madang.workspace.experiments.table import Row
    from madang.workspace.pipelines.values import Values

FIXED = ("Experiment", "rev", "typ", "Created", "parent", "State", "Executor")


@value
class Style:
    """How cells look."""

    precision: int | None
    nothing: str = "-"
    error: str = "!"
    iso: bool = False  # times
    whole: bool = True  # hashes


@mutable
class Columns:
    """What the columns after the fixed ones are: header → (kind, file, key)."""

    metrics: dict[str, tuple[str, str]] = field(default_factory=dict)  # header → file, key
    params: dict[str, tuple[str, str]] = field(default_factory=dict)
    deps: list[str] = field(default_factory=list)

    @property
    def headers(self) -> list[str]:
        """All of them."""
        return [*FIXED, *self.metrics, *self.params, *self.deps]

    def sort_key(self, name: str) -> tuple[str, str, str]:
        """(kind, file, key) of the metric or parameter that a user calls so, with its file before it or without.

        Raises:
            InvalidInput: there is none, or there are several.
        """
        every = [("metrics", *one) for one in self.metrics.values()] + [
            ("params", *one) for one in self.params.values()
        ]
        found = [one for one in every if name in (one[2], f"{one[1]}:{one[2]}", f":{one[2]}")]
        if len(found) != 1:
            text = "are several" if found else "is no"
            raise InvalidInput(f"There {text} {name!r} to sort by.", hint="Name the file: metrics.json:acc.")
        return found[0]


def columns_of(rows: Sequence[Row]) -> Columns:
    """The columns that some rows (and their experiments) need."""
    every = [one for row in rows for one in (row, *row.rows)]
    metrics, params = _keys(row.metrics for row in every), _keys(row.params for row in every)
    known = Counter(key for found in {**metrics, **params}.values() for key in found)
    known.update(FIXED)
    return Columns(_named(metrics, known), _named(params, known), sorted({path for row in every for path in row.deps}))


def _keys(found: Iterable[Values]) -> dict[str, list[str]]:
    keys: dict[str, dict[str, None]] = {}
    for values in found:
        for file in (*values.files, *values.errors):
            keys.setdefault(file, {}).update(dict.fromkeys(flat(values, file)))
    return {file: list(names) for file, names in keys.items()}


def flat(values: Values, file: str) -> dict[str, Any]:
    """The values of a file by key; of a file that is one value under its own name."""
    held = values.files.get(file, {})
    return flattened(held) if isinstance(held, dict) else {file: held}


def _named(keys: Mapping[str, list[str]], known: Counter[str]) -> dict[str, tuple[str, str]]:
    return {key if known[key] == 1 else f"{file}:{key}": (file, key) for file, names in keys.items() for key in names}


def cells(rows: Sequence[Row], columns: Columns, style: Style) -> Iterator[list[str]]:
    """The cells of each row and of its experiments."""
    for row in rows:
        shown = row.name or (row.rev[:7] if row.at is not None else row.rev)
        yield ["", shown, "baseline", *_rest(row, columns, style)]
        for index, one in enumerate(row.rows):
            kind = "branch_base" if index == len(row.rows) - 1 else "branch_commit"
            yield [one.name, one.rev[:7], kind, *_rest(one, columns, style)]


def _rest(row: Row, columns: Columns, style: Style) -> Iterator[str]:
    yield _time(row.at, style)
    yield ""
    yield row.state.capitalize() or style.nothing
    yield row.executor.capitalize() or style.nothing
    for values, named in ((row.metrics, columns.metrics), (row.params, columns.params)):
        for file, key in named.values():
            value = flat(values, file).get(key)
            lacking = style.error if file in values.errors else style.nothing
            yield lacking if value is None else _text(value, style.precision)
    for path in columns.deps:
        digest = row.deps.get(path, {}).get("hash")
        yield (digest if style.whole else digest[:7]) if digest else style.nothing


def _time(at: int | None, style: Style) -> str:
    if at is None:
        return style.nothing
    moment = time.localtime(at)
    if style.iso:
        return time.strftime("%Y-%m-%dT%H:%M:%S", moment)
    is_today = moment[:3] == time.localtime()[:3]
    return time.strftime("%I:%M %p" if is_today else "%b %d, %Y", moment)


def _text(value: Any, precision: int | None) -> str:
    return f"{value:.{precision}g}" if isinstance(value, float) and precision else str(value)

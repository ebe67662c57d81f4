"""Data of plots as rows: what files hold, which fields are x and y, and how rows of several files come together.

The rules are dvc's, so that the same ``dvc.yaml`` gives the same plots. A row is a mapping of fields to values, with
``rev``, ``filename`` and ``field`` added: which revision, file and y field it is of.
"""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.errors import InvalidInput
from madang.formats.dvc import parameters

IMAGES = frozenset({".jpg", ".jpeg", ".gif", ".png", ".svg"})
_DATA = frozenset({".json", ".yaml", ".yml", ".csv", ".tsv", ".toml", ".py"})
STEP = "step"
JOINED_X, JOINED_Y = "dvc_inferred_x_value", "dvc_inferred_y_value"

Row = dict[str, Any]
Properties = Mapping[str, Any]
"""As in dvc.yaml: ``x``, ``y``, ``template``, ``title``, ``x_label``, ``y_label``."""


def is_image(path: str) -> bool:
    """Whether a plot is a picture, told by its name."""
    return os.path.splitext(path)[1] in IMAGES


def parse(body: bytes, path: str, *, header: bool = True) -> Any:
    """What a data file holds. ``header``: the first line of CSV and TSV names the columns, else they are numbered.

    Raises:
        InvalidInput: a kind of file that no plot can be made from, or it cannot be read as what its name says.
    """
    kind = os.path.splitext(path)[1]
    if kind not in _DATA:
        raise InvalidInput(
            f"{path!r} is no file that a plot can be made from.", hint="JSON, YAML, CSV, TSV and pictures can be."
        )
    if kind not in (".csv", ".tsv"):
        return parameters.parse(body, path)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text.") from None
    delimiter = "\t" if kind == ".tsv" else ","
    lines = io.StringIO(text, newline="")
    try:
        if header:
            return list(csv.DictReader(lines, delimiter=delimiter))
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        return list(csv.DictReader(lines, [str(at) for at in range(len(first))], delimiter=delimiter))
    except csv.Error as error:
        raise InvalidInput(f"{path} cannot be read as a table: {error}.") from None


def sources(name: str, properties: Properties) -> list[str]:
    """The files that a plot is made from: those that ``x`` and ``y`` name, or the one that the plot is named after."""
    y, x = properties.get("y"), properties.get("x")
    found = list(y) if isinstance(y, Mapping) else [name]
    if isinstance(x, Mapping):
        found.extend(list(x)[:1])
    return list(dict.fromkeys(found))


@mutable
class Table:
    """The rows of one revision and what is known of them; ``properties`` is empty when there are no rows."""

    rows: list[Row] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)


def table(name: str, properties: Properties, contents: Mapping[str, Any], revision: str) -> Table:
    """Rows of a plot. ``contents``: what the files hold, by path.

    Raises:
        InvalidInput: a field that the data lacks, or files whose rows cannot be put side by side.
    """
    known = {**properties, **_inferred(name, properties, contents)}
    known["y_label"] = _label(known, "y")
    known["x_label"] = _label(known, "x")
    rows_of = {file: rows(content) for file, content in contents.items()}
    xs, ys = list(_fields(known.get("x"), rows_of)), list(_fields(known.get("y"), rows_of))
    if len(xs) > 1 and len(xs) != len(ys):
        raise InvalidInput(f"{name!r} has {len(xs)} sources of x and {len(ys)} of y; they must be as many.")
    joins_x = len({x for _, x in xs}) > 1
    joins_y = len({y for _, y in ys}) > 1
    x_name = JOINED_X if joins_x else xs[0][1] if xs else STEP
    short = _short_names([file for file, _ in ys])
    found: list[Row] = []
    for at, (file, y) in enumerate(ys):
        own = [dict(row) for row in rows_of.get(file, ())]
        if joins_y:
            _copy_field(own, JOINED_Y, own, y)
        if not xs:
            for index, row in enumerate(own):
                row[STEP] = index
        else:
            x_file, x = xs[at] if len(xs) > 1 else xs[0]
            given = rows_of.get(x_file, [])
            if len(given) != len(own):
                raise InvalidInput(f"{x!r} of {x_file!r} and {y!r} of {file!r} have not the same number of values.")
            _copy_field(own, x_name, given, x)
        for row in own:
            row.update(rev=revision, filename=short[file], field=y)
        found.extend(own)
    if not found:
        return Table()
    known.update(
        x=x_name,
        y=JOINED_Y if joins_y else ys[0][1],
        anchors_y_definitions=[{"filename": short[file], "field": y} for file, y in ys],
    )
    return Table(found, known)


def _inferred(name: str, properties: Properties, contents: Mapping[str, Any]) -> dict[str, Any]:
    """``x`` and ``y`` as mappings of files to fields."""
    x, y = properties.get("x"), properties.get("y")
    found: dict[str, Any] = {}
    if isinstance(x, str):
        found["x"] = {name: x}
        if isinstance(y, Mapping):
            found["x"] = {file: [x] * len(one) if isinstance(one, list) else x for file, one in y.items()}
    if y is None:
        found["y"] = _last_field(name, contents)
    elif not isinstance(y, Mapping):
        found["y"] = {name: y}
    return found


def _last_field(name: str, contents: Mapping[str, Any]) -> dict[str, str] | None:
    for one in _lists(contents[name]) if name in contents else ():
        if one and all(isinstance(item, Mapping) for item in one) and one[0]:
            return {name: str(list(one[0])[-1])}
    return None


def _label(properties: Properties, axis: str) -> str | None:
    label = properties.get(f"{axis}_label")
    if label is not None:
        return str(label)
    given = properties.get(axis)
    if not isinstance(given, Mapping):
        return STEP if axis == "x" else None
    names = {name for _, name in _pairs(given)}
    return names.pop() if len(names) == 1 else axis


def _pairs(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for file, names in given.items():
        for name in names if isinstance(names, list) else [names]:
            yield file, name


def _fields(given: Any, rows_of: Mapping[str, Sequence[Row]]) -> Iterator[tuple[str, str]]:
    if not isinstance(given, Mapping):
        return
    for file, name in _pairs(given):
        if rows_of.get(file) and name not in rows_of[file][0]:
            fields = ", ".join(map(str, rows_of[file][0]))
            raise InvalidInput(f"{file!r} has no field {name!r}.", hint=f"It has {fields}.")
        yield file, name


def _short_names(files: Sequence[str]) -> dict[str, str]:
    distinct = set(files)
    common = len(posixpath.commonpath(distinct)) if len(distinct) > 1 else 0
    return {file: file[common:].strip("/") for file in distinct}


def _copy_field(into: Sequence[Row], name: str, rows: Sequence[Row], source: str) -> None:
    for target, row in zip(into, rows, strict=True):
        if source in row:
            target[name] = row[source]


def _lists(content: Any) -> Iterator[list[Any]]:
    """The lists in a file: itself, or those in its mappings."""
    if isinstance(content, list):
        yield content
    elif isinstance(content, Mapping):
        for item in content.values():
            if isinstance(item, list | Mapping):
                yield from _lists(item)


def rows(content: Any) -> list[Row]:
    """The rows of a file: of several lists, those at the same position are put together."""
    found: list[Row] = []
    for one in _lists(content):
        if not one or not all(isinstance(item, Mapping) for item in one):
            continue
        if set(one[0]) != {key for item in one for key in item}:
            continue  # rows of several kinds: nobody could say what is beside what
        for at, item in enumerate(one):
            if at == len(found):
                found.append({})
            found[at].update(item)
    return found

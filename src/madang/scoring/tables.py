"""Tables of a request: columns of NumPy arrays, with the types that pandas would give them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from madang.errors import InvalidInput

Array: TypeAlias = np.ndarray[Any, Any]

# What pandas' reader of CSV takes for a missing value.
MISSING = frozenset(
    (
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
        "NULL", "NaN", "None", "n/a", "nan", "null",
    )
)  # fmt: skip
_TRUTH = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


class Table:
    """Columns of equal length, by name; names are texts, or numbers where the request has none."""

    def __init__(self, columns: Mapping[Any, Array], rows: int) -> None:
        self.columns = dict(columns)
        self.rows = rows

    def records(self) -> list[dict[Any, Any]]:
        """A mapping of names to values for each row."""
        listed = [values.tolist() for values in self.columns.values()]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*listed, strict=True)]

    def to_model(self) -> Any:
        """A DataFrame where pandas is installed, else one array with a column each."""
        try:
            import pandas  # noqa: PLC0415 - half a second, and not every model's environment has it
        except ImportError:
            arrays = list(self.columns.values())
            return np.column_stack(arrays) if arrays else np.empty((self.rows, 0))
        made = {}
        for name, values in self.columns.items():
            is_text = values.dtype == object and all(isinstance(one, (str, type(None))) for one in values)
            made[name] = pandas.Series(values.tolist() if is_text else values, dtype=None if is_text else values.dtype)
        return pandas.DataFrame(made, index=range(self.rows))


def array_of(values: Sequence[Any]) -> Array:
    """The values of a column: truth values, whole numbers, numbers with gaps (NaN), else objects as they are."""
    kinds = {type(value) for value in values}
    if any(issubclass(kind, np.generic) for kind in kinds):
        values = [value.item() if isinstance(value, (np.number, np.bool_, np.str_)) else value for value in values]
        kinds = {type(value) for value in values}
    if kinds == {bool}:
        return np.array(values, dtype=bool)
    if kinds == {int}:
        for whole in (np.int64, np.uint64):
            try:
                return np.array(values, dtype=np.dtype(whole))
            except OverflowError:
                continue
    if kinds & {int, float} and kinds <= {int, float, type(None)}:
        try:
            return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        except OverflowError:
            pass
    return objects(values)


def objects(values: Iterable[Any]) -> Array:
    """One dimension of objects, whatever they are."""
    listed = list(values)
    found = np.empty(len(listed), dtype=object)
    for at, value in enumerate(listed):  # NumPy would take lists among them for more dimensions
        found[at] = value
    return found


def of_rows(rows: Any, names: Sequence[Any] | None = None) -> Table:
    """A table of a list of rows: mappings, lists, or single values.

    Raises:
        InvalidInput: the rows do not fit the names, or one another.
    """
    if not isinstance(rows, list):
        raise InvalidInput(f"the data is a {type(rows).__name__}, not a list of rows")
    if rows and all(isinstance(row, dict) for row in rows):
        found = list(dict.fromkeys(name for row in rows for name in row))
        if names is not None:
            found = list(names)
        return Table({name: array_of([row.get(name) for row in rows]) for name in found}, len(rows))
    if any(isinstance(row, dict) for row in rows):
        raise InvalidInput("some rows are mappings and some are not")
    lists = [row if isinstance(row, list) else [row] for row in rows]
    width = max(map(len, lists), default=len(names or ()))
    if names is None:
        names = range(width)
    if len(names) != width:
        raise InvalidInput(f"{len(names)} columns passed, passed data had {width} columns")
    if len(set(names)) < len(names):
        raise InvalidInput("two columns have the same name")
    padded = [row + [None] * (width - len(row)) for row in lists]
    return Table({name: array_of([row[at] for row in padded]) for at, name in enumerate(names)}, len(rows))


def of_csv(text: str, types: Mapping[Any, str]) -> Table:
    """A table of CSV with a line of names. ``types`` has the types of columns, by name or place, from a signature.

    Where lines have more cells than there are names, the first ones are labels of rows, which are left out.

    Raises:
        InvalidInput: it is no such text.
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise InvalidInput(f"{error}") from error
    if not lines:
        raise InvalidInput("No columns to parse from file")
    names = [name or f"Unnamed: {at}" for at, name in enumerate(lines[0])]
    if len(set(names)) < len(names):
        raise InvalidInput("two columns have the same name")
    labels = max(0, len(lines[1]) - len(names)) if len(lines) > 1 else 0
    for number, line in enumerate(lines[1:], 2):
        if len(line) > len(names) + labels:
            raise InvalidInput(f"Expected {len(names) + labels} fields in line {number}, saw {len(line)}")
    columns = {}
    for place, name in enumerate(names):
        at = place + labels
        cells = [line[at] if at < len(line) else "" for line in lines[1:]]
        columns[name] = _of_cells(cells, types.get(name, types.get(place, "")))
    return Table(columns, len(lines) - 1)


def _of_cells(cells: list[str], type_: str) -> Array:
    """The values that the cells of a column of a type stand for; of any type where none is known."""
    known = [None if cell in MISSING else cell for cell in cells]
    if type_ in ("string", "binary", "datetime"):
        return objects(np.nan if cell is None else cell for cell in known)
    there = [cell for cell in known if cell is not None]
    if there and all(cell in _TRUTH for cell in there):
        return array_of([None if cell is None else _TRUTH[cell] for cell in known])
    for number in (int, float):
        try:
            found = array_of([None if cell is None else number(_plain(cell)) for cell in known])
        except ValueError:
            continue
        if type_ in ("integer", "long") and found.dtype.kind == "f":
            raise InvalidInput(f"cannot safely convert {found.dtype} to {type_}")
        return found
    return objects(known)


def _plain(cell: str) -> str:
    if "_" in cell:  # Python reads 1_000 as a number, CSV does not
        raise ValueError(cell)
    return cell

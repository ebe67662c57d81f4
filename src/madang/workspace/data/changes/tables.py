"""What changed between two versions of a tabular file: rows and columns added, removed, changed.

Rows are matched by a key: the first column of whole numbers or text whose values never repeat in either version.
Without one, equal rows are matched wherever they stand, and a changed row counts as one removed and one added. What is
kept of a row is its key and a hash, so that a file may be larger than the memory.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Any, TypeAlias

from blake3 import blake3

from madang.domain.tables import CellChange, TableChange
from madang.domain.values import mutable
from madang.errors import ConfigError, InvalidInput

Row: TypeAlias = Sequence[str]
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")
_COLUMNAR = (".parquet",)
SUFFIXES = (*_SEPARATORS, *_LINES, *_COLUMNAR)
_CANDIDATES = 12  # columns that are tried as a key
_EXAMPLES = 5
_LONGEST = 200  # characters of a value that an example shows
_MOST_CHANGED = 100_000  # rows whose cells are compared


@mutable
class _Scan:
    """One version, read once: the rows as hashes over the common columns, by key and without one."""

    count: int = 0
    keys: dict[str, set[int]] = field(default_factory=dict)  # column → hashes of its values, as long as none repeats


@mutable
class _Rows:
    """How the rows of two versions differ."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    cells: Counter[str] = field(default_factory=Counter)  # changed values by column
    examples: list[CellChange] = field(default_factory=list)


def is_table(path: str) -> bool:
    """Whether a file's name says that it is a table."""
    return path.lower().endswith(SUFFIXES)


def compare(old: str, new: str, name: str) -> TableChange:
    """Compare two files; ``name`` tells their format by its end.

    Raises:
        InvalidInput: one of them cannot be read as a table. ConfigError: Parquet without pyarrow.
    """
    suffix = os.path.splitext(name)[1].lower()
    before, after = _Table(old, suffix, name), _Table(new, suffix, name)
    common = [column for column in before.columns if column in set(after.columns)]
    scans = [_scan(table, common) for table in (before, after)]
    key = next((column for column in scans[0].keys if column in scans[1].keys), "")
    rows = _match_by_key(before, after, common, key) if key else _match_whole(before, after, common)
    return TableChange(
        (scans[0].count, scans[1].count),
        [column for column in after.columns if column not in set(before.columns)],
        [column for column in before.columns if column not in set(after.columns)],
        rows.added,
        rows.removed,
        rows.changed,
        key,
        dict(rows.cells.most_common()),
        rows.examples,
    )


class _Table:
    """A file that is read as rows of text, as often as wanted."""

    def __init__(self, path: str, suffix: str, name: str) -> None:
        self._path, self._name = path, name
        self._open: Callable[[], Any] = (
            self._separated if suffix in _SEPARATORS else self._lines if suffix in _LINES else self._columnar
        )
        self._separator = _SEPARATORS.get(suffix, "")
        self.columns = self._names() if suffix in _LINES else self._head()

    def rows(self, columns: Sequence[str]) -> Iterator[list[str]]:
        """The values of these columns, row by row."""
        places = [self.columns.index(column) for column in columns]
        with self._guarded(), self._open() as rows:
            if self._open == self._separated:
                next(rows, None)
            for row in rows:
                yield [row[place] if place < len(row) else "" for place in places]

    def _head(self) -> list[str]:
        with self._guarded(), self._open() as rows:
            if self._open == self._columnar:
                return list(rows.names)
            names: Row = next(rows, [])
        seen: Counter[str] = Counter()
        unique = []
        for text in names:
            text = text.strip() or "(unnamed)"
            seen[text] += 1
            unique.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
        return unique

    def _names(self) -> list[str]:
        names: dict[str, None] = {}
        with self._guarded(), open(self._path, encoding="utf-8-sig") as file:
            for line in file:
                if line.strip():
                    names.update(dict.fromkeys(_object(line)))
        return list(names)

    @contextmanager
    def _separated(self) -> Iterator[Iterator[Row]]:
        csv.field_size_limit(sys.maxsize)
        with open(self._path, encoding="utf-8-sig", newline="") as file:
            yield (row for row in csv.reader(file, delimiter=self._separator) if row)

    @contextmanager
    def _lines(self) -> Iterator[Iterator[Row]]:
        with open(self._path, encoding="utf-8-sig") as file:
            objects = (_object(line) for line in file if line.strip())
            yield ([_text(item.get(name)) for name in self.columns] for item in objects)

    @contextmanager
    def _columnar(self) -> Iterator[Any]:
        try:
            import pyarrow.parquet  # noqa: PLC0415 - an extra, and slow to load
        except ImportError:
            raise ConfigError(
                f"Comparing {self._name} needs the package pyarrow.", hint="pip install 'madang[analysis]'"
            ) from None
        with pyarrow.parquet.ParquetFile(self._path) as file:
            yield _Batches(file)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (UnicodeDecodeError, csv.Error, ValueError) as error:
            raise InvalidInput(f"{self._name} cannot be read as a table: {error}.") from None


class _Batches:
    """Rows of a Parquet file, a batch at a time."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.names = file.schema_arrow.names

    def __iter__(self) -> Iterator[Row]:
        for batch in self._file.iter_batches():
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield [_text(value) for value in row]


def _object(line: str) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("a line is not an object")
    return value


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _hash(values: Sequence[str]) -> int:
    body = "\0".join(values).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake3(body).digest(16), "little")


def _scan(table: _Table, common: Sequence[str]) -> _Scan:
    found = _Scan(keys={column: set() for column in common[:_CANDIDATES]})
    places = {column: place for place, column in enumerate(common)}
    for row in table.rows(common):
        found.count += 1
        for column in list(found.keys):
            value = row[places[column]]
            mark = hash(value)
            if mark in found.keys[column] or not _may_be_key(value):
                del found.keys[column]
            else:
                found.keys[column].add(mark)
    return found


def _may_be_key(value: str) -> bool:
    """Measured numbers seldom repeat, but do not name a row."""
    if not value:
        return False
    if value.lstrip("-").isdigit():
        return True
    try:
        float(value)
    except ValueError:
        return True
    return False


def _match_by_key(before: _Table, after: _Table, common: Sequence[str], key: str) -> _Rows:
    place = common.index(key)
    found = _Rows()
    old = {row[place]: _hash(row) for row in before.rows(common)}
    changed: set[str] = set()
    for row in after.rows(common):
        known = old.pop(row[place], None)
        if known is None:
            found.added += 1
        elif known != _hash(row):
            found.changed += 1
            if len(changed) < _MOST_CHANGED:
                changed.add(row[place])
    found.removed = len(old)
    if changed:
        _compare_cells(before, after, common, place, changed, found)
    return found


def _compare_cells(
    before: _Table, after: _Table, common: Sequence[str], place: int, keys: set[str], found: _Rows
) -> None:
    old = {row[place]: row for row in before.rows(common) if row[place] in keys}
    for row in after.rows(common):
        if (known := old.get(row[place])) is None:
            continue
        for column, was, now in zip(common, known, row, strict=True):
            if was != now:
                found.cells[column] += 1
                if len(found.examples) < _EXAMPLES:
                    found.examples.append(CellChange(*(text[:_LONGEST] for text in (row[place], column, was, now))))


def _match_whole(before: _Table, after: _Table, common: Sequence[str]) -> _Rows:
    counts = Counter(_hash(row) for row in before.rows(common))
    counts.subtract(_hash(row) for row in after.rows(common))
    return _Rows(
        added=-sum(count for count in counts.values() if count < 0),
        removed=sum(count for count in counts.values() if count > 0),
    )

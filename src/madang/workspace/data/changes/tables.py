"""What changed between two versions of a tabular file: rows and columns added, removed, changed.

Rows are matched by a key: the first column of whole numbers or text whose values never repeat in either version.
Without one, equal rows are matched wherever they stand, and a changed row counts as one removed and one added. What is
kept of a row is its key and a hash of 64 bits, so that a file may be larger than the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import field

from madang.domain.tables import CellChange, TableChange
from madang.domain.values import mutable
from madang.workspace.data.changes.table_files import SUFFIXES, TableFile

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
    before, after = TableFile(old, name), TableFile(new, name)
    common, scans = _scans(before, after)
    if [table for table in (before, after) if table.widen()]:
        common, scans = _scans(before, after)
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


def _scans(before: TableFile, after: TableFile) -> tuple[list[str], list[_Scan]]:
    """The columns that both have, and what one reading of each shows."""
    common = [column for column in before.columns if column in set(after.columns)]
    return common, [_scan(table, common) for table in (before, after)]


def _scan(table: TableFile, common: Sequence[str]) -> _Scan:
    found = _Scan(keys={column: set() for column in common[:_CANDIDATES]})
    left = [(place, column, found.keys[column]) for place, column in enumerate(common[:_CANDIDATES])]
    for row in table.rows(common):
        found.count += 1
        lost = False
        for place, column, marks in left:
            value = row[place]
            mark = hash(value)
            if mark in marks or not _may_be_key(value):
                del found.keys[column]
                lost = True
            else:
                marks.add(mark)
        if lost:
            left = [one for one in left if one[1] in found.keys]
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


def _match_by_key(before: TableFile, after: TableFile, common: Sequence[str], key: str) -> _Rows:
    place = common.index(key)
    found = _Rows()
    old = {row[place]: hash(row) for row in before.rows(common)}
    changed: set[str] = set()
    for row in after.rows(common):
        known = old.pop(row[place], None)
        if known is None:
            found.added += 1
        elif known != hash(row):
            found.changed += 1
            if len(changed) < _MOST_CHANGED:
                changed.add(row[place])
    found.removed = len(old)
    if changed:
        _compare_cells(before, after, common, place, changed, found)
    return found


def _compare_cells(
    before: TableFile, after: TableFile, common: Sequence[str], place: int, keys: set[str], found: _Rows
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


def _match_whole(before: TableFile, after: TableFile, common: Sequence[str]) -> _Rows:
    counts = Counter(map(hash, before.rows(common)))
    counts.subtract(map(hash, after.rows(common)))
    return _Rows(
        added=-sum(count for count in counts.values() if count < 0),
        removed=sum(count for count in counts.values() if count > 0),
    )

"""Files of tables, read as rows of text, as often as wanted: CSV and TSV, JSON lines, Parquet.

Text is UTF-8, UTF-16 with its mark, or CP949 (which holds EUC-KR), as spreadsheets write it. The separator of a CSV
file is what its first line shows. A first row of values names no columns: they are then called ``#1``, ``#2``, …, as
are those that stand beyond the names.
"""

from __future__ import annotations

import codecs
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, TypeAlias

from madang.errors import ConfigError, InvalidInput

Row: TypeAlias = Sequence[str]
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_OTHER_SEPARATORS = ",;\t|"
_LINES = (".jsonl", ".ndjson")
_COLUMNAR = (".parquet",)
SUFFIXES = (*_SEPARATORS, *_LINES, *_COLUMNAR)
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ENCODINGS = ("utf-8-sig", "cp949")  # the first in which all of a file makes sense
_CHUNK = 1 << 20  # bytes
_DIGITS = 10  # of a number that names a column


class TableFile:
    """A file that is read as rows of text; ``name`` tells its format by its end."""

    def __init__(self, path: str, name: str) -> None:
        """Read the names of its columns.

        Raises:
            InvalidInput: it cannot be read as a table. ConfigError: Parquet without pyarrow.
        """
        suffix = os.path.splitext(name)[1].lower()
        self._path, self._name = path, name
        self._separator = _SEPARATORS.get(suffix, "")
        self._has_head = bool(self._separator)
        self._longest = 0  # values in a row, as far as rows were read
        self._encoding = "" if suffix in _COLUMNAR else self._find_encoding()
        self._open: Callable[[], Any] = (
            self._separated if self._separator else self._lines if suffix in _LINES else self._columnar
        )
        self.columns = self._names() if suffix in _LINES else self._head()

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """The values of these columns, row by row; empty where a row ends before. Raises as the making of it."""
        places = [self.columns.index(column) for column in columns]
        take: Callable[[Row], tuple[str, ...]] = (
            itemgetter(*places) if len(places) > 1 else lambda row: tuple(row[place] for place in places)
        )
        width = len(self.columns)
        with self._guarded(), self._open() as rows:
            if self._has_head:
                next(rows, None)
            for row in rows:
                if len(row) != width:
                    self._longest = max(self._longest, len(row))
                    row = [*row, *[""] * (width - len(row))]
                yield take(row)

    def widen(self) -> bool:
        """Name what stood beyond the names in the rows that were read; whether there was anything."""
        beyond = [f"#{place + 1}" for place in range(len(self.columns), self._longest)]
        self.columns += beyond
        return bool(beyond)

    def _head(self) -> list[str]:
        with self._guarded():
            if self._separator:
                self._separator = self._find_separator()
            with self._open() as rows:
                first: Row = next(rows, []) if self._separator else rows.names
        if self._separator and _holds_values(first):
            self._has_head = False
            return [f"#{place + 1}" for place in range(len(first))]
        seen: Counter[str] = Counter()
        unique = []
        for text in first:
            text = text.strip() or "(unnamed)"
            seen[text] += 1
            unique.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
        return unique

    def _names(self) -> list[str]:
        names: dict[str, None] = {}
        with self._guarded(), open(self._path, encoding=self._encoding) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    try:
                        names.update(dict.fromkeys(_object(line)))
                    except (ValueError, RecursionError):
                        raise ValueError(f"line {number} is no object of JSON") from None
        return list(names)

    def _find_encoding(self) -> str:
        with open(self._path, "rb") as file:
            if file.read(2) in _MARKS:
                return "utf-16"
            for encoding in _ENCODINGS:
                decoder = codecs.getincrementaldecoder(encoding)()
                file.seek(0)
                try:
                    while chunk := file.read(_CHUNK):
                        decoder.decode(chunk)
                    decoder.decode(b"", True)
                except UnicodeDecodeError:
                    continue
                return encoding
        raise InvalidInput(f"{self._name} cannot be read as a table: it is no text in UTF-8, UTF-16 or CP949.")

    def _find_separator(self) -> str:
        with open(self._path, encoding=self._encoding) as file:
            line = file.readline(_CHUNK)
        usual = self._separator
        return usual if usual in line else max(usual + _OTHER_SEPARATORS, key=line.count)

    @contextmanager
    def _separated(self) -> Iterator[Iterator[Row]]:
        csv.field_size_limit(sys.maxsize)
        with open(self._path, encoding=self._encoding, newline="") as file:
            yield filter(None, csv.reader(file, delimiter=self._separator))

    @contextmanager
    def _lines(self) -> Iterator[Iterator[Row]]:
        with open(self._path, encoding=self._encoding) as file:
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
        except (UnicodeError, csv.Error, ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise InvalidInput(f"{self._name} cannot be read as a table: {str(error).rstrip('.')}.") from None


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


def _holds_values(row: Row) -> bool:
    """Whether a first row has values, not names: a measured number among them, or numbers alone that do not count up
    (as years and the columns that nobody named do).
    """
    filled = [text.strip() for text in row if text.strip()]
    numbers = [text for text in filled if _is_number(text)]
    if any("." in text for text in numbers):
        return True
    if not filled or len(numbers) < len(filled):
        return False
    counted = [int(text) if text.isdecimal() and len(text) < _DIGITS else -1 for text in numbers]
    start = counted[0]
    counts_up = counted == list(range(start, start + len(counted)))
    return not (counts_up and (start == 0 or len(counted) > 1))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

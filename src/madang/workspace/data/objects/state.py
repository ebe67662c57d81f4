"""What has been hashed before: (device, inode, size, mtime, ctime) → MD5, in SQLite. Deleting it loses nothing.

A file's row is written only when the clock had moved on since its last change: a later write within the same tick of
the clock would leave every number as it was. The row of a *tree* holds one hash over all files of a folder, so that a
folder without changes is recognised without a look-up for each file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, NamedTuple, TypeVar

_T = TypeVar("_T")

SETTLED_NS = 20_000_000  # two ticks of the slowest kernel clock (100 Hz)
_COARSE_NS = 2_000_000_000  # for file systems that keep whole seconds
_MANY = 2_000
_SPARSE = 4  # rows that are read in the time of looking one up
_PART = 500  # look-ups in one statement
_TOGETHER = 100  # rows that one statement writes
_INSERT = "INSERT OR REPLACE INTO files VALUES"
_ROWS = 8_000  # that are written together
_PAGES = 10_000  # of the database that change before it waits for the disk

_VERSION = 1
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS files (
    dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL,
    md5 BLOB NOT NULL, PRIMARY KEY (dev, ino)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trees (
    path TEXT PRIMARY KEY, print BLOB NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, nfiles INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS complete (
    store TEXT NOT NULL, name TEXT NOT NULL, print BLOB NOT NULL, PRIMARY KEY (store, name)) WITHOUT ROWID;
PRAGMA user_version = {_VERSION};
"""


class FileKey(NamedTuple):
    """What identifies one state of one file."""

    dev: int
    ino: int
    size: int
    mtime: int  # nanoseconds
    ctime: int  # nanoseconds


class TreeRow(NamedTuple):
    """A folder as it was when it was last seen whole."""

    print: bytes
    name: str  # of its listing
    size: int
    nfiles: int


def key_of(found: os.stat_result) -> FileKey:
    """The key of a file that was just looked at."""
    inode = found.st_ino
    return FileKey(
        found.st_dev, signed(inode) if inode >> 63 else inode, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    )


def signed(inode: int) -> int:
    """An inode number as SQLite's 64-bit integer holds it."""
    return inode if inode < 1 << 63 else inode - (1 << 64)


def settled(mtime: int, ctime: int, now: int) -> bool:
    """Whether a change after ``now``, a moment before the file was looked at, would show in its times."""
    newest = max(mtime, ctime)
    slack = _COARSE_NS if newest % 1_000_000_000 == 0 else SETTLED_NS
    return newest + slack < now


def wait_until_settled(changed: int) -> None:
    """Wait until a further change would show in the times of files that changed last at ``changed`` (nanoseconds)."""
    left = changed + SETTLED_NS - time.time_ns()
    if left >= 0:  # never longer than the clock needs: a file's times may lie in the future
        time.sleep((min(left, SETTLED_NS) + 1_000) / 1e9)


class State:
    """The database of one repository. Any failure of it only costs time: the files are hashed again. Thread-safe.

    A forked process finds nothing in it and adds nothing: SQLite allows no connection to be used on both sides.
    """

    def __init__(self, path: str, *, folds: bool = False) -> None:
        """``folds`` says that the hashes are those of dvc 2, of bytes with folded line ends."""
        self.path = path
        self.folds = folds
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()
        self._process = os.getpid()

    def files(self, keys: Sequence[FileKey]) -> dict[tuple[int, int], str]:
        """MD5 by (device, inode) of those files whose row fits size and times."""
        found = self.md5s(array("q", chain.from_iterable(keys)))
        return {(key.dev, key.ino): md5 for key, md5 in zip(keys, found, strict=True) if md5 is not None}

    def md5s(self, numbers: array[int]) -> list[str | None]:
        """MD5 of each file whose row fits, else None. ``numbers`` are the five of the `FileKey` of each."""
        nothing: list[str | None] = [None] * (len(numbers) // 5)
        return self._ask(lambda database: _fitting(database, numbers), nothing) if numbers else nothing

    def add_files(self, rows: Iterable[tuple[FileKey, str]]) -> None:
        """Remember MD5s of files. The caller has made sure that the bytes hashed were those of the key."""
        values = sorted((*key, bytes.fromhex(md5)) for key, md5 in rows)
        if values:
            self._change(lambda database: _insert_files(database, values))

    def forget(self, keys: Iterable[FileKey]) -> None:
        """Remember nothing of these files: what was believed of them is wrong."""
        self._tell("DELETE FROM files WHERE dev = ? AND ino = ?", [(key.dev, key.ino) for key in keys])
        self._tell("DELETE FROM trees", [()])

    def tree(self, path: str) -> TreeRow | None:
        """What is known of a folder."""
        row = self._one("SELECT print, name, size, nfiles FROM trees WHERE path = ?", (_text(path),))
        return TreeRow(*row) if row else None

    def set_tree(self, path: str, row: TreeRow) -> None:
        """Remember a folder."""
        self._tell("INSERT OR REPLACE INTO trees VALUES (?, ?, ?, ?, ?)", [(_text(path), *row)])

    def complete(self, store: str, name: str) -> bytes | None:
        """The look of the cache's folders when every object of a listing was last seen there."""
        row = self._one("SELECT print FROM complete WHERE store = ? AND name = ?", (_text(store), name))
        return row[0] if row else None

    def set_complete(self, store: str, name: str, fingerprint: bytes) -> None:
        """Remember that every object of a listing is in the cache."""
        self._tell("INSERT OR REPLACE INTO complete VALUES (?, ?, ?)", [(_text(store), name, fingerprint)])

    def close(self) -> None:
        """Give back the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _one(self, query: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        def ask(database: sqlite3.Connection) -> tuple[Any, ...] | None:
            row: tuple[Any, ...] | None = database.execute(query, values).fetchone()
            return row

        return self._ask(ask, None)

    def _tell(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        self._change(lambda database: database.executemany(statement, rows))

    def _change(self, call: Callable[[sqlite3.Connection], object]) -> None:
        def change(database: sqlite3.Connection) -> None:
            with database:
                call(database)

        self._ask(change, None)

    def _ask(self, call: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        if os.getpid() != self._process:
            return otherwise
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _open(self.path)
                return call(self._connection)
            except sqlite3.DatabaseError as error:
                self.close()
                if _is_damaged(error):
                    _discard(self.path)
                return otherwise


class Rows:
    """MD5s of files that were just made, remembered in portions: the database works while more files are made."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._rows: list[tuple[FileKey, str]] = []
        self._enough = _ROWS

    def add(self, key: FileKey, md5: str) -> None:
        """Take one file, whose bytes were hashed."""
        self._rows.append((key, md5))
        if len(self._rows) >= self._enough:
            self.write()

    def write(self) -> None:
        """Remember those of which a further change would show in their times."""
        now = time.time_ns()
        ready: list[tuple[FileKey, str]] = []
        later: list[tuple[FileKey, str]] = []
        for row in self._rows:
            (ready if settled(row[0].mtime, row[0].ctime, now) else later).append(row)
        self._rows, self._enough = later, len(later) + _ROWS
        self._state.add_files(ready)

    def end(self) -> None:
        """Remember the rest, when it has settled, too."""
        if self._rows:
            wait_until_settled(max(key.ctime for key, _ in self._rows))
            self.write()


def _text(path: str) -> str:
    """A path as SQLite takes it: names that are not UTF-8 are escaped."""
    return path.encode("utf-8", "backslashreplace").decode()


def _is_damaged(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _open(path: str) -> sqlite3.Connection:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return _prepared(path)
    except sqlite3.DatabaseError as error:
        if _is_damaged(error):
            _discard(path)
            return _prepared(path)
    except OSError:
        pass  # a read-only folder: remember nothing
    return _prepared(":memory:")


def _prepared(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError("written by another release")
        if version == 0:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES}")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _discard(path: str) -> None:
    for name in (path, f"{path}-wal", f"{path}-shm"):
        try:
            os.unlink(name)
        except OSError:
            continue


def _insert_files(database: sqlite3.Connection, rows: Sequence[tuple[int | bytes, ...]]) -> None:
    for start in range(0, len(rows), _TOGETHER):
        part = rows[start : start + _TOGETHER]
        places = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(part))
        database.execute(f"{_INSERT} {places}", list(chain.from_iterable(part)))


def _fitting(database: sqlite3.Connection, numbers: array[int]) -> list[str | None]:
    found: list[str | None] = [None] * (len(numbers) // 5)
    devices, inodes, starts = numbers[0::5], numbers[1::5], range(0, len(numbers), 5)
    every = set(devices)
    for device in every:
        places = dict(
            zip(inodes, starts, strict=True)
            if len(every) == 1
            else ((inode, start) for dev, inode, start in zip(devices, inodes, starts, strict=True) if dev == device)
        )
        for inode, size, mtime, ctime, md5 in _rows(database, device, places):
            start = places.get(inode)
            if (
                start is not None
                and numbers[start + 2] == size
                and numbers[start + 3] == mtime
                and numbers[start + 4] == ctime
            ):
                found[start // 5] = md5.hex()
        for dev, inode, start in zip(devices, inodes, starts, strict=True) if len(places) < len(found) else ():
            if dev == device and start != places[inode]:  # another name of the same file
                other = places[inode]
                same = numbers[start : start + 5] == numbers[other : other + 5]
                found[start // 5] = found[other // 5] if same else None
    return found


def _rows(
    database: sqlite3.Connection, device: int, inodes: Collection[int]
) -> Iterator[tuple[int, int, int, int, bytes]]:
    query = "SELECT ino, size, mtime, ctime, md5 FROM files WHERE dev = ? AND ino "
    if len(inodes) > _MANY:
        span = (device, min(inodes), max(inodes))
        most = _SPARSE * len(inodes)
        counting = "SELECT count(*) FROM (SELECT 1 FROM files WHERE dev = ? AND ino BETWEEN ? AND ? LIMIT ?)"
        if database.execute(counting, (*span, most)).fetchone()[0] < most:
            with closing(database.execute(query + "BETWEEN ? AND ?", span)) as cursor:
                yield from cursor
            return
    ordered = sorted(inodes)
    for start in range(0, len(ordered), _PART):
        part = ordered[start : start + _PART]
        with closing(database.execute(f"{query}IN ({','.join('?' * len(part))})", (device, *part))) as cursor:
            yield from cursor

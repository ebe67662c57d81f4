"""Rows of a list of runs, encoded once for each revision of a run.

A page that is open asks for the same rows again and again, and nearly all of them stand as they were: a run that has
ended never changes. What the caller's encoder made is kept, bounded in bytes, and used until the run is touched.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from madang.domain.runs import RunRecord

Key = TypeVar("Key", bound=Hashable)
Encode = Callable[[RunRecord], bytes]
_MOST_BYTES = 32 << 20
_OVERHEAD = 300  # bytes that a kept row costs beside its own


class RowCache:
    """Encoded rows by run, revision and form; the least recently used go first. Thread-safe."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._rows: OrderedDict[Hashable, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def take(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """The rows that are kept, of these."""
        found = {}
        with self._lock:
            for key in keys:
                row = self._rows.get(key)
                if row is not None:
                    self._rows.move_to_end(key)
                    found[key] = row
        return found

    def keep(self, rows: Mapping[Key, bytes]) -> None:
        """Keep rows, and let go of old ones when there are too many."""
        with self._lock:
            for key, row in rows.items():
                if key not in self._rows:
                    self._rows[key] = row
                    self._size += len(row) + _OVERHEAD
            while self._size > self._most:
                _, row = self._rows.popitem(last=False)
                self._size -= len(row) + _OVERHEAD

"""Objects in the memory of this process: for tests and for throw-away stores."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from madang.errors import NotFound
from madang.ports.objects import Batch, ObjectStat, Source, checked_key


class MemoryObjects:
    """An `Objects` store in a dictionary; nothing survives the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, bytes] = {}

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """See `Objects.open`."""
        body = self.read(key)
        return io.BytesIO(body[start : None if length is None else start + length])

    def read(self, key: str) -> bytes:
        """See `Objects.read`."""
        try:
            return self._objects[checked_key(key)]
        except KeyError:
            raise NotFound(f"There is no object {key!r} in memory.") from None

    def put(self, key: str, source: Source, *, if_absent: bool = False) -> bool:
        """See `Objects.put`."""
        checked_key(key)
        body = read_source(source)
        with self._lock:
            if if_absent and key in self._objects:
                return False
            self._objects[key] = body
            return True

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """See `Objects.batch`."""
        yield _Puts(self)

    def stat(self, key: str) -> ObjectStat | None:
        """See `Objects.stat`."""
        body = self._objects.get(checked_key(key))
        return None if body is None else ObjectStat(key, len(body))

    def list(self, prefix: str = "") -> Iterator[ObjectStat]:
        """See `Objects.list`."""
        start = f"{checked_key(prefix)}/" if prefix else ""
        with self._lock:
            found = [ObjectStat(key, len(body)) for key, body in self._objects.items() if key.startswith(start)]
        return iter(found)

    def delete(self, key: str) -> None:
        """See `Objects.delete`."""
        with self._lock:
            self._objects.pop(checked_key(key), None)

    def close(self) -> None:
        """See `Objects.close`."""


class _Puts:
    def __init__(self, store: MemoryObjects) -> None:
        self._store = store

    def put(self, key: str, source: Source) -> None:
        self._store.put(key, source)


def read_source(source: Source) -> bytes:
    """All bytes of a source."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, os.PathLike):
        with open(source, "rb") as file:
            return file.read()
    return source.read()

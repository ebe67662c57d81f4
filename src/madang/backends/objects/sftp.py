"""Objects in a folder of another machine, over SFTP as the `ssh` program connects it."""

from __future__ import annotations

import io
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from madang.backends.objects.sftp_session import Reply, Session
from madang.errors import MadangError, NotFound, StorageError
from madang.formats import sftp
from madang.ports.objects import Batch, ObjectStat, Source, checked_key
from madang.staging import STAGING

_WINDOW = 4 << 20  # bytes asked for or sent ahead
_PREFIX = "sftp-"  # of names aside
_ABANDONED = 2 * 86_400  # seconds after which a file aside is nobody's


class SftpObjects:
    """An `Objects` store in a folder of a server; the key is the path below it. The folder is made by the first put."""

    def __init__(self, root: str, connect: Callable[[], Session]) -> None:
        """``connect`` makes the session when it is first needed."""
        self.root = root.rstrip("/") or "/"
        self._connect = connect
        self._made: set[str] = set()
        self._lock = threading.Lock()
        self._opened: Session | None = None

    @property
    def _session(self) -> Session:
        with self._lock:
            if self._opened is None:
                self._opened = self._connect()
            return self._opened

    def path(self, key: str) -> str:
        """Where the object of a key lies, or would lie."""
        return f"{self.root.rstrip('/')}/{checked_key(key)}"

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """See `Objects.open`."""
        session, path = self._session, self.path(key)
        found = session.stat(path)
        if found is None or not found.is_file:
            raise NotFound(f"There is no object {key!r} in {session.name}.")
        handle = session.handle(sftp.OPEN, sftp.opening(path, sftp.FOR_READING), path)
        end = None if length is None else start + length
        return io.BufferedReader(_Reader(session, handle, path, start, end), session.length)

    def read(self, key: str) -> bytes:
        """See `Objects.read`."""
        with self.open(key) as file:
            return file.read()

    def put(self, key: str, source: Source, *, if_absent: bool = False) -> bool:
        """See `Objects.put`. The bytes are written aside, made durable where the server can, then renamed."""
        session, path = self._session, self.path(key)
        if if_absent and session.stat(path) is not None:
            return False
        aside = f"{self._staging()}/{_PREFIX}{os.urandom(12).hex()}"
        try:
            self._upload(session, aside, source)
            self._make_folder(os.path.dirname(path))
            return self._rename(session, aside, path, replace=not if_absent)
        except BaseException:
            with suppress(MadangError, EOFError):  # the first error is told; what stays aside is cleared another day
                session.ask(sftp.REMOVE, sftp.text(aside))
            raise

    def _rename(self, session: Session, aside: str, path: str, *, replace: bool) -> bool:
        if replace and sftp.POSIX_RENAME in session.extensions:
            names = sftp.text(sftp.POSIX_RENAME) + sftp.text(aside) + sftp.text(path)
            session.ask(sftp.EXTENDED, names, path)
            return True
        while True:
            try:
                session.ask(sftp.RENAME, sftp.text(aside) + sftp.text(path), path)
            except StorageError:  # the protocol's own rename never replaces
                if session.stat(path) is None:
                    raise
                if not replace:
                    session.ask(sftp.REMOVE, sftp.text(aside))
                    return False
                session.ask(sftp.REMOVE, sftp.text(path))
            else:
                return True

    def _upload(self, session: Session, aside: str, source: Source) -> None:
        flags = sftp.FOR_WRITING | sftp.MAKE | sftp.NEW_ONLY
        handle = session.handle(sftp.OPEN, sftp.opening(aside, flags), aside)
        try:
            if isinstance(source, os.PathLike):
                with open(source, "rb", buffering=0) as file:
                    _write(session, handle, aside, file)
            else:
                _write(session, handle, aside, io.BytesIO(source) if isinstance(source, bytes) else source)
            if sftp.FSYNC in session.extensions:
                session.ask(sftp.EXTENDED, sftp.text(sftp.FSYNC) + sftp.string(handle), aside)
        finally:
            session.finish(handle)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """See `Objects.batch`. Each object is durable when it has its name."""
        yield _Puts(self)

    def stat(self, key: str) -> ObjectStat | None:
        """See `Objects.stat`."""
        found = self._session.stat(self.path(key))
        return ObjectStat(key, found.size) if found is not None and found.is_file else None

    def list(self, prefix: str = "") -> Iterator[ObjectStat]:
        """See `Objects.list`."""
        waiting = [checked_key(prefix) if prefix else ""]
        while waiting:
            folder = waiting.pop()
            for name, found in self._session.folder(f"{self.root}/{folder}" if folder else self.root):
                key = f"{folder}/{name}" if folder else name
                if found.is_dir:
                    if key != STAGING:
                        waiting.append(key)
                elif found.is_file:
                    yield ObjectStat(key, found.size)

    def delete(self, key: str) -> None:
        """See `Objects.delete`."""
        session, path = self._session, self.path(key)
        try:
            session.ask(sftp.REMOVE, sftp.text(path), path)
        except NotFound:
            return
        except StorageError:
            found = session.stat(path)
            if found is not None and found.is_file:
                raise

    def close(self) -> None:
        """See `Objects.close`."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _staging(self) -> str:
        """The folder for bytes on their way; what others left there long ago goes."""
        area = f"{self.root.rstrip('/')}/{STAGING}"
        if area not in self._made:
            self._make_folder(area)
            for name, found in self._session.folder(area):
                if name.startswith(_PREFIX) and found.modified < time.time() - _ABANDONED:
                    with suppress(NotFound):
                        self._session.ask(sftp.REMOVE, sftp.text(f"{area}/{name}"))
        return area

    def _make_folder(self, path: str) -> None:
        if path in self._made or path in ("", "/"):
            return
        session = self._session
        try:
            session.ask(sftp.MKDIR, sftp.making(path), path)
        except NotFound:
            self._make_folder(os.path.dirname(path))
            with suppress(StorageError):  # another thread may have been faster
                session.ask(sftp.MKDIR, sftp.making(path), path)
        except StorageError:
            found = session.stat(path)
            if found is None or not found.is_dir:
                raise
        self._made.add(path)


class _Puts:
    def __init__(self, store: SftpObjects) -> None:
        self._store = store

    def put(self, key: str, source: Source) -> None:
        self._store.put(key, source)


def _write(session: Session, handle: bytes, path: str, source: Any) -> None:
    """Send a file's bytes, several packets ahead of the answers."""
    offset = 0
    ahead: deque[Future[Reply]] = deque()
    while data := source.read(session.length):
        ahead.append(session.start(sftp.WRITE, sftp.writing(handle, offset, data)))
        offset += len(data)
        if len(ahead) * session.length >= _WINDOW:
            session.check(ahead.popleft().result(), path)
    for future in ahead:
        session.check(future.result(), path)


class _Reader(io.RawIOBase):
    """The bytes of an open file, asked for several packets ahead."""

    def __init__(self, session: Session, handle: bytes, path: str, start: int, end: int | None) -> None:
        self._session = session
        self._handle = handle
        self._path = path
        self._at = start  # of the next byte that is given out
        self._asked = start
        self._end = end
        self._ahead: deque[tuple[int, Future[Reply]]] = deque()
        self._rest = memoryview(b"")
        self._window = session.length  # grows while somebody goes on reading

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if not self._rest:
            self._rest = memoryview(self._next())
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _next(self) -> bytes:
        self._ask()
        if not self._ahead:
            return b""
        wanted, future = self._ahead.popleft()
        try:
            data = self._session.check(future.result(), self._path).fields.string()
        except EOFError:
            self._end = self._at
            self._ahead.clear()
            return b""
        self._at += len(data)
        if len(data) < wanted:  # the rest is asked for again
            self._ahead.clear()
            self._asked = self._at
        self._window = min(_WINDOW, self._window * 2)
        return data

    def _ask(self) -> None:
        while self._asked < self._at + self._window and (self._end is None or self._asked < self._end):
            length = self._session.length if self._end is None else min(self._session.length, self._end - self._asked)
            rest = sftp.reading(self._handle, self._asked, length)
            self._ahead.append((length, self._session.start(sftp.READ, rest)))
            self._asked += length

    def close(self) -> None:
        if not self.closed:
            self._session.finish(self._handle)
        super().close()

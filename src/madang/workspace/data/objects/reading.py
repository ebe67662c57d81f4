"""Read a file once: its MD5, and meanwhile a copy of its bytes."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple, Protocol

from madang.durable import EarlyWriting, open_to_read, write_all
from madang.errors import Conflict
from madang.formats.dvc.digest import md5_of, new_md5
from madang.workspace.data.objects.early_copies import EarlyCopy
from madang.workspace.data.objects.state import SETTLED_NS, FileKey, key_of, settled

CHUNK = 1 << 20
SMALL = 1 << 20  # files up to this size are read in one go
READ_ONLY = 0o444
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_OF_READING = frozenset((errno.EIO, errno.EISDIR))  # a broken disk; a folder, which may have replaced a file
_ALONE = 8  # chunks after which a second thread is worth its while
_BUFFERS = 8

Fill = Callable[[memoryview], int]
"""Reads bytes into a buffer. Returns how many; 0 at the end."""

Advance = Callable[[int], None]
"""Called with the bytes read since the last call, perhaps from a thread of its own."""


class Room(Protocol):
    """Where copies may be made."""

    def new_path(self) -> str:
        """A path for a copy of bytes that are not known yet."""
        ...

    def path_for(self, md5: str, size: int) -> str | None:
        """A path for a copy of these bytes; None when none is needed."""
        ...


class Hashed(NamedTuple):
    """A file that was read, and the copy that was made of it, if one was."""

    md5: str
    key: FileKey  # its state while it was read
    lasting: bool  # whether any later change would show in the key
    aside: str | None = None  # where its copy lies
    copy: FileKey | None = None  # the state of that


def hash_file(path: str, room: Room | None = None, advance: Advance | None = None) -> Hashed:
    """MD5 of a file; with ``room`` its bytes are copied meanwhile, if they are needed there.

    Raises:
        Conflict: the file changed while it was read. FileNotFoundError: it is not there.
    """
    descriptor = open_to_read(path)
    try:
        before, lasting = _looked_at(descriptor)
        if before.st_size <= SMALL:
            md5, aside, copy = _hash_small(descriptor, before.st_size, room)
            if advance is not None:
                advance(before.st_size)
        else:
            md5, aside, copy = _hash_large(descriptor, before.st_size, room, advance or _nothing)
        after = os.fstat(descriptor)
    except OSError as error:
        if error.errno in _OF_READING and error.filename is None:  # the system names no file that is open already
            error.filename = path
        raise
    finally:
        os.close(descriptor)
    # ctime is not compared: it also moves when only the link count or the mode changes
    if after.st_mtime_ns != before.st_mtime_ns or after.st_size != before.st_size:
        raise Conflict(f"{path} changed while it was read.", hint="Repeat when nothing writes to it.")
    return Hashed(md5, key_of(after), lasting, aside, copy)


def _looked_at(descriptor: int) -> tuple[os.stat_result, bool]:
    """A file's state before it is read, and whether any change from now on would show in it."""
    now = time.time_ns()
    found = os.fstat(descriptor)
    lasting = settled(found.st_mtime_ns, found.st_ctime_ns, now)
    if lasting or found.st_size <= SMALL:
        return found, lasting
    time.sleep(SETTLED_NS / 1e9)  # a large file is worth the wait: it will not have to be read again
    now = time.time_ns()
    found = os.fstat(descriptor)
    return found, settled(found.st_mtime_ns, found.st_ctime_ns, now)


def _hash_small(descriptor: int, size: int, room: Room | None) -> tuple[str, str | None, FileKey | None]:
    """MD5 of a file that is read in one go, where it was copied to, if it was, and the state of the copy."""
    body = _read_all(descriptor, size)
    md5 = md5_of(body)
    aside = room.path_for(md5, len(body)) if room is not None else None
    copy = write_object(aside, body) if aside is not None else None
    return md5, aside if copy is not None else None, copy


def _read_all(descriptor: int, size: int) -> bytes:
    body = os.read(descriptor, size + 1)
    if len(body) == size:
        return body
    parts = [body]
    while part := os.read(descriptor, CHUNK):
        parts.append(part)
    return b"".join(parts)


def _hash_large(
    descriptor: int, size: int, room: Room | None, advance: Advance
) -> tuple[str, str | None, FileKey | None]:
    """The same, of one that is read part by part."""

    def fill(buffer: memoryview) -> int:
        return os.readv(descriptor, (buffer,))

    if room is None:
        digest, buffer = new_md5(), memoryview(bytearray(CHUNK))
        while count := fill(buffer):
            digest.update(buffer[:count])
            advance(count)
        return digest.hexdigest(), None, None
    aside = room.new_path()
    target = create_object(aside)
    try:
        md5 = write_and_hash(fill, target, advance)
        copy = key_of(os.fstat(target))
    finally:
        os.close(target)
    if room.path_for(md5, size) is None:
        os.unlink(aside)
        return md5, None, None
    return md5, aside, copy


def _nothing(done: int) -> None:
    return


def write_and_hash(fill: Fill, target: int, advance: Advance = _nothing, early: EarlyCopy | None = None) -> str:
    """Copy what ``fill`` reads to an open file, and to an early copy. Returns its MD5.

    After the first few chunks another thread reads and writes, and this one hashes: they take turns with a few buffers,
    so that no memory is asked for in between. The disk starts to write before everything is there.

    Raises:
        OSError: the disk refused. Whatever ``fill`` raises.
    """
    digest = new_md5()
    buffer = memoryview(bytearray(CHUNK))
    for _ in range(_ALONE):
        count = fill(buffer)
        if not count:
            return digest.hexdigest()
        write_all(target, buffer[:count])
        if early is not None:
            early.write(buffer[:count])
        digest.update(buffer[:count])
        advance(count)
    copier = _Copier(fill, target, early)
    copier.start()
    try:
        while (part := copier.full.get()) is not None:
            buffer, count = part
            digest.update(buffer[:count])
            copier.free.put(buffer)
            advance(count)
    finally:
        copier.free.put(None)
        copier.join()
    if copier.failure is not None:
        raise copier.failure
    return digest.hexdigest()


class _Copier(threading.Thread):
    """Reads into free buffers and writes them to the target; each is to be hashed while it is written."""

    def __init__(self, fill: Fill, target: int, early: EarlyCopy | None) -> None:
        super().__init__(name="copy", daemon=True)
        self.failure: BaseException | None = None
        self.full: SimpleQueue[tuple[memoryview, int] | None] = SimpleQueue()
        self.free: SimpleQueue[memoryview | None] = SimpleQueue()
        for _ in range(_BUFFERS):
            self.free.put(memoryview(bytearray(CHUNK)))
        self._fill, self._target, self._early = fill, target, early

    def run(self) -> None:
        early = EarlyWriting(self._target)
        try:
            while (buffer := self.free.get()) is not None:
                count = self._fill(buffer)
                if not count:
                    break
                self.full.put((buffer, count))
                write_all(self._target, buffer[:count])  # a buffer that is free again is only filled by this thread
                early.wrote(count)
                if self._early is not None:
                    self._early.write(buffer[:count])
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that hashes
            self.failure = error
        finally:
            self.full.put(None)


def write_object(path: str, body: bytes) -> FileKey | None:
    """Make a file with the mode of an object. None when there is one already: its maker writes the same bytes."""
    try:
        target = os.open(path, _CREATE, READ_ONLY)
    except FileExistsError:
        return None
    try:
        write_all(target, body)
        made = os.fstat(target)
        if made.st_mode & 0o777 != READ_ONLY:
            os.fchmod(target, READ_ONLY)
            made = os.fstat(target)
        return key_of(made)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(target)


def create_object(path: str) -> int:
    """Open a new file for writing that has the mode of an object, also when the umask takes some of it."""
    descriptor = os.open(path, _CREATE, READ_ONLY)
    if os.fstat(descriptor).st_mode & 0o777 != READ_ONLY:  # dvc trusts exactly this mode
        os.fchmod(descriptor, READ_ONLY)
    return descriptor

"""The newest frames of a segment, in memory that the writer shares with a file beside it (docs/formats/journal.md).

What a program logs in great haste goes there by a copy of bytes: the pages are the operating system's, so a SIGKILL
cannot take them back, and no system call is made. Everybody who reads a segment while it may be written reads it here.

It is loaded by the training process, so it imports next to nothing.
"""

from __future__ import annotations

import fcntl
import os
import struct
from _blake2 import blake2b

from madang.formats.segment import MEMORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap

ENDING = ".recent"
SIZE = MEMORY  # bytes of the file
START = 64  # where the frames begin
_BEGINNING = struct.Struct("<QI16s")  # offset in the segment of the first frame, its sequence, the chain before it
_CHECK = 8  # bytes of BLAKE2b over these, behind them: a head that was half written when the process died is none
_FRAME = struct.Struct("<II16s")
# Where space that was allocated stays ours, so that no store into the memory can fail. Elsewhere frames are written.
_TRUSTED = ("ext4", "xfs", "tmpfs")


class Recent:
    """The writer's side: it copies frames to ``memory`` up to `SIZE`, and says by `restart` when they are in the file.

    Raises:
        OSError: the disk is full, or the file system is none of those that can be trusted with it.
    """

    __slots__ = ("_path", "memory")

    def __init__(self, path: str) -> None:
        """``path`` is the segment's."""
        from mmap import mmap  # noqa: PLC0415 - not all runs log in haste

        self._path = path + ENDING
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            if not _is_trusted(descriptor):
                raise OSError("the file system may refuse a page when it is written")
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # until the memory is closed, which keeps a copy of the descriptor
            os.posix_fallocate(descriptor, 0, SIZE)
            self.memory: mmap = mmap(descriptor, SIZE)
        except BaseException:
            os.unlink(self._path)
            raise
        finally:
            os.close(descriptor)

    def restart(self, offset: int, sequence: int, chain: bytes) -> int:
        """Everything before ``offset`` is in the segment's file; the next frame has this sequence, after this chain.

        Returns where in the memory it goes.
        """
        head = _BEGINNING.pack(offset, sequence, chain)
        self.memory[: _BEGINNING.size + _CHECK] = head + blake2b(head, digest_size=_CHECK).digest()
        return START

    def frames(self, end: int) -> bytes:
        """The frames that stand before ``end``."""
        return self.memory[START:end]

    def end_of(self, offset: int) -> tuple[int, int, bytes]:
        """Where the whole frames end, with sequence and chain there, if they begin at ``offset``: else `START`."""
        found = _frames(self.memory[:])
        return (START + len(found[1]), *found[2:]) if found[0] == offset else (START, 0, b"")

    def remove(self) -> None:
        """All of it is in the segment's file."""
        self.memory.close()
        try:  # noqa: SIM105 - contextlib is not to be imported here
            os.unlink(self._path)
        except OSError:
            pass  # the store was removed, or it holds nothing that counts

    def close(self) -> None:
        """Leave it as it is: others read it."""
        self.memory.close()


def size(path: str) -> int:
    """Bytes of the segment whose file is at ``path``, the newest included.

    Raises:
        FileNotFoundError: there is no such file; it may have been packed.
    """
    offset, frames = _read(path)  # first: what leaves it is in the file by then
    there = os.stat(path).st_size
    return max(there, offset + len(frames)) if offset <= there else there


def read(path: str, offset: int, limit: int = -1) -> bytes:
    """At most ``limit`` bytes of a segment from ``offset``.

    Raises:
        FileNotFoundError: there is no such file; it may have been packed.
    """
    start, frames = _read(path)
    with open(path, "rb") as file:
        file.seek(offset)
        data = file.read(limit)
        end = offset + len(data)
        if not start <= end < start + len(frames) or os.fstat(file.fileno()).st_size < start:
            return data
    more = frames[end - start :]
    return data + (more if limit < 0 else more[: limit - len(data)])


def sync(path: str) -> None:
    """Make what is there survive a power failure."""
    try:
        descriptor = os.open(path + ENDING, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def settle(path: str) -> bool:
    """Put what a writer that is gone has left into the segment's file; False when it lives, or another one does it.

    Raises:
        OSError: the disk refused. Nothing is lost, and it can be tried again.
    """
    try:
        descriptor = os.open(path + ENDING, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.exists(path + ENDING):  # else another was faster
            _append(path, read(path, os.stat(path).st_size))
            os.unlink(path + ENDING)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _append(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: str) -> tuple[int, bytes]:
    """The offset of the newest frames of a segment, and their bytes; none where there is no such file."""
    try:
        descriptor = os.open(path + ENDING, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return 0, b""
    try:
        return _frames(os.read(descriptor, SIZE))[:2]
    finally:
        os.close(descriptor)


def _frames(data: bytes) -> tuple[int, bytes, int, bytes]:
    """(offset, bytes of the whole frames, sequence and chain behind them).

    What follows them was there before the last `restart`, or is being written: the chain tells it from a frame.
    """
    head = data[: _BEGINNING.size]
    if len(data) < START or blake2b(head, digest_size=_CHECK).digest() != data[len(head) : len(head) + _CHECK]:
        return 0, b"", 0, b""
    offset, sequence, chain = _BEGINNING.unpack(head)
    start = START
    while start + _FRAME.size < len(data):
        length, number, after = _FRAME.unpack_from(data, start)
        stop = start + _FRAME.size + length
        if not length or number != sequence or stop > len(data):
            break
        hashed = chain + data[start : start + 8] + data[start + _FRAME.size : stop]
        if blake2b(hashed, digest_size=16).digest() != after:
            break
        start, sequence, chain = stop, sequence + 1, after
    return offset, data[START:start], sequence, chain


def _is_trusted(descriptor: int) -> bool:
    device = os.fstat(descriptor).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.split()
            if fields[2] == wanted:
                return fields[fields.index("-") + 1] in _TRUSTED
    return False

"""Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), as OpenSSH speaks it, with its extensions.

A packet is its length (u32), its kind (u8), the number of the request (u32) and the rest. Integers are big-endian;
a string is its length (u32) and its bytes.
"""

from __future__ import annotations

import struct
from typing import Final

from madang.domain.values import value
from madang.errors import CorruptData

VERSION: Final = 3
INIT, VERSION_REPLY = 1, 2
OPEN, CLOSE, READ, WRITE, LSTAT, OPENDIR, READDIR, REMOVE, MKDIR, STAT, RENAME = 3, 4, 5, 6, 7, 11, 12, 13, 14, 17, 18
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
EXTENDED, EXTENDED_REPLY = 200, 201
OK, END, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, UNSUPPORTED = 0, 1, 2, 3, 4, 8
FOR_READING, FOR_WRITING, MAKE, NEW_ONLY = 0x01, 0x02, 0x08, 0x20
MAX_PACKET = 1 << 20  # bytes that a server may send in one packet

POSIX_RENAME = "posix-rename@openssh.com"
FSYNC = "fsync@openssh.com"
LIMITS = "limits@openssh.com"

_SIZE, _OWNER, _MODE, _TIMES, _MORE = 0x1, 0x2, 0x4, 0x8, 0x80000000
_FOLDER, _FILE, _KIND = 0o040000, 0o100000, 0o170000


@value
class Attributes:
    """What a server says of a name."""

    size: int = 0  # bytes
    mode: int = 0
    modified: int = 0  # seconds since 1970

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self.mode & _KIND == _FOLDER

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.mode & _KIND == _FILE


def text(value: str) -> bytes:
    """A path as a string of the protocol."""
    return string(value.encode("utf-8", "surrogateescape"))


def string(value: bytes) -> bytes:
    """Bytes as a string of the protocol."""
    return struct.pack(">I", len(value)) + value


def packet(kind: int, number: int, rest: bytes) -> bytes:
    """A whole request."""
    return struct.pack(">IBI", 5 + len(rest), kind, number) + rest


def hello() -> bytes:
    """The first packet."""
    return struct.pack(">IBI", 5, INIT, VERSION)


def opening(path: str, flags: int) -> bytes:
    """The rest of an OPEN."""
    return text(path) + struct.pack(">II", flags, 0)


def reading(handle: bytes, offset: int, length: int) -> bytes:
    """The rest of a READ."""
    return string(handle) + struct.pack(">QI", offset, length)


def writing(handle: bytes, offset: int, data: bytes | memoryview) -> bytes:
    """The rest of a WRITE."""
    return b"".join((string(handle), struct.pack(">QI", offset, len(data)), data))


def making(path: str) -> bytes:
    """The rest of a MKDIR."""
    return text(path) + struct.pack(">I", 0)


class Fields:
    """Reads the parts of an answer one after the other.

    Every method raises `CorruptData` when the packet ends too early.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _next(self, layout: str) -> int:
        try:
            (value,) = struct.unpack_from(layout, self._data, self._at)
        except struct.error:
            raise CorruptData("A packet of the SFTP server ends too early.") from None
        self._at += struct.calcsize(layout)
        return int(value)

    def u32(self) -> int:
        """A whole number."""
        return self._next(">I")

    def u64(self) -> int:
        """A large whole number."""
        return self._next(">Q")

    def string(self) -> bytes:
        """Bytes."""
        length = self.u32()
        if self._at + length > len(self._data):
            raise CorruptData("A packet of the SFTP server ends too early.")
        self._at += length
        return self._data[self._at - length : self._at]

    def text(self) -> str:
        """A name or message."""
        return self.string().decode("utf-8", "surrogateescape")

    def attributes(self) -> Attributes:
        """What is said of a name."""
        flags = self.u32()
        size = self.u64() if flags & _SIZE else 0
        if flags & _OWNER:
            self.u64()
        mode = self.u32() if flags & _MODE else 0
        times = self.u64() if flags & _TIMES else 0
        if flags & _MORE:
            for _ in range(min(self.u32(), 100)):
                self.string()
                self.string()
        return Attributes(size, mode, times & 0xFFFFFFFF)

    def left(self) -> bool:
        """Whether there is more."""
        return self._at < len(self._data)

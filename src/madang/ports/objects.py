"""The raw object store: keys to bytes. Caches, remotes and the hub's blobs all stand on it.

A *key* is text of one or more segments joined by ``/``: no empty, ``.`` or ``..`` segment, no control character,
at most 255 bytes of UTF-8 a segment and 900 bytes in all (`checked_key`). What a key means, and whether the bytes
fit it (a digest), is for the layer above; this port moves bytes and never interprets them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from madang.errors import InvalidInput

Source = bytes | BinaryIO | os.PathLike[str]
"""What may be put: bytes, an open binary file read from its present position to its end, or the path of a file."""

MAX_KEY_BYTES = 900
MAX_SEGMENT_BYTES = 255
UNKNOWN = -1
"""The size of an object whose store does not tell it (some HTTP servers)."""
_PLAIN = re.compile(r"[0-9a-z]+(?:/[0-9a-z]+)*")


class ObjectStat(NamedTuple):
    """What a store says of one object, without its bytes."""

    key: str
    size: int  # bytes, or UNKNOWN


class Batch(Protocol):
    """Many puts that become durable together. Thread-safe."""

    def put(self, key: str, source: Source) -> None:
        """Take one object. It may stay invisible until the batch ends; when it becomes visible it is whole."""
        ...


class AsideBatch(Batch, Protocol):
    """A batch of files of this machine: the bytes are copied first, by anyone, and added then."""

    folder: str  # in which the copies are made

    def copy(self, key: str, path: str) -> str:
        """Copy a file aside, to be an object. Threads and forked processes may do it. Returns where the copy lies."""
        ...

    def add(self, key: str, aside: str, size: int) -> None:
        """Take a copy of so many bytes as the object. Not thread-safe."""
        ...


class Objects(Protocol):
    """A store of objects. Every method may be called from many threads at once.

    Errors of every method: `InvalidInput` for a bad key, `AccessDenied` or `Unauthenticated` when the store refuses
    the credentials, `StorageError` when a disk refuses (full, read-only, failing), `Unavailable` when a server does
    not answer. After an error the same call may be repeated: every method is idempotent.
    """

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Open an object for reading from byte ``start``, at most ``length`` bytes. The caller closes it.

        Reads after a replacement of the object see one version or the other, never a mix.
        Raises `NotFound` when there is no such object.
        """
        ...

    def read(self, key: str) -> bytes:
        """Return all bytes of an object: for small ones. Raises `NotFound`."""
        ...

    def put(self, key: str, source: Source, *, if_absent: bool = False) -> bool:
        """Store an object whole or not at all, durably: after the return it survives a crash of the store's machine.

        A reader sees the old bytes or the new ones, never a part. With ``if_absent`` an existing object is left as it
        is, also when two writers race: exactly one of them gets True. Returns whether these bytes were stored.
        """
        ...

    def batch(self) -> AbstractContextManager[Batch]:
        """Store many objects with one wait for the disk: all are durable and visible when the block ends.

        When the block is left by an exception, or the process is killed, each object is either whole or absent.
        """
        ...

    def stat(self, key: str) -> ObjectStat | None:
        """Size of an object, or None when there is none."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectStat]:
        """All objects whose key lies below ``prefix`` (whole segments: ``a/b`` lists ``a/b/c`` but not ``a/bc``).

        In no particular order. Objects put or deleted meanwhile may or may not be in it.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...

    def close(self) -> None:
        """Give back connections and files. The store is not used afterwards."""
        ...


@runtime_checkable
class ManyAtOnce(Protocol):
    """What a store may offer besides: answers about many objects in few requests."""

    small: int
    """Objects up to so many bytes are read by `read_many` with profit."""

    def sizes(self, keys: Sequence[str]) -> dict[str, int]:
        """Size of each of the objects that are there."""
        ...

    def read_many(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of small objects, in the order of the keys; those that are not there are left out."""
        ...


@runtime_checkable
class Forkable(Protocol):
    """What a store may offer besides: it has no connections, so that forked processes may use it, too."""

    def sizes_in(self, folder: str) -> dict[str, int]:
        """Size of each object right in a folder, by key: the quick form of `Objects.list`."""
        ...

    def aside_batch(self) -> AbstractContextManager[AsideBatch]:
        """As `Objects.batch`."""
        ...


@runtime_checkable
class Tagged(Protocol):
    """What a store may offer besides: a mark of each object that changes when its bytes do."""

    def tag(self, key: str) -> str | None:
        """The mark of an object; None when there is no object, or its server gives none."""
        ...

    def tags(self, prefix: str) -> dict[str, str]:
        """The mark of each object below a prefix, by key; objects without one are left out. Raises `Refused`."""
        ...


@runtime_checkable
class TakesFiles(Protocol):
    """What a store may offer besides: a finished file becomes an object without a copy."""

    def take(self, key: str, path: str) -> bool:
        """Store a file that nobody needs any more, durably, replacing an object that is there.

        False when this store cannot without a copy; the file is there then. After True it is gone.
        """
        ...


@runtime_checkable
class Versioned(Protocol):
    """What a store may offer besides: older versions of an object."""

    def open_version(self, key: str, version: str) -> BinaryIO:
        """Open one version of an object, by the store's own name of it. Raises `NotFound`."""
        ...

    def version(self, key: str, name: str = "") -> tuple[str, int, str] | None:
        """(mark, bytes, name of the version) of an object as it is now, or in a named version; None without one.

        The name is empty where the store keeps no versions.
        """
        ...


def checked_key(key: str) -> str:
    """Return the key when it is well formed, else raise `InvalidInput`. Every backend calls it first."""
    if len(key) <= MAX_SEGMENT_BYTES and _PLAIN.fullmatch(key):
        return key
    if key.isascii() and key.isprintable():
        size = len(key)
    else:
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise InvalidInput(f"The object key {key!r} is not valid text.") from None
        if any(sign < " " or sign == "\x7f" for sign in key):
            raise InvalidInput(f"The object key {key!r} holds a control character.")
    if not 0 < size <= MAX_KEY_BYTES:
        raise InvalidInput(f"The object key {key[:40]!r}… has {size} bytes; allowed are 1 to {MAX_KEY_BYTES}.")
    for segment in key.split("/"):
        if segment in ("", ".", "..") or (size > MAX_SEGMENT_BYTES and len(segment.encode()) > MAX_SEGMENT_BYTES):
            raise InvalidInput(f"The object key {key[:80]!r} has a segment that no store can hold: {segment[:40]!r}.")
    return key

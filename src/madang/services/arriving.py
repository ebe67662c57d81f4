"""Bytes on their way into the blob store: hashed while they come, kept only when they are what was claimed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

from madang.domain.files import BlobRef
from madang.errors import CorruptData, InvalidInput, StorageError, TooLarge
from madang.ports.objects import Objects, TakesFiles


class Check(Protocol):
    """Takes the bytes as they come, then tells whether they are what was claimed."""

    def update(self, data: bytes, /) -> object:
        """Take the next bytes."""
        ...

    def finish(self, digest: str) -> None:
        """Raise `CorruptData` when they are not; ``digest`` is the bytes' BLAKE3, as ``blake3:HEX``."""
        ...


class Claim:
    """The check of a digest, ``algorithm:hex``."""

    def __init__(self, digest: str) -> None:
        self._digest = digest
        algorithm, _, name = digest.partition(":")
        self._hex = name.removesuffix(".dir")
        self._own: Any = None
        if algorithm in ("md5", "sha256"):
            import hashlib  # noqa: PLC0415 - commands that only read do not pay for it

            self._own = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._own is not None:
            self._own.update(data)

    def finish(self, digest: str) -> None:
        """Raise `CorruptData` when the bytes have another digest."""
        found = self._own.hexdigest() if self._own is not None else digest.removeprefix("blake3:")
        if found != self._hex:
            raise CorruptData(f"The bytes that came do not have the digest {self._digest}.", hint="Send them again.")


def blob_key(digest: str) -> str:
    """The key of a blob in its object store; ``digest`` is ``blake3:HEX``."""
    name = digest.removeprefix("blake3:")
    return f"{name[:2]}/{name[2:]}"


def store_blob(
    blobs: Objects, scratch: str, pieces: Iterable[bytes], check: Check | None = None, size: int | None = None
) -> BlobRef:
    """Store bytes as they come, by way of a file in ``scratch``; ``size`` is what the sender announced.

    Raises:
        CorruptData: they are not what was claimed; nothing is stored.
        TooLarge, InvalidInput: more or fewer bytes than announced.
        StorageError: the disk refused.
    """
    import tempfile  # noqa: PLC0415 - commands that only read do not pay for it

    try:
        os.makedirs(scratch, exist_ok=True)
        descriptor, path = tempfile.mkstemp(dir=scratch, prefix="blob-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                name, count = _take(file, pieces, check, size)
            keep_file(blobs, name, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)
    except OSError as error:
        raise StorageError(f"Cannot store a blob in {scratch}: {error.strerror}.") from error
    return BlobRef(name, count)


def keep_file(blobs: Objects, digest: str, path: str) -> None:
    """Store a file whose BLAKE3 is ``digest`` and that nobody needs any more; it may be gone after."""
    key = blob_key(digest)
    if blobs.stat(key) is not None:
        return  # of two who race both store the same bytes
    if not isinstance(blobs, TakesFiles) or not blobs.take(key, path):
        from pathlib import Path  # noqa: PLC0415 - for stores that take no file over

        blobs.put(key, Path(path))


def _take(file: Any, pieces: Iterable[bytes], check: Check | None, size: int | None) -> tuple[str, int]:
    """Write the pieces to a file while hashing them; (BLAKE3 name, bytes)."""
    from blake3 import blake3  # noqa: PLC0415 - see store_blob

    own = blake3()
    count = 0
    for piece in pieces:
        count += len(piece)
        if size is not None and count > size:
            raise TooLarge(f"More than the announced {size} bytes came.")
        own.update(piece)
        if check is not None:
            check.update(piece)
        file.write(piece)
    if size is not None and count != size:
        raise InvalidInput(f"{count} bytes came of {size}.", hint="The transfer was cut: send it again.")
    digest = f"blake3:{own.hexdigest()}"
    if check is not None:
        check.finish(digest)
    return digest, count

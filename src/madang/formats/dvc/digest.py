"""The digests that name the objects of DVC. OpenSSL makes them fastest, and is loaded when the first one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash as Hash


def new_md5(data: bytes | bytearray | memoryview = b"") -> Hash:
    """An MD5 that has taken these bytes."""
    import hashlib  # noqa: PLC0415 - takes 2 ms: OpenSSL

    return hashlib.md5(data, usedforsecurity=False)


def md5_of(data: bytes | bytearray | memoryview) -> str:
    """The MD5 of these bytes: the name of an object."""
    return new_md5(data).hexdigest()


def sha256_of(data: bytes) -> str:
    """The SHA-256 of these bytes: the name of an entry of the run cache, or of an object of Git LFS."""
    import hashlib  # noqa: PLC0415 - as above

    return hashlib.sha256(data).hexdigest()

"""Bytes into the store's blob folder: written aside, made durable, renamed, and only then named by an event."""

from __future__ import annotations

import os

from blake3 import blake3

from madang.errors import InvalidInput, NotFound
from madang.formats import store as layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

Entry = tuple[str, str, int]  # path inside the version, digest, size
_PIECE = 1 << 20


def put_bytes(store: str, body: bytes) -> tuple[str, int]:
    """Store bytes; returns (digest, size).

    Raises:
        StorageError: the disk refused.
    """

    def write(target: int, digest: Any) -> int:
        digest.update(body)
        _write_all(target, body)
        return len(body)

    return _put(store, write)


def put_file(store: str, path: str) -> tuple[str, int]:
    """Store a copy of a file as it is while it is read; returns (digest, size). A file that may change is never linked.

    Raises:
        NotFound: there is no such file, or it cannot be read.
        StorageError: the disk refused.
    """
    try:
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NotFound(f"Cannot read {path!r}: {error.strerror}.") from error

    def write(target: int, digest: Any) -> int:
        size = 0
        while piece := os.read(source, _PIECE):
            digest.update(piece)
            _write_all(target, piece)
            size += len(piece)
        return size

    try:
        return _put(store, write)
    finally:
        os.close(source)


def _put(store: str, write: Callable[[int, Any], int]) -> tuple[str, int]:
    aside = layout.aside_path(store)
    digest = blake3()
    try:
        os.makedirs(os.path.dirname(aside), exist_ok=True)
        target = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        try:
            size = write(target, digest)
            name = digest.hexdigest()
            final = layout.blob_path(store, name)
            if not _is_there(final, size):
                os.fsync(target)
                os.makedirs(os.path.dirname(final), exist_ok=True)
                os.rename(aside, final)
                _sync_folder(os.path.dirname(final))
                aside = ""
        finally:
            os.close(target)
            if aside:
                os.unlink(aside)
    except OSError as error:
        raise layout.refused(store, error) from error
    return "blake3:" + name, size


def _is_there(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except FileNotFoundError:
        return False


def _write_all(target: int, body: bytes) -> None:
    view = memoryview(body)
    while view:
        view = view[os.write(target, view) :]


def _sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def put_tree(store: str, path: str) -> list[Entry]:
    """Store a file, or all files below a folder (links are followed, but not out of loops); entries sorted by path.

    Raises:
        NotFound: nothing is there.
        InvalidInput: the folder is empty.
        StorageError: the disk refused.
    """
    if os.path.isdir(path):
        entries = [(name, *put_file(store, os.path.join(path, name))) for name in files_below(path)]
        if not entries:
            raise InvalidInput(f"The folder {path!r} has no files.")
        return sorted(entries)
    return [(os.path.basename(os.path.abspath(path)), *put_file(store, path))]


def files_below(folder: str) -> Iterable[str]:
    """Relative paths of the regular files below a folder, ``/`` between parts."""
    seen: set[tuple[int, int]] = set()
    stack = [""]
    while stack:
        relative = stack.pop()
        facts = os.stat(os.path.join(folder, relative))
        if (facts.st_dev, facts.st_ino) in seen:
            continue
        seen.add((facts.st_dev, facts.st_ino))
        with os.scandir(os.path.join(folder, relative)) as found:
            for entry in found:
                name = f"{relative}/{entry.name}" if relative else entry.name
                if entry.is_dir():
                    stack.append(name)
                elif entry.is_file():
                    yield name


def tree_digest(entries: Iterable[Entry]) -> str:
    """One digest over a tree: of its paths and their digests."""
    return (
        "blake3:"
        + blake3(
            "".join(f"{digest} {size} {path}\n" for path, digest, size in sorted(entries)).encode(
                "utf-8", "surrogateescape"
            )
        ).hexdigest()
    )


def digest_of(path: str) -> str:
    """The digest of a file's bytes.

    Raises:
        NotFound: it cannot be read.
    """
    digest = blake3()
    try:
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise NotFound(f"Cannot read {path!r}: {error.strerror}.") from error
    return "blake3:" + digest.hexdigest()

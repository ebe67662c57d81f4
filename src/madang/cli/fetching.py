"""Stored bytes as files, checked while they are written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from blake3 import blake3

from madang.domain.versions import Entry, check_path
from madang.errors import Conflict, CorruptData, StorageError

if TYPE_CHECKING:
    from madang.ports.reader import Reader

_PIECE = 1 << 20


def write_files(reader: Reader, project: str, places: Sequence[tuple[Entry, str]], *, force: bool) -> int:
    """Write each entry to its path, by a rename; returns the bytes written.

    Raises:
        Conflict: a file is there and ``force`` is not given; nothing is written then.
        CorruptData: stored bytes do not fit their digest.
        StorageError: the disk refused.
    """
    for entry, path in places:
        check_path(entry.path)
        if os.path.lexists(path) and not force:
            raise Conflict(
                f"{path} exists already.", hint="Replace it with --force, or choose another place with --to."
            )
    try:
        return sum(_write(reader, project, entry, path) for entry, path in places)
    except OSError as error:
        raise StorageError(f"Cannot write {error.filename}: {error.strerror}.") from error


def _write(reader: Reader, project: str, entry: Entry, path: str) -> int:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    aside = f"{path}.{os.urandom(6).hex()}.part"
    digest, count = blake3(), 0
    try:
        with reader.open_blob(project, entry.digest) as source, open(aside, "xb") as target:
            while piece := source.read(_PIECE):
                digest.update(piece)
                count += target.write(piece)
        if entry.digest != "blake3:" + digest.hexdigest():
            raise CorruptData(
                f"The stored bytes of {entry.path!r} do not have the digest {entry.digest}.",
                hint="Restore the blob from another copy: run `madang sync` where it was made.",
            )
        os.replace(aside, path)
    finally:
        if os.path.exists(aside):
            os.unlink(aside)
    return count

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

    All of them are written aside and checked first. What ``force`` replaces inside a data repository `madang undo`
    brings back.

    Raises:
        Conflict: a file is there and ``force`` is not given; nothing is written then.
        CorruptData: stored bytes do not fit their digest; nothing is replaced then.
        StorageError: the disk refused.
    """
    for entry, path in places:
        check_path(entry.path)
        if os.path.lexists(path) and not force:
            raise Conflict(
                f"{path} exists already.", hint="Replace it with --force, or choose another place with --to."
            )
    asides: dict[str, str] = {}
    try:
        written = 0
        for entry, path in places:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            asides[path] = f"{path}.{os.urandom(6).hex()}.part"
            written += _write(reader, project, entry, asides[path])
        _keep([path for path in asides if os.path.lexists(path)])
        for path, aside in asides.items():
            os.replace(aside, path)
    except OSError as error:
        raise StorageError(f"Cannot write {error.filename}: {error.strerror}.") from error
    finally:
        for aside in asides.values():
            if os.path.exists(aside):
                os.unlink(aside)
    return written


def _keep(paths: Sequence[str]) -> None:
    """Keep files that are about to be replaced, where there is a data repository to keep them in."""
    if not paths:
        return
    from madang.workspace.data.files import undoing
    from madang.workspace.data.repo.repository import Repository, find_root

    by_root: dict[str, list[str]] = {}
    for path in paths:
        root = find_root(os.path.dirname(os.path.abspath(path)))
        if root is not None:
            by_root.setdefault(root, []).append(os.path.abspath(path))
    for root, found in by_root.items():
        undoing.keep(Repository(root), found, "artifacts get --force")


def _write(reader: Reader, project: str, entry: Entry, aside: str) -> int:
    if not entry.is_held:
        from madang.wiring_data import read_reference

        with open(aside, "xb") as target:
            return read_reference(entry, target)
    digest, count = blake3(), 0
    with reader.open_blob(project, entry.digest) as source, open(aside, "xb") as target:
        while piece := source.read(_PIECE):
            digest.update(piece)
            count += target.write(piece)
    if entry.digest != "blake3:" + digest.hexdigest():
        raise CorruptData(
            f"The stored bytes of {entry.path!r} do not have the digest {entry.digest}.",
            hint="Restore the blob from another copy: run `madang sync` where it was made.",
        )
    return count

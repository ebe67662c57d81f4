"""Files of a record, written into a work tree: its paths may be anybody's, and its bytes must be what they say."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO

from blake3 import blake3

from madang.domain.files import FileRef
from madang.domain.versions import check_path
from madang.errors import CorruptData, InvalidInput, MadangError, Refused

_PIECE = 1 << 20


def write_inside(root: str, item: FileRef, file: BinaryIO) -> None:
    """Write an untracked file of the record into the work tree, checked against its digest.

    Raises:
        Refused: the path leads out of the tree or into ``.git``.
        CorruptData: the bytes are others.
    """
    try:
        check_path(item.path)
    except MadangError as error:
        raise Refused(f"The untracked file {item.path[:200]!r} would lie outside the work tree.") from error
    if any(part.lower().rstrip(". ") in (".git", "git~1") for part in item.path.split("/")):
        raise Refused(f"The untracked file {item.path[:200]!r} would lie in .git.")
    no_links_above(root, item.path)
    target = os.path.join(root, item.path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with open(descriptor, "wb") as out:
        body = checked_bytes(file, item.digest, item.path)
        out.write(body)
        if body.startswith(b"#!"):
            os.fchmod(descriptor, 0o755)  # the record has no modes, and a script may be started by its name


def is_inside(path: str) -> bool:
    """Whether a path of a record, which may be anybody's, stays inside the work tree."""
    try:
        check_path(path)
    except InvalidInput:
        return False
    return True


def link_above(root: str, path: str) -> str:
    """The first link on the way from the work tree to a path; empty when there is none."""
    above = root
    for part in path.split("/")[:-1]:
        above = os.path.join(above, part)
        if os.path.islink(above):
            return above
    return ""


def no_links_above(root: str, path: str) -> None:
    """Refuse a path below a link: it may lead anywhere."""
    link = link_above(root, path)
    if link:
        raise Refused(f"{path[:200]!r} lies below the link {os.path.relpath(link, root)!r}.")


def checked_bytes(file: BinaryIO, digest: str, what: str) -> bytes:
    """Read all of a file. Raises `CorruptData` when its bytes have another digest."""
    body = file.read()
    if "blake3:" + blake3(body).hexdigest() != digest:
        raise CorruptData(f"The stored bytes of {what} do not have the digest {digest}.")
    return body


def md5_of(path: str) -> str:
    """The MD5 of a file, as data is named by."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def blake3_of(path: str) -> str:
    """The digest of a file, as blobs are named by."""
    found = blake3()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return "blake3:" + found.hexdigest()

"""Git LFS files in a work tree that was made without filters: pointers, whose bytes may lie in the repository.

Source of the formats: git-lfs, docs/spec.md (pointers, and the folder of objects).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil

_MOST = 1024  # bytes of a pointer
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\n")


def pointer_of(path: str) -> str:
    """The SHA-256 that a pointer file names; empty for any other file."""
    if not os.path.isfile(path) or os.path.islink(path) or os.path.getsize(path) > _MOST:
        return ""
    with open(path, "rb") as file:
        found = _POINTER.match(file.read(_MOST))
    return found[1].decode() if found else ""


def restore(path: str, git_dir: str) -> bool:
    """Put the bytes in the place of a pointer, from the repository's own LFS objects; False when they are not there."""
    oid = pointer_of(path)
    source = os.path.join(git_dir, "lfs", "objects", oid[:2], oid[2:4], oid)
    if not oid or not os.path.isfile(source):
        return False
    aside = path + ".lfs-part"
    shutil.copyfile(source, aside)
    with open(aside, "rb") as file:
        right = hashlib.file_digest(file, "sha256").hexdigest() == oid
    if right:
        os.replace(aside, path)
    else:
        os.unlink(aside)
    return right

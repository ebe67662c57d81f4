"""Names of objects and where they lie in a cache or remote.

Source of the format: the stores that dvc 3 writes; docs/formats/dvc.md. An object's name is the MD5 of its bytes in
lower-case hex, with ``.dir`` behind it when the object is the listing of a folder.
"""

from __future__ import annotations

import re

from madang.errors import InvalidInput

PREFIX = "files/md5"
DIR_SUFFIX = ".dir"

_NAME = re.compile(r"[0-9a-f]{32}(\.dir)?\Z")


def check_name(name: str, where: str) -> str:
    """Return an object's name when it is one.

    Raises:
        InvalidInput: not 32 lower-case hex digits, perhaps with ``.dir``; ``where`` says who wrote it.
    """
    if not _NAME.match(name):
        raise InvalidInput(f"{where} names the object {name[:80]!r}, which is not an MD5.")
    return name


def is_name(text: str) -> bool:
    """Whether a text is the name of an object."""
    return _NAME.match(text) is not None


def key_of(name: str) -> str:
    """The key of an object in a store: ``files/md5/ab/cdef…``."""
    return f"{PREFIX}/{name[:2]}/{name[2:]}"


def name_of(key: str) -> str | None:
    """The object's name for a key in a store, or None when the key is something else."""
    parts = key.split("/")
    if len(parts) != 4 or parts[0] != "files" or parts[1] != "md5":
        return None
    name = parts[2] + parts[3]
    return name if len(parts[2]) == 2 and _NAME.match(name) else None


def is_dir(name: str) -> bool:
    """Whether the object is the listing of a folder."""
    return name.endswith(DIR_SUFFIX)

"""The ``.dir`` object: the listing of a tracked folder.

A JSON list of ``{"md5": …, "relpath": …}`` sorted by relpath by code point, written as Python's ``json.dumps`` writes
it (``", "`` and ``": "``, ASCII only, no newline at the end). Its name is the MD5 of these bytes plus ``.dir``.
Empty folders, sizes, modes and times are not in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii

from madang.errors import CorruptData, InvalidInput
from madang.formats.dvc.digest import md5_of
from madang.formats.dvc.layout import DIR_SUFFIX, check_name

_ODD_PART = re.compile(r"(?:^|[/\0])\.{0,2}(?:[/\0]|\Z)")  # of paths that are joined by NUL: "", "." or ".."
_MD5S = re.compile(r"[0-9a-f]*")
_AS_THEY_ARE = re.compile(r"[ !#-\[\]-~]*")  # signs that JSON writes as they are


def encode(files: Mapping[str, str]) -> bytes:
    """Bytes of the listing of ``{relpath: md5}``.

    Raises:
        InvalidInput: a name that is not valid Unicode (dvc cannot store it either).
    """
    paths = sorted(files)
    if _AS_THEY_ARE.fullmatch("".join(paths)):
        parts = [f'{{"md5": "{files[path]}", "relpath": "{path}"}}' for path in paths]
    else:
        parts = [
            f'{{"md5": "{files[path]}", "relpath": {encode_basestring_ascii(check_text(path))}}}' for path in paths
        ]
    return f"[{', '.join(parts)}]".encode("ascii")


def check_text(path: str) -> str:
    """Return a file name when it can be written in a listing or ``.dvc`` file.

    Raises:
        InvalidInput: its bytes are not UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidInput(
            f"The name {path!r} is not valid UTF-8, so no .dvc file can hold it.", hint="Rename the file."
        ) from None
    return path


def name_of_bytes(body: bytes) -> str:
    """The object's name for the bytes of a listing."""
    return md5_of(body) + DIR_SUFFIX


def decode(body: bytes, name: str) -> dict[str, str]:
    """``{relpath: md5}`` of a listing, in its order; ``name`` is for messages.

    Paths are relative and stay inside the folder: a listing is input from outside.

    Raises:
        CorruptData: not a listing, an entry without an MD5, a path that leaves the folder or comes twice.
    """
    try:
        entries = json.loads(body.decode())
        files = {entry["relpath"]: entry["md5"] for entry in entries}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _corrupt(name, "it is not a listing of a folder") from error
    if not isinstance(entries, list):
        raise _corrupt(name, "it is not a list")
    if len(files) != len(entries):
        raise _corrupt(name, "a path comes twice")
    for path, md5 in () if _is_plain(files) else files.items():
        if not isinstance(path, str) or not isinstance(md5, str):
            raise _corrupt(name, "an entry is not text")
        _check_path(path, name)
        if len(md5) != 32:
            raise _corrupt(name, f"{path!r} has no MD5")
        check_name(md5, f"The listing {name}")
    _check_no_file_is_a_folder(files, name)
    return files


def is_of_tags(body: bytes) -> bool:
    """Whether a listing names what lies in a cloud by its tags, ``{"etag": …, "relpath": …}``: the state of a source.

    dvc keeps those of imported folders among its objects. No file is made of them.
    """
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(entries, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("etag"), str) and "md5" not in entry for entry in entries
    )


def _is_plain(files: Mapping[str, str]) -> bool:
    """Whether one look at all entries together shows that each is right; else they are looked at one by one."""
    try:
        paths, md5s = "\0".join(files), "".join(files.values())
        paths.encode()
    except (TypeError, UnicodeEncodeError):
        return False
    return (
        paths.count("\0") == len(files) - 1
        and _ODD_PART.search(paths) is None
        and _MD5S.fullmatch(md5s) is not None
        and all(len(md5) == 32 for md5 in files.values())
    )


def _check_path(path: str, name: str) -> None:
    if not path.isascii():
        check_text(path)
    if not path or "\0" in path or path[0] == "/":
        raise _corrupt(name, f"the path {path!r} is not relative")
    if ("." in path or "//" in path or path[-1] == "/") and not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise _corrupt(name, f"the path {path!r} leaves the folder")


def _check_no_file_is_a_folder(files: Mapping[str, str], name: str) -> None:
    folders = {path[: path.rindex("/")] for path in files if "/" in path}
    clash = next((folder for folder in folders if _first_file_above(folder, files)), None)
    if clash is not None:
        raise _corrupt(name, f"{clash!r} is both a file and a folder")


def _first_file_above(folder: str, files: Mapping[str, str]) -> bool:
    while folder:
        if folder in files:
            return True
        folder = folder.rpartition("/")[0]
    return False


def _corrupt(name: str, why: str) -> CorruptData:
    return CorruptData(
        f"The object {name} cannot be used: {why}.",
        hint="Fetch it again from a remote (delete it from the cache first).",
    )

"""Request paths: percent-decoded once, part by part, so that the router and the services see the same text."""

from __future__ import annotations

import re
from functools import lru_cache

from madang.errors import InvalidInput

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
MAX_PATH = 8192  # bytes
_SHORT = 200


def split_path(raw: bytes) -> list[str]:
    """The decoded parts of an undecoded request path; the root path has none.

    A part may hold an encoded slash (`a%2Fb` is the one name ``a/b``), but nothing that could lead out of a tree:
    no empty, ``.`` or ``..`` piece, no NUL, no backslash.

    Raises:
        InvalidInput: the path is not well formed or holds such a piece.
    """
    return list(_short(raw) if len(raw) <= _SHORT else _split(raw))


def _split(raw: bytes) -> tuple[str, ...]:
    if not raw.startswith(b"/") or len(raw) > MAX_PATH or _BAD_ESCAPE.search(raw):
        raise InvalidInput("The path of the request is not well formed.")
    if raw == b"/":
        return ()
    return tuple([_decoded(part) for part in raw[1:].split(b"/")])


_short = lru_cache(1024)(_split)  # clients ask for the same paths again and again


def _decoded(part: bytes) -> str:
    plain = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), part)
    try:
        text = plain.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("The path of the request is not UTF-8.") from error
    if "\x00" in text or "\\" in text or any(piece in ("", ".", "..") for piece in text.split("/")):
        raise InvalidInput("The path of the request has an empty part, '..', a NUL or a backslash.")
    return text

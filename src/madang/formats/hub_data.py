"""The bodies of a hub's data routes (docs/formats/hub-data.md)."""

from __future__ import annotations

from msgspec import Struct

MAX_KEYS = 10_000  # keys in one request
PACK_LIMIT = 48 << 20  # bytes of one body
SMALL = 1 << 20  # objects up to so many bytes travel in packs


class Keys(Struct, forbid_unknown_fields=True):
    """Keys below the remote's address: ``files/md5/ab/cdef…``."""

    keys: list[str]


class Sizes(Struct):
    """Bytes of each object, in the order of the keys; null for one that is not there."""

    sizes: list[int | None]


class Pack(Struct, forbid_unknown_fields=True):
    """Objects: pairs of key and bytes (Base64 in JSON)."""

    objects: list[tuple[str, bytes]]


class Stored(Struct):
    """How many objects were stored, or were there already."""

    stored: int


class Listed(Struct, array_like=True):
    """One object: key, bytes, µs UTC of its arrival."""

    key: str
    size: int
    created_at: int


class Listing(Struct):
    """Objects by key; ``after`` for the next page, empty at the end."""

    objects: list[Listed]
    after: str

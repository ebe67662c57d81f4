"""Interned names: parameters, tags and metrics refer to them by number."""

from __future__ import annotations

from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Collection
from functools import partial
from threading import Lock

from madang.backends.records.database import Database

_MANY = 2000  # names from which reading all of them is faster than asking for each
_REMEMBERED = 200_000
_ESCAPE, _NUL, _SELF = "\U0010ffff", "\U0010ffff0", "\U0010ffff1"  # a character that Unicode leaves to programs


def digest(name: str) -> bytes:
    """What stands for a name in the unique index."""
    return blake2b(name.encode("utf-8", "replace"), digest_size=16).digest()


def stored_name(name: str) -> str:
    """A name as it is kept: PostgreSQL has no U+0000 in texts, and a name must come back as it was."""
    if "\x00" not in name and _ESCAPE not in name:
        return name
    return name.replace(_ESCAPE, _SELF).replace("\x00", _NUL)


def given_name(stored: str) -> str:
    """The name that `stored_name` kept."""
    return stored.replace(_NUL, "\x00").replace(_SELF, _ESCAPE) if _ESCAPE in stored else stored


def _among(names: Collection[str], numbers: dict[str, int]) -> dict[str, int]:
    return {name: numbers[name] for name in names if name in numbers} if numbers else {}


class Names:
    """Numbers of names, with a memory of those met before (they never change once they are committed)."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._lock = Lock()

    def numbers(self, names: Collection[str], *, create: bool = False) -> dict[str, int]:
        """Numbers by name; unknown names are made, or left out."""
        fresh = self._db.scratch
        found = _among(names, fresh)
        if len(found) < len(names):
            found |= _among(names, self._numbers)
        if len(found) == len(names):
            return found
        missing = {digest(name): name for name in names if name not in found}
        numbers = self._lookup(missing)
        if create and len(numbers) < len(missing):
            self._add({key: name for key, name in missing.items() if name not in numbers}, numbers)
        fresh.update(numbers)
        self._db.after_commit(partial(self._remember, numbers))
        return found | numbers

    def _add(self, unknown: dict[bytes, str], numbers: dict[str, int]) -> None:
        """Make names, and put their numbers into ``numbers``."""
        last = self._db.row("last_name")
        self._db.many("add_name", ({"digest": key, "name": stored_name(name)} for key, name in unknown.items()))
        wanted = set(unknown.values())
        made = ((given_name(name), int(number)) for number, name in self._db.rows("names_after", last=last and last[0]))
        numbers.update((name, number) for name, number in made if name in wanted)
        if not wanted <= numbers.keys():  # another process was faster with some of them
            numbers.update(self._lookup(unknown))

    def _lookup(self, digests: dict[bytes, str]) -> dict[str, int]:
        if len(digests) > _MANY:
            rows = self._db.rows("all_digests")
            return {digests[key]: number for number, key in rows if key in digests}
        found = {}
        for key, name in digests.items():
            row = self._db.row("name_by_digest", digest=key)
            if row is not None:
                found[name] = int(row[0])
        return found

    def _remember(self, numbers: dict[str, int]) -> None:
        with self._lock:
            if len(self._numbers) > _REMEMBERED:
                self._numbers = {}
                self._names = {}
            self._numbers.update(numbers)
            self._names.update({number: name for name, number in numbers.items()})

    def names(self, numbers: Collection[int]) -> dict[int, str]:
        """Names by number."""
        known = self._names
        found = {number: known[number] for number in numbers if number in known}
        missing = [number for number in numbers if number not in found]
        if missing:
            read = {int(number): given_name(name) for number, name in self._db.rows("names_by_number", numbers=missing)}
            self._db.after_commit(partial(self._remember, {name: number for number, name in read.items()}))
            found |= read
        return found

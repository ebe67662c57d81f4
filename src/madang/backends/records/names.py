"""Interned names: parameters, tags and metrics refer to them by number."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from threading import Lock

from madang.backends.records.database import Database

_MANY = 2000


def digest(name: str) -> bytes:
    """What stands for a name in the unique index."""
    return blake2b(name.encode("utf-8", "replace"), digest_size=16).digest()


class Names:
    """Numbers of names, with a memory of those met before (numbers never change once they are committed)."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._numbers: dict[str, int] = {}
        self._lock = Lock()

    def numbers(self, names: Collection[str], *, create: bool = False) -> dict[str, int]:
        """Numbers by name; unknown names are made, or left out."""
        known = self._numbers
        found = {name: known[name] for name in names if name in known}
        missing = [name for name in names if name not in found]
        if not missing:
            return found
        digests = {digest(name): name for name in missing}
        if create:
            self._db.many("add_name", ({"digest": key, "name": name} for key, name in digests.items()))
        numbers = self._lookup(digests)
        if not self._db.in_transaction:  # one that is rolled back would leave numbers that do not exist
            self._remember(numbers)
        return found | numbers

    def _lookup(self, digests: dict[bytes, str]) -> dict[str, int]:
        if len(digests) > _MANY:
            rows = self._db.rows("all_digests")
            return {digests[bytes(key)]: number for number, key in rows if bytes(key) in digests}
        found = {}
        for key, name in digests.items():
            row = self._db.row("name_by_digest", digest=key)
            if row is not None:
                found[name] = int(row[0])
        return found

    def _remember(self, numbers: dict[str, int]) -> None:
        with self._lock:
            if len(self._numbers) > 100_000:
                self._numbers.clear()
            self._numbers.update(numbers)

    def names(self, numbers: Collection[int]) -> dict[int, str]:
        """Names by number."""
        wanted: Sequence[int] = list(numbers)
        if not wanted:
            return {}
        return {int(number): name for number, name in self._db.rows("names_by_number", numbers=wanted)}

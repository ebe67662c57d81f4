"""A cache whose objects are only passed on: it goes again with its folder, so nothing in it waits for the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable

from madang.staging import Staging, rename_all
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.state import State


class PassingCache(Cache):
    """Objects on their way. Whoever passes them on makes them durable there."""

    def __init__(self, area: str) -> None:
        """``area`` is an existing folder of the caller's; it is removed by the caller."""
        super().__init__(f"{area}/cache", State(":memory:"), f"{area}/damaged")

    def staging(self) -> Staging:
        """See `Cache.staging`."""
        os.makedirs(self.folder, exist_ok=True)
        return _Passing(self.folder)

    def remember(self, names: Iterable[str]) -> None:
        """Nothing has to be trusted later."""

    def trust(self, names: Iterable[str]) -> None:
        """The same."""


class _Passing(Staging):
    def move(self, *, is_end: bool = True) -> None:
        """Give what was added its final names."""
        with self._disk():
            rename_all(self._taken())

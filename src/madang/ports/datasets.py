"""Where tracked data is known from: a work tree with its cache, or what was pushed to a hub."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, Protocol

from madang.domain.datasets import Recorded
from madang.domain.tables import TableChange


class TrackedData(Protocol):
    """The tracked data of projects. Thread-safe; what changes meanwhile is seen by the next call."""

    def tracked(self, project: str) -> dict[str, Recorded]:
        """What is recorded now, by path relative to the work tree's root; nothing where no work tree is known."""
        ...

    def history(self, project: str, name: str, limit: int) -> list[Recorded]:
        """The versions that commits record of a path, newest first; each commit that changed it."""
        ...

    def listing(self, project: str, version: str) -> dict[str, str]:
        """MD5 by path of a version's files; a single file has the path ``""``.

        Raises:
            NotFound: the listing is not here.
        """
        ...

    def sizes(self, project: str, md5s: Iterable[str]) -> dict[str, int]:
        """Bytes of those of the objects that are here."""
        ...

    def table_change(self, project: str, before: str, after: str, name: str) -> TableChange | None:
        """How two objects differ as tables; None where they are none, are too large, or it cannot be told here."""
        ...

    def open(self, project: str, md5: str) -> tuple[BinaryIO, int]:
        """An open object, which the caller closes, and its bytes. Raises `NotFound`."""
        ...

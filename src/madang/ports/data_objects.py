"""Which bytes a project's data objects are: the index from a remote's keys to blobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from madang.domain.values import value


@value
class DataObject:
    """One object of a data remote. ``key`` is its path below the remote's address."""

    key: str
    digest: str  # blake3:HEX
    size: int  # bytes
    created_at: int = 0  # µs UTC
    actor: str = ""  # who sent it first


class DataObjects(Protocol):
    """The objects of all projects."""

    def find(self, project: str, keys: Sequence[str]) -> dict[str, DataObject]:
        """Those of the keys that the project has."""
        ...

    def add(self, project: str, objects: Sequence[DataObject]) -> list[DataObject]:
        """Note objects, all or none. What is known already stays as it is.

        Returns those that are known with another digest; then nothing was noted.
        """
        ...

    def projects(self) -> Sequence[str]:
        """The projects that have objects, by name."""
        ...

    def list(self, project: str, prefix: str, after: str, limit: int) -> list[DataObject]:
        """Up to ``limit`` objects whose key begins with ``prefix`` and is greater than ``after``, by key."""
        ...

    def remove(self, project: str, keys: Sequence[str]) -> None:
        """Forget objects; the bytes stay."""
        ...

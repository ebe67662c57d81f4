"""What the records keep of versions and collections that were taken away."""

from __future__ import annotations

from typing import Protocol

from madang.domain.collection_states import DroppedCollection, DroppedVersion


class Tombstones(Protocol):
    """Nothing of it is ever forgotten, so that nobody brings back what was taken away."""

    def of_name(self, project: str, name: str) -> list[DroppedVersion]:
        """The versions that were taken away from what has a name, and all of what had it before."""
        ...

    def collections(self, project: str) -> list[DroppedCollection]:
        """The collections that were taken away and whose name is free, each name once: the last that had it."""
        ...

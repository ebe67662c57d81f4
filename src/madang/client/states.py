"""What a hub knows of collections, and what it is told of them (docs/formats/native-api.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from madang.client.http import HubClient
from madang.domain.collection_states import CollectionState, Merged
from madang.domain.values import value
from madang.domain.versions import Entry
from madang.errors import NotFound


@value
class Taken:
    """The number that a version has on a hub, or the blobs that it wants first."""

    number: int | None = None
    lacks: tuple[str, ...] = ()


class HubStates:
    """Every request may be repeated. Raises as `HubClient`."""

    def __init__(self, hub: HubClient) -> None:
        self._hub = hub

    def state(self, project: str, name: str) -> CollectionState | None:
        """What the hub knows of a collection; None: it has none of this name."""
        try:
            return self._hub.get(_path(project, name), CollectionState)
        except NotFound:
            return None

    def claim(self, state: CollectionState) -> None:
        """Have the numbers of versions kept for them until they come."""
        path = (*_path(state.project, state.name), "numbers")
        self._hub.send("POST", path, state, dict[str, Any], exact=True, again=True)

    def adopt(self, state: CollectionState, entries: Sequence[Entry], *, is_partial: bool) -> Taken:
        """Have the one version of a state made."""
        body = {"state": state, "entries": list(entries), "is_partial": is_partial}
        path = (*_path(state.project, state.name), "versions")
        return self._hub.send("POST", path, body, Taken, exact=True, again=True)

    def merge(self, state: CollectionState) -> Merged:
        """Have a state taken in."""
        return self._hub.send("POST", _path(state.project, state.name), state, Merged, exact=True, again=True)

    def dropped(self, project: str, name: str) -> CollectionState | None:
        """What the hub knows of a collection that was taken away there; None: none was, or it is too old to tell."""
        try:
            return self._hub.get((*_path(project, name), "dropped"), CollectionState)
        except NotFound:
            return None

    def drop(self, state: CollectionState) -> Merged | None:
        """Have a collection taken away that was taken away here; None: the hub is too old for it."""
        path = (*_path(state.project, state.name), "dropped")
        try:
            return self._hub.send("POST", path, state, Merged, exact=True, again=True)
        except NotFound:
            return None


def _path(project: str, name: str) -> tuple[str, ...]:
    return "projects", project, "states", name

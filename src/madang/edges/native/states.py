"""What is known of collections, as it travels between stores (`madang sync`)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from madang.domain.collection_states import CollectionState, Merged
from madang.domain.versions import Entry
from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput
from madang.http.routes import LARGE_BODY, READ, WRITE, Route
from madang.services.merging.merging import Adopted


class AdoptedWish(Struct, forbid_unknown_fields=True):
    """The one version in ``state``, with its files; ``is_partial``: also without some of their bytes."""

    state: CollectionState
    entries: list[Entry]
    is_partial: bool = False


def state(call: NativeCall) -> Any:
    """GET /projects/{project}/states/{name}."""
    return call.services.merging.state(call.who, call.path["project"], call.path["name"])


def claim(call: NativeCall) -> Any:
    """POST /projects/{project}/states/{name}/numbers."""
    call.services.merging.claim(call.who, _of_path(call, call.body))
    return {}


def adopt(call: NativeCall) -> Any:
    """POST /projects/{project}/states/{name}/versions."""
    body: AdoptedWish = call.body
    if len(body.state.versions) != 1:
        raise InvalidInput("One version is made at a time.")
    return call.services.merging.adopt(call.who, _of_path(call, body.state), body.entries, is_partial=body.is_partial)


def merge(call: NativeCall) -> Any:
    """POST /projects/{project}/states/{name}."""
    return call.services.merging.merge(call.who, _of_path(call, call.body))


def dropped(call: NativeCall) -> Any:
    """GET /projects/{project}/states/{name}/dropped."""
    return call.services.merging.dropped(call.who, call.path["project"], call.path["name"])


def drop(call: NativeCall) -> Any:
    """POST /projects/{project}/states/{name}/dropped."""
    return call.services.merging.drop(call.who, _of_path(call, call.body))


def _of_path(call: NativeCall, state: CollectionState) -> CollectionState:
    if (state.project, state.name) != (call.path["project"], call.path["name"]):
        raise InvalidInput(f"The state is that of {state.name[:200]!r} in project {state.project[:200]!r}.")
    return state


def routes() -> list[Route]:
    """The routes of what is known of collections."""
    one = "/projects/{project}/states/{name}"
    return [
        Route("GET", one, state, READ, "All that is known of a collection", answer=CollectionState),
        Route(
            "POST", one, merge, WRITE, "Take in what another store knows of it", body=CollectionState,
            answer=Merged, limit=LARGE_BODY,
        ),
        Route(
            "POST", one + "/numbers", claim, WRITE, "Keep the numbers that its versions have there",
            body=CollectionState, answer={}, limit=LARGE_BODY,
        ),
        Route(
            "POST", one + "/versions", adopt, WRITE, "Make a version of another store",
            body=AdoptedWish, answer=Adopted, limit=LARGE_BODY,
        ),
        Route(
            "GET", one + "/dropped", dropped, READ, "What was known of a collection that was taken away",
            answer=CollectionState,
        ),
        Route(
            "POST", one + "/dropped", drop, WRITE, "Take away what another store has taken away",
            body=CollectionState, answer=Merged, limit=LARGE_BODY,
        ),
    ]  # fmt: skip

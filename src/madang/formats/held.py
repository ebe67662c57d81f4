"""The note `held` in a run's folder: which hub holds segments that were given up here (docs/formats/store.md)."""

from __future__ import annotations

import msgspec

from madang.domain.held import Held
from madang.formats import store as layout
from madang.formats.learning import learnt


def held_path(store: str, run: str) -> str:
    """The note's file."""
    return layout.run_dir(store, run) + "/held"


def encode_held(held: Held) -> bytes:
    """The note's bytes."""
    return msgspec.json.encode(held) + b"\n"


def read_held(store: str, run: str) -> Held | None:
    """The note of a run; None when there is none, or it cannot be read."""
    try:
        with open(held_path(store, run), "rb") as file:
            return msgspec.json.decode(file.read(), type=learnt(Held))
    except (OSError, msgspec.DecodeError):
        return None

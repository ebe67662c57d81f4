"""What long work tells its caller: how much there is and how much is done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Advance = Callable[[int], None]
"""Called with the units done since the last call."""


class Meter(Protocol):
    """Opens one measured piece of work."""

    def __call__(self, total: int, unit: str, label: str) -> AbstractContextManager[Advance]:
        """``total`` in ``unit`` (``"B"`` for bytes, else a plural noun); ``label`` says what is done."""
        ...


def silent(total: int, unit: str, label: str) -> AbstractContextManager[Advance]:
    """A meter that shows nothing."""
    return nullcontext(_nothing)


def _nothing(done: int) -> None:
    return

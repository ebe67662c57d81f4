"""Functions of other libraries, replaced and put back."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ABSENT = object()


class Patches:
    """What was replaced, and what was there before."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        """Let ``wrapper(original, *args, **kwargs)`` be called where the owner's own ``name`` was.

        A method that scikit-learn offers only under a condition (`available_if`) keeps its condition.
        """
        held = vars(owner).get(name, _ABSENT)
        if held is _ABSENT:
            return
        if hasattr(held, "fn") and hasattr(held, "check"):
            made = copy.copy(held)
            made.fn = _wrapped(held.fn, wrapper)
        elif callable(held):
            made = _wrapped(held, wrapper)
        else:
            return
        self.put(owner, name, made)

    def put(self, owner: Any, name: str, made: Any) -> None:
        """Set an attribute."""
        self._before.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, made)

    def undo(self) -> None:
        """Put everything back, the last first."""
        while self._before:
            owner, name, held = self._before.pop()
            if held is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, held)


def _wrapped(original: Callable[..., Any], wrapper: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return wrapper(original, *args, **kwargs)

    return call

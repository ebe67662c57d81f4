"""What a call of scikit-learn's `fit` is given."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class Given:
    """What a call of `fit` was given."""

    def __init__(self, X: Any = None, y: Any = None, sample_weight: Any = None) -> None:
        self.X = X
        self.y = y
        self.sample_weight = sample_weight
        self.example: Any = None  # some rows as they were before the training


def given_to(kind: type, args: tuple[Any, ...], kwargs: dict[str, Any], *, copied: bool = False) -> Given:
    """Data, labels and weights among the arguments of `fit`; copies where training changes them in place."""
    names = list(inspect.signature(kind.fit).parameters)[1:]  # type: ignore[attr-defined]
    named = dict(zip(names, args, strict=False)) | kwargs
    values = [named.get(name) for name in (*names[:2], "sample_weight")]
    if copied:
        from copy import deepcopy

        values = deepcopy(values)
    return Given(*values)

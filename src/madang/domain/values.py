"""How the domain's values are declared: dataclasses that cost next to nothing to import.

A command starts in milliseconds, loads a hundred such classes and makes objects of a few. `dataclass` looks at every
field and compiles up to six methods (0.1 to 0.5 ms a class). Here the fields are looked at when somebody asks for them,
the constructor is compiled when the first object is made, and equality, hash and text are shared. To everyone else the
classes are dataclasses: `replace`, `fields` and msgspec take them as such.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, make_dataclass
from typing import Any, TypeVar, cast, dataclass_transform

T = TypeVar("T")
_lock = threading.RLock()


def _values(self: Any) -> list[Any]:
    """All values in order. A decoder may leave a default to the class, so `__dict__` alone does not tell."""
    return [getattr(self, name) for name in self.__dataclass_fields__]


def _equal(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return self.__dict__ == other.__dict__ or _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash((type(self), *_values(self)))


def _text(self: Any) -> str:
    pairs = (f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
    return f"{type(self).__name__}({', '.join(pairs)})"


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(kind: type[T]) -> type[T]:
    """Make a class an immutable value with equality by its fields. The type checker sees to it that none changes."""
    return cast("type[T]", _made(kind, _hash))


@dataclass_transform(field_specifiers=(field,))
def mutable(kind: type[T]) -> type[T]:
    """As `value`, for what changes: it has no hash."""
    return cast("type[T]", _made(kind, None))


class _Fields:
    """Stands for the fields of a class until they are asked for; they replace it then."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def __get__(self, instance: object, asked: type) -> Any:
        with _lock:
            if vars(self.kind)["__dataclass_fields__"] is self:
                dataclass(init=False, eq=False, repr=False)(self.kind)
        return vars(self.kind)["__dataclass_fields__"]


def _made(kind: Any, hashed: Any) -> Any:
    def construct(self: Any, *values: Any, **named: Any) -> None:
        twin = make_dataclass(kind.__name__, (), bases=(kind,), namespace={"__doc__": "-"}, eq=False, repr=False)
        kind.__init__ = vars(twin)["__init__"]  # two threads may both do it: it is the same
        kind.__init__(self, *values, **named)

    kind.__init__, kind.__dataclass_fields__ = construct, _Fields(kind)
    for name, method in (("__eq__", _equal), ("__hash__", hashed), ("__repr__", _text)):
        if vars(kind).get(name) is None:  # Python sets no __hash__ beside an __eq__
            setattr(kind, name, method)
    return kind

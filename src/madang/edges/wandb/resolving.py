"""What resolvers are made of, apart from what runs them: that loads GraphQL, and most servers meet no such client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Resolver: TypeAlias = Callable[[Any, Any, dict[str, Any]], Any]
"""What gives a field's value: of the object it belongs to, the call, and the field's arguments."""


class Prepared:
    """An object some of whose fields are at hand, by name, so that no resolver is asked for them.

    For the others resolvers get what `whole` gives.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields

    def more(self, name: str) -> Any:
        """A field that can be had without the object. Raises `KeyError` for the others."""
        raise KeyError(name)

    @property
    def whole(self) -> Any:
        """The object."""
        raise NotImplementedError

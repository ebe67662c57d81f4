"""What a model's `MLmodel` file says of its inputs and parameters.

Source of the format: MLflow's documentation, "Model Signatures" (https://mlflow.org/docs/latest/ml/model/signatures/).
A signature holds JSON texts: a list of columns, or of tensors, and a list of parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from madang.errors import CorruptData

SCALARS = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
NESTED = ("array", "object", "map", "any", "sparkml_vector")


class Column(NamedTuple):
    """A column of a table. ``kind`` is its type as the signature has it: `{"type": "array", "items": …}`."""

    name: str | None
    kind: Mapping[str, Any]
    required: bool

    @property
    def type(self) -> str:
        """The name of the type."""
        return str(self.kind["type"])


class Tensor(NamedTuple):
    """An array of fixed type and shape; -1 stands for any length."""

    name: str | None
    dtype: str
    shape: tuple[int, ...]


class Parameter(NamedTuple):
    """What a request may set beside the data. A shape means a list of values."""

    name: str
    kind: Mapping[str, Any]
    default: Any
    shape: tuple[int, ...] | None


class Signature(NamedTuple):
    """The inputs, columns or tensors, and the parameters (None: the model says nothing of any)."""

    columns: list[Column]
    tensors: list[Tensor]
    parameters: list[Parameter] | None

    @property
    def inputs(self) -> list[Column | Tensor]:
        """All of them, in order."""
        return [*self.columns, *self.tensors]

    @property
    def is_named(self) -> bool:
        """Whether its inputs have names; they all have, or none."""
        return any(one.name is not None for one in self.inputs)

    @property
    def names(self) -> list[Any]:
        """The names of the inputs, or their places where they have none."""
        return [at if one.name is None else one.name for at, one in enumerate(self.inputs)]

    @property
    def needed(self) -> list[Any]:
        """The names of inputs that may not be missing."""
        optional = {column.name for column in self.columns if not column.required}
        return [name for name in self.names if name not in optional]

    def input(self, name: Any) -> Column | Tensor | None:
        """The input of a name."""
        return next((one for one in self.inputs if one.name == name and name is not None), None)


def parse(given: Any) -> Signature | None:
    """The signature that stands in an `MLmodel` file; None for none.

    Raises:
        CorruptData: it cannot be read.
    """
    if not isinstance(given, Mapping) or not (given.get("inputs") or given.get("params")):
        return None
    try:
        inputs = json.loads(given.get("inputs") or "[]")
        parameters = json.loads(given["params"]) if given.get("params") else None
        columns = [_column(one) for one in inputs if one["type"] != "tensor"]
        tensors = [_tensor(one) for one in inputs if one["type"] == "tensor"]
        if columns and tensors:
            raise ValueError("columns and tensors cannot be mixed")
        return Signature(columns, tensors, None if parameters is None else [_parameter(one) for one in parameters])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptData(f"The signature of the model cannot be read: {error}.") from error


def _column(given: Mapping[str, Any]) -> Column:
    check_kind(given)
    required = given.get("required")
    return Column(given.get("name"), given, True if required is None else bool(required))


def _tensor(given: Mapping[str, Any]) -> Tensor:
    spec = given["tensor-spec"]
    return Tensor(given.get("name"), str(spec["dtype"]), tuple(int(size) for size in spec["shape"]))


def _parameter(given: Mapping[str, Any]) -> Parameter:
    kind = given if "type" in given else {**given, "type": given["dtype"]}
    shape = given.get("shape")
    return Parameter(str(given["name"]), kind, given["default"], None if shape is None else tuple(shape))


def check_kind(kind: Mapping[str, Any]) -> None:
    """Raises `ValueError` for a type that no signature has."""
    if kind["type"] not in (*SCALARS, *NESTED):
        raise ValueError(f"there is no type {kind['type']!r}")
    for inner in (kind.get("items"), kind.get("values"), *dict(kind.get("properties") or {}).values()):
        if inner is not None:
            check_kind(inner)


def text_of(kind: Mapping[str, Any]) -> str:
    """A type for people: ``double``, ``Array(string)``, ``{name: string (optional)}``."""
    if kind["type"] in ("array", "map"):
        return f"{kind['type'].capitalize()}({text_of(kind.get('items') or kind.get('values') or {'type': 'any'})})"
    if kind["type"] == "object":
        parts = dict(kind.get("properties") or {}).items()
        optional = {True: "", False: " (optional)"}
        inner = (f"{name}: {text_of(one)}{optional[one.get('required', True)]}" for name, one in parts)
        return "{" + ", ".join(inner) + "}"
    return str(kind["type"])

"""A request's data and the model's signature: what is missing, what does not fit, and what the model gets."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np

from madang.errors import InvalidInput
from madang.scoring.kinds import DTYPES, checked, nested
from madang.scoring.signature import Parameter, Signature, Tensor
from madang.scoring.tables import Array, Table, array_of, objects, of_rows

_PYTHON: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (float, int),
    "double": (float, int),
    "string": (str,),
}


@np.errstate(over="ignore")  # too large for the declared type is infinite, as in MLflow
def enforced(data: Any, signature: Signature) -> Any:
    """The data as the model takes it: a `Table`, an array, or named arrays.

    Columns that the signature does not name are left out.

    Raises:
        InvalidInput: an input is missing, or cannot safely become what the signature says.
    """
    if signature.tensors:
        return _tensors(data, signature)
    if not signature.columns:
        return data
    table = data if isinstance(data, Table) else _table(data, signature)
    if not signature.is_named:
        return _unnamed(table, signature)
    _check_names(table.columns, signature)
    found = {}
    for column in signature.columns:
        if column.name in table.columns:
            values = table.columns[column.name]
            found[column.name] = checked(column.name, values, column.kind, required=column.required)
    return Table(found, table.rows)


def _unnamed(table: Table, signature: Signature) -> Table:
    if len(table.columns) < len(signature.columns):
        raise InvalidInput(
            f"Model inference is missing inputs. The model signature declares {len(signature.columns)} inputs but the "
            f"provided value only has {len(table.columns)} inputs."
        )
    pairs = zip(table.columns.items(), signature.columns, strict=False)
    return Table({name: checked(name, values, one.kind) for (name, values), one in pairs}, table.rows)


def _check_names(given: Mapping[Any, Any], signature: Signature) -> None:
    missing = [name for name in signature.needed if name not in given]
    if missing:
        extra = [name for name in given if name not in signature.names]
        more = f" Note that there were extra inputs: {extra}." if extra else ""
        raise InvalidInput(f"Model is missing inputs {missing}.{more}")


def _table(data: Any, signature: Signature) -> Table:
    """What is no table as one.

    Raises:
        InvalidInput: it has more dimensions than a table, or columns of different lengths.
    """
    if isinstance(data, dict):
        is_row = any(column.type in ("array", "object") for column in signature.columns)
        if is_row or all(_is_cell(value) for value in data.values()):
            return Table({name: array_of([_item(value)]) for name, value in data.items()}, 1)
        return _columns(data)
    if isinstance(data, list):
        rows = [{name: _item(v) for name, v in row.items()} if isinstance(row, dict) else row for row in data]
        return of_rows(rows)
    array = np.asarray(data)
    if array.ndim == 0:
        return of_rows([_item(data)])
    if array.ndim == 1:
        return Table({0: array}, len(array))
    if array.ndim > 2:
        raise InvalidInput(
            "This model contains a column-based signature, which suggests a table. "
            f"There was an error casting the input data: Must pass 2-d input. shape={array.shape}"
        )
    return Table({at: array[:, at] for at in range(array.shape[1])}, array.shape[0])


def _columns(data: Mapping[Any, Any]) -> Table:
    sizes = {len(value) for value in data.values() if np.ndim(value) or isinstance(value, list)}
    if len(sizes) > 1:
        raise InvalidInput(
            "This model contains a column-based signature, which suggests a table. "
            "There was an error casting the input data: All arrays must be of the same length"
        )
    rows = sizes.pop() if sizes else 1
    columns = {}
    for name, value in data.items():
        if isinstance(value, np.ndarray) and value.ndim == 1:
            columns[name] = value
        elif isinstance(value, np.ndarray) and value.ndim > 1:
            columns[name] = objects(value.tolist())
        elif isinstance(value, list):
            columns[name] = array_of(value)
        else:
            columns[name] = array_of([_item(value)] * rows)
    return Table(columns, rows)


def _is_cell(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return bool(value.shape == () and value.dtype.kind == "U")
    if isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    return value is None or bool(np.isscalar(value))


def _item(value: Any) -> Any:
    """A NumPy scalar as Python's own."""
    if isinstance(value, np.ndarray) and not value.ndim:
        return value.item()
    return value.item() if isinstance(value, np.generic) and value.dtype.kind != "M" else value


# -- tensors ------------------------------------------------------------------------------------------------------


def _tensors(data: Any, signature: Signature) -> Any:
    if not signature.is_named:
        return _tensor_of(data, signature.tensors[0])
    if len(signature.tensors) == 1 and isinstance(data, np.ndarray):
        data = {signature.tensors[0].name: data}
    given = data.columns if isinstance(data, Table) else data if isinstance(data, dict) else {}
    _check_names(given, signature)
    found = {}
    for one in signature.tensors:
        value = given[one.name]
        if isinstance(data, Table):
            found[one.name] = _from_column(str(one.name), value, one)
        elif isinstance(value, np.ndarray):
            found[one.name] = _shaped(value, one)
        else:
            raise InvalidInput(f"The input {one.name!r} is not an array but a {type(value).__name__}.")
    return found


def _tensor_of(data: Any, one: Tensor) -> Array:
    if isinstance(data, np.ndarray):
        return _shaped(data, one)
    if not isinstance(data, Table):
        raise InvalidInput(
            "This model contains a tensor-based model signature with no input names, which suggests an array, "
            f"but a {type(data).__name__} was found."
        )
    if not data.columns or not data.rows:
        raise InvalidInput("Input DataFrame is empty.")
    if len(data.columns) == 1:
        return _from_column("", next(iter(data.columns.values())), one)
    if one.shape != (-1, len(data.columns)):
        raise InvalidInput(
            "This model contains a model signature with an unnamed input. Since the input data is a table of several "
            f"columns, the input shape must be (-1, {len(data.columns)}), and it is {one.shape}."
        )
    return _shaped(np.column_stack(list(data.columns.values())), one)


def _from_column(name: str, values: Array, one: Tensor) -> Array:
    """A tensor of a column whose cells are numbers, or flat lists of them."""
    if one.shape[0] != -1 or -1 in one.shape[1:]:
        raise InvalidInput(
            "For tabular input, the first dimension of shape must be a variable dimension and other dimensions must be "
            f"fixed, but in model signature the shape of {f'input {name}' if name else 'the unnamed input'} is "
            f"{one.shape}."
        )
    if not len(values) or not isinstance(values[0], list):
        if one.shape not in ((-1,), (-1, 1)):
            raise InvalidInput(
                f"The column '{name}' contains scalar values, which requires the shape to be (-1,) or (-1, 1), "
                f"but got tensor spec shape of {one.shape}."
            )
        return _shaped(values.astype(np.dtype(one.dtype)).reshape(one.shape), one)
    try:
        found = np.vstack(values.tolist()).reshape(one.shape).astype(np.dtype(one.dtype))
    except (ValueError, TypeError) as error:
        found = np.empty((0,)) if len(values) else values
        reason = f" Error: {error}"
    else:
        reason = ""
    if len(found) != len(values):
        raise InvalidInput(
            f"The value in the column '{name}' could not be converted to the expected shape of: '{one.shape}'. Ensure "
            f"that the lists are of uniform length and can be coerced to the tensor type '{one.dtype}'.{reason}"
        )
    return found


def _shaped(values: Array, one: Tensor) -> Array:
    """The array itself, when type and shape are as declared."""
    wanted = np.dtype(one.dtype)
    is_anything = one.shape == (-1,) and wanted == np.dtype("O")
    is_ragged = len(one.shape) > 1 and -1 in one.shape[1:] and values.ndim == 1 and values.dtype == np.dtype("O")
    if is_anything or is_ragged:
        return values
    fits = values.ndim == len(one.shape) and all(
        size in (-1, given) for size, given in zip(one.shape, values.shape, strict=True)
    )
    if not fits:
        raise InvalidInput(f"Shape of input {values.shape} does not match expected shape {one.shape}.")
    if values.dtype != wanted and not (values.dtype.kind == wanted.kind and wanted.kind in "US"):
        raise InvalidInput(f"dtype of input {values.dtype} does not match expected dtype {wanted}")
    return values


# -- parameters ---------------------------------------------------------------------------------------------------


@np.errstate(over="ignore")  # too large for the declared type is infinite, as in MLflow
def parameters_of(given: Any, declared: list[Parameter] | None) -> dict[str, Any]:
    """The parameters for a prediction: those given and, of the others, the defaults. Unknown ones are left out.

    Raises:
        InvalidInput: one has a wrong type.
    """
    if declared is None:
        return {}
    if given is not None and not isinstance(given, dict):
        raise InvalidInput(f"Parameters must be a dictionary. Got type '{type(given).__name__}'.")
    found, wrong = {}, []
    for one in declared:
        try:
            found[one.name] = _parameter(given[one.name], one) if given and one.name in given else one.default
        except InvalidInput as error:
            wrong.append(f"{one.name}: {error}")
    if wrong:
        raise InvalidInput(f"Invalid parameters found: {'; '.join(wrong)}")
    return found


def _parameter(value: Any, one: Parameter) -> Any:
    if one.shape is None:
        return nested(value, one.kind) if one.kind["type"] == "object" else _plain(value, one.kind["type"])
    if not isinstance(value, list) or any(isinstance(inner, (list, dict)) for inner in value):
        raise InvalidInput(f"Value must be a list of {one.kind['type']}, got {type(value).__name__}")
    return [_plain(inner, one.kind["type"]) for inner in value]


def _plain(value: Any, name: str) -> Any:
    """A value of a parameter as Python's own type."""
    if value is None:
        return None
    if name == "datetime":
        try:
            return datetime.datetime.fromisoformat(value)
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"Failed to convert value `{value}` to `{name}`") from error
    kinds = _PYTHON.get(name, ())
    if type(value) not in kinds:
        raise InvalidInput(f"Can not safely convert `{type(value).__name__}` to `{name}` for value `{value}`")
    if name == "integer" and not np.iinfo(DTYPES[name]).min <= value <= np.iinfo(DTYPES[name]).max:
        raise InvalidInput(f"{value} is out of the bounds of `{name}`")
    return float(value) if name in ("float", "double") else value

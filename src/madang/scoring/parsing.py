"""The body of a scoring request as data: MLflow's forms of JSON, and CSV.

Source of the protocol: MLflow's documentation, "Serve models" (https://mlflow.org/docs/latest/ml/deployment/).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from madang.errors import InvalidInput
from madang.scoring.kinds import DTYPES, cast, nested
from madang.scoring.signature import Column, Signature, Tensor, text_of
from madang.scoring.tables import Table, of_csv, of_rows

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_REQUIRED = f"The input must be a JSON dictionary with exactly one of the input fields {', '.join(FORMS)}"


class Request(NamedTuple):
    """What was asked: a `Table`, an array, named arrays, or what else JSON has; and parameters, as they came."""

    data: Any
    parameters: Any = None


@np.errstate(over="ignore")  # too large for the declared type is infinite, as in MLflow
def of_json(body: bytes, signature: Signature | None) -> Request:
    """Read a request of JSON.

    Raises:
        InvalidInput: it is none, or its values cannot become what the signature says.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"Ensure that input is a valid JSON formatted string. Error: '{error!r}'") from error
    if not isinstance(given, dict):
        raise InvalidInput(f"{_REQUIRED}. Received a {type(given).__name__}.")
    forms = [form for form in FORMS if form in given]
    if len(forms) != 1:
        raise InvalidInput(f"{_REQUIRED}. Received dictionary with input fields: {list(given)}.")
    data, parameters = given[forms[0]], given.get("params")
    if forms[0] == "dataframe_records":
        return Request(_cast_table(_records(data), signature), parameters)
    if forms[0] == "dataframe_split":
        return Request(_cast_table(_split(data), signature), parameters)
    return Request(_tensors(forms[0], data, signature), parameters)


@np.errstate(over="ignore")  # too large for the declared type is infinite, as in MLflow
def of_text(body: bytes, signature: Signature | None) -> Request:
    """Read a request of CSV with a line of names. Raises `InvalidInput`."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"Ensure that input is a valid UTF-8 encoded string. Error: '{error!r}'") from error
    types = {name: one.type for name, one in zip(signature.names, signature.columns, strict=False)} if signature else {}
    try:
        return Request(_cast_table(of_csv(text.removeprefix("\ufeff"), types), signature))
    except InvalidInput as error:
        raise InvalidInput(
            f"Failed to parse input as a table. Ensure that it is valid CSV with a line of names. Error: '{error}'"
        ) from error


def _records(data: Any) -> Table:
    if not isinstance(data, list):
        found = "dictionary" if isinstance(data, dict) else f"type {type(data).__name__}"
        raise InvalidInput(f"Dataframe records format must be a list of records. Got {found}.")
    try:
        return of_rows(data)
    except InvalidInput as error:
        raise InvalidInput(
            f"Provided dataframe_records field is not a valid dataframe representation in 'records' format. "
            f"Error: '{error}'"
        ) from error


def _split(data: Any) -> Table:
    if not isinstance(data, dict):
        kind = "list" if isinstance(data, list) else f"type {type(data).__name__}"
        raise InvalidInput(f"Dataframe split format must be a dictionary. Got {kind}.")
    if "data" not in data or data.keys() - {"columns", "data", "index"}:
        raise InvalidInput(
            "Dataframe split format must have 'data' field and optionally 'columns' and 'index' fields. "
            f"Got {sorted(data)}."
        )
    try:
        names = data.get("columns")
        if names is not None and not (isinstance(names, list) and all(isinstance(one, (str, int)) for one in names)):
            raise InvalidInput("'columns' is not a list of names")
        found = of_rows(data["data"], names)
        index = data.get("index")
        if index is not None and (not isinstance(index, list) or len(index) != found.rows):
            raise InvalidInput(f"'index' is not a list of {found.rows} labels")
    except InvalidInput as error:
        raise InvalidInput(
            f"Provided dataframe_split field is not a valid dataframe representation in 'split' format. "
            f"Error: '{error}'"
        ) from error
    return found


def _cast_table(table: Table, signature: Signature | None) -> Table:
    """The columns that the signature knows, as their declared types."""
    if signature is None:
        return table
    if signature.is_named:
        known = [(one.name, one) for one in signature.inputs]
    elif signature.tensors:
        known = [(name, signature.tensors[0]) for name in table.columns]
    else:
        known = list(zip(table.columns, signature.inputs, strict=False))
    for name, one in known:
        values = table.columns.get(name)
        if values is None:
            continue
        try:
            if isinstance(one, Column):
                table.columns[name] = cast(values, one.kind, required=one.required)
            elif not (len(values) and isinstance(values[0], list)):  # lists become tensors when they are checked
                table.columns[name] = values.astype(np.dtype(one.dtype))
        except (InvalidInput, ValueError, TypeError, OverflowError) as error:
            wanted = text_of(one.kind) if isinstance(one, Column) else one.dtype
            raise InvalidInput(
                "Data is not compatible with model signature. "
                f"Failed to convert column {name} to type '{wanted}'. Error: '{error}'"
            ) from error
    return table


def _tensors(form: str, data: Any, signature: Signature | None) -> Any:
    """`instances` (a row each) or `inputs` (a column each) as arrays."""
    if form == "instances" and isinstance(data, list) and data and isinstance(data[0], dict):
        found = _turned(data, signature)
    else:
        found = _converted(data, signature)
    if form == "instances" and isinstance(found, dict):
        _check_lengths(found, signature)
    return found


def _turned(rows: list[Any], signature: Signature | None) -> dict[Any, Any]:
    """Rows of named values as columns."""
    columns: defaultdict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        if not isinstance(row, dict):
            raise InvalidInput("Some of `instances` are mappings and some are not.")
        for name, value in row.items():
            columns[name].append(_array(value, _input(signature, name)))
    try:
        return {name: np.array(values) for name, values in columns.items()}
    except ValueError as error:
        raise InvalidInput(f"The values of an input do not have the same shape. Error: {error}") from error


def _check_lengths(found: Mapping[Any, Any], signature: Signature | None) -> None:
    sized = {
        name: values for name, values in found.items() if isinstance(values, (list, np.ndarray)) and np.ndim(values)
    }
    if signature is not None and signature.is_named:
        arrays = {column.name for column in signature.columns if column.type == "array"}
        sized = {name: sized[name] for name in signature.needed if name in sized and name not in arrays}
    if len({len(values) for values in sized.values()}) > 1:
        raise InvalidInput("The length of values for each input/column name are not the same")


def _input(signature: Signature | None, name: Any) -> Column | Tensor | None:
    return signature.input(name) if signature is not None else None


def _converted(data: Any, signature: Signature | None) -> Any:
    """Values of `inputs` as arrays of their declared types."""
    first: Column | Tensor | None = None
    if signature is not None:
        named = signature.names if signature.is_named else []
        first = signature.inputs[0] if signature.inputs else None
        if len(named) == 1 and isinstance(data, list) and not any(isinstance(one, dict) for one in data):
            data = {named[0]: data}
        elif not named and (data is None or isinstance(data, dict)):
            raise InvalidInput(
                "Failed to parse input data. This model has a signature without names and expects one n-dimensional "
                f"array or a single value, but a {type(data).__name__} was found."
            )
    if isinstance(data, dict):
        return {name: _array(values, _input(signature, name)) for name, values in data.items()}
    if isinstance(data, list) and all(isinstance(one, dict) for one in data):
        return [{name: _array(value, _input(signature, name)) for name, value in row.items()} for row in data]
    return _array(data, first)


def _array(value: Any, one: Column | Tensor | None) -> Any:
    """One value of JSON as the declared type: an array of what is a list."""
    try:
        if one is None:
            return np.array(value)
        if isinstance(one, Tensor):
            return np.array(value, dtype=np.dtype(one.dtype))
        if one.type == "any":
            return value
        if one.type not in DTYPES:
            found = nested(value, one.kind, required=one.required)
            return np.array(found) if one.type in ("array", "sparkml_vector") else found
        if isinstance(value, list):
            return np.array(value, DTYPES[one.type])
        return np.array([value], DTYPES[one.type])[0]
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"{error}") from error

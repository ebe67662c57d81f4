"""An example of what a model takes, and the signature that follows from it and from what the model makes of it.

Source of the format: MLflow's documentation, "Model Signatures and Input Examples"
(https://mlflow.org/docs/latest/ml/model/signatures/). Its client and our server hold requests against it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from madang.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE, REQUEST = "input_example.json", "serving_input_example.json"
_MOST_ROWS, _MOST_NUMBERS = 100, 1 << 17  # of the example that is stored; one row always is


class Example(NamedTuple):
    """What is stored of an example: how it is told in the `MLmodel` file, and the texts of its two files."""

    told: dict[str, Any]
    shown: Any
    request: dict[str, Any]
    inputs: list[dict[str, Any]]


def write(
    folder: str,
    flavors: Mapping[str, dict[str, Any]],
    given: Any,
    signature: dict[str, Any] | None,
    *,
    allow_pickle: bool,
) -> dict[str, Any]:
    """Write the files of an example beside a model; return what the `MLmodel` file says of it and of the signature.

    Without a signature it is inferred: the inputs from the example, the outputs from what the written model predicts.

    Raises:
        InvalidInput: the example is none, does not fit the signature, or the model cannot predict from it.
    """
    example = example_of(given)
    told_of = signature or {"inputs": _text(example.inputs), "outputs": None, "params": None}
    found = _predicted(folder, flavors, example, told_of, allow_pickle)
    if signature is None and found is not None:
        told_of["outputs"] = _outputs(found, example)
    for name, body in ((EXAMPLE, example.shown), (REQUEST, example.request)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(_text(body))
    told = {"artifact_path": EXAMPLE, **example.told, "serving_input_path": REQUEST}
    return {"signature": told_of, "saved_input_example_info": told}


class ByExample(NamedTuple):
    """In the place of a signature: it follows from an example that is not kept."""

    given: Any


def inferred(
    folder: str, flavors: Mapping[str, dict[str, Any]], by: ByExample, *, allow_pickle: bool
) -> dict[str, Any]:
    """The signature of a model by what it takes, and what it makes of that. Raises as `write`."""
    example = example_of(by.given)
    found: dict[str, Any] = {"inputs": _text(example.inputs), "outputs": None, "params": None}
    made = _predicted(folder, flavors, example, found, allow_pickle)
    return found if made is None else {**found, "outputs": _outputs(made, example)}


def declared(given: Any) -> dict[str, Any] | None:
    """A signature as the `MLmodel` file has it, from a mapping of its three JSON texts or MLflow's object for that.

    Raises:
        InvalidInput: it is neither.
        CorruptData: it cannot be read.
    """
    from madang.scoring import signature as signatures

    if given is None:
        return None
    body = given.to_dict() if hasattr(given, "to_dict") else given
    if not isinstance(body, dict) or not body.keys() <= {"inputs", "outputs", "params"}:
        raise InvalidInput(
            f"A {type(given).__name__} is no signature of a model.",
            hint="Give the result of mlflow.models.infer_signature(), or leave it out and give an input_example.",
        )
    signatures.parse(body)
    return {"inputs": None, "outputs": None, "params": None} | body


def example_of(given: Any) -> Example:
    """A table of pandas or Polars, a list of rows by name, an array or tensor, or named arrays.

    Raises:
        InvalidInput: it is something else, or holds no row.
    """
    import numpy as np

    from madang.scoring.tables import Table, of_rows

    if hasattr(given, "to_pandas"):
        given = given.to_pandas()
    if hasattr(given, "to_frame"):  # a column of pandas
        given = given.to_frame()
    if hasattr(given, "columns") and hasattr(given, "iloc"):
        columns = {name: given.iloc[:, at].to_numpy() for at, name in enumerate(given.columns)}
        if len(columns) < len(given.columns):
            raise InvalidInput("Two columns of the input example have the same name.")
        return _of_table(Table(columns, len(given)))
    if isinstance(given, dict) and given and all(hasattr(one, "shape") for one in given.values()):
        return _of_arrays({str(name): _array(one) for name, one in given.items()})
    if isinstance(given, dict):
        is_row = not any(isinstance(one, (list, tuple)) for one in given.values())
        given = [given] if is_row else [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)]
    if isinstance(given, list) and given and all(isinstance(row, dict) for row in given):
        return _of_table(of_rows(given))
    if isinstance(given, (list, tuple)):
        try:
            given = np.asarray(given)
        except ValueError as error:
            raise InvalidInput(f"The rows of the input example differ in length: {error}.") from error
    return _of_arrays({None: _array(given)})


def _array(given: Any) -> Any:
    import numpy as np

    if hasattr(given, "detach"):  # a tensor of PyTorch
        given = given.detach().cpu()
    if hasattr(given, "toarray"):  # a sparse matrix of SciPy
        given = given[:_MOST_ROWS].toarray()
    found = np.asarray(given) if hasattr(given, "__array__") else None
    if found is None or not found.ndim or not len(found) or found.dtype.kind not in "biufU":
        raise InvalidInput(
            f"A {type(given).__name__} is no input example.",
            hint="Give a table, an array of numbers or texts, or a mapping of names to such arrays, with some row.",
        )
    return found


def _of_arrays(arrays: Mapping[str | None, Any]) -> Example:
    inputs = []
    kept: dict[str | None, Any] = {}
    for name, values in arrays.items():
        inputs.append(_tensor(values) | ({} if name is None else {"name": name}))
        numbers = max(1, values[0].size)
        kept[name] = values[: max(1, min(_MOST_ROWS, _MOST_NUMBERS // numbers))].tolist()
    shown = kept.get(None, kept)
    return Example({"type": "ndarray"}, shown, {"inputs": shown}, inputs)


def _tensor(values: Any) -> dict[str, Any]:
    dtype = "str" if values.dtype.kind == "U" else values.dtype.name
    return {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, *values.shape[1:]]}}


def _of_table(table: Any) -> Example:
    if not table.rows or not table.columns:
        raise InvalidInput("The input example has no rows.")
    inputs = [_column(values) | {"name": str(name)} for name, values in table.columns.items()]
    rows = max(1, min(_MOST_ROWS, _MOST_NUMBERS // len(table.columns)))
    cells = [_cells(values[:rows]) for values in table.columns.values()]
    shown = {"columns": [str(name) for name in table.columns], "data": [list(row) for row in zip(*cells, strict=True)]}
    return Example({"type": "dataframe", "pandas_orient": "split"}, shown, {"dataframe_split": shown}, inputs)


def _column(values: Any) -> dict[str, Any]:
    there = [value for value in values.tolist() if not _is_missing(value)]
    kind = _kind(values, there)
    return {"type": kind, "required": kind != "any" and len(there) == len(values)}


def _kind(values: Any, there: list[Any]) -> str:
    """The type of a column: by that of its array, or of its values where they are objects."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind in "iu":
        is_small = size < 4 or (kind == "i" and size == 4)
        return "integer" if is_small else "long" if size < 8 or kind == "i" else "any"
    if kind == "f":
        return "float" if size <= 4 else "double"
    plain = {"b": "boolean", "U": "string", "S": "binary", "M": "datetime"}.get(kind)
    if plain is not None:
        return plain
    of = {str: "string", bytes: "binary", bool: "boolean", int: "long", float: "double"}
    kinds = {of.get(type(value), "any") for value in there}
    return kinds.pop() if len(kinds) == 1 else "any"


def _is_missing(value: Any) -> bool:
    return (
        value is None or (isinstance(value, float) and value != value) or type(value).__name__ in ("NaTType", "NAType")
    )


def _cells(values: Any) -> list[Any]:
    import numpy as np

    if values.dtype.kind == "M":
        return [None if np.isnat(one) else np.datetime_as_string(one) for one in values]
    return [None if _is_missing(value) else value for value in values.tolist()]


def _predicted(
    folder: str, flavors: Mapping[str, dict[str, Any]], example: Example, declared: Any, allow_pickle: bool
) -> Any:
    """What the model in a folder makes of an example, by the way that serves it; None for weights alone."""
    from madang.errors import MadangError
    from madang.scoring import enforcing, parsing, predicting
    from madang.scoring import signature as signatures

    signature = signatures.parse(declared)
    try:
        request = parsing.of_json(_text(example.request).encode(), signature)
        data = request.data if signature is None else enforcing.enforced(request.data, signature)
    except InvalidInput as error:
        raise InvalidInput(f"The input example does not fit the signature: {error}") from error
    try:
        predict = predicting.predictor(folder, flavors, allow_pickle=allow_pickle)
    except MadangError:  # nothing that can be served here
        return None
    if predict is None:
        return None
    try:
        return predict(data, {})
    except Exception as error:  # noqa: BLE001 - the model's own code and libraries raise whatever they like
        failed = error
    raise InvalidInput(
        f"The model cannot predict from the input example: {type(failed).__name__}: {failed}"
    ) from failed


def _outputs(found: Any, example: Example) -> str | None:
    """What a model's predictions are; None for what no signature has."""
    try:
        made = example_of(found).inputs
    except InvalidInput:
        return None
    shape = made[0].get("tensor-spec", {}).get("shape")
    if example.told["type"] == "dataframe" and shape == [-1]:  # a column beside those of the table
        import numpy as np

        made = [_column(np.asarray(found))]
    return _text(made)


def _text(body: Any) -> str:
    from madang.scoring.answers import plain

    return json.dumps(body, default=plain)

"""Values and the types of a signature: what is converted, and what is refused, as MLflow does it.

Two steps. A request's values are *cast* to the declared type, as JSON and CSV do not tell types (`cast`). Then the type
is *checked*: only conversions that lose nothing are allowed (`checked`). One thing differs from MLflow: a number that
its type cannot hold is refused here and wraps around there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np

from madang.errors import InvalidInput
from madang.scoring.signature import text_of
from madang.scoring.tables import Array, array_of, objects

DTYPES: dict[str, np.dtype[Any]] = {
    "boolean": np.dtype("bool"),
    "integer": np.dtype("int32"),
    "long": np.dtype("int64"),
    "float": np.dtype("float32"),
    "double": np.dtype("float64"),
    "string": np.dtype("str"),
    "binary": np.dtype("bytes"),
    "datetime": np.dtype("datetime64[ns]"),
}
_GAPS = (
    " The type mismatch is likely caused by missing values: whole numbers cannot be missing, and with gaps they come "
    "as floats. Declare the column as double, or infer the signature from data that has gaps."
)


def cast(values: Array, kind: Mapping[str, Any], *, required: bool = True) -> Array:
    """The values of a column as its declared type.

    Raises:
        InvalidInput: they cannot be converted.
    """
    name = kind["type"]
    if name == "any":
        return values
    if name not in DTYPES:
        return objects(nested(value, kind, required=required) for value in values.tolist())
    if name == "string":
        return values.astype(object)
    if name == "binary":
        return objects(_decoded(value) for value in values.tolist())
    if name == "datetime":
        return datetimes(values)
    return numbers(values, DTYPES[name])


def numbers(values: Array, wanted: np.dtype[Any]) -> Array:
    """Numbers of another type; fractions are cut off where whole numbers are wanted.

    Raises:
        InvalidInput: a text is no number, a number is missing, or the type cannot hold it.
    """
    if values.dtype == object and wanted.kind == "f":
        values = objects(np.nan if value is None else value for value in values.tolist())
    if wanted.kind in "iu" and values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InvalidInput("Cannot convert non-finite values (NA or inf) to integer")
    try:
        if wanted.kind in "iu" and values.dtype.kind in "iuf" and values.size:
            bounds = np.iinfo(wanted)
            if values.max() > bounds.max or values.min() < bounds.min:
                raise InvalidInput(f"A number is out of the bounds of {wanted}")
        return values.astype(wanted)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(str(error)) from error


def datetimes(values: np.ndarray) -> Array:
    """Moments without a time zone, in nanoseconds: of ISO 8601, or of what else pandas reads where it is installed.

    Raises:
        InvalidInput: there is something else.
    """
    try:
        import pandas  # noqa: PLC0415 - half a second, and not every model's environment has it
    except ImportError:
        pandas = None
    try:
        if pandas is None:
            return np.array(values.tolist(), dtype="datetime64[ns]")
        found = pandas.to_datetime(pandas.Series(values.tolist()))
        if getattr(found.dt, "tz", None) is not None:
            raise InvalidInput("the time has a time zone; a datetime of a signature has none")
        return found.to_numpy().astype("datetime64[ns]")  # type: ignore[no-any-return]  # pandas has no types here
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise InvalidInput(str(error)) from error


def checked(name: Any, values: Array, kind: Mapping[str, Any], *, required: bool = True) -> Array:
    """The values of a column, if they are of its type or can become so without loss.

    Raises:
        InvalidInput: they cannot.
    """
    wanted_name = kind["type"]
    if wanted_name not in DTYPES:
        return objects(nested(value, kind, required=required) for value in values.tolist())
    wanted = DTYPES[wanted_name]
    if values.dtype == object and wanted_name not in ("binary", "string"):
        values = array_of(values.tolist())
    found = values.dtype
    if (
        found == wanted
        or (wanted_name in ("string", "binary") and found.kind in "OU")
        or found.kind == wanted.kind == "S"
    ):
        return values
    if found.kind == wanted.kind == "M":
        return values.astype("datetime64[ns]")
    if wanted_name == "datetime" and found.kind == "O":
        return datetimes(values)
    if wanted_name == "boolean" and found.kind == "O":
        return values
    if _is_wider(found, wanted) or _is_flags(values, wanted):
        return values.astype(wanted)
    gaps = ""
    if found == np.float64 and wanted.kind in "iu" and np.isnan(values).any():
        there = values[~np.isnan(values)]
        gaps = _GAPS if bool((there == np.trunc(there)).all()) else ""
    raise InvalidInput(f"Incompatible input types for column {name}. Can not safely convert {found} to {wanted}.{gaps}")


def _is_wider(found: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    """Whether every value of one type is one of the other."""
    if found.kind == wanted.kind:
        return found.itemsize <= wanted.itemsize
    if found.kind == "u" and wanted.kind == "i":
        return found.itemsize < wanted.itemsize
    return found.kind in "iu" and wanted == np.float64 and found.itemsize <= 6


def _is_flags(values: Array, wanted: np.dtype[Any]) -> bool:
    """Whether whole numbers are zeros and ones, which floats hold exactly."""
    return bool(values.dtype == np.int64 and wanted.kind == "f" and np.isin(values, (0, 1)).all())


def nested(value: Any, kind: Mapping[str, Any], *, required: bool = True) -> Any:
    """A value of any type of a signature.

    Raises:
        InvalidInput: it is not of that type.
    """
    name = kind["type"]
    if name == "any":
        return value
    if name in ("array", "sparkml_vector"):
        return _list(value, kind.get("items") or {"type": "double"}, required=required)
    if name == "object":
        return _object(value, kind, required=required)
    if name == "map":
        return _map(value, kind.get("values") or {"type": "any"}, required=required)
    if not required and (value is None or (isinstance(value, float) and np.isnan(value))):
        return None
    if isinstance(value, (list, dict)):
        raise InvalidInput(f"Expected data to be scalar, got {type(value).__name__}")
    try:
        return checked("", array_of([value]), kind)[0]
    except InvalidInput as error:
        raise InvalidInput(f"Failed to enforce schema of data `{value}` with dtype `{name}`") from error


def _list(value: Any, kind: Mapping[str, Any], *, required: bool) -> Any:
    if isinstance(value, np.ndarray):
        return np.array(_list(value.tolist(), kind, required=required))
    if (not required or kind["type"] == "any") and (value is None or value == []):
        return value
    if not isinstance(value, list):
        raise InvalidInput(f"Expected data to be list or numpy array, got {type(value).__name__}")
    if kind["type"] in DTYPES and value:
        return checked("", array_of(value), kind).astype(DTYPES[kind["type"]]).tolist()
    return [nested(one, kind, required=required) for one in value]


def _object(value: Any, kind: Mapping[str, Any], *, required: bool) -> Any:
    if not required and (value is None or value == {}):
        return value
    if not isinstance(value, dict):
        raise InvalidInput(
            f"Failed to enforce schema of '{value}' with type '{text_of(kind)}'. "
            f"Expected data to be dictionary, got {type(value).__name__}"
        )
    properties = dict(kind.get("properties") or {})
    missing = sorted(name for name, one in properties.items() if one.get("required", True) and name not in value)
    if missing:
        raise InvalidInput(f"Missing required properties: {missing}")
    if unknown := sorted(value.keys() - properties.keys()):
        raise InvalidInput(f"Invalid properties not defined in the schema found: {unknown}")
    found = {}
    for name, one in value.items():
        try:
            found[name] = nested(one, properties[name], required=properties[name].get("required", True))
        except InvalidInput as error:
            raise InvalidInput(
                f"Failed to enforce schema for key `{name}`. "
                f"Expected type {properties[name]['type']}, received type {type(one).__name__}"
            ) from error
    return found


def _map(value: Any, kind: Mapping[str, Any], *, required: bool) -> Any:
    if (not required or kind["type"] == "any") and (value is None or value == {}):
        return value
    if not isinstance(value, dict):
        raise InvalidInput(f"Expected data to be a dict, got {type(value).__name__}")
    return {name: nested(one, kind, required=required) for name, one in value.items()}


def _decoded(value: Any) -> bytes:
    if not isinstance(value, str):
        raise InvalidInput(f"bytes are sent as base64 in a text, not as {type(value).__name__}")
    try:
        return base64.decodebytes(value.encode("utf-8", "surrogatepass"))
    except binascii.Error as error:
        raise InvalidInput(f"{error}") from error

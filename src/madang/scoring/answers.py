"""Predictions as JSON, as MLflow writes them: NaN and infinities as the words `NaN` and `Infinity`."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import numpy as np


def encoded(predictions: Any) -> str:
    """The answer to a scoring request.

    Raises:
        TypeError, ValueError: JSON cannot hold the predictions.
    """
    return json.dumps({"predictions": _listed(predictions)}, default=plain)


def _listed(found: Any) -> Any:
    """Tables as rows of named values, arrays as lists."""
    if isinstance(found, np.ndarray):
        return found.tolist()
    if hasattr(found, "to_frame") and hasattr(found, "dtype"):  # a series of pandas
        found = found.to_frame()
    if hasattr(found, "to_dict") and hasattr(found, "columns"):  # a table of pandas
        return found.to_dict(orient="records")
    return found


def plain(value: Any) -> Any:
    """What JSON has no form for, as MLflow writes it. Raises `TypeError`."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.datetime64):
        return np.datetime_as_string(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (bytes, bytearray)):
        return base64.encodebytes(value).decode("ascii")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if hasattr(value, "model_dump"):  # pydantic's
        return value.model_dump()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")

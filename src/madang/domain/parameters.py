"""Parameters as texts: what a search compares, and what protocols without types are told."""

from __future__ import annotations

import json
from typing import Any


def parameter_text(value: Any) -> str:
    """A parameter as Python writes a number or bool, a text as it is, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)

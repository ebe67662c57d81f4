"""YAML as dvc reads and writes it: ruamel's round trip, version 1.2."""

from __future__ import annotations

import io
from typing import Any

from madang.errors import InvalidInput


def load(text: str, where: str) -> Any:
    """Plain values of a document; ``where`` names the file in messages.

    Raises:
        InvalidInput: not YAML, or a key comes twice.
    """
    return _parse(text, where, "safe")


def load_for_update(text: str, where: str) -> Any:
    """A document that remembers its comments and order. Raises as `load`."""
    return _parse(text, where, "rt")


def _parse(text: str, where: str, kind: str) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 - loaded when a file is read
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        return YAML(typ=kind).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise InvalidInput(
            f"{where} is not valid YAML{line}: {getattr(error, 'problem', None) or first[0]}."
        ) from error


def dump(value: Any) -> str:
    """Text of a document, as dvc writes it."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - loaded when a file is written

    yaml = YAML()
    yaml.default_flow_style = False
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()

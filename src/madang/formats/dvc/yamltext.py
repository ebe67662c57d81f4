"""YAML as dvc reads and writes it: ruamel's round trip, version 1.2."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from madang.errors import InvalidInput
from madang.formats.dvc import plainyaml

_BREAKS = frozenset("\x85\u2028\u2029")  # ruamel writes them plain and then reads a blank


def load(text: str, where: str) -> Any:
    """Plain values of a document; ``where`` names the file in messages.

    Raises:
        InvalidInput: not YAML, or a key comes twice.
    """
    try:
        return plainyaml.load(text)
    except (plainyaml.NotPlain, RecursionError):
        return _parse(text, where, "safe")


def load_for_update(text: str, where: str) -> Any:
    """A document that remembers its comments and order. Raises as `load`."""
    return _parse(text, where, "rt")


def line_of(text: str, keys: Sequence[str | int]) -> int:
    """The line, from 1, of the value or key that a path of keys and positions leads to, or of the last one known.

    0 when nothing can be told.
    """
    try:
        value = load_for_update(text, "")
    except InvalidInput:
        return 0
    line = 0
    for key in keys:
        place = getattr(value, "lc", None)
        if place is None:
            break
        try:
            line = (place.item(key) if isinstance(value, list) else place.key(key))[0] + 1
            value = value[key]
        except (LookupError, TypeError):
            break
    return line


def _parse(text: str, where: str, kind: str) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 - loaded when a file is read
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        return YAML(typ=kind).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        _refuse_conflict(text, where)
        first = str(error).strip().splitlines() or [type(error).__name__]
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise InvalidInput(
            f"{where} is not valid YAML{line}: {getattr(error, 'problem', None) or first[0]}."
        ) from error


def _refuse_conflict(text: str, where: str) -> None:
    """Say so when a file cannot be read because a merge of git's left both sides in it."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("<<<<<<< "):
            raise InvalidInput(
                f"{where}, line {number}: a merge of git's left a conflict here.",
                hint=f"Take one side (git checkout --ours {where}, or --theirs); madang repro records what is right.",
            )


def dump(value: Any) -> str:
    """Text of a document, as dvc writes it."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - loaded when a file is written

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.Representer.add_representer(str, _represent_text)
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


def _represent_text(representer: Any, value: str) -> Any:
    if _BREAKS.isdisjoint(value):
        return representer.represent_scalar("tag:yaml.org,2002:str", value)
    return representer.represent_scalar("tag:yaml.org,2002:str", value, style='"')

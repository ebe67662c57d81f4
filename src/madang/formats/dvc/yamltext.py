"""YAML as dvc reads and writes it: ruamel's round trip, version 1.2."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

from madang.errors import InvalidInput
from madang.formats.dvc import plainwriting, plainyaml
from madang.formats.dvc.plainvalues import NotPlain

_BREAKS = frozenset("\x85\u2028\u2029")  # ruamel writes them plain and then reads a blank
_ALIAS = re.compile(r"(?:^|[\s\[{,])\*\w", re.M)
_HALF = re.compile(r"\\u[dD][89a-fA-F]|\\U0000[dD][89a-fA-F]")  # an escape that may stand for half of a character
_MOST_VALUES = 1_000_000  # that aliases may make of a document


def load(text: str, where: str) -> Any:
    """Plain values of a document; ``where`` names the file in messages.

    Raises:
        InvalidInput: not YAML, a key comes twice, text that has no bytes, or aliases that stand for more than a
            million values.
    """
    try:
        return plainyaml.load(text)
    except (plainyaml.NotPlain, RecursionError):
        return _parse(text, where, "safe")


def load_for_update(text: str, where: str, *, with_quotes: bool = False) -> Any:
    """A document that remembers its comments and order, and which texts are quoted when asked. Raises as `load`."""
    return _parse(text, where, "rt", with_quotes=with_quotes)


def compose(text: str) -> Any:
    """The nodes of a document, with their places in the text. It has been loaded before."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - loaded when a file is changed

    return YAML(typ="rt", pure=True).compose(text)


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


def _parse(text: str, where: str, kind: str, *, with_quotes: bool = False) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 - loaded when a file is read
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - as above

    try:
        if _ALIAS.search(text):
            _bound_aliases(YAML(typ="safe", pure=True).compose(text), where)
        yaml = YAML(typ=kind)
        yaml.preserve_quotes = with_quotes
        value = yaml.load(text)
        if _HALF.search(text):
            _check_texts(value)
        return value
    except (YAMLError, ValueError, RecursionError) as error:
        _refuse_conflict(text, where)
        first = str(error).strip().splitlines() or [type(error).__name__]
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise InvalidInput(
            f"{where} is not valid YAML{line}: {getattr(error, 'problem', None) or first[0]}."
        ) from error


def _check_texts(value: Any) -> None:
    """Refuse texts that no file can hold and no path can be. Raises `ValueError`."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for item in value.items():
            _check_texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_texts(item)


def _bound_aliases(top: Any, where: str) -> None:
    """Refuse a document that is small as a text and without bounds as a value (a "billion laughs").

    Raises:
        InvalidInput: its nodes, each counted wherever an alias repeats it, are too many; or one holds itself.
    """
    counts: dict[int, float] = {}

    def count(node: Any) -> float:
        if id(node) not in counts:
            counts[id(node)] = float("inf")  # until it is known: one that holds itself has no end
            inner = node.value if isinstance(node.value, list) else ()
            parts = (part for item in inner for part in (item if isinstance(item, tuple) else (item,)))
            counts[id(node)] = 1 + sum(map(count, parts))
        return counts[id(node)]

    if top is not None and count(top) > _MOST_VALUES:
        raise InvalidInput(
            f"{where}: its aliases (*name) stand for more than {_MOST_VALUES:,} values.", hint="Write fewer of them."
        )


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
    try:
        return plainwriting.dump(value)
    except NotPlain:
        return _dump_any(value)


def _dump_any(value: Any) -> str:
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

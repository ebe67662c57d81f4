"""Values of parameter files: YAML 1.2, JSON, TOML, and assignments of Python files (which are never run).

The kind is told by the name's ending, YAML when it is none of the others. A key names a value by parts joined with
dots; a part is a key of a mapping or a position in a list, and may hold ``*``, ``?`` and ``[…]`` when no name fits it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from madang.errors import InvalidInput
from madang.formats.dvc import yamltext

if TYPE_CHECKING:
    import ast

DEFAULT_FILE = "params.yaml"


def parse(body: bytes, where: str) -> Any:
    """What a file holds; an empty mapping for an empty file. ``where`` names it, also for its kind.

    Raises:
        InvalidInput: it cannot be read as what its name says.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{where} is not UTF-8 text.") from None
    ending = os.path.splitext(where)[1].lower()
    if ending == ".json":
        return _json(text, where)
    if ending == ".toml":
        return _toml(text, where)
    if ending == ".py":
        return _python(text, where)
    return yamltext.load(text, where) or {}


def _json(text: str, where: str) -> Any:
    import json  # noqa: PLC0415 - few files are JSON

    try:
        return json.loads(text) or {}
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where} is not valid JSON: {error}.") from None


def _toml(text: str, where: str) -> Any:
    import tomllib  # noqa: PLC0415 - few files are TOML

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInput(f"{where} is not valid TOML: {error}.") from None


def selected(values: Any, keys: Iterable[str], where: str) -> dict[str, Any]:
    """The values that the keys name, by key; keys that name nothing are left out.

    Raises:
        InvalidInput: a pattern that fits several values.
    """
    found = {}
    for key in keys:
        matches = list(_matches(values, key.lstrip(".").split(".")))
        if len(matches) > 1:
            raise InvalidInput(f"{where}: {key!r} fits {len(matches)} values.", hint="Name one value.")
        if matches:
            found[key] = matches[0]
    return found


def _matches(value: Any, parts: list[str]) -> Iterator[Any]:
    if not parts:
        yield value
        return
    part, rest = parts[0], parts[1:]
    if isinstance(value, Mapping):
        if part in value:
            yield from _matches(value[part], rest)
            return
        for key, item in value.items():
            if fnmatchcase(str(key), part):
                yield from _matches(item, rest)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if fnmatchcase(str(index), part):
                yield from _matches(item, rest)


def same(value: Any, recorded: Any) -> bool:
    """Whether a value is the one that a lock records: there a tuple is a list. Not a number is itself."""
    if value == recorded:
        return True
    if isinstance(value, list | tuple):
        return (
            isinstance(recorded, list)
            and len(value) == len(recorded)
            and all(same(one, other) for one, other in zip(value, recorded, strict=True))
        )
    if isinstance(value, Mapping):
        return (
            isinstance(recorded, Mapping)
            and value.keys() == recorded.keys()
            and all(same(item, recorded[key]) for key, item in value.items())
        )
    return bool(value != value and recorded != recorded)


def _python(text: str, where: str) -> dict[str, Any]:
    import ast  # noqa: PLC0415 - few files are Python

    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise InvalidInput(f"{where} is not valid Python{line}.") from None
    return _assignments(module.body, of_self=False)


def _assignments(body: Iterable[ast.stmt], *, of_self: bool) -> dict[str, Any]:
    """Constants assigned to names, by classes; in ``__init__`` those of ``self``."""
    import ast  # noqa: PLC0415 - loaded by now

    found: dict[str, Any] = {}
    for statement in body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            named = _assigned(statement, of_self)
            if named is not None:
                found[named[0]] = named[1]
        elif isinstance(statement, ast.ClassDef):
            found[statement.name] = _assignments(statement.body, of_self=False)
        elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            found.update(_assignments(statement.body, of_self=True))
    return found


def _assigned(statement: ast.Assign | ast.AnnAssign, of_self: bool) -> tuple[str, Any] | None:
    import ast  # noqa: PLC0415 - loaded by now

    target: ast.expr
    if isinstance(statement, ast.AnnAssign):
        target = statement.target
    elif len(statement.targets) == 1:
        target = statement.targets[0]
    else:
        return None
    if isinstance(target, ast.Name) and not of_self:
        name = target.id
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
        name = target.attr
    else:
        return None
    if statement.value is None:
        return None
    try:
        return name, ast.literal_eval(statement.value)
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        return None  # computed when the program runs: no parameter

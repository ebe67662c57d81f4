"""Changing values in the text of a parameter file, as little of it as can be.

What comes out is read again and compared with what was meant: a text that would say something else is never given.
"""

from __future__ import annotations

import copy
import json
import math
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from madang.domain.values import value
from madang.errors import InvalidInput
from madang.formats.dvc import yamltext
from madang.formats.dvc.overrides import Override
from madang.formats.dvc.parameters import parse

if TYPE_CHECKING:
    import ast

_PART = re.compile(r"[^.\[\]]+|\[\d+\]")


@value
class _Step:
    """One value to set, or to delete."""

    path: tuple[Any, ...]  # keys of mappings and positions in lists
    value: Any = None
    deletes: bool = False


def edited(body: bytes, where: str, overrides: Sequence[Override]) -> bytes:
    """The bytes of a parameter file after the overrides; ``where`` names it, also for its kind.

    Raises:
        InvalidInput: it cannot be read, has no such parameter, or cannot be changed in this way.
    """
    values = parse(body, where)
    wanted, steps = copy.deepcopy(values), list[_Step]()
    for override in overrides:
        for step in _steps(wanted, override, where):
            _apply(wanted, step)
            steps.append(step)
    if _same(values, wanted):
        return body
    text: str = _editor(where)(body.decode("utf-8"), steps, where)
    if not _same(parse(text.encode(), where), wanted):
        raise _cannot(where)
    return text.encode()


def _editor(where: str) -> Any:
    ending = os.path.splitext(where)[1].lower()
    return {".json": _json, ".toml": _toml, ".py": _python}.get(ending, _yaml)


def _cannot(where: str) -> InvalidInput:
    return InvalidInput(f"{where} cannot be changed in this way.", hint="Change it in an editor.")


# -- what an override means for the values --------------------------------------------------------------------------


def _steps(values: Any, override: Override, where: str) -> list[_Step]:
    """What has to be set or deleted, in order."""
    path, known = _located(values, override, where)
    found = _at(values, path) if known else None
    if override.how == "delete":
        if not known or (override.has_value and not _same(found, override.value)):
            raise InvalidInput(f"{where} has no {override.key!r} that could be deleted.")
        return [_Step(path, deletes=True)]
    if override.how == "change" and not known:
        raise InvalidInput(f"{where} has no parameter {override.key!r}.", hint=f"Add it: +{override.key}=…")
    if override.how == "add" and known and found is not None and not isinstance(override.value, dict | list):
        raise InvalidInput(f"{where} has {override.key!r} already.", hint=f"Change it: {override.key}=…")
    steps = _merged(path, found, override.value)
    new = [step.path for step in steps if not _is_there(values, step.path)]
    if override.how == "change" and new:
        raise InvalidInput(f"{where} has no parameter {'.'.join(map(str, new[0]))!r}.", hint=f"Add: +{override.key}=…")
    return steps


def _merged(path: tuple[Any, ...], old: Any, new: Any) -> list[_Step]:
    """A mapping is merged into one that is there; anything else takes its place."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [_Step(path, new)]
    return [step for key, item in new.items() for step in _merged((*path, key), old.get(key), item)]


def _is_there(values: Any, path: Sequence[Any]) -> bool:
    for part in path:
        if isinstance(values, dict) and part not in values:
            return False
        values = values[part]
    return True


def _located(values: Any, override: Override, where: str) -> tuple[tuple[Any, ...], bool]:
    """The path that a key means, and whether something is there."""
    place, path, known = values, list[Any](), True
    for part in _PART.findall(override.key):
        name = part.strip("[]")
        if known and isinstance(place, list):
            if not name.isdigit() or int(name) >= len(place):
                raise InvalidInput(f"{where} has no {override.key!r}: a list there has {len(place)} items.")
            path.append(int(name))
            place = place[int(name)]
        elif known and isinstance(place, dict):
            key = next((one for one in place if str(one) == name), name)
            known = key in place
            path.append(key)
            place = place.get(key)
        elif known and override.how != "force":
            raise InvalidInput(f"{where} has no {override.key!r}: {'.'.join(map(str, path))!r} is one value.")
        else:
            known = False
            path.append(name)
    return tuple(path), known


def _at(values: Any, path: Sequence[Any]) -> Any:
    for part in path:
        values = values[part]
    return values


def _apply(values: Any, step: _Step) -> None:
    """Do a step to plain values, or to a document that remembers its comments."""
    for part in step.path[:-1]:
        inner = values[part] if isinstance(values, list) or part in values else None
        if not isinstance(inner, dict | list):
            values[part] = inner = {}
        values = inner
    if step.deletes:
        del values[step.path[-1]]
    else:
        values[step.path[-1]] = copy.deepcopy(step.value)


def _same(one: Any, other: Any) -> bool:
    """Equal values of equal kinds: 1 is neither 1.0 nor true, and NaN is NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(item, other[key]) for key, item in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and bool(one == other)


# -- texts ----------------------------------------------------------------------------------------------------------


def _yaml(text: str, steps: Sequence[_Step], where: str) -> str:
    """With one value in the place of another nothing else of the text changes; else the document is written anew."""
    spliced: str | None = text
    for step in steps:
        spliced = None if spliced is None else _spliced(spliced, step)
    if spliced is not None:
        return spliced
    document = yamltext.load_for_update(text, where, with_quotes=True)
    if document is None:
        document = {}
    for step in steps:
        _apply(document, step)
    return yamltext.dump(document)


def _spliced(text: str, step: _Step) -> str | None:
    """The text with one plain value in the place of another; None when it is not as simple as that."""
    node = yamltext.compose(text)
    for part in step.path:
        if isinstance(part, int) and isinstance(node.value, list):
            node = node.value[part]
        else:
            node = next((item for key, item in node.value if key.value == str(part)), None)
        if node is None or node.anchor:
            return None
    if step.deletes or isinstance(step.value, dict | list) or isinstance(node.value, list):
        return None
    new = yamltext.dump({"": step.value}).removeprefix("'': ").removeprefix("'':").rstrip("\n")
    start, end = node.start_mark.index, node.end_mark.index
    return None if "\n" in new or start == end else text[:start] + new + text[end:]


def _json(text: str, steps: Sequence[_Step], where: str) -> str:
    document = json.loads(text)
    for step in steps:
        _apply(document, step)
    indent = re.match(r"\s*[\[{]\r?\n([ \t]+)", text)
    made = json.dumps(document, ensure_ascii=False, indent=indent[1] if indent else None)
    return made + text[len(text.rstrip()) :]


def _python(text: str, steps: Sequence[_Step], where: str) -> str:
    """Put new constants in the place of those that are assigned."""
    import ast  # noqa: PLC0415 - few files are Python

    body = text.encode()
    starts = [0, *(found.end() for found in re.finditer(rb"\n", body))]
    places = _assigned(ast.parse(text).body, ())
    cuts = []
    for step in steps:
        node = places.get(step.path)
        if node is None or step.deletes or node.end_lineno is None or node.end_col_offset is None:
            raise _cannot(where)
        span = (starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset)
        cuts.append((*span, repr(step.value).encode()))
    for start, end, new in sorted(cuts, reverse=True):
        body = body[:start] + new + body[end:]
    return body.decode()


def _assigned(body: Sequence[ast.stmt], above: tuple[str, ...]) -> dict[tuple[Any, ...], ast.expr]:
    import ast  # noqa: PLC0415 - loaded by now

    found: dict[tuple[Any, ...], ast.expr] = {}
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            found |= _assigned(statement.body, (*above, statement.name))
        elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__" and above:
            found |= _assigned(statement.body, above)
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            found |= _values((*above, _name(statement.targets[0])), statement.value)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            found |= _values((*above, _name(statement.target)), statement.value)
    return found


def _name(target: ast.expr) -> str:
    return str(getattr(target, "id", None) or getattr(target, "attr", ""))


def _values(path: tuple[Any, ...], node: ast.expr) -> dict[tuple[Any, ...], ast.expr]:
    """The expressions of a value and of what is in it, by path."""
    import ast  # noqa: PLC0415 - loaded by now

    found = {path: node}
    if isinstance(node, ast.Dict):
        for key, item in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                found |= _values((*path, key.value), item)
    elif isinstance(node, ast.List | ast.Tuple):
        for index, item in enumerate(node.elts):
            found |= _values((*path, index), item)
    return found


def _toml(text: str, steps: Sequence[_Step], where: str) -> str:
    lines = text.splitlines(keepends=True)
    for step in steps:
        if not all(isinstance(part, str) for part in step.path):
            raise _cannot(where)
        _toml_step(lines, step, where)
    return "".join(lines)


_TABLE = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_ASSIGNMENT = re.compile(rf"(\s*)({_NAME}(?:\s*\.\s*{_NAME})*)(\s*=\s*)")
_COMMENT = re.compile(r"""((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^"'#])*?)(\s*(?:#.*)?\r?\n?)$""")


def _toml_step(lines: list[str], step: _Step, where: str) -> None:
    """Change the line of one value. A value on several lines is not changed."""
    table: tuple[str, ...] = ()
    last: dict[tuple[str, ...], int] = {(): 0}  # the line behind the last one of each table
    for number, line in enumerate(lines):
        if head := _TABLE.match(line):
            table = _toml_key(head[1])
            last[table] = number + 1
        elif found := _ASSIGNMENT.match(line):
            last[table] = number + 1
            if (*table, *_toml_key(found[2])) == step.path:
                rest = _COMMENT.fullmatch(line[found.end() :])
                lines[number] = "" if step.deletes else f"{found[0]}{_toml_value(step.value)}{rest[2] if rest else ''}"
                return
    if step.deletes or step.path[:-1] not in last:
        raise _cannot(where)
    lines.insert(last[step.path[:-1]], f"{_toml_name(step.path[-1])} = {_toml_value(step.value)}\n")


def _toml_key(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"""\s*("[^"]*"|'[^']*'|[^.]+)""", text))


def _toml_name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _toml_value(item: Any) -> str:
    if isinstance(item, dict):
        return "{" + ", ".join(f"{_toml_name(str(key))} = {_toml_value(one)}" for key, one in item.items()) + "}"
    if isinstance(item, list | tuple):
        return f"[{', '.join(map(_toml_value, item))}]"
    if isinstance(item, float) and not math.isfinite(item):
        return str(item)
    return json.dumps(item, ensure_ascii=False)  # TOML has no null: what is written then is refused when it is read

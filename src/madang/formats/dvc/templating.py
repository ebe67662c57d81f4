r"""``${…}`` in dvc.yaml: which values may be named, and what a text with names in it becomes.

Source of the rules: docs/formats/dvc.md. An expression is a path of keys and positions (``train.layers[0]``); there are
no functions. ``\${`` stands for a literal ``${``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from madang.errors import InvalidInput
from madang.formats.dvc import parameters

Read = Callable[[str], bytes | None]
"""The bytes of a file, by its path relative to the folder of dvc.yaml; None when there is none."""

_NAMED = re.compile(r"(?<!\\)\$\{(.*?)\}")
_WORD = r"[^.\[\]]+"
_BLANK = r"[ \t\r\n]*"
_EXPRESSION = re.compile(rf"{_WORD}(?:{_BLANK}\.{_WORD}|{_BLANK}\[{_WORD}{_BLANK}\])*{_BLANK}")
_PRIMITIVES = (str, int, float, bytes)  # bool is an int


class Context:
    """The values that expressions may name. Never changed: each addition gives a new one."""

    __slots__ = ("_files", "_reserved", "_sources", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._files: dict[str, list[str] | None] = {}  # loaded files; None: whole, else the keys
        self._sources: tuple[tuple[str, Mapping[str, Any]], ...] = ()
        self._reserved: frozenset[str] = frozenset()

    def with_vars(self, items: Sequence[Any], folder: str, read: Read, stage: str = "") -> Context:
        """With what a list of ``vars`` adds: mappings, and files (``path`` or ``path:key,key``) below ``folder``.

        Raises:
            InvalidInput: a value would be defined twice, a file is missing, unreadable or loaded twice.
        """
        context = self
        for index, item in enumerate(items):
            if isinstance(item, str):
                context = context.with_file(item, folder, read)
            else:
                name = f"{stage}.vars[{index}]" if stage else f"vars[{index}]"
                context = context._merged(_usable(item), name)
        return context

    def with_file(self, item: str, folder: str, read: Read) -> Context:
        """With the values of one file. Errors as `with_vars`."""
        path, _, names = item.partition(":")
        path = _normal(folder, path)
        keys = [name for name in names.split(",") if name] or None
        if path in self._files:
            before = self._files[path]
            if keys is None and before is None:
                return self
            _check_loaded(item, keys, before)
        body = read(path)
        if body is None:
            raise InvalidInput(f"{path!r} does not exist.")
        values = parameters.parse(body, path)
        if not isinstance(values, Mapping):
            raise InvalidInput(f"{path!r} holds no mapping, but a {type(values).__name__}.")
        if keys is not None:
            missing = next((key for key in keys if key not in values), None)
            if missing is not None:
                raise InvalidInput(f"{path!r} holds no {missing!r}.")
            values = {key: values[key] for key in keys}
        merged = self._merged(_usable(values), path)
        merged._files = {**self._files, path: keys if keys is None else [*(self._files.get(path) or ()), *keys]}
        return merged

    def with_items(self, values: Mapping[str, Any]) -> Context:
        """With the values of one turn of ``foreach`` or ``matrix``, which hide others and may not be redefined."""
        found = self._copy()
        found.values = {**self.values, **{name: _usable(value) for name, value in values.items()}}
        found._reserved = self._reserved.union(values)
        return found

    def select(self, expression: str) -> Any:
        """The value that an expression names. Raises `InvalidInput` when there is none."""
        value: Any = self.values
        for part in parts_of(expression):
            value = _below(value, part, expression)
        _refuse_odd(value, expression)
        return value

    def file_of(self, path: Sequence[str]) -> str:
        """The loaded file that a value comes from; empty when none holds it, or it is a mapping."""
        if isinstance(_found(self.values, path), Mapping):
            return ""
        return next((name for name, values in self._sources if name in self._files and _has(values, path)), "")

    def _merged(self, values: dict[str, Any], source: str) -> Context:
        taken = next((key for key in self._reserved if key in values), None)
        if taken is not None:
            raise InvalidInput(f"{source} defines {taken!r}, which has a meaning of its own in a group of stages.")
        found = self._copy()
        found.values = self._merge(self.values, values, source, ())
        found._sources = (*self._sources, (source, values))
        return found

    def _copy(self) -> Context:
        found = Context()
        found.values, found._files, found._sources = self.values, self._files, self._sources
        found._reserved = self._reserved
        return found

    def _merge(
        self, into: Mapping[str, Any], new: Mapping[str, Any], source: str, path: tuple[str, ...]
    ) -> dict[str, Any]:
        found = dict(into)
        for key, value in new.items():
            present = found.get(key)
            if isinstance(present, Mapping) and isinstance(value, Mapping):
                found[key] = self._merge(present, value, source, (*path, key))
            elif key in found:
                name = ".".join((*path, key))
                raise InvalidInput(
                    f"cannot redefine {name!r} from {source!r}: it is in {self._origin((*path, key))!r}."
                )
            else:
                found[key] = value
        return found

    def _origin(self, path: tuple[str, ...]) -> str:
        for source, values in self._sources:
            value: Any = values
            for part in path:
                value = value.get(part, self) if isinstance(value, Mapping) else self
            if value is not self:
                return source
        return "vars"


def _check_loaded(item: str, keys: list[str] | None, before: list[str] | None) -> None:
    if keys is not None and before is None:
        raise InvalidInput(f"cannot load parts of {item!r}: all of it is loaded already.")
    if keys is None or not set(keys).isdisjoint(before or ()):
        raise InvalidInput(f"cannot load {item!r}: parts of it are loaded already.")


def _normal(folder: str, path: str) -> str:
    import posixpath  # noqa: PLC0415 - os.path under its own name

    return posixpath.normpath(posixpath.join(folder, path))


def _usable(value: Any) -> Any:
    """A value as templates see it: keys that are not text are left out."""
    if isinstance(value, dict):
        return {key: _usable(item) for key, item in value.items() if isinstance(key, str)}
    return [_usable(item) for item in value] if isinstance(value, list) else value


def _refuse_odd(value: Any, expression: str) -> None:
    """A date or a set may stand in a file of values, but no template can use it."""
    if value is None or isinstance(value, _PRIMITIVES):
        return
    if not isinstance(value, list | dict):
        raise InvalidInput(
            f"{expression!r} is a {type(value).__name__}, which no template can use.", hint="Write it in quotes."
        )
    for item in value.values() if isinstance(value, dict) else value:
        _refuse_odd(item, expression)


def _has(values: Mapping[str, Any], path: Sequence[str]) -> bool:
    try:
        _found(values, path)
    except InvalidInput:
        return False
    return True


def _found(values: Any, path: Sequence[str]) -> Any:
    for part in path:
        values = _below(values, part, ".".join(path))
    return values


@lru_cache(maxsize=4096)
def parts_of(expression: str) -> tuple[str, ...]:
    """The keys and positions of an expression."""
    return tuple(part.strip() for part in expression.replace("[", ".").replace("]", "").split("."))


def _below(value: Any, part: str, expression: str) -> Any:
    try:
        if isinstance(value, Mapping):
            return value[part]
        if isinstance(value, list):
            return value[int(part)]
    except (LookupError, ValueError):
        pass
    raise InvalidInput(f"nothing is named {expression!r}.")


@lru_cache(maxsize=4096)
def _template(text: str) -> tuple[tuple[str, str | None], ...]:
    """The parts of a text: each a literal and the expression behind it (None at the end).

    Raises:
        InvalidInput: an expression that is none.
    """
    parts: list[tuple[str, str | None]] = []
    start = 0
    for match in _NAMED.finditer(text):
        if not _EXPRESSION.fullmatch(match[1]):
            raise InvalidInput(f"{match[0]} is not the name of a value.", hint="Use keys and positions: ${train.lr[0]}")
        parts.append((text[start : match.start()], match[1]))
        start = match.end()
    return (*parts, (text[start:], None))


def has_expression(text: str) -> bool:
    """Whether a text names values."""
    return _NAMED.search(text) is not None


def expressions(value: Any) -> Iterator[str]:
    """The expressions in all texts of ``value``, the keys of mappings included. Raises `InvalidInput`."""
    if isinstance(value, str):
        yield from (expression for _, expression in _template(value) if expression is not None)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from expressions(key)
            yield from expressions(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from expressions(item)


def whole(value: Any) -> str | None:
    """The expression that a text consists of; None when it is no text, or more stands in it."""
    parts = _template(value) if isinstance(value, str) else ()
    return parts[0][1] if len(parts) == 2 and not parts[0][0] and not parts[1][0] else None


def check(value: Any) -> None:
    """Raise `InvalidInput` when a text anywhere in ``value`` holds an expression that is none."""
    if isinstance(value, str):
        _template(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check(key)
            check(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            check(item)


class Style:
    """How a mapping is written into a command: dvc's ``parsing.bool`` and ``parsing.list``."""

    __slots__ = ("appends", "negates")

    def __init__(self, booleans: str = "", lists: str = "") -> None:
        self.negates = booleans == "boolean_optional"
        self.appends = lists == "append"


PLAIN = Style()


def resolve(value: Any, context: Context, key: str | None = None, style: Style = PLAIN) -> Any:
    """The value with every text in it resolved, the keys of mappings included.

    ``key`` is the key of the stage that it stands under; None allows lists and mappings everywhere.

    Raises:
        InvalidInput: an expression that names nothing, or a list or mapping where only text can be.
    """
    if isinstance(value, str):
        return resolve_text(value, context, key, style)
    if isinstance(value, Mapping):
        return {
            _as_key(resolve(name, context, key, style)): resolve(v, context, key, style) for name, v in value.items()
        }
    if isinstance(value, list):
        return [resolve(item, context, key, style) for item in value]
    return value


def _as_key(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise InvalidInput("a list or mapping cannot be a key.")
    return value


def resolve_text(text: str, context: Context, key: str | None = None, style: Style = PLAIN) -> Any:
    """One text resolved: the value itself when it is one expression, else text. Errors as `resolve`."""
    parts = _template(text)
    if len(parts) == 1:
        return text.replace("\\${", "${") if "\\${" in text else text
    if len(parts) == 2 and parts[0][0] == "" and parts[1][0] == "":
        return _allowed(context.select(parts[0][1] or ""), key)
    found = ""
    for literal, expression in parts:
        found += literal
        if expression is not None:
            found += to_text(_allowed(context.select(expression), key), style)
    return found.replace("\\${", "${")


def _allowed(value: Any, key: str | None) -> Any:
    is_option = isinstance(value, dict) and key == "cmd"
    if isinstance(value, list | dict) and key is not None and "foreach" not in key and not is_option:
        raise InvalidInput(f"a {type(value).__name__} cannot be put into a text.", hint="Name one value inside it.")
    return value


def to_text(value: Any, style: Style = PLAIN) -> str:
    """A value inside a text, as dvc writes it; a mapping becomes options of a command."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return " ".join(option for name, item in _flat(value, "") for option in _options(name, item, style))
    return str(value)


def _flat(value: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            found.update(_flat(item, f"{prefix}{key}."))
        else:
            found[prefix + key] = item
    return list(found.items())


def _options(name: str, value: Any, style: Style) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}"] if value else [f"--no-{name}"] if style.negates else []
    if isinstance(value, str):
        return [f"--{name} {shlex.quote(value)}"]
    if not isinstance(value, list):
        return [f"--{name} {value}"]
    if any(isinstance(item, list | dict) for item in value):
        raise InvalidInput(f"{name!r} holds a list in a list, which cannot be an option.")
    items = [shlex.quote(item) if isinstance(item, str) else str(item) for item in value]
    if style.appends:
        return [f"--{name} {item}" for item in items]
    return [f"--{name} {' '.join(items)}"] if items else []

"""Overrides of parameters as `dvc exp run --set-param` takes them: one value, or several to try.

Source of the grammar: Hydra's "basic override grammar" and its "extended" part (choice, range, sort, casts). Beside
what it allows, an unquoted text may hold any other character that has no meaning in it, such as 한글.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from madang.domain.values import value
from madang.errors import InvalidInput
from madang.formats.dvc.parameters import DEFAULT_FILE

How = Literal["change", "add", "force", "delete"]

_INT = r"(?:0|[1-9](?:_?[0-9])*)"
_POINT = rf"(?:{_INT}\.|{_INT}?\.[0-9](?:_?[0-9])*)"
_IS_INT = re.compile(rf"[+-]?{_INT}")
_IS_FLOAT = re.compile(rf"[+-]?(?:(?:{_INT}|{_POINT})[eE][+-]?[0-9](?:_?[0-9])*|{_POINT}|[Ii][Nn][Ff]|[Nn][Aa][Nn])")
_ESCAPED = re.compile(r"\\([\\()\[\]{}:=, \t])")
_KEY = re.compile(r"(?P<sign>~|\+\+?|)(?P<key>[^=~+\s][^=]*?)(?:=[ \t]*(?P<value>.*))?", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MOST_VALUES = 10_000  # of one sweep


@value
class Sweep:
    """Values that are tried one after the other."""

    values: tuple[Any, ...]
    is_simple: bool = False  # a,b,c


@value
class Override:
    """What is to become of one parameter."""

    file: str  # as written; relative to the folder of the command
    key: str  # parts joined with dots
    how: How = "change"
    value: Any = None  # plain, or a `Sweep`
    has_value: bool = True  # a deletion may name the value that it expects

    def __str__(self) -> str:
        sign = {"change": "", "add": "+", "force": "++", "delete": "~"}[self.how]
        text = f"{sign}{self.key}" + (f"={json.dumps(self.value, ensure_ascii=False)}" if self.has_value else "")
        return text if self.file == DEFAULT_FILE else f"{self.file}:{text}"


def parse(text: str) -> Override:
    """One ``[FILE:]KEY=VALUE``; ``+KEY`` adds, ``++KEY`` adds or changes, ``~KEY`` deletes.

    Raises:
        InvalidInput: it is not of this form.
    """
    file, rest = DEFAULT_FILE, text
    if ":" in text.partition("=")[0]:
        file, _, rest = text.partition(":")
    found = _KEY.fullmatch(rest)
    if found is None or not file:
        raise _refused(text, "it is not KEY=VALUE")
    how: How = {"": "change", "+": "add", "++": "force", "~": "delete"}[found["sign"]]  # type: ignore[assignment]
    if found["value"] is None and how != "delete":
        raise _refused(text, "it has no value")
    has_value = found["value"] is not None
    return Override(file, found["key"], how, _Parser(text, found["value"]).value() if has_value else None, has_value)


def sweeps(overrides: Sequence[Override]) -> list[list[Override]]:
    """Every combination of the values that are to be tried; the overrides themselves when there is nothing to try.

    The last one changes fastest.
    """
    last = {(one.file, one.how, one.key): one for one in overrides}
    files = list(dict.fromkeys(one.file for one in overrides))
    ordered = sorted(last.values(), key=lambda one: files.index(one.file))
    return [list(combination) for combination in itertools.product(*(_single(one) for one in ordered))]


def is_sweep(override: Override) -> bool:
    """Whether it names several values to try."""
    return isinstance(override.value, Sweep)


def _single(override: Override) -> list[Override]:
    if not isinstance(override.value, Sweep):
        return [override]
    return [Override(override.file, override.key, override.how, one) for one in override.value.values]


def _refused(text: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{text[:200]!r} cannot be set: {why}.", hint="Such as lr=0.1, lr=0.1,0.2, 'lr=range(1,5)' or name='\"a,b\"'."
    )


class _Parser:
    """Reads the value of one override."""

    def __init__(self, whole: str, text: str) -> None:
        self._whole = whole
        self._text = text
        self._at = 0

    def value(self) -> Any:
        """The whole text."""
        if not self._text:
            return ""
        items = [self._element(",")]
        while self._take(","):
            items.append(self._element(","))
        if self._at < len(self._text):
            raise self._wrong(f"{self._text[self._at :][:20]!r} is not expected there")
        if len(items) == 1:
            return items[0]
        if any(isinstance(item, Sweep) for item in items):
            raise self._wrong("values to try cannot be in another")
        return Sweep(tuple(items), is_simple=True)

    def _element(self, ends: str) -> Any:
        self._blanks()
        sign = self._text[self._at : self._at + 1]
        if sign in ("'", '"'):
            return self._quoted(sign)
        if sign == "[":
            return self._list()
        if sign == "{":
            return self._mapping()
        called = re.compile(rf"({_NAME.pattern})[ \t]*\(").match(self._text, self._at)
        if called is not None:
            self._at = called.end()
            return self._call(called[1])
        return self._primitive(ends)

    def _primitive(self, ends: str) -> Any:
        return _typed(self._raw(ends))

    def _raw(self, ends: str) -> str:
        """The text up to one of the signs that end it; escaped signs and ``${…}`` belong to it."""
        start = self._at
        while self._at < len(self._text):
            sign = self._text[self._at]
            if sign == "\\" and _ESCAPED.match(self._text, self._at):
                self._at += 2
            elif self._text.startswith("${", self._at):
                self._at = self._after_reference()
            elif sign in ends:
                break
            elif sign in "()[]{}'\"=":
                raise self._wrong(f"{sign!r} has to be quoted or escaped")
            else:
                self._at += 1
        raw = self._text[start : self._at].strip(" \t")
        if raw.endswith("\\") and self._text[start : self._at].endswith(raw + " "):
            raw += " "  # an escaped blank
        if not raw:
            raise self._wrong("a value is missing")
        return raw

    def _after_reference(self) -> int:
        depth, at = 0, self._at
        while at < len(self._text):
            depth += (self._text[at] == "{") - (self._text[at] == "}")
            at += 1
            if not depth and self._text[at - 1] == "}":
                return at
        raise self._wrong("${ has no end")

    def _quoted(self, quote: str) -> str:
        found = re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*){quote}", re.DOTALL).match(self._text, self._at)
        if found is None:
            raise self._wrong("a quote has no end")
        self._at = found.end()
        self._blanks()
        # Backslashes count in front of a quote only, the last one included.
        text = re.sub(rf"\\+{quote}", lambda run: run[0][1::2], found[1] + quote)
        return text if found[1].endswith("\\") else text[:-1]

    def _list(self) -> list[Any]:
        self._at += 1
        items: list[Any] = []
        while not self._take("]"):
            if items and not self._take(","):
                raise self._wrong("a list has no end")
            items.append(self._plain(",]"))
        self._blanks()
        return items

    def _mapping(self) -> dict[Any, Any]:
        self._at += 1
        found: dict[Any, Any] = {}
        while not self._take("}"):
            if found and not self._take(","):
                raise self._wrong("a mapping has no end")
            key = _typed(self._raw(":,}"))
            if not self._take(":"):
                raise self._wrong(f"the key {key!r} has no value")
            found[key] = self._plain(",}")
        self._blanks()
        return found

    def _plain(self, ends: str) -> Any:
        item = self._element(ends)
        if isinstance(item, Sweep):
            raise self._wrong("values to try cannot be inside a list or mapping")
        return item

    def _call(self, name: str) -> Any:
        given: list[Any] = []
        named: dict[str, Any] = {}
        while not self._take(")"):
            if (given or named) and not self._take(","):
                raise self._wrong(f"{name}( has no end")
            self._blanks()
            word = re.compile(rf"({_NAME.pattern})[ \t]*=").match(self._text, self._at)
            if word is not None:
                self._at = word.end()
                named[word[1]] = self._element(",)")
            else:
                given.append(self._element(",)"))
        self._blanks()
        function = _FUNCTIONS.get(name)
        if function is None:
            raise self._wrong(f"there is no function {name!r}")
        try:
            return function(*given, **named)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self._wrong(f"{name}: {error}") from None

    def _take(self, sign: str) -> bool:
        self._blanks()
        if self._text[self._at : self._at + 1] != sign:
            return False
        self._at += 1
        self._blanks()
        return True

    def _blanks(self) -> None:
        while self._text[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1

    def _wrong(self, why: str) -> InvalidInput:
        return _refused(self._whole, why)


def _typed(raw: str) -> Any:
    """A number, a truth, nothing or a text."""
    if _IS_INT.fullmatch(raw):
        return int(raw)
    if _IS_FLOAT.fullmatch(raw):
        return float(raw)
    low = raw.lower()
    if low in ("true", "false"):
        return low == "true"
    return None if low == "null" else _ESCAPED.sub(r"\1", raw)


# -- functions of values --------------------------------------------------------------------------------------------


def _choice(*items: Any) -> Sweep:
    if not items:
        raise ValueError("nothing to choose from")
    if any(isinstance(item, Sweep) for item in items):
        if len(items) == 1 and items[0].is_simple:
            return Sweep(items[0].values)
        raise ValueError("values to try cannot be in another")
    return Sweep(items)


def _range(start: float, stop: float | None = None, step: float = 1) -> Sweep:
    if stop is None:
        start, stop = 0, start
    for one in (start, stop, step):
        if isinstance(one, bool) or not isinstance(one, int | float):
            raise TypeError(f"{one!r} is not a number")
    if not step:
        raise ValueError("the step is 0")
    found = tuple(itertools.islice(_steps(start, stop, step), _MOST_VALUES + 1))
    if not found or len(found) > _MOST_VALUES:
        raise ValueError("it is empty" if not found else f"it has more than {_MOST_VALUES} values")
    return Sweep(found)


def _steps(start: float, stop: float, step: float) -> Iterator[float]:
    if all(isinstance(one, int) for one in (start, stop, step)):
        yield from range(int(start), int(stop), int(step))
        return
    at, end, by = Decimal(str(start)), Decimal(str(stop)), Decimal(str(step))
    while (at < end) if by > 0 else (at > end):
        yield float(at)
        at += by


def _sorted(*items: Any, reverse: bool = False) -> Any:
    return _reordered(items, lambda values: sorted(values, reverse=reverse))


def _shuffled(*items: Any) -> Any:
    return _reordered(items, lambda values: random.sample(values, len(values)))


def _reordered(items: Sequence[Any], order: Callable[[Sequence[Any]], list[Any]]) -> Any:
    """The values to try, or the items of a list, in another order."""
    if len(items) != 1:
        return Sweep(tuple(order(items)), is_simple=True)
    (only,) = items
    if isinstance(only, Sweep):
        return Sweep(tuple(order(only.values)), only.is_simple)
    return order(only) if isinstance(only, list) else only


def _each(convert: Callable[[Any], Any]) -> Callable[..., Any]:
    """The conversion of a value, of each item of a list or mapping, and of each value to try."""

    def apply(value: Any) -> Any:
        if isinstance(value, Sweep):
            return Sweep(tuple(apply(one) for one in value.values), value.is_simple)
        if isinstance(value, list):
            return [apply(one) for one in value]
        if isinstance(value, Mapping):
            return {key: apply(one) for key, one in value.items()}
        return convert(value)

    return lambda *items: apply(items[0] if len(items) == 1 else Sweep(items, is_simple=True))


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError(f"{value!r} is neither true nor false")
        return value.lower() == "true"
    return bool(value)


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    return str(value)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "choice": _choice,
    "range": _range,
    "sort": _sorted,
    "shuffle": _shuffled,
    "int": _each(int),
    "float": _each(float),
    "bool": _each(_truth),
    "str": _each(_text),
}

r"""Regular expressions of strangers: a search that takes a step a character, whatever the expression.

Python's own engine goes back and forth and may take years for a pattern of ten signs. This one has no way back: it
walks a table of states that it makes as it goes. It knows literals, ``.``, classes, ``\d \w \s``, groups, ``|``,
``* + ? {m,n}`` (lazy ones match the same texts), ``^ $ \A \Z`` and ``(?i)`` at the beginning; PostgreSQL's engine
reads all of it alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from madang.errors import InvalidInput

_LONGEST = 1000  # characters of a pattern
_MOST_STEPS = 2000  # instructions that a pattern is made into
_MOST_STATES = 1000  # that are remembered at a time
_CLASS = r"(?s:\[\^?\]?(?:\\.|[^\]\\])*\])"  # compiled on use: every command loads this module, few need it
_COUNT = r"\{(\d{1,3})(?:(,)(\d{1,3})?)?\}"
_IN_CLASS = r"(?s:\\.|[\[&~|])"
_KNOWN_LETTERS = frozenset("dDwWsSntr")

Accepts: TypeAlias = Callable[[str], object]


class _Step(NamedTuple):
    """One instruction: take a character, go on at two places, assert the beginning or end, or be done."""

    kind: str  # "take", "split", "begin", "end" or "done"
    accepts: Accepts | None = None
    ways: tuple[int, ...] = ()


class _State:
    """The instructions at which a text may stand after some characters, and what follows from the next one."""

    def __init__(self, places: frozenset[int], is_match: bool, is_match_at_end: bool) -> None:
        self.places, self.is_match, self.is_match_at_end = places, is_match, is_match_at_end
        self.following: dict[str, _State] = {}


class Regex:
    """A pattern that is looked for anywhere in a text. Thread-safe."""

    def __init__(self, pattern: str) -> None:
        """Raises `InvalidInput` for what is no pattern, or has parts that only an engine with a way back can do."""
        if len(pattern) > _LONGEST:
            raise InvalidInput(f"A pattern of {len(pattern)} characters is too long; {_LONGEST} are taken.")
        self._steps = _Compiler(pattern).steps
        self._states: dict[frozenset[int], _State] = {}
        self._start = self._made(self._reached([0], is_start=True), is_start=True)

    def found(self, text: str) -> bool:
        """Whether some part of the text fits."""
        state = self._start
        for sign in text:
            if state.is_match:
                return True
            following = state.following.get(sign)
            state = following if following is not None else self._after(state, sign)
        return state.is_match or state.is_match_at_end

    def _after(self, state: _State, sign: str) -> _State:
        ways = [way for place in state.places if self._takes(place, sign) for way in self._steps[place].ways]
        made = self._state(self._reached([*ways, 0]))
        state.following[sign] = made
        return made

    def _takes(self, place: int, sign: str) -> bool:
        accepts = self._steps[place].accepts
        return accepts is not None and bool(accepts(sign))

    def _reached(self, places: Iterable[int], *, is_start: bool = False, is_end: bool = False) -> frozenset[int]:
        """All places that are reached from some without a further character."""
        found: set[int] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place in found:
                continue
            found.add(place)
            kind = self._steps[place].kind
            if kind == "split" or (kind == "begin" and is_start) or (kind == "end" and is_end):
                waiting.extend(self._steps[place].ways)
        return frozenset(found)

    def _state(self, places: frozenset[int]) -> _State:
        known = self._states.get(places)
        if known is None:
            known = self._made(places)
            if len(self._states) >= _MOST_STATES:
                for state in list(self._states.values()):
                    state.following.clear()
                self._states.clear()
            self._states[places] = known
        return known

    def _made(self, places: frozenset[int], *, is_start: bool = False) -> _State:
        done = len(self._steps) - 1
        return _State(places, done in places, done in self._reached(places, is_start=is_start, is_end=True))


class _Compiler:
    """Reads a pattern into instructions; the last one is that all was found. Parts tell ways relative to each step."""

    def __init__(self, pattern: str) -> None:
        self._fold = pattern.startswith("(?i)")
        self._text, self._at = pattern, 4 if self._fold else 0
        made = self._choice()
        if self._at < len(pattern):
            raise self._wrong("a parenthesis closes nothing")
        steps = [*made, _Step("done")]
        self.steps = [step._replace(ways=tuple(place + way for way in step.ways)) for place, step in enumerate(steps)]

    def _wrong(self, why: str) -> InvalidInput:
        return InvalidInput(f"The pattern {self._text[:100]!r} cannot be used: {why}.")

    def _next(self, *options: str) -> str:
        """The option that stands here, taken; empty when none does."""
        for option in options:
            if self._text.startswith(option, self._at):
                self._at += len(option)
                return option
        return ""

    def _choice(self) -> list[_Step]:
        """Alternatives, up to the end or a closing parenthesis."""
        options = [self._sequence()]
        while self._next("|"):
            options.append(self._sequence())
        made = options.pop()
        for option in reversed(options):
            made = [_split(1, len(option) + 2), *option, _split(len(made) + 1), *made]
        return self._bounded(made)

    def _sequence(self) -> list[_Step]:
        made: list[_Step] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            made += self._repeated(self._part())
        return self._bounded(made)

    def _bounded(self, steps: list[_Step]) -> list[_Step]:
        if len(steps) > _MOST_STEPS:
            raise self._wrong("it is too large")
        return steps

    def _part(self) -> list[_Step]:
        if self._next("("):
            if self._next("?") and not self._next(":"):
                raise self._wrong("it looks around or names a group")
            made = self._choice()
            if not self._next(")"):
                raise self._wrong("a parenthesis is not closed")
            return made
        if self._next("^", "\\A"):
            return [_Step("begin", ways=(1,))]
        if self._next("$", "\\Z"):
            return [_Step("end", ways=(1,))]
        return [_Step("take", self._character(), (1,))]

    def _character(self) -> Accepts:
        """What accepts the next character of a text."""
        piece = self._text[self._at]
        if piece in "*+?":
            raise self._wrong("nothing stands before a repetition")
        if piece == "[":
            found = re.compile(_CLASS).match(self._text, self._at)
            if found is None or "[:" in found[0]:
                raise self._wrong("a class is not closed")
            piece = found[0]
        elif piece == "\\":
            piece = self._text[self._at : self._at + 2]
            if len(piece) < 2 or (piece[1].isalnum() and piece[1] not in _KNOWN_LETTERS):
                raise self._wrong(f"{piece} is not known here")
        self._at += len(piece)
        try:
            return re.compile(_unambiguous(piece), re.DOTALL | (re.IGNORECASE if self._fold else 0)).fullmatch
        except re.error as error:
            raise self._wrong(str(error)) from None

    def _repeated(self, part: list[_Step]) -> list[_Step]:
        """A part as often as what stands behind it says."""
        found = re.compile(_COUNT).match(self._text, self._at)
        if found:
            self._at = found.end()
            least = int(found[1])
            most = least if not found[2] else int(found[3]) if found[3] else None
        else:
            sign = self._next("*", "+", "?")
            if not sign:
                return part
            least, most = int(sign == "+"), 1 if sign == "?" else None
        if most is not None and most < least:
            raise self._wrong("a count ends before it begins")
        self._next("?")  # lazy: the same texts
        if self._at < len(self._text) and self._text[self._at] in "*+?":
            raise self._wrong("a repetition is repeated")
        if (len(part) + 2) * max(least, most or 0) > _MOST_STEPS:
            raise self._wrong("it is too large")
        rest = [_split(1, len(part) + 2), *part, _split(-len(part) - 1)]
        if most is not None:
            rest = [_split(1, len(part) + 1), *part] * (most - least)
        return part * least + rest


def _unambiguous(piece: str) -> str:
    """A class with a backslash before the signs that Python may give another meaning one day (it warns of them)."""
    if piece[0] != "[":
        return piece
    return "[" + re.sub(_IN_CLASS, lambda sign: sign[0] if len(sign[0]) == 2 else "\\" + sign[0], piece[1:])


def _split(*ways: int) -> _Step:
    return _Step("split", ways=ways)


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Regex:
    """The pattern, made once. Raises as `Regex`."""
    return Regex(pattern)

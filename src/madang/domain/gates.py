"""Gates: conditions that a version has to fulfil before a pointer may move to it.

    val/f1 >= 0.9                          a bound of a metric
    val/f1 >= current + 0.01               against the version that the pointer is at now, with a margin
    val/loss <= current * 0.98
    reproduced identical                   a repetition of the version's run came to this verdict, or a better one
    reproduced within tolerance signed     … and its signature is that of a trusted key
    reproduced identical signed by sha256:1f…

``production`` may be written for ``current``. A metric whose name holds blanks or signs stands in backquotes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from madang.domain.values import value
from madang.errors import InvalidInput

IDENTICAL, TOLERATED = "IDENTICAL", "WITHIN TOLERANCE"
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_BOUND = (
    rf"(?:`(?P<quoted>[^`]+)`|(?P<plain>[^`<>=\s]+))\s*(?P<op>>=|<=|>|<)\s*"
    rf"(?:(?P<number>{_NUMBER})|(?P<current>current|production)(?:\s*(?P<sign>[+*-])\s*(?P<margin>{_NUMBER}))?)\Z"
)
_REPRODUCED = (
    r"reproduced(?:\s+(?P<verdict>identical|within tolerance))?"
    r"(?P<signed>\s+signed(?:\s+by\s+(?P<key>sha256:[0-9a-f]{8,64}))?)?\Z"
)


@value
class Bound:
    """A bound of a metric: ``current`` times ``factor`` plus ``number``; with ``factor`` None just the number."""

    metric: str
    op: str
    number: float
    factor: float | None = None


@value
class Reproduced:
    """A repetition of the version's run with this verdict or a better one."""

    verdict: str
    is_signed: bool = False
    key: str = ""  # beginning of the key's id; empty: any key that is trusted


@value
class Repetition:
    """What is known of one repetition of a run. ``key`` is empty unless its signature fits the unaltered records."""

    run: str
    verdict: str
    key: str = ""
    signer: str = ""  # the name of a trusted key


@value
class Finding:
    """What became of one gate."""

    gate: str
    passed: bool
    detail: str


def parse_gate(text: str) -> Bound | Reproduced:
    """A gate from its text.

    Raises:
        InvalidInput: it makes no sense.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"A gate is a text, not {text!r:.80}.")
    plain = " ".join(text.split())
    if found := re.match(_REPRODUCED, plain, re.IGNORECASE):
        verdict = (found["verdict"] or TOLERATED).upper()
        return Reproduced(verdict, found["signed"] is not None, (found["key"] or "").lower())
    bound = re.match(_BOUND, plain)
    if bound is None:
        raise InvalidInput(
            f"{text[:120]!r} is no gate.",
            hint="Write `val/f1 >= 0.9`, `val/f1 >= current + 0.01`, or `reproduced within tolerance signed`.",
        )
    metric, op = bound["quoted"] or bound["plain"], bound["op"]
    if bound["number"]:
        return Bound(metric, op, _finite(bound["number"]))
    margin = _finite(bound["margin"] or "0")
    if bound["sign"] == "*":
        return Bound(metric, op, 0.0, margin)
    return Bound(metric, op, -margin if bound["sign"] == "-" else margin, 1.0)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidInput(f"{text[:40]} is no bound.", hint="Give a finite number.")
    return number


def number_of(found: Any) -> float | None:
    """The value of a metric as a number that can be compared; None for anything else, NaN too."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        number = float(found)
    except OverflowError:
        return math.inf if found > 0 else -math.inf
    return None if math.isnan(number) else number


def judge_bound(gate: Bound, text: str, own: float | None, current: float | None, *, is_first: bool) -> Finding:
    """Whether a value fulfils a bound. ``is_first``: the pointer is at nothing, so there is nothing to compare with."""
    if own is None:
        return Finding(text, False, f"the version's run has no number for {gate.metric}")
    if gate.factor is None:
        limit = gate.number
    elif is_first:
        return Finding(text, True, f"{own:.6g}, and nothing to compare with yet")
    elif current is None:
        return Finding(text, False, f"the present version's run has no number for {gate.metric}")
    else:
        limit = current * gate.factor + gate.number
    passed = _COMPARISONS[gate.op](own, limit)
    against = "" if gate.factor is None else f" (current {current:.6g})"
    return Finding(text, passed, f"{own:.6g} {'is' if passed else 'is not'} {gate.op} {limit:.6g}{against}")


def judge_reproduced(gate: Reproduced, text: str, known: Sequence[Repetition]) -> Finding:
    """Whether a repetition fulfils a gate."""
    wanted = (IDENTICAL,) if gate.verdict == IDENTICAL else (IDENTICAL, TOLERATED)
    if not known:
        return Finding(text, False, "the version's run was never reproduced")
    fitting = [one for one in known if one.verdict in wanted]
    if not fitting:
        return Finding(text, False, f"the verdict is {known[-1].verdict}")
    if gate.is_signed:
        fitting = [one for one in fitting if (one.key.startswith(gate.key) if gate.key else bool(one.signer))]
        if not fitting:
            whose = f"by {gate.key[:19]}" if gate.key else "by a trusted key"
            return Finding(text, False, f"no repetition of this verdict is signed {whose}")
    one = fitting[-1]
    by = f", signed by {one.signer or one.key[:19]}" if gate.is_signed else ""
    return Finding(text, True, f"{one.verdict} in run {one.run[:8]}{by}")

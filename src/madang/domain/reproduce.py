"""When is a run the same again? The rules of the verdict; what is left out is written in docs/formats/volatile.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, TypeAlias

from madang.domain import values
from madang.domain.events import DefineMetric
from madang.domain.metrics import definition_of

Verdict: TypeAlias = Literal["IDENTICAL", "WITHIN TOLERANCE", "DIFFERS", "CANNOT"]

RTOL = 1e-6  # relative bound of a metric that names none
VOLATILE_KEYS = frozenset({"_runtime", "_timestamp", "_wandb"})
VOLATILE_PREFIXES = ("system/",)
VOLATILE_SUFFIXES = ("_runtime", "_per_second")  # what trainers tell of their own speed
_SECOND = 1_000_000  # µs
_CLOCKS = (1e6, 1e3, 1.0, 1e-3)  # µs in the units that clocks count in: s, ms, µs, ns
MAX_DIFFERENCES = 100  # that a judgement lists


@values.value
class Points:
    """One metric over its steps, in the order in which they were logged for each step."""

    steps: Sequence[int]
    values: Sequence[Any]


@values.mutable
class Side:
    """What a run has that can be compared. ``outputs`` are digests by path, of the bytes without volatile fields."""

    status: str
    exit_code: int | None = None
    metrics: dict[str, Points] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)  # values set by hand
    outputs: dict[str, str] = field(default_factory=dict)
    span: tuple[int, int] = (0, 0)  # beginning and end, µs since 1970 UTC; an end of 0: not yet

    def is_moment(self, number: Any) -> bool:
        """Whether a number is a point in time while the run went on: seconds, or thousandths of them, since 1970."""
        began, ended = self.span
        if not began or isinstance(number, bool) or not isinstance(number, int | float):
            return False
        return any(began - _SECOND <= number * scale <= (ended or math.inf) + _SECOND for scale in _CLOCKS)


@values.value
class Judgement:
    """The verdict, where the runs first differ, and how much was and was not compared."""

    verdict: Verdict
    first_difference: dict[str, Any] | None = None
    missing: list[str] = field(default_factory=list)
    compared: dict[str, Any] = field(default_factory=dict)
    not_compared: dict[str, Any] = field(default_factory=dict)
    differences: list[dict[str, Any]] = field(default_factory=list)  # the first of each metric, and of each output


def cannot(missing: Sequence[str], not_compared: Mapping[str, Any] | None = None) -> Judgement:
    """The verdict where something is missing."""
    return Judgement("CANNOT", missing=list(missing), not_compared=dict(not_compared or {}))


def of_several(found: Sequence[Judgement]) -> Judgement:
    """The verdict over several repetitions: the gravest, with what it says."""
    ranks = ("CANNOT", "DIFFERS", "WITHIN TOLERANCE", "IDENTICAL")
    return min(found, key=lambda judgement: ranks.index(judgement.verdict))


def not_repeatable(command: Sequence[str]) -> str:
    """Why a command line does not start the same program again: a notebook, a session, a program from a pipe."""
    if any("ipykernel" in word or "colab_kernel" in word for word in command):
        return "a script: the run was made in a notebook"
    first, *rest = command
    if not first.rpartition("/")[2].startswith(("python", "pypy", "ipython")):
        return ""
    words = list(rest)
    while words:
        word = words.pop(0)
        if word == "-":
            return "a script: the program was read from standard input"
        if not word.startswith("-") or word.startswith(("-c", "-m")):
            return ""
        if word in ("-X", "-W", "--check-hash-based-pycs") and words:
            words.pop(0)
    return "a script: the run was made in an interactive session"


def is_volatile(key: str, definitions: dict[str, DefineMetric]) -> bool:
    """Whether a metric is outside the comparison: it measures the machine or the clock, or the run said so."""
    is_clock = key in VOLATILE_KEYS or key.startswith(VOLATILE_PREFIXES) or key.endswith(VOLATILE_SUFFIXES)
    return is_clock or definition_of(key, definitions).volatile


@values.mutable
class _Tally:
    differences: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)  # out of tolerance
    near: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)  # unequal, within tolerance
    changed_outputs: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"metrics": 0, "points": 0, "summary": 0, "outputs": 0})
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, what: str, count: int = 1) -> None:
        if count:
            self.skipped[what] = self.skipped.get(what, 0) + count


def judge(
    original: Side,
    again: Side,
    definitions: dict[str, DefineMetric],
    *,
    changed: Sequence[str] = (),
    not_compared: Mapping[str, int] | None = None,
) -> Judgement:
    """Compare a run with its repetition. ``changed`` are files that changed after the original had started.

    IDENTICAL: every compared point, value and digest is equal, and the code is known to be what ran. WITHIN
    TOLERANCE: every metric is within its bound and no output is missing. CANNOT: there was nothing to compare.
    """
    tally = _Tally()
    for what, count in (not_compared or {}).items():
        tally.skip(what, count)
    _compare_end(original, again, tally)
    _compare_metrics(original, again, definitions, tally)
    _compare_summary(original, again, definitions, tally)
    _compare_outputs(original, again, tally)
    counts = tally.counts
    if not counts["metrics"] + counts["summary"] + counts["outputs"]:
        return Judgement(
            "CANNOT",
            missing=["nothing to compare: the run logged no metric and kept no output"],
            compared=dict(counts),
            not_compared=dict(tally.skipped),
        )
    return _verdict(tally, changed)


def _verdict(tally: _Tally, changed: Sequence[str]) -> Judgement:
    counts, skipped = dict(tally.counts), dict(tally.skipped)
    numbers = counts["metrics"] + counts["summary"]
    listed = _listed(tally)
    if tally.differences:
        return Judgement("DIFFERS", _first(tally.differences), [], counts, skipped, listed)
    if tally.changed_outputs and not numbers:
        return Judgement("DIFFERS", tally.changed_outputs[0], [], counts, skipped, listed)
    near = _first(tally.near) if tally.near else next(iter(tally.changed_outputs), None)
    if near is None and changed:
        near = {"kind": "code", "paths": sorted(changed)[:20], "note": "changed after the original run had started"}
    verdict: Verdict = "WITHIN TOLERANCE" if near is not None else "IDENTICAL"
    return Judgement(verdict, near, [], counts, skipped, listed)


def _listed(tally: _Tally) -> list[dict[str, Any]]:
    """The first difference of each metric, then what differs at the end; those out of bounds before the others."""
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    for pairs in (tally.differences, tally.near):
        for _, what in sorted(pairs, key=lambda pair: pair[0]):
            found.setdefault((what["kind"], what.get("key") or what.get("path")), what)
    return [*found.values(), *tally.changed_outputs][:MAX_DIFFERENCES]


def _first(found: Sequence[tuple[tuple[Any, ...], dict[str, Any]]]) -> dict[str, Any]:
    return min(found, key=lambda pair: pair[0])[1]


def _compare_end(original: Side, again: Side, tally: _Tally) -> None:
    one, other = (original.status, original.exit_code), (again.status, again.exit_code)
    if original.status == again.status and (original.status == "finished" or one == other):
        return
    tally.differences.append(
        ((-1,), {"kind": "status", "expected": _ending(original), "found": _ending(again)}),
    )


def _ending(side: Side) -> str:
    return side.status if not side.exit_code else f"{side.status} ({side.exit_code})"


def _compare_metrics(original: Side, again: Side, definitions: dict[str, DefineMetric], tally: _Tally) -> None:
    for key, points in original.metrics.items():
        if is_volatile(key, definitions):
            tally.skip("volatile metrics")
            continue
        found = again.metrics.get(key, Points((), ()))
        if not points.values and not found.values:
            tally.skip("metrics without points")
            continue
        tally.counts["metrics"] += 1
        bounds = _Bounds(definition_of(key, definitions), original, again)
        _compare_points(key, points, found, bounds, tally)
    extra = [key for key in again.metrics if key not in original.metrics and not is_volatile(key, definitions)]
    tally.skip("metrics that only the repetition has", len(extra))


def _compare_points(key: str, one: Points, other: Points, bounds: _Bounds, tally: _Tally) -> None:
    nothing = object()
    for place in range(max(len(one.values), len(other.values))):
        left = (one.steps[place], one.values[place]) if place < len(one.values) else (None, nothing)
        right = (other.steps[place], other.values[place]) if place < len(other.values) else (None, nothing)
        tally.counts["points"] += 1
        if left[0] == right[0] and equal(left[1], right[1]):
            continue
        step = min(step for step in (left[0], right[0]) if step is not None)
        what = {
            "kind": "metric",
            "key": key,
            "step": step,
            "expected": left[1] if left[0] == step else None,
            "found": right[1] if right[0] == step else None,
        }
        if left[0] == right[0] and bounds.hold(left[1], right[1]):
            tally.near.append(((step, key), what))
            continue
        tally.differences.append(((step, key), what))
        return  # what follows a first difference says nothing new


def _compare_summary(original: Side, again: Side, definitions: dict[str, DefineMetric], tally: _Tally) -> None:
    last = 1 << 63  # after every step
    for key, value in original.summary.items():
        if is_volatile(key, definitions):
            tally.skip("volatile metrics")
            continue
        tally.counts["summary"] += 1
        found = again.summary.get(key)
        what = {"kind": "summary", "key": key, "expected": value, "found": found}
        if key in again.summary and equal(value, found):
            continue
        bounds = _Bounds(definition_of(key, definitions), original, again)
        close = key in again.summary and bounds.hold(value, found)
        (tally.near if close else tally.differences).append(((last, key), what))


def _compare_outputs(original: Side, again: Side, tally: _Tally) -> None:
    end = (1 << 63) + 1
    for path, digest in sorted(original.outputs.items()):
        tally.counts["outputs"] += 1
        found = again.outputs.get(path)
        what = {"kind": "output", "path": path, "expected": digest, "found": found}
        if found is None:
            tally.differences.append(((end, path), what))
        elif found != digest:
            tally.changed_outputs.append(what)
    tally.skip("outputs that only the repetition has", sum(path not in original.outputs for path in again.outputs))


def equal(one: Any, other: Any) -> bool:
    """The same value of the same type; NaN equals NaN, and 0.0 does not equal -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return (one == other and math.copysign(1, one) == math.copysign(1, other)) or (one != one and other != other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(item, other[key]) for key, item in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@values.value
class _Bounds:
    """How far one metric may be off."""

    definition: DefineMetric
    original: Side
    again: Side

    def hold(self, one: Any, other: Any) -> bool:
        """Whether two values are close enough. A clock that was read twice tells two times, however close they are."""
        if not _close(one, other, self.definition):
            return False
        return not (self.original.is_moment(one) and self.again.is_moment(other))


def _close(one: Any, other: Any, definition: DefineMetric) -> bool:
    """Whether two numbers are within the metric's bounds. Texts, truth values and files have none."""
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    if not (isinstance(one, int | float) and isinstance(other, int | float)):
        return False
    rtol = RTOL if definition.rtol is None else abs(definition.rtol)
    atol = 0.0 if definition.atol is None else abs(definition.atol)
    try:
        left, right = float(one), float(other)
    except OverflowError:
        return one == other
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return left == right or abs(left - right) <= max(rtol * max(abs(left), abs(right)), atol)

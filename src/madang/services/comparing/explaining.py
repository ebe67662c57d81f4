"""The `why` view: what differs between two runs in six parts, with the shares that were measured by running again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, field
from typing import Any

import msgspec

from madang.domain.access import Principal
from madang.domain.causes import Cause, Change, close
from madang.domain.metrics import definition_of
from madang.domain.runs import RunChange, RunRecord
from madang.domain.shares import Shares
from madang.domain.values import value
from madang.errors import InvalidInput
from madang.formats.learning import learnt
from madang.ports.git import Git
from madang.ports.reader import Reader
from madang.services.comparing import differences, why

MEASURED_TAG = "madang.why"  # what `madang why --rerun` has found: JSON by metric and run compared with
MAX_DETAIL = 1000  # changes of a part in one answer
_KEPT = 20  # findings of a run

ReaderOf = Callable[[Principal], Reader]


@value
class Side:
    """One of the two runs."""

    run: str
    name: str
    value: float
    created_at: int  # µs UTC


@value
class PartView:
    """One of the six parts. ``share`` is of the whole change, ``spread`` by how much it may be off.

    ``detail`` has what a run used first; of very many changes (``total``) it is the beginning.
    """

    part: str
    changed: bool
    detail: list[Change]
    total: int
    share: float | None = None
    spread: float | None = None


@value
class Variant:
    """A run that had these parts of the later run and the others of the earlier one; its values of the metric."""

    from_run: list[str]
    values: list[float]


@value
class Measured:
    """What running again has shown. ``reason`` says why parts cannot be separated."""

    cause: str | list[str]
    reason: str = ""
    shares: dict[str, float] = field(default_factory=dict)
    spreads: dict[str, float] = field(default_factory=dict)
    variants: list[Variant] = field(default_factory=list)


@value
class WhyView:
    """What changed a metric. ``cause`` is a part, several, ``cannot be separated``, or empty where nothing changed."""

    metric: str
    goal: str
    before: Side
    after: Side
    parts: list[PartView]
    cause: str | list[str]
    reason: str = ""
    was_measured: bool = False
    variants: list[Variant] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@value
class Differences:
    """What differs between two runs, in six parts; nothing is said of any metric."""

    parts: list[PartView]
    notes: list[str] = field(default_factory=list)


class Explaining:
    """Explains changes of metrics to readers. Thread-safe."""

    def __init__(self, reader_of: ReaderOf, git: Git | None) -> None:
        self._reader_of = reader_of
        self._git = git

    def differences(self, who: Principal, before: str, after: str) -> Differences:
        """What differs between two runs, such as two executions of a stage whose output is not the same.

        Raises:
            NotFound: no such run.
        """
        reader = self._reader_of(who)
        found = differences.explain(reader.run(before), reader.run(after), reader, self._git)
        return Differences([_part(one) for one in ranked(found.causes.values())], found.notes)

    def explain(self, who: Principal, run: str, metric: str, against: str = "") -> WhyView:
        """Why a metric of a run is not what it was in another one; by default in the one that `why.reference` names.

        Raises:
            NotFound: no such run or metric, or nothing to compare with. InvalidInput: the metric is no number, or both
            are the same run.
        """
        reader = self._reader_of(who)
        after = reader.run(run)
        before = reader.run(against) if against else why.reference(reader, after, metric)
        if before.id == after.id:
            raise InvalidInput("A run is not compared with itself.", hint="Choose another one.")
        sides = [Side(one.id, one.name, why.number_of(one, metric), one.created_at) for one in (before, after)]
        found = differences.explain(before, after, reader, self._git, metric)
        measured = recalled(after, before, metric)
        cause: Any = (
            [] if close(sides[0].value, sides[1].value) else found.by_elimination(sides[1].value - sides[0].value)
        )
        if measured is not None:
            cause = measured.cause
            for part, share in measured.shares.items():
                if part in found.causes:
                    one = found.causes[part]
                    one.share, one.spread = share, measured.spreads.get(part)
        return WhyView(
            metric,
            definition_of(metric, after.definitions).goal,
            sides[0],
            sides[1],
            [_part(one) for one in ranked(found.causes.values())],
            cause,
            measured.reason if measured else "",
            measured is not None,
            measured.variants if measured else [],
            found.notes,
        )


def _part(cause: Cause) -> PartView:
    detail = sorted(cause.changes, key=lambda change: not change.is_used)[:MAX_DETAIL]
    return PartView(cause.part, cause.changed, detail, len(cause.changes), cause.share, cause.spread)


def ranked(found: Any) -> list[Cause]:
    """Parts by their share, else those that changed first."""
    return sorted(found, key=lambda one: (-abs(one.share or 0), not one.changed))


def remember(
    reader: Reader,
    after: RunRecord,
    before: RunRecord,
    metric: str,
    shares: Shares,
    cause: str | Sequence[str],
    variants: Sequence[Variant],
) -> None:
    """Note on the later run what running again has shown. Raises what a change of the run raises."""
    made = Measured(
        cause if isinstance(cause, str) else list(cause),
        shares.unknown,
        {str(part): share for part, share in shares.shares.items()},
        {str(part): spread for part, spread in shares.spreads.items()},
        list(variants),
    )
    kept = {key: one for key, one in _findings(after).items() if key != _key(metric, before)}
    kept = dict(list(kept.items())[1 - _KEPT :]) | {_key(metric, before): asdict(made)}
    reader.change(after.id, RunChange(tags={MEASURED_TAG: json.dumps(kept, ensure_ascii=False)}))


def recalled(after: RunRecord, before: RunRecord, metric: str) -> Measured | None:
    """What running these two again has shown, if that was done."""
    found = _findings(after).get(_key(metric, before))
    if not isinstance(found, dict):
        return None
    try:
        return msgspec.convert(found, learnt(Measured))
    except msgspec.ValidationError:  # anyone may set a tag
        return None


def _key(metric: str, before: RunRecord) -> str:
    return f"{metric} {before.id}"


def _findings(run: RunRecord) -> dict[str, Any]:
    try:
        found = json.loads(run.tags.get(MEASURED_TAG, "{}"))
    except (ValueError, RecursionError):  # anyone may set a tag
        return {}
    return found if isinstance(found, dict) else {}

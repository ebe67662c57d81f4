"""What a run's own client says, against what the records have: points that are there, changes from outside."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from madang.domain.access import Principal
from madang.domain.columns import are_new, keys_of, spread
from madang.domain.commands import Fact
from madang.domain.metrics import MetricSummary
from madang.domain.reported import Places, doubtful, in_one_form, outranked, overruled, unlike
from madang.ports.records import Records, StoredRun

if TYPE_CHECKING:
    from madang.services.history import History


def logged(records: Records, stored: StoredRun, facts: Sequence[Fact]) -> dict[str, MetricSummary]:
    """What is known of the metrics that the facts have points of."""
    keys = keys_of(facts)
    return records.runs.metrics([stored.number], keys, 1 << 40)[stored.number] if keys else {}


def unknown(
    history: History, stored: StoredRun, facts: Sequence[Fact], known: Mapping[str, MetricSummary]
) -> list[Fact]:
    """The facts without the points that the run has. Only points that are not newer than the last are looked for."""
    ends = {key: item.last_at[:2] for key, item in known.items()}
    if are_new(facts, ends):
        return list(facts)
    facts = spread(facts)
    there: dict[str, Places] = {}
    for key, steps in doubtful(facts, ends).items():
        series = history.series(stored, [key], min(steps), max(steps)).get(key)
        if series is not None:
            there[key] = set(zip(series.steps, series.times, map(in_one_form, series.values), strict=True))
    kept = unlike(facts, there)
    lasts = {key: (*item.last_at[:2], item.last) for key, item in known.items()}
    return kept + outranked(kept, lasts)


def make_way(records: Records, who: Principal, stored: StoredRun, facts: Sequence[Fact]) -> None:
    """Take back the changes from outside that the run's own client overrules."""
    change = overruled(stored.overrides, facts)
    if change is not None:
        now = time.time_ns() // 1000
        stored.overrides.fold(change, now)
        records.runs.add_change(stored.state.run, change, who.name, now, stored.overrides.revision)

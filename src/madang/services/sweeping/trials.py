"""What the runs of trials say: how they ended, the value of the metric, and whether they are worth going on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from madang.domain.access import Principal
from madang.domain.metrics import MetricSummary, definition_of
from madang.domain.run_state import outcome
from madang.domain.runs import RunChange, tags_of
from madang.domain.sweeping.config import SweepConfig
from madang.domain.sweeping.sweeps import SWEEP_TAG, Sweep, Trial, others_at
from madang.domain.values import value
from madang.ports.records import Records, StoredRun
from madang.services.tracking import Tracking

STOP_TAG = "madang.stop"
"""The tag by which people ask a run to end."""


@value
class RunNews:
    """What is known of a trial's run. ``status`` is empty where there is none yet."""

    status: str = ""
    seen_at: int = 0  # µs UTC
    value: float | None = None
    error: str = ""
    is_stopped: bool = False  # somebody has asked for its end
    title: str = ""


class SweepRuns:
    """Reads runs of trials. Thread-safe."""

    def __init__(self, records: Records, tracking: Tracking) -> None:
        self._records = records
        self._tracking = tracking

    def news(self, trial: Trial, config: SweepConfig) -> RunNews:
        """How the run of a trial stands."""
        stored = self._stored(trial)
        if stored is None:
            return RunNews()
        end = outcome(stored.state)
        seen = max((info.seen for info in stored.state.segments.values()), default=stored.state.created)
        error = f"{end.error.type}: {end.error.message}" if end.error else ""
        is_stopped = STOP_TAG in tags_of(stored.state, stored.overrides)
        title = stored.overrides.name or str(stored.state.scalars.get("name", (None, ""))[1])
        return RunNews(end.status, seen, self._value(stored, config), error[:1000], is_stopped, title)

    def _stored(self, trial: Trial) -> StoredRun | None:
        self._tracking.catch_up([trial.run])
        found = self._records.runs.fetch([trial.run])
        return found[0] if found else None

    def _value(self, stored: StoredRun, config: SweepConfig) -> float | None:
        """The metric as the run's summary has it: a value set by hand, else as its definition says, else the last."""
        if not config.metric:
            return None
        by_hand = stored.state.summary.get(config.metric)
        if by_hand is not None and by_hand[1]:
            return _number(by_hand[1][0])
        metric = self._metric(stored, config.metric)
        if metric is None:
            return None
        definition = definition_of(config.metric, {key: item for key, (_, item) in stored.state.definitions.items()})
        how = definition.summary or ("best" if definition.goal else "last")
        if how == "none":
            return None
        return _number(metric.best(definition.goal) if how == "best" else getattr(metric, how))

    def _metric(self, stored: StoredRun, key: str) -> MetricSummary | None:
        return self._records.runs.metrics([stored.number], [key], 1)[stored.number].get(key)

    def adopted(self, who: Principal, sweep: Sweep, config: SweepConfig, run: str, number: int) -> Trial | None:
        """A trial of a run that has ended before the sweep began; None where its parameters are not of the search.

        Raises:
            NotFound, AccessDenied: the caller may not change the run.
        """
        found = self._tracking.change(who, run, RunChange(tags={SWEEP_TAG: sweep.id}))
        point = config.space.point_of(found.config)
        if point is None or found.project != sweep.project or found.status != "finished":
            return None
        params = config.space.flat(point)
        made = Trial(sweep.id, number, point, params, run=run, name=run, title=found.name, begun_at=found.created_at)
        return made.ended("finished", config, found.ended_at, self.news(made, config).value)

    def judged(self, trial: Trial, config: SweepConfig, trials: Sequence[Trial], now: int) -> Trial:
        """The trial with its scores at the bands that it has come to, and told to stop where they are hopeless."""
        early = config.early
        if early is None:
            return trial
        stored = self._stored(trial)
        metric = self._metric(stored, config.metric) if stored is not None else None
        known = {band for band, _ in trial.scores}
        fresh = [band for band in early.reached(metric.count) if band not in known] if metric is not None else []
        if stored is None or not fresh:
            return trial
        series = self._tracking.history.series(stored, [config.metric], None, None).get(config.metric)
        values = [number for item in (series.values if series else []) if (number := _any_number(item)) is not None]
        scores = dict(trial.scores)
        stopping = trial.stopping_at
        for band in fresh:
            if len(values) < band:
                continue
            scores[band] = early.score(values, band, config.goal)
            others = [score for other in trials if other.number != trial.number for score in others_at([other], band)]
            if early.is_hopeless(scores[band], [*others, scores[band]]):
                stopping = stopping or now
        return replace(trial, scores=tuple(sorted(scores.items())), stopping_at=stopping)


def _number(found: object) -> float | None:
    """A finite number; None for anything else."""
    number = _any_number(found)
    return number if number is not None and math.isfinite(number) else None


def _any_number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        return float(found)
    except OverflowError:
        return None

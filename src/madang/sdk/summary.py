"""`run.summary`: one value a metric, derived from what the run has written; values set by hand win."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from madang.domain import redact
from madang.domain.metrics import MetricSummary, definition_of
from madang.domain.run_state import RunState
from madang.formats import segment as codec
from madang.sdk.config import plain
from madang.sdk.segments import LocalRun

if TYPE_CHECKING:
    from madang.domain.events import DefineMetric
    from madang.sdk.run import Run


class Summary(Mapping[str, Any]):
    """A live view: reading takes in what was logged since the last look."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._local = LocalRun(run.places.store, run.id, RunState(run.id))

    def __getitem__(self, key: str) -> Any:
        return self._now()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def update(self, values: Mapping[str, Any]) -> None:
        """Set values by hand."""
        flat = {str(key): plain(value) for key, value in values.items()}
        self._run.append(codec.SUMMARY, {"set": redact.mapping(flat)})

    def __delitem__(self, key: str) -> None:
        self._run.append(codec.REMOVED, {"what": "summary", "keys": [redact.text(str(key))]})

    def __repr__(self) -> str:
        return repr(self._now())

    def _now(self) -> dict[str, Any]:
        if self._run.mode == "disabled":
            return {}
        self._local.catch_up()
        state = self._local.state
        definitions = {key: item for key, (_, item) in state.definitions.items()}
        by_hand = {key: value[0] for key, (_, value) in state.summary.items() if value}
        return summarize(self._local.metrics, definitions, by_hand)


def _short(value: Any) -> Any:
    """What a list can show: of a pointer at a picture or a histogram what and where it is, without its content."""
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if not isinstance(item, (dict, list))}


def summarize(
    metrics: Mapping[str, MetricSummary], definitions: dict[str, DefineMetric], by_hand: Mapping[str, Any]
) -> dict[str, Any]:
    """One value a metric as its definition says, then the values by hand."""
    found: dict[str, Any] = {}
    for key, metric in metrics.items():
        definition = definition_of(key, definitions)
        how = definition.summary or ("best" if definition.goal else "last")
        if how != "none":
            found[key] = _short(metric.best(definition.goal) if how == "best" else getattr(metric, how))
    return {**found, **by_hand}

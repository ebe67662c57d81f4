"""What gates find about versions: metrics of the runs that wrote them, and repetitions of those runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from madang.domain.compare import value_of
from madang.domain.gates import (
    Bound,
    Finding,
    Repetition,
    Reproduced,
    judge_bound,
    judge_reproduced,
    number_of,
    parse_gate,
)
from madang.domain.runs import record
from madang.ports.records import Records

Repetitions: TypeAlias = Callable[[str], Sequence[Repetition]]
"""The repetitions of a run by its id, their signatures checked. This reads bytes and may take a while."""


class Gates:
    """Looks whether versions fulfil gates. Thread-safe."""

    def __init__(self, records: Records, repetitions: Repetitions) -> None:
        self._records = records
        self._repetitions = repetitions

    def repetitions(self, project: str, name: str, number: int, gates: Sequence[str]) -> Sequence[Repetition] | None:
        """What `look` needs to know of repetitions; to be asked before a transaction, as it reads bytes."""
        if not any(isinstance(parse_gate(text), Reproduced) for text in gates):
            return None
        run = self._run_of(project, name, number)
        return self._repetitions(run) if run else ()

    def look(
        self,
        project: str,
        name: str,
        number: int,
        gates: Sequence[str],
        current: int | None,
        known: Sequence[Repetition] | None,
        *,
        run: str = "",
    ) -> tuple[Finding, ...]:
        """What each gate finds about a version, the pointer being at the version ``current``.

        ``run`` is the run whose metrics count; empty: the one that wrote the version.
        """
        own = run or self._run_of(project, name, number)
        found = []
        for text in gates:
            gate = parse_gate(text)
            if isinstance(gate, Bound):
                is_first = current is None or current == number
                beaten = "" if is_first or current is None else self._run_of(project, name, current)
                own_number, other = self.metric(own, gate.metric), self.metric(beaten, gate.metric)
                found.append(judge_bound(gate, text, own_number, other, is_first=is_first))
            elif known is None:
                found.append(Finding(text, False, "the gate is new; try again"))
            else:
                found.append(judge_reproduced(gate, text, known))
        return tuple(found)

    def metric_of_version(self, project: str, name: str, number: int, key: str) -> float | None:
        """The number of a metric of the run that wrote a version."""
        return self.metric(self._run_of(project, name, number), key)

    def metric(self, run: str, key: str) -> float | None:
        """The number of a metric of a run, as comparisons show it; None without one, and for NaN."""
        stored = self._records.runs.get(run) if run else None
        if stored is None:
            return None
        metrics = self._records.runs.metrics([stored.number], [key], 1)[stored.number]
        return number_of(value_of(record(stored.state, stored.overrides, metrics), key))

    def _run_of(self, project: str, name: str, number: int) -> str:
        version = self._records.versions.get(project, name, number)
        return version.run if version is not None else ""

"""Our own store as it is, for comparing with trackers that keep more than MLflow does.

Values may be of any kind, and times are exact to the microsecond.
"""

from __future__ import annotations

from collections.abc import Mapping

from madang.domain.foreign import Details, Run, StoredFile
from madang.domain.runs import RunRecord
from madang.domain.series import ConsoleLine, Series
from madang.ports.records import StoredRun
from madang.workspace.moving.store import OwnStore


class ExactStore(OwnStore):
    """A store of ours whose runs are told without leaving anything out."""

    def _foreign(self, stored: StoredRun, found: RunRecord, series: Mapping[str, Series]) -> Run:
        return told_exactly(found, self.home(found.project).number, series, self._console(stored))

    def _console(self, stored: StoredRun) -> list[ConsoleLine]:
        """The lines of the first writer that has any: an imported run has one."""
        for lines in self.services.tracking.history.console(stored).values():
            found = [ConsoleLine(n, line.stream, stamp.time, line.text) for n, (stamp, line) in lines.items()]
            return sorted(found, key=lambda line: line.n)
        return []


def told_exactly(found: RunRecord, number: int, series: Mapping[str, Series], console: list[ConsoleLine]) -> Run:
    """A run of ours, in the project with a number, with all that is known of it."""
    return Run(
        found.id,
        str(number),
        name=found.name,
        status=found.status,
        started_at=found.created_at,
        ended_at=found.ended_at,
        user=found.user,
        is_deleted=bool(found.deleted_at),
        parent=found.parent,
        notes=found.notes,
        job_type=found.job_type,
        group=found.group,
        params=dict(found.config),
        tags=dict(found.tags),
        metrics={key: list(zip(item.steps, item.times, item.values, strict=True)) for key, item in series.items()},
        datasets=list(found.datasets),
        inputs=list(found.linked_inputs),
        outputs=dict(found.linked_outputs),
        files=[StoredFile(item.path, item.size, item.digest) for item in found.files],
        details=Details(
            host=found.host,
            command=list(found.command),
            exit_code=found.exit_code,
            summary=dict(found.summary),
            definitions=dict(found.definitions),
            console=console,
            alerts=list(found.alerts),
            code=found.code,
            environment=found.environment,
            forked_from=found.forked_from,
        ),
    )

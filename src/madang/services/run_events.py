"""What webhooks are told of runs: that they ended, and the alerts of their programs."""

from __future__ import annotations

from collections.abc import Sequence

from madang.domain import events
from madang.domain.events import Stamp
from madang.domain.run_state import outcome
from madang.domain.runs import record
from madang.domain.webhooks import RUN_ALERT, RUN_EVENTS, RUN_FAILED, RUN_FINISHED, Happening, moment
from madang.ports.records import Records, StoredRun

_ENDS = ("finished", "failed", "crashed", "killed")
_LONGEST = 2000  # characters of an error


class RunEvents:
    """Thread-safe. A store of this machine's own runs (``local``) has no webhooks."""

    def __init__(self, records: Records, *, local: bool) -> None:
        self._records = records
        self._local = local

    def is_heard(self) -> bool:
        """Whether anybody listens."""
        active = () if self._local else self._records.webhooks.active()
        return bool(active) and any(not RUN_EVENTS.isdisjoint(one.events) for one in active)

    def is_over(self, stored: StoredRun) -> bool:
        """Whether a run has ended; also False where nobody listens."""
        return self.is_heard() and outcome(stored.state).status in _ENDS

    def announce(self, stored: StoredRun, found: Sequence[tuple[Stamp, events.Event]], *, was_over: bool) -> None:
        """Tell what these events of a run mean to who listens, inside the transaction that takes them in.

        An end is told once: the run was not over before.
        """
        if not found or not self.is_heard():
            return
        run = record(stored.state, stored.overrides)
        place = {"project": run.project, "run": run.id, "name": run.name, "user": run.user}
        if run.status in _ENDS and not was_over:
            at = max(run.ended_at, *(stamp.time for stamp, _ in found))  # a client may claim any time for the end
            times = {"started_at": moment(run.created_at), "ended_at": moment(run.ended_at)}
            data = {**place, "status": run.status, **times}
            if run.error is not None:
                data["error"] = f"{run.error.type}: {run.error.message}"[:_LONGEST]
            event = RUN_FINISHED if run.status == "finished" else RUN_FAILED
            self._records.webhooks.announce(Happening(event, run.project, at, data))
        for stamp, said in found:
            if isinstance(said, events.Alert):
                data = {**place, "title": said.title, "text": said.text, "level": said.level}
                self._records.webhooks.announce(Happening(RUN_ALERT, run.project, stamp.time, data))

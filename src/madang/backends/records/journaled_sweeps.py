"""What a workspace keeps of sweeps, also written to ``changes.log``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec

from madang.backends.records.database import Database
from madang.backends.records.journaled import ChangeLog
from madang.backends.records.sweeps import SqlSweeps
from madang.domain.sweeping.sweeps import Agent, Sweep, Trial
from madang.formats.learning import learnt


class JournaledSweeps(SqlSweeps):
    """Sweeps, agents and trials in the log; not when agents were heard of."""

    def __init__(self, database: Database, log: ChangeLog) -> None:
        super().__init__(database)
        self._log = log

    def put(self, sweep: Sweep) -> None:
        """Keep a sweep."""
        with self._db.transaction():
            super().put(sweep)
            self._log.note("sweep", asdict(sweep))

    def put_agent(self, agent: Agent) -> None:
        """Keep an agent."""
        with self._db.transaction():
            super().put_agent(agent)
            self._log.note("agent", asdict(agent))

    def put_trial(self, trial: Trial) -> None:
        """Keep a trial."""
        with self._db.transaction():
            super().put_trial(trial)
            self._log.note("trial", asdict(trial))


def redo(database: Database, kind: str) -> Callable[[dict[str, Any]], None]:
    """What takes one line of a kind out of the log into the records (see `replaying.replay`)."""
    sweeps = SqlSweeps(database)
    actions: dict[str, Callable[[dict[str, Any]], None]] = {
        "sweep": lambda body: sweeps.put(msgspec.convert(body, learnt(Sweep))),
        "agent": lambda body: sweeps.put_agent(msgspec.convert(body, learnt(Agent))),
        "trial": lambda body: sweeps.put_trial(msgspec.convert(body, learnt(Trial))),
    }
    return actions[kind]

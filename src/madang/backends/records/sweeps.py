"""Sweeps, agents and trials (`ports.sweeps`). Bodies are MessagePack of the domain's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

import msgspec

from madang.backends.records.database import Database
from madang.domain.sweeping.sweeps import RUNNING, Agent, Sweep, Trial
from madang.errors import NotFound
from madang.formats.learning import learnt

T = TypeVar("T")


class SqlSweeps:
    """`ports.sweeps.SweepRecords`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, sweep: str) -> Sweep | None:
        """A sweep by its id."""
        row = self._db.row("get_sweep", id=sweep)
        return _read(row[0], Sweep) if row else None

    def of_project(self, project: str) -> list[Sweep]:
        """The sweeps of a project, newest first."""
        return [_read(row[0], Sweep) for row in self._db.rows("sweeps_of_project", project=project)]

    def projects(self) -> list[str]:
        """The projects that have sweeps, by name."""
        return [str(row[0]) for row in self._db.rows("projects_with_sweeps")]

    def put(self, sweep: Sweep) -> None:
        """Keep a sweep, in place of the one with its id."""
        self._db.run("put_sweep", id=sweep.id, project=sweep.project, created_at=sweep.created_at, body=_body(sweep))

    def agent(self, agent: str) -> Agent | None:
        """An agent by its id."""
        row = self._db.row("get_agent", id=agent)
        return replace(_read(row[0], Agent), seen_at=row[1]) if row else None

    def agents(self, sweep: str) -> list[Agent]:
        """The agents of a sweep, oldest first."""
        rows = self._db.rows("agents_of_sweep", sweep=sweep)
        return [replace(_read(body, Agent), seen_at=seen_at) for body, seen_at in rows]

    def put_agent(self, agent: Agent) -> None:
        """Keep an agent of a sweep that is there."""
        if self._db.row("get_sweep", id=agent.sweep) is None:
            raise NotFound(f"There is no sweep {agent.sweep!r}.")
        self._db.run(
            "put_agent", id=agent.id, sweep=agent.sweep, created_at=agent.created_at, seen_at=agent.seen_at,
            body=_body(agent),
        )  # fmt: skip

    def heard(self, agents: Mapping[str, int]) -> None:
        """Note when agents were last heard of."""
        with self._db.transaction():
            for agent, at in agents.items():
                self._db.run("hear_agent", id=agent, seen_at=at)

    def trials(self, sweep: str, since: int = 0) -> tuple[list[Trial], int]:
        """The trials that were put after a revision, by number, and the revision now."""
        row = self._db.row("sweep_revision", sweep=sweep)  # before the rows: what comes between is read twice
        if row is None or row[0] == since:
            return [], since
        rows = self._db.rows("trials_since", sweep=sweep, since=since)
        return [_read(body, Trial) for (body,) in rows], int(row[0])

    def trial(self, sweep: str, number: int) -> Trial | None:
        """One trial."""
        row = self._db.row("get_trial", sweep=sweep, number=number)
        return _read(row[0], Trial) if row else None

    def running(self, agent: str) -> list[Trial]:
        """The trials that an agent has in hand, by number."""
        return [_read(row[0], Trial) for row in self._db.rows("trials_in_hand", agent=agent)]

    def in_hand(self) -> list[str]:
        """The sweeps of which an agent has a trial in hand."""
        return [str(row[0]) for row in self._db.rows("sweeps_in_hand")]

    def newest(self, sweep: str) -> Trial | None:
        """The trial with the greatest number."""
        row = self._db.row("newest_trial", sweep=sweep)
        return _read(row[0], Trial) if row else None

    def put_trial(self, trial: Trial) -> None:
        """Keep a trial of a sweep that is there, in place of the one with its number."""
        with self._db.transaction():
            if not self._db.run("next_sweep_revision", sweep=trial.sweep):
                raise NotFound(f"There is no sweep {trial.sweep!r}.")
            row = self._db.row("sweep_revision", sweep=trial.sweep)
            assert row is not None
            agent = trial.agent if trial.state == RUNNING else ""
            self._db.run(
                "put_trial", sweep=trial.sweep, number=trial.number, revision=row[0], agent=agent, body=_body(trial)
            )


def _body(value: Any) -> bytes:
    return msgspec.msgpack.encode(asdict(value))


def _read(body: bytes, kind: type[T]) -> T:
    return msgspec.msgpack.decode(bytes(body), type=learnt(kind))

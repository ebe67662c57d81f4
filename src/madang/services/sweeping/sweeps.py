"""Sweeps: begun, looked at, paused, ended."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from madang.domain.access import Permission, Principal, require
from madang.domain.sweeping.config import SAMPLERS, SweepConfig, parse_config
from madang.domain.sweeping.sweeps import FAILED, FINISHED, RUNNING, WAITING, Agent, Sweep, Trial, is_over
from madang.domain.sweeping.views import AgentView, SweepView, agent_view, summary, whole
from madang.errors import Conflict, InvalidInput, NotFound
from madang.formats import sweeps as texts
from madang.ports.records import Records
from madang.ports.sweeps import Suggester, SweepRecords
from madang.services.changes import now
from madang.services.sweeping.cache import SweepCache

_SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MOST = 1 << 53
_CHANGES = frozenset(("state", "name", "description", "priority", "run_cap", "again"))


class Sweeps:
    """Searches of projects. Thread-safe; several processes may work on one store at once."""

    def __init__(self, records: Records, sweeps: SweepRecords, suggester: Suggester, cache: SweepCache) -> None:
        self._records = records
        self._sweeps = sweeps
        self._suggester = suggester
        self._cache = cache

    def create(self, who: Principal, project: str, text: str, name: str = "", description: str = "") -> Sweep:
        """Begin a sweep from the text of its configuration, YAML or JSON.

        Raises:
            InvalidInput: the configuration makes no sense.
            ConfigError: the method needs a library that is not installed here.
        """
        require(who, Permission.WRITE, project)
        body = texts.read(text)
        config = parse_config(body)
        if config.method in SAMPLERS:
            self._suggester.check(config.method)
        at = now()
        with self._records.transaction():
            made = Sweep(
                self._new_id(), project, body, text, name=name or config.name,
                description=description or config.description, priority=config.priority, run_cap=config.run_cap,
                created_by=who.name, created_at=at, updated_at=at,
            )  # fmt: skip
            self._sweeps.put(made)
        return made

    def _new_id(self) -> str:
        while True:
            made = new_name()
            if self._sweeps.get(made) is None:
                return made

    def get(self, who: Principal, project: str, sweep: str, needed: Permission = Permission.READ) -> Sweep:
        """A sweep by its id; with an empty ``project`` of whichever.

        Raises:
            NotFound: there is none that the caller may read.
        """
        found = self._sweeps.get(sweep)
        if found is None or (project and found.project != project) or who.level(found.project) < Permission.READ:
            raise NotFound(f"There is no sweep {sweep[:80]!r}.", hint="List them with `madang sweep list`.")
        require(who, needed, found.project)
        return found

    def of_project(self, who: Principal, project: str) -> list[Sweep]:
        """The sweeps of a project, newest first."""
        require(who, Permission.READ, project)
        return self._sweeps.of_project(project)

    def views(self, who: Principal, project: str = "") -> list[SweepView]:
        """The sweeps of a project, or of all that the caller may read, newest first, without their trials."""
        if project:
            found = self.of_project(who, project)
        else:
            names = [name for name in self._sweeps.projects() if who.level(name) >= Permission.READ]
            found = sorted(
                (sweep for name in names for sweep in self._sweeps.of_project(name)),
                key=lambda sweep: sweep.created_at,
                reverse=True,
            )
        return [self.view_in_list(sweep) for sweep in found]

    def view_in_list(self, sweep: Sweep) -> SweepView:
        """A sweep as a list shows it."""
        agents = self._agents(sweep, trials := self.trials(sweep))
        alive = sum(agent.state == "alive" for agent in agents)
        return SweepView(**summary(sweep, self._cache.state(sweep).config, trials, alive))

    def view(self, who: Principal, project: str, sweep: str) -> SweepView:
        """All that is known of a sweep. Raises `NotFound`."""
        found = self.get(who, project, sweep)
        trials = self.trials(found)
        return whole(found, self._cache.state(found).config, trials, self._agents(found, trials))

    def rewrite(self, who: Principal, project: str, sweep: str, text: str) -> Sweep:
        """Give a sweep another configuration; once it has trials only what does not touch the search may change.

        Raises:
            NotFound, InvalidInput: as `get` and `create`.
            Conflict: the search would be another one.
        """
        body = texts.read(text)
        config = parse_config(body)
        with self._records.transaction():
            found = self.get(who, project, sweep, Permission.WRITE)
            before = self._cache.state(found).config
            same = (before.method, before.space, before.metric, before.goal)
            if self._sweeps.newest(sweep) is not None and same != (
                config.method, config.space, config.metric, config.goal,
            ):  # fmt: skip
                raise Conflict(
                    f"The sweep {sweep} has trials already: its method, metric and parameters stay.",
                    hint="Make another sweep.",
                )
            made = replace(
                found, config=body, text=text, name=config.name or found.name, priority=config.priority,
                description=config.description or found.description, run_cap=config.run_cap, updated_at=now(),
            )  # fmt: skip
            self._sweeps.put(made)
        return made

    def config(self, sweep: Sweep) -> SweepConfig:
        """The configuration of a sweep that the caller has got."""
        return self._cache.state(sweep).config

    def trials(self, sweep: Sweep) -> list[Trial]:
        """The trials of a sweep that the caller has got, by number."""
        return self._cache.state(sweep).trials(self._sweeps, sweep.id)

    def agents(self, sweep: Sweep) -> list[Agent]:
        """The agents of a sweep that the caller has got, oldest first."""
        return self._sweeps.agents(sweep.id)

    def _agents(self, sweep: Sweep, trials: list[Trial]) -> list[AgentView]:
        return [self._agent(sweep, agent, trials) for agent in self._sweeps.agents(sweep.id)]

    def _agent(self, sweep: Sweep, agent: Agent, trials: list[Trial]) -> AgentView:
        silence = self._cache.silence(agent.id, agent.seen_at, now())
        return agent_view(agent, trials, is_alive=silence < self._cache.state(sweep).config.patience * 1e6)

    def agent_view(self, who: Principal, agent: Agent) -> AgentView:
        """An agent with what it does. Raises `NotFound` for who may not read its sweep."""
        sweep = self.get(who, "", agent.sweep)
        return self._agent(sweep, agent, self.trials(sweep))

    def change(self, who: Principal, project: str, sweep: str, changes: Mapping[str, Any]) -> Sweep:
        """Change the state (running, paused, finished, cancelled), name, description, priority or run_cap.

        `finished` lets running trials end and begins no more; `cancelled` stops them. With ``again`` the trials that
        have failed are given out once more.

        Raises:
            NotFound: no such sweep.
            InvalidInput: an unknown state or field.
            Conflict: it was cancelled, or it has no trials left to go on with.
        """
        _check(changes)
        self.get(who, project, sweep, Permission.WRITE)
        with self._records.transaction():
            found = self.get(who, project, sweep, Permission.WRITE)
            given = {key: value for key, value in changes.items() if key not in ("state", "again")}
            changed = replace(found, **given, updated_at=now()) if given else found
            state = changes.get("state")
            if state is not None:
                changed = changed.moved(state, now())
            if changes.get("again"):
                for trial in self.trials(found):
                    if trial.state == FAILED:
                        self._sweeps.put_trial(replace(trial, state=WAITING, attempt=0, ended_at=0))
            if state == RUNNING and found.state == FINISHED:
                self._require_more(changed)
            self._sweeps.put(changed)
        return changed

    def _require_more(self, sweep: Sweep) -> None:
        """Refuse to go on with a sweep that would be over at once. Raises `Conflict`."""
        if is_over(sweep, self._cache.state(sweep).config, self.trials(sweep)):
            raise Conflict(
                f"The sweep {sweep.id} has had all its trials.",
                hint="Give it a higher run_cap, or its failed trials another chance: madang sweep resume --failed.",
            )


def _check(changes: Mapping[str, Any]) -> None:
    unknown = changes.keys() - _CHANGES
    if unknown:
        raise InvalidInput(f"A sweep has no {', '.join(sorted(unknown))[:200]} to be changed.")
    cap, priority = changes.get("run_cap"), changes.get("priority", 0)
    if cap is not None and not 1 <= cap < _MOST:
        raise InvalidInput(f"A run_cap of {cap} makes no sense.", hint="Use 1 or more.")
    if not -_MOST < priority < _MOST:
        raise InvalidInput(f"A priority of {priority} makes no sense.")


def new_name() -> str:
    """A random name of eight signs, as W&B's runs and sweeps have."""
    return "".join(secrets.choice(_SIGNS) for _ in range(8))

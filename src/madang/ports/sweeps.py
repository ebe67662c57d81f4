"""Sweeps: what the records keep of them, who suggests points, and how commands and agents reach them."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from madang.domain.sweeping.config import SweepConfig
from madang.domain.sweeping.search_space import Point
from madang.domain.sweeping.sweeps import Agent, Order, Sweep, Trial
from madang.domain.sweeping.views import SweepView


class SweepRecords(Protocol):
    """Sweeps, agents and trials. Nothing here is ever removed."""

    def get(self, sweep: str) -> Sweep | None:
        """A sweep by its id."""
        ...

    def of_project(self, project: str) -> list[Sweep]:
        """The sweeps of a project, newest first."""
        ...

    def projects(self) -> list[str]:
        """The projects that have sweeps, by name."""
        ...

    def put(self, sweep: Sweep) -> None:
        """Keep a sweep, in place of the one with its id."""
        ...

    def agent(self, agent: str) -> Agent | None:
        """An agent by its id."""
        ...

    def agents(self, sweep: str) -> list[Agent]:
        """The agents of a sweep, oldest first."""
        ...

    def put_agent(self, agent: Agent) -> None:
        """Keep an agent of a sweep that is there."""
        ...

    def heard(self, agents: Mapping[str, int]) -> None:
        """Note when agents were last heard of (µs UTC): an index alone, which may be lost."""
        ...

    def trials(self, sweep: str, since: int = 0) -> tuple[list[Trial], int]:
        """The trials that were put after a revision of the sweep's trials, by number, and the revision now."""
        ...

    def trial(self, sweep: str, number: int) -> Trial | None:
        """One trial."""
        ...

    def running(self, agent: str) -> list[Trial]:
        """The trials that an agent has in hand, by number."""
        ...

    def in_hand(self) -> list[str]:
        """The ids of the sweeps of which an agent has a trial in hand, in order."""
        ...

    def newest(self, sweep: str) -> Trial | None:
        """The trial with the greatest number."""
        ...

    def put_trial(self, trial: Trial) -> None:
        """Keep a trial of a sweep that is there, in place of the one with its number."""
        ...


class Suggester(Protocol):
    """Who learns from values where to look next. Safe for threads."""

    def check(self, method: str) -> None:
        """Raises `ConfigError` where what the method needs is not installed."""
        ...

    def suggest(self, sweep: str, config: SweepConfig, trials: Sequence[Trial]) -> Point:
        """A point for the next trial; ``trials`` are all there are, by number."""
        ...


class SweepApi(Protocol):
    """Sweeps for one caller, on this machine or on a hub. Errors: those of `services.sweeping.sweeps.Sweeps`."""

    @property
    def place(self) -> str:
        """Where the sweeps are, for messages: a folder or an address."""
        ...

    def create(self, project: str, text: str, name: str = "") -> SweepView:
        """Begin a sweep from the text of its configuration."""
        ...

    def find(self, sweep: str, project: str = "") -> SweepView:
        """One sweep with everything, by its id or ``project/id``."""
        ...

    def list(self, project: str = "") -> builtins.list[SweepView]:
        """Sweeps of a project or of all, newest first, without their trials."""
        ...

    def change(self, project: str, sweep: str, changes: Mapping[str, Any]) -> SweepView:
        """Change the state, name, description, priority or run_cap."""
        ...

    def join(self, project: str, sweep: str, host: str, name: str = "") -> Agent:
        """A new agent of a sweep."""
        ...

    def beat(
        self,
        project: str,
        agent: Agent,
        running: Sequence[str],
        ended: Mapping[str, str],
        *,
        wants: bool,
        leaves: bool = False,
    ) -> builtins.list[Order]:
        """Tell what an agent runs (ids of runs) and how others have ended; what it is to do comes back."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...
